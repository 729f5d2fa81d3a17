"""The chance of a visit: from the plain formula to what a brand's visits teach."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.people import Profile, Wheel
from domain.rhythm import BrandRhythm
from scheduler.context import chances, rhythm
from scheduler.context.pace import Pace, mean_gap, per_day, recency
from scheduler.context.profile import with_visit
from scheduler.context.questions import Stretch, taught

HELSINKI = ZoneInfo("Europe/Helsinki")
MONDAY = datetime(2026, 5, 4, tzinfo=HELSINKI)


def local(day: int, hour: float) -> datetime:
    """So many days after a Monday, at an hour of the Helsinki clock."""
    return MONDAY + timedelta(days=day, hours=hour)


def regular(weeks: int, days: tuple[int, ...] = (0, 1, 2, 3, 4)) -> Profile:
    profile = Profile()
    for day in (7 * week + day for week in range(weeks) for day in days):
        profile = with_visit(profile, at=local(day, 12.25), zone=HELSINKI, brand=Wheel())
    return profile


def rate(profile: Profile, at: datetime) -> float:
    return float(per_day(Pace.of([profile]), np.array([at.timestamp()]))[0])


def chance(profile: Profile, day: int, hour: float, brand: Wheel | None = None) -> float:
    return chances.p_visit(profile, brand or Wheel(), at=local(day, hour), zone=HELSINKI)


def test_the_rate_follows_how_often_somebody_comes() -> None:
    at = local(140, 8)
    daily, weekly = regular(20), regular(20, days=(0,))
    assert rate(daily, at) == pytest.approx(5 / 7, abs=0.15)
    assert rate(weekly, at) == pytest.approx(1 / 7, abs=0.04)
    assert rate(daily, at + timedelta(days=180)) < 0.02


def test_gaps_and_recency_are_days() -> None:
    weekly = Pace.of([regular(20, days=(0,))])
    assert mean_gap(weekly)[0] == pytest.approx(7, abs=0.5)
    assert recency(weekly, np.array([local(140, 12.25).timestamp()]))[0] == pytest.approx(7)


def test_the_chance_of_a_visit_is_high_at_ones_own_time_and_low_elsewhere() -> None:
    profile = regular(20)
    assert chance(profile, 140, 11) > 0.35
    assert chance(profile, 140, 2) < 0.02


def test_of_whom_nobody_saw_no_visit_is_expected() -> None:
    assert chance(Profile(), 0, 11) == 0.0
    assert chances.p_within(Profile(), Wheel(), at=local(0, 11), days=7) == 0.0


def test_before_anything_is_learned_the_chance_within_days_is_that_of_the_rate() -> None:
    weekly = regular(20, days=(0,))
    at = local(140, 8)
    expected = 1 - np.exp(-7 * rate(weekly, at))
    assert chances.p_within(weekly, Wheel(), at=at, days=7) == pytest.approx(expected)
    assert chances.p_within(weekly, Wheel(), at=at, days=30) > expected


def test_a_brand_learns_that_who_stays_away_has_left() -> None:
    brand, gone = BrandRhythm(), regular(4, days=(0, 3))
    before = chances.p_within(gone, brand, at=local(60, 8), days=7)
    for week in range(5, 40):
        silence = Stretch(gone, local(7 * week, 8), False, HELSINKI)
        told = gone if week == 5 else _told(gone, local(7 * week - 7, 8))
        brand = taught(brand, [silence._replace(before=told)] * 20, at=local(7 * week, 8))
    assert chances.p_within(gone, brand, at=local(60, 8), days=7) < before / 3
    assert chance(gone, 63, 12, brand) < chance(gone, 63, 12)


def test_what_the_brand_learns_from_visits_is_used() -> None:
    brand, profile = BrandRhythm(), Profile()
    for day in (7 * week + day for week in range(12) for day in (0, 2, 4)):
        at = local(day, 12.25)
        stretch = Stretch(profile, at, True, HELSINKI)
        profile = with_visit(profile, at=at, zone=HELSINKI, brand=brand)
        brand = taught(brand, [stretch], at=at)
    assert brand.weight == pytest.approx(29, abs=0.5)
    assert brand.moment.odds.mean != ()
    assert 0 < chances.p_within(profile, BrandRhythm(), at=local(84, 8), days=7) < 1
    assert chances.p_within(profile, brand, at=local(84, 8), days=7) > 0.9


@settings(max_examples=60)
@given(
    st.sampled_from(
        ("Europe/Helsinki", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu")
    ),
    st.lists(st.integers(0, 500 * 24), max_size=25),
    st.integers(0, 800 * 24 * 60),
    st.booleans(),
)
def test_a_chance_is_a_probability_at_any_time_of_any_clock(
    name: str, hours: list[int], minute: int, learned: bool
) -> None:
    zone, profile, brand = ZoneInfo(name), Profile(), BrandRhythm()
    for hour in hours:
        at = MONDAY + timedelta(hours=hour)
        stretch = Stretch(profile, at, True, zone)
        profile = with_visit(profile, at=at, zone=zone, brand=brand)
        brand = taught(brand, [stretch], at=at) if learned else brand
    now = MONDAY + timedelta(minutes=minute)
    found = [
        chances.p_visit(profile, brand, at=now, zone=zone),
        chances.p_within(profile, brand, at=now, days=7),
        chances.p_within(profile, brand, at=now, days=30),
    ]
    assert all(0 <= each <= 1 for each in found)
    assert (max(found) > 0) == bool(hours)


def test_who_comes_every_hour_is_certain_to_come() -> None:
    profile = Profile()
    for hour in range(24 * 60):
        profile = with_visit(profile, at=local(0, hour), zone=HELSINKI, brand=Wheel())
    assert chances.p_within(profile, Wheel(), at=local(60, 1), days=30) == pytest.approx(1)


def test_one_person_and_many_have_the_same_shapes() -> None:
    people = [regular(2), regular(6, days=(5,)), Profile()]
    brand = rhythm.brand_shape(Wheel())
    days = np.array([each.wheel.days for each in people])
    hours = np.array([each.wheel.hours for each in people])
    together = rhythm.leaning(days, hours, brand)
    for row, each in enumerate(people):
        at = each.wheel.as_of or MONDAY
        alone = rhythm.person_shape(each.wheel, brand, at=at)
        assert together.days[row] == pytest.approx(alone.days)
        assert together.hours[row] == pytest.approx(alone.hours)
        window = together.window(np.array([6, 6, 6]), 23)[row]
        assert window == pytest.approx(alone.of(6, 23) + alone.of(0, 0) + alone.of(0, 1))


def _told(profile: Profile, at: datetime) -> Profile:
    import msgspec

    return msgspec.structs.replace(profile, told_at=at)
