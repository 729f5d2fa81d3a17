"""How often operators are told of what."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from service.alarms import HOLDS_S, QUIET_S, Alarms, Finding, Notice

DISK = Finding("disk", "The disk is full.")
WRONG = Notice("The disk is full.", is_wrong=True)
OVER = Notice("The disk is full.", is_wrong=False)


def played(*rounds: tuple[float, bool]) -> list[tuple[float, bool]]:
    """When something was told, and whether it was wrong: of rounds in which the disk was full or not."""
    alarms = Alarms()
    return [
        (at, notice.is_wrong)
        for at, is_full in rounds
        for notice in alarms.judge([DISK] if is_full else [], now=at)
    ]


def test_what_lasts_is_told_and_its_end_too() -> None:
    alarms = Alarms()
    assert alarms.judge([DISK], now=0) == []
    assert alarms.judge([DISK], now=HOLDS_S) == [WRONG]
    assert alarms.judge([DISK], now=HOLDS_S + 15) == []
    assert alarms.judge([], now=HOLDS_S + 30) == [OVER]
    assert alarms.judge([], now=HOLDS_S + 45) == []


def test_what_passes_at_once_is_not_told() -> None:
    assert played((0, True), (HOLDS_S - 1, True), (HOLDS_S, False), (HOLDS_S + 1, True)) == []


def test_what_comes_and_goes_is_told_once_an_hour() -> None:
    rounds = [(t * 30.0, (t // 6) % 2 == 0) for t in range(150)]
    told = [at for at, is_wrong in played(*rounds) if is_wrong]
    assert len(told) == 2
    assert told[1] - told[0] >= QUIET_S


def test_a_return_within_the_hour_is_told_when_the_hour_is_over_and_it_still_lasts() -> None:
    rounds = [(0, True), (60, True), (90, False), (120, True), (3600, True), (3660, True)]
    assert played(*rounds) == [(60, True), (90, False), (3660, True)]


def test_the_end_of_a_return_that_was_not_told_is_not_told_either() -> None:
    rounds = [(0, True), (60, True), (90, False), (120, True), (300, True), (330, False)]
    assert played(*rounds) == [(60, True), (90, False)]


def test_what_lasts_for_days_is_told_once_a_day() -> None:
    rounds = [(hour * 3600.0, True) for hour in range(60)]
    assert [at / 3600 for at, _ in played(*rounds)] == [1, 25, 49]


def test_each_thing_is_told_by_itself() -> None:
    alarms = Alarms()
    other = Finding("outbox", "Messages wait.")
    alarms.judge([DISK], now=0)
    alarms.judge([DISK, other], now=60)
    assert alarms.judge([other], now=120) == [Notice(other.text, is_wrong=True), OVER]


@given(st.lists(st.tuples(st.floats(1, 5000), st.booleans()), max_size=60))
def test_wrong_is_never_told_twice_within_the_hour_and_over_only_after_wrong(
    steps: list[tuple[float, bool]],
) -> None:
    at, rounds = 0.0, []
    for wait, is_full in steps:
        at += wait
        rounds.append((at, is_full))
    told = played(*rounds)
    wrong = [when for when, is_wrong in told if is_wrong]
    assert all(later - sooner >= QUIET_S for sooner, later in pairwise(wrong))
    kinds = [is_wrong for _, is_wrong in told]
    assert all(kinds[place - 1] for place, kind in enumerate(kinds) if not kind)
    assert not kinds or kinds[0]
