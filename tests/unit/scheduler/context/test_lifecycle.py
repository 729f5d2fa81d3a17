"""Where a person stands with a brand, from the first visit to the return after a long absence."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from domain.people import Profile, Wheel
from scheduler.context import returns
from scheduler.context.lifecycle import SLIPPING_AFTER, Stage, lifecycle
from scheduler.context.profile import with_visit

START = datetime(2026, 1, 5, 12, tzinfo=UTC)
WEEKLY = tuple(range(0, 140, 7))


def came(*days: float) -> Profile:
    profile = Profile()
    for day in days:
        at = START + timedelta(days=day)
        profile = with_visit(profile, at=at, zone=ZoneInfo("UTC"), brand=Wheel())
    return profile


@pytest.mark.parametrize(
    ("days", "now", "stage"),
    [
        ((0,), 1, Stage.NEW),
        ((0, 3), 5, Stage.NEW),
        ((0,), 97, Stage.LOST),
        ((0, 3, 6), 7, Stage.GROWING),
        ((0, 3, 6), 20, Stage.SLIPPING),
        (WEEKLY, 135, Stage.REGULAR),
        ((*WEEKLY, 134, 135, 136, 137, 138, 139), 140, Stage.GROWING),
        (WEEKLY, 152, Stage.SLIPPING),
        (WEEKLY, 133 + 61, Stage.LOST),
        ((*WEEKLY, 240), 241, Stage.BACK),
        ((*WEEKLY, 240, 244, 248), 249, Stage.BACK),
        ((*WEEKLY, 240, 247, 254, 261), 262, Stage.GROWING),
        ((*WEEKLY, *range(240, 330, 7)), 332, Stage.REGULAR),
    ],
)
def test_a_stage_follows_from_visits_and_silence(
    days: tuple[float, ...], now: float, stage: Stage
) -> None:
    found = lifecycle(came(*days), at=START + timedelta(days=now))
    assert found is not None
    assert found.stage is stage


def test_a_stage_brings_the_numbers_behind_it() -> None:
    found = lifecycle(came(*WEEKLY), at=START + timedelta(days=147))
    assert found is not None
    assert (found.first_at, found.last_at) == (START, START + timedelta(days=133))
    assert (found.visits, found.mean_gap_days) == (20, pytest.approx(7))
    assert (found.recency_days, found.overdue) == (pytest.approx(14), pytest.approx(2))
    assert found.pace == pytest.approx(1, abs=0.2)


def test_the_silence_before_a_return_is_no_gap_between_visits() -> None:
    """Else nobody who came back after years would ever be missed again."""
    back = [2000 + day for day in range(0, 84, 7)]
    found = lifecycle(came(0, 7, *back), at=START + timedelta(days=back[-1] + 24))
    assert found is not None
    assert found.mean_gap_days == pytest.approx(7, rel=0.2)
    assert found.stage is Stage.SLIPPING


def test_one_visit_has_no_gap_and_no_visit_no_stage() -> None:
    once = lifecycle(came(0), at=START)
    assert once is not None
    assert once.mean_gap_days is None
    assert lifecycle(Profile(), at=START) is None


def test_the_stage_and_the_moment_of_slipping_agree_on_when_it_begins() -> None:
    assert SLIPPING_AFTER == returns.SLIPPING_AFTER
