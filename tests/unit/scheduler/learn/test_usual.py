"""How good a person's moments are: their own as far as they are known, everybody's for the rest."""

from functools import reduce

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.model import Evidence, TermName
from scheduler.learn.usual import LEAST, PER_WEEK, added, begun, everybodys, moment, together, usual

TODAY = 20_700
NEVER = 1e9  # days of the memory that evidence of answers has


def moments(gain: float, many: int, *, ends: int = TODAY, every: int = 1) -> Evidence:
    """One moment every so many days, the last of them on this day."""
    days = range(ends - every * (many - 1), ends + 1, every)
    return reduce(together, (moment(gain, day=day) for day in days))


def everybody(gains: list[float]) -> dict[TermName, Evidence]:
    return reduce(added, (everybodys(gain, day=TODAY) for gain in gains))


ALL = everybody([1.0] * 100)


def test_nothing_is_usual_before_a_few_moments_of_anybodys_are_known() -> None:
    few = everybody([1.0] * int(LEAST - 1))
    for known in ({}, few):
        assert usual(None, known, day=TODAY, other_memory=NEVER) is None
    enough = added(few, everybodys(1.0, day=TODAY))
    assert usual(None, enough, day=TODAY, other_memory=NEVER)


def test_somebody_new_is_taken_for_anybody() -> None:
    found = usual(None, ALL, day=TODAY, other_memory=NEVER)
    assert found
    assert found.new
    assert (found.per_week, found.gain) == (PER_WEEK, 1.0)


def test_whose_first_moment_it_was_has_as_many_as_are_usual() -> None:
    first = together(begun(1.0, day=TODAY), moment(1.0, day=TODAY))
    found = usual(first, ALL, day=TODAY, other_memory=NEVER)
    assert found
    assert not found.new
    assert found.per_week == pytest.approx(PER_WEEK + 0.7)


@pytest.mark.parametrize(("every", "per_week"), [(1, 7.0), (2, 3.5), (7, 1.0)])
def test_in_time_their_own_moments_are_counted(every: int, per_week: float) -> None:
    own = together(begun(5.0, day=TODAY - 120), moments(0.2, 120 // every, every=every))
    found = usual(own, ALL, day=TODAY, other_memory=NEVER)
    assert found
    assert found.per_week == pytest.approx(per_week, rel=0.45)
    assert 0.2 < found.gain < 0.9


@given(st.lists(st.floats(-5, 20), min_size=1, max_size=40))
def test_the_mean_lies_between_their_own_moments_and_everybodys(gains: list[float]) -> None:
    own = reduce(together, (moment(gain, day=TODAY) for gain in gains))
    found = usual(own, ALL, day=TODAY, other_memory=NEVER)
    assert found
    bounds = [1.0, *(max(0.0, gain) for gain in gains)]
    assert min(bounds) - 1e-3 <= found.gain <= max(bounds) + 1e-3


def test_what_is_long_ago_counts_for_little() -> None:
    own = together(moments(0.0, 20, ends=TODAY - 60), moments(2.0, 10))
    found = usual(own, ALL, day=TODAY, other_memory=NEVER)
    assert found
    assert found.gain > 1.3


@pytest.mark.parametrize(
    ("gains", "spread"),
    [([2.0] * 10, 0.0), ([1.0, 3.0] * 5, 0.5), ([0.0] * 9 + [10.0], 1.0), ([-1.0] * 10, 1.0)],
)
def test_how_widely_everybodys_moments_differ(gains: list[float], spread: float) -> None:
    found = usual(None, everybody(gains), day=TODAY, other_memory=NEVER)
    assert found
    assert found.spread == spread
