"""A regression that learns as it goes: to where a batch would come, and never without end."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from domain.rhythm import Odds
from scheduler.context import odds

NOW = datetime(2026, 1, 5, tzinfo=UTC)
BELIEF = odds.Belief((0.0, 1.0), (2.0, 2.0), 90)


def rows(count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    terms = np.stack([np.ones(count), rng.normal(size=count)], axis=1)
    came = rng.random(count) < odds.chance(terms @ np.array([-1.0, 0.5]))
    return terms, came.astype(float)


def test_many_small_batches_come_to_the_weights_that_made_the_answers() -> None:
    terms, came = rows(4000)
    found = Odds()
    for first in range(0, 4000, 5):
        part = slice(first, first + 5)
        found = odds.learned(found, BELIEF, terms[part], came[part], np.ones(5), at=NOW)
    assert found.mean == pytest.approx((-1.0, 0.5), abs=0.12)
    at_once = odds.learned(Odds(), BELIEF, terms, came, np.ones(4000), at=NOW)
    assert found.mean == pytest.approx(at_once.mean, abs=0.05)


def test_what_was_learned_long_ago_weighs_less() -> None:
    terms, came = rows(400)
    weight = np.ones(400)
    old = odds.learned(Odds(), BELIEF, terms, came, weight, at=NOW)
    soon = odds.learned(old, BELIEF, terms, 1 - came, weight, at=NOW)
    late = odds.learned(old, BELIEF, terms, 1 - came, weight, at=NOW + timedelta(days=300))
    opposite = odds.learned(Odds(), BELIEF, terms, 1 - came, weight, at=NOW)
    assert abs(late.mean[0] - opposite.mean[0]) < abs(soon.mean[0] - opposite.mean[0])


def test_answers_that_are_all_alike_move_the_weights_only_so_far() -> None:
    terms = np.tile([1.0, 50.0], (5000, 1))
    found = odds.learned(Odds(), BELIEF, terms, np.zeros(5000), np.ones(5000), at=NOW)
    assert np.isfinite(found.mean).all()
    assert max(map(abs, found.mean)) < 20


def test_a_weight_counts_rows() -> None:
    terms, came = rows(50)
    twice = odds.learned(Odds(), BELIEF, terms, came, np.full(50, 2.0), at=NOW)
    doubled = odds.learned(
        Odds(), BELIEF, np.vstack([terms, terms]), np.tile(came, 2), np.ones(100), at=NOW
    )
    assert twice.mean == pytest.approx(doubled.mean)
