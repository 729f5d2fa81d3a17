"""Scores of forecasts, against cases whose answer is known."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler.learn import scores

_FORECASTS = st.lists(st.tuples(st.floats(0, 1), st.integers(0, 1)), min_size=1, max_size=40)


@pytest.mark.parametrize(
    ("p", "y", "expected"),
    [
        ([0.1, 0.9], [0, 1], 1.0),
        ([0.9, 0.1], [0, 1], 0.0),
        ([0.5, 0.5], [0, 1], 0.5),
        ([0.1, 0.4, 0.4, 0.8], [0, 0, 1, 1], 0.875),
        ([0.3, 0.6], [1, 1], 0.5),
    ],
    ids=["right", "wrong", "tied", "partly tied", "one kind only"],
)
def test_auc_counts_pairs_in_the_right_order(p: list[float], y: list[int], expected: float) -> None:
    assert scores.auc(p, y) == pytest.approx(expected)


@given(_FORECASTS)
def test_auc_is_the_share_of_ordered_pairs(cases: list[tuple[float, int]]) -> None:
    wins = [p for p, y in cases if y]
    losses = [p for p, y in cases if not y]
    pairs = [(a > b) + (a == b) / 2 for a in wins for b in losses]
    expected = sum(pairs) / len(pairs) if pairs else 0.5
    assert scores.auc(*zip(*cases, strict=True)) == pytest.approx(expected)


def test_log_loss_is_in_nats_and_finite_for_a_sure_error() -> None:
    assert scores.log_loss([0.5, 0.5], [0, 1]) == pytest.approx(math.log(2))
    assert 20 < scores.log_loss([0.0], [1]) < 30


def test_ece_is_the_gap_between_forecast_and_frequency() -> None:
    assert scores.ece([0.5] * 4, [0, 1, 0, 1]) == pytest.approx(0)
    assert scores.ece([0.9] * 4, [0, 1, 0, 1]) == pytest.approx(0.4)
    assert scores.ece([0.2] * 5 + [1.0] * 5, [0, 0, 0, 0, 1] + [1] * 5) == pytest.approx(0)


def test_an_interval_widens_when_rows_of_a_group_are_alike() -> None:
    rng = np.random.default_rng(1)
    people = np.repeat(np.arange(50), 20)
    values = rng.normal(size=50)[people]
    alone = scores.bootstrap(values, np.arange(1000), seed=2)
    grouped = scores.bootstrap(values, people, seed=2)
    assert grouped.low < alone.low < grouped.value < alone.high < grouped.high
    assert grouped == scores.bootstrap(values, people, seed=2)
