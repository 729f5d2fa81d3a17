"""What pushes bring is not taken for a habit."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from domain.people import Profile, Wheel
from scheduler.context.pace import Pace, per_day
from scheduler.context.profile import with_visit
from scheduler.prompts import WITHIN, anyway
from storage.learning import Prompt

PUSH = datetime(2026, 5, 4, 11, tzinfo=UTC)
SOON = timedelta(hours=1)


def prompt(at: datetime = PUSH, *stores: str, share: float = 0.25) -> Prompt:
    return Prompt(at=at, stores=stores, anyway=share)


@pytest.mark.parametrize(
    ("prompts", "at", "store", "share"),
    [
        ([], PUSH + SOON, "kallio", 1.0),
        ([prompt()], PUSH + SOON, "kallio", 0.25),
        ([prompt()], PUSH + SOON, None, 0.25),
        ([prompt()], PUSH, "kallio", 1.0),  # whoever is there already was not brought
        ([prompt()], PUSH - SOON, "kallio", 1.0),
        ([prompt()], PUSH + WITHIN, "kallio", 0.25),
        ([prompt()], PUSH + WITHIN + timedelta(seconds=1), "kallio", 1.0),
        ([prompt(PUSH, "kallio")], PUSH + SOON, "kallio", 0.25),
        ([prompt(PUSH, "kallio")], PUSH + SOON, "toolo", 1.0),
        ([prompt(PUSH, "kallio")], PUSH + SOON, None, 1.0),
        ([prompt(), prompt(PUSH + SOON, share=0.5)], PUSH + 2 * SOON, "kallio", 0.5),
        ([prompt(), prompt(PUSH + 2 * SOON, share=0.5)], PUSH + SOON, "kallio", 0.25),
    ],
)
def test_a_visit_answers_the_latest_push_of_the_three_hours_before_it(
    prompts: list[Prompt], at: datetime, store: str | None, share: float
) -> None:
    assert anyway(prompts, at=at, store_id=store) == share


def test_a_rhythm_stays_what_it_is_without_pushes_however_many_visits_these_bring() -> None:
    """A visit in five days, and a push each second day that brings two in five of those who would not have come."""
    comes, brings, days = 0.2, 0.4, 1500
    lot = np.random.default_rng(3)
    trusting = just = Profile()
    foretold = np.zeros((days, 2))
    for day in range(days):
        at = PUSH + timedelta(days=day)
        pushed = day % 2 == 0
        if lot.random() < comes or (pushed and lot.random() < brings):
            share = comes / (comes + (1 - comes) * brings) if pushed else 1.0
            trusting, just = _visited(trusting, at), _visited(just, at, share)
        foretold[day] = [_per_day(trusting, at), _per_day(just, at)]
    assert just.visits == trusting.visits
    assert foretold[200:].mean(axis=0) == pytest.approx(
        [comes + (1 - comes) * brings / 2, comes], rel=0.1
    )


def _visited(profile: Profile, at: datetime, share: float = 1.0) -> Profile:
    return with_visit(profile, at=at + SOON, zone=ZoneInfo("UTC"), brand=Wheel(), anyway=share)


def _per_day(profile: Profile, at: datetime) -> float:
    """Visits a day; 0 before the first."""
    if not profile.visits:
        return 0.0
    return float(per_day(Pace.of([profile]), np.array([at.timestamp()]))[0])
