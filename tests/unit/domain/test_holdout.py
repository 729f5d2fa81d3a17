"""Who is left alone, and what changes of the share make of them."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.holdout import Arm, Share, draw_of, epoch_of, epochs

NOW = datetime(2026, 5, 6, tzinfo=UTC)


def shares(*values: float) -> list[Share]:
    """One a day."""
    return [Share(since=NOW + timedelta(days=n), share=each) for n, each in enumerate(values)]


def test_the_draw_stands_evenly_and_for_good() -> None:
    draws = [draw_of("brand", f"person-{n}") for n in range(2000)]
    assert sum(draw < 0.1 for draw in draws) == pytest.approx(200, abs=40)
    assert draw_of("brand", "person-1") == draws[1] != draw_of("other", "person-1")


def test_who_changed_sides_counts_in_neither_arm() -> None:
    first, second = epochs(shares(0.1, 0.3), NOW + timedelta(days=9))
    assert [first.arm(draw) for draw in (0.05, 0.2, 0.4)] == [Arm.HELD_OUT, None, Arm.TREATED]
    assert [second.arm(draw) for draw in (0.05, 0.2, 0.4)] == [
        Arm.HELD_OUT,
        Arm.HELD_OUT,
        Arm.TREATED,
    ]


def test_a_change_to_come_changes_nothing_yet() -> None:
    [only] = epochs(shares(0.1, 0.3), NOW + timedelta(hours=1))
    assert only.arm(0.2) is Arm.TREATED
    assert epochs([], NOW) == ()


@given(
    values=st.lists(st.floats(0, 1), min_size=1, max_size=6),
    draw=st.floats(0, 1, exclude_max=True),
    day=st.integers(0, 6),
)
def test_nobody_who_was_ever_treated_is_a_control(
    values: list[float], draw: float, day: int
) -> None:
    history = shares(*values)
    enrolled_at = NOW + timedelta(days=day, hours=1)
    found = epoch_of(epochs(history, NOW + timedelta(days=30)), enrolled_at)
    assert found is not None
    since = [each.share for each in history[min(day, len(values) - 1) :]]
    held = {draw < share for share in since}
    expected = {frozenset({True}): Arm.HELD_OUT, frozenset({False}): Arm.TREATED}
    assert found.arm(draw) == expected.get(frozenset(held))
