"""Days that return: cadences of reservations and yearly days."""

from collections.abc import Sequence
from datetime import date, timedelta
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.occasions import Occasions, Yearly
from domain.people import Occasion
from scheduler.context.occasions import (
    cadence,
    in_year,
    lead_days,
    next_of_cadence,
    with_reservation,
    without,
    yearly,
)

FIRST = date(2026, 1, 2)


def reserved(gaps: Sequence[int], start: date = FIRST) -> tuple[Occasions, date]:
    """Reservations with these gaps of days between them, and the day after the last."""
    day = start
    known = with_reservation(Occasions(), day, today=day)
    for gap in gaps:
        day += timedelta(days=gap)
        known = with_reservation(known, day, today=day)
    return known, day + timedelta(days=1)


@pytest.mark.parametrize("period", [14, 21, 28, 42, 56])
def test_a_cadence_shows_and_says_when_the_next_one_is_due(period: int) -> None:
    known, today = reserved([period] * 10)
    found = cadence(known, today=today)
    assert found
    assert found.period == period
    assert next_of_cadence(known, today=today) == today + timedelta(days=period - 1)


def test_every_fourth_week_shows_after_five_reservations_and_not_after_three() -> None:
    early, late = reserved([28] * 2), reserved([28] * 4)
    assert cadence(early[0], today=early[1]) is None
    assert cadence(late[0], today=late[1])


def test_a_day_early_or_one_left_out_does_not_end_a_cadence() -> None:
    known, today = reserved([28, 27, 29, 28, 28, 56, 28])
    found = cadence(known, today=today)
    assert found
    assert found.period == 28


def test_the_same_date_of_every_month_is_no_cadence() -> None:
    known, today = reserved([31, 28, 31, 30, 31, 30, 31, 31])
    assert cadence(known, today=today) is None


def test_chance_seldom_looks_like_a_cadence() -> None:
    chance = Random(7)
    claimed = 0
    for _ in range(400):
        gaps = [max(1, round(chance.lognormvariate(3.3, 0.6))) for _ in range(15)]
        known, today = reserved(gaps)
        claimed += cadence(known, today=today) is not None
    assert claimed <= 4


def test_a_cadence_is_over_when_three_were_left_out() -> None:
    known, today = reserved([28] * 6)
    assert cadence(known, today=today + timedelta(days=83))
    assert cadence(known, today=today + timedelta(days=84)) is None


def test_what_is_booked_already_needs_no_word() -> None:
    known, today = reserved([28] * 6)
    booked = with_reservation(known, today + timedelta(days=27), today=today)
    assert next_of_cadence(booked, today=today) is None
    assert next_of_cadence(without(booked, today + timedelta(days=27)), today=today)


def test_a_cancelled_reservation_is_never_learned_from() -> None:
    known, today = reserved([28] * 3)
    booked = with_reservation(known, today + timedelta(days=3), today=today)
    later = with_reservation(
        without(booked, today + timedelta(days=3)), today + timedelta(days=27), today=today
    )
    found = cadence(later, today=today + timedelta(days=28))
    assert found
    assert found.last == today + timedelta(days=27)


@pytest.mark.parametrize(("period", "days"), [(7, 1), (14, 2), (21, 4), (28, 5), (42, 7), (56, 7)])
def test_the_lead_grows_with_the_period_up_to_a_week(period: int, days: int) -> None:
    assert lead_days(period) == days


def test_a_yearly_day_comes_every_year() -> None:
    declared = [Occasion(kind="birthday", date="1990-06-24")]
    assert yearly(declared, Occasions(), today=date(2026, 6, 24))[0].day == date(2026, 6, 24)
    assert yearly(declared, Occasions(), today=date(2026, 6, 25))[0].day == date(2027, 6, 24)


def test_a_day_that_has_never_been_yet_is_not_seen_before_itself() -> None:
    declared = [Occasion(kind="wedding", date="2028-03-01")]
    assert yearly(declared, Occasions(), today=date(2026, 1, 1))[0].day == date(2028, 3, 1)


@pytest.mark.parametrize(
    ("today", "day"),
    [
        (date(2027, 1, 1), date(2027, 2, 28)),
        (date(2027, 3, 1), date(2028, 2, 29)),
        (date(2028, 2, 29), date(2028, 2, 29)),
        (date(2100, 1, 1), date(2100, 2, 28)),
    ],
)
def test_the_29th_of_february_is_the_28th_where_there_is_none(today: date, day: date) -> None:
    declared = [Occasion(kind="birthday", date="1992-02-29")]
    assert yearly(declared, Occasions(), today=today)[0].day == day


def test_a_reservation_tells_of_a_yearly_day_unless_one_is_declared() -> None:
    known = with_reservation(Occasions(), date(2026, 5, 9), today=FIRST, kind="anniversary")
    [told] = yearly([], known, today=date(2026, 6, 1))
    assert (told.kind, told.day, told.declared) == ("anniversary", date(2027, 5, 9), False)
    declared = [Occasion(kind="Anniversary", date="2010-05-08")]
    [said] = yearly(declared, known, today=date(2026, 6, 1))
    assert (said.day, said.declared) == (date(2027, 5, 8), True)


@pytest.mark.parametrize("kind", ["pregnancy shower", "Ramadan", "confession"])
def test_no_yearly_day_is_learned_that_tells_of_faith_or_health(kind: str) -> None:
    assert with_reservation(Occasions(), FIRST, today=FIRST, kind=kind).yearly == ()


def test_one_that_is_stored_all_the_same_is_neither_said_nor_seen_ahead() -> None:
    stored = Occasions(yearly=(Yearly(kind="christening", month_day=601, times=1, last=20_000),))
    assert yearly([], stored, today=FIRST) == []


@given(st.dates(date(1900, 1, 1), date(2200, 1, 1)), st.dates(date(2020, 1, 1), date(2150, 1, 1)))
def test_the_next_return_is_within_a_year_or_the_day_itself(day: date, today: date) -> None:
    [ahead] = yearly([Occasion(kind="x", date=day.isoformat())], Occasions(), today=today)
    assert ahead.day >= max(day, today)
    assert ahead.day == in_year(day.month, day.day, ahead.day.year)
    assert ahead.day <= max(day, today) + timedelta(days=366)
