"""The funnel: everybody counted once, limits kept over all, and honest about a sample."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler.rehearsing.funnel import MONEY, SENT, STEPS, Fate, Funnel, Send
from scheduler.rehearsing.sampling import sampled

NOON = datetime(2026, 5, 6, 12, tzinfo=UTC)
FATES = st.sampled_from(
    [Fate(step, code) for step in STEPS[1:-1] for code in ("a", "b")] + [Fate(SENT, "chosen")]
)


def send(number: int, *, gain: float = 1.0, day: int = 0) -> Send:
    at = NOON + timedelta(days=day, minutes=number)
    money = tuple(float(n) for n in range(len(MONEY)))
    return Send(f"person-{number}", at, at.hour, at.date().isoformat(), gain, money)


@given(st.lists(FATES, max_size=40), st.none() | st.integers(0, 40), st.none() | st.integers(0, 5))
def test_who_reaches_a_step_and_who_stops_there_are_all(
    fates: list[Fate], in_all: int | None, per_day: int | None
) -> None:
    funnel = Funnel()
    for number, fate in enumerate(fates):
        funnel.add(fate, [send(number, day=number % 3)] if fate.step == SENT else [])
    funnel.cut(in_all, per_day)
    steps = funnel.steps(len(fates))
    left = len(fates)
    for step in steps:
        left -= sum(drop.people for drop in step.drops)
        assert step.people == left
    sends = funnel.expected("EUR", 1.0).sends
    assert steps[-1].people == sends <= (len(fates) if in_all is None else in_all)
    assert sum(hour.sends for hour in funnel.hours(1.0)) == sends


def test_scarce_things_go_where_the_gain_is_greatest() -> None:
    funnel = Funnel()
    for number, gain in enumerate((1.0, 3.0, 2.0)):
        funnel.add(Fate(SENT, "chosen"), [send(number, gain=gain)])
    funnel.sort_by_gain()
    funnel.cut(2, None)
    assert funnel.expected("EUR", 1.0).gain == 5.0


def test_a_person_with_one_send_left_is_still_reached() -> None:
    funnel = Funnel()
    funnel.add(Fate(SENT, "chosen"), [send(1), send(1, day=1)])
    funnel.cut(1, None)
    assert funnel.steps(1)[-1].people == 1
    assert funnel.expected("EUR", 1.0).sends == 1


def test_the_limits_of_a_sample_hold_what_it_stands_for() -> None:
    funnel = Funnel()
    for number in range(100):
        funnel.add(Fate("eligible", "audience") if number % 4 else Fate(SENT, "chosen"), ())
    step = funnel.steps(1000)[STEPS.index("eligible")]
    assert step.people == pytest.approx(250)
    assert step.low
    assert step.high
    assert 150 < step.low < 250 < step.high < 360
    assert all(each.low is None for each in funnel.steps(100))


def test_a_sample_holds_its_share_and_always_the_same_people() -> None:
    people = [f"person-{number}" for number in range(4000)]
    chosen = [each for each in people if sampled(each, 0.25)]
    assert 900 < len(chosen) < 1100
    assert set(chosen) <= {each for each in people if sampled(each, 0.5)}
    assert all(sampled(each, 1.0) for each in people)
