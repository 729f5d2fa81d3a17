"""The wheel: what it learns, how it leans on everybody's, and what it foretells."""

import math
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta, timezone
from itertools import product
from zoneinfo import ZoneInfo

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.people import Profile, Wheel
from domain.rhythm import BrandRhythm
from scheduler.context import rhythm
from scheduler.context.profile import with_visit

HELSINKI = ZoneInfo("Europe/Helsinki")
MONDAY = datetime(2026, 5, 4, tzinfo=HELSINKI)
BRAND = rhythm.brand_shape(Wheel())


def local(day: int, hour: float) -> datetime:
    """So many days after a Monday, at an hour of the Helsinki clock."""
    return MONDAY + timedelta(days=day, hours=hour)


def regular(weeks: int, hour: float = 12.25, days: tuple[int, ...] = (0, 1, 2, 3, 4)) -> Profile:
    """Somebody who comes at the same hour of the same days for some weeks."""
    profile = Profile()
    for day in (7 * week + day for week in range(weeks) for day in days):
        profile = with_visit(profile, at=local(day, hour), zone=HELSINKI, brand=Wheel())
    return profile


def shape(profile: Profile, day: int) -> rhythm.Shape:
    return rhythm.person_shape(profile.wheel, BRAND, at=local(day, 8))


visits = st.lists(
    st.integers(0, 60 * 24 * 60).map(lambda m: MONDAY + timedelta(minutes=m)), max_size=30
)


@given(visits)
def test_every_shape_is_a_distribution(times: list[datetime]) -> None:
    wheel = Wheel()
    for at in times:
        wheel = rhythm.turned(wheel, local=at)
    for each in (
        rhythm.brand_shape(wheel),
        rhythm.person_shape(wheel, rhythm.brand_shape(wheel), at=local(60, 0)),
    ):
        assert sum(each.days) == pytest.approx(1)
        assert [sum(hours) for hours in each.hours] == pytest.approx([1, 1])
        assert min(*each.days, *each.hours[0], *each.hours[1]) > 0


def of_brand(days: Iterable[int]) -> BrandRhythm:
    """A brand with three visits in each hour of these days."""
    brand = BrandRhythm()
    for day, hour in product(days, range(24)):
        at = local(day, hour + 0.5)
        for _ in range(3):
            brand = rhythm.turned_by_all(brand, local=at)
    return brand


@given(st.integers(0, 6), st.integers(1, 40))
def test_a_brand_where_all_days_are_alike_sees_them_alike_from_its_first_day(
    first: int, days: int
) -> None:
    brand = of_brand(range(first, first + days))
    assert rhythm.brand_shape(brand).days == pytest.approx(np.full(7, 1 / 7), rel=0.05)


def test_a_brand_of_one_weekday_is_known_by_it() -> None:
    mondays = rhythm.brand_shape(of_brand(range(0, 60, 7)))
    assert mondays.days[0] > 0.9


def test_a_brand_is_known_since_its_earliest_visit_in_whatever_order_they_are_told() -> None:
    brand = of_brand([9, 2, 5])
    assert brand.since == local(2, 0.5)
    assert msgspec.json.decode(msgspec.json.encode(brand), type=BrandRhythm) == brand


def test_a_brand_from_before_the_first_visit_was_kept_goes_on_without_it() -> None:
    old = BrandRhythm(days=(9.0, 0, 0, 0, 0, 0, 0), weight=9.0, as_of=local(1, 0))
    assert rhythm.turned_by_all(old, local=local(8, 0)).since is None
    assert rhythm.brand_shape(old).days[0] > 2 / 7


@given(st.integers(0, 10_000), st.integers(1, 90 * 1440))
def test_the_time_of_each_weekday_is_what_a_count_of_minutes_gives(
    begin: int, minutes: int
) -> None:
    since = datetime(2026, 5, 4, tzinfo=timezone(timedelta(hours=3))) + timedelta(minutes=begin)
    until = since + timedelta(minutes=minutes)
    each = begin + np.arange(minutes + 1) + 0.5  # the last visit's own minute is there too
    left = np.exp((each - begin - minutes) * 60 / rhythm.TAU_S)
    counted = np.bincount((each // 1440).astype(int) % 7, weights=left, minlength=7)
    brand = BrandRhythm(since=since, as_of=until.astimezone(UTC))
    assert rhythm.time_of_days(brand) == pytest.approx(counted / counted.sum(), abs=1e-6)


@given(visits)
def test_the_order_in_which_visits_become_known_does_not_matter(times: list[datetime]) -> None:
    first, second = Wheel(), Wheel()
    for at in times:
        first = rhythm.turned(first, local=at)
    for at in sorted(times, reverse=True):
        second = rhythm.turned(second, local=at)
    assert first.as_of == second.as_of
    assert first.days == pytest.approx(second.days)
    assert first.weight == pytest.approx(second.weight)


def test_nobodys_shape_is_the_brands() -> None:
    nobody = rhythm.person_shape(Wheel(), BRAND, at=local(0, 8))
    assert nobody.days == pytest.approx(BRAND.days)
    assert nobody.hours[0] == pytest.approx(BRAND.hours[0])


def test_one_visit_moves_a_person_less_than_many() -> None:
    known = (Profile(), regular(1, days=(0,)), regular(1), regular(4), regular(12))
    noon = [shape(profile, 84).of(0, 12) for profile in known]
    assert noon == sorted(noon)
    assert noon[1] < 2.5 * noon[0]
    assert noon[4] > 5 * noon[0]


def test_a_hundred_days_of_lunch_beat_everybodys_hours_by_far() -> None:
    lunch = rhythm.p_window(shape(regular(20), 140), start=local(140, 11), zone=HELSINKI)
    anybody = rhythm.p_window(BRAND, start=local(140, 11), zone=HELSINKI)
    assert lunch > 3 * anybody


def test_a_weekend_is_told_from_a_weekday() -> None:
    person = shape(regular(12), 84)
    assert person.of(5, 12) < person.of(0, 12) / 3


def test_what_was_long_ago_fades() -> None:
    profile = regular(12)
    now, later = shape(profile, 84), shape(profile, 84 + 540)
    assert later.of(0, 12) < now.of(0, 12)
    assert profile.wheel.weight == pytest.approx(
        sum(
            math.exp(-(local(81, 12.25) - local(7 * w + d, 12.25)).days / 180)
            for w in range(12)
            for d in range(5)
        ),
        rel=0.01,
    )


@pytest.mark.parametrize(
    "start", [local(0, 0), local(0, 11.6), datetime(2026, 3, 29, 0, 20, tzinfo=UTC)]
)
def test_the_windows_of_a_week_make_one(start: datetime) -> None:
    windows = [
        rhythm.p_window(
            BRAND, start=start + timedelta(hours=3 * n), zone=ZoneInfo("Asia/Kathmandu")
        )
        for n in range(56)
    ]
    assert sum(windows) == pytest.approx(1)


def test_evidence_grows_with_a_habit_and_not_without_one() -> None:
    assert regular(4).evidence > 3
    everyday = Profile()
    hours = [h for h, p in enumerate(BRAND.hours[0]) for _ in range(round(p * 100))]
    for number in range(60):
        at = local(number * 3, hours[number * 37 % len(hours)])
        everyday = with_visit(everyday, at=at, zone=HELSINKI, brand=Wheel())
    assert everyday.evidence < 3


def test_a_wheel_stays_small() -> None:
    import msgspec

    assert len(msgspec.msgpack.encode(regular(30).wheel)) < 1024


def test_people_who_come_when_everybody_does_are_hardly_ever_said_to_have_a_habit() -> None:
    rng = np.random.default_rng(7)
    week = BRAND.week().ravel()
    claimed = 0
    for _ in range(400):
        days = np.cumsum(rng.integers(1, 8, size=30))
        profile = Profile()
        for day in days.tolist():
            weekday = day % 7
            hours = week[weekday * 24 : weekday * 24 + 24]
            at = local(day, float(rng.choice(24, p=hours / hours.sum())))
            profile = with_visit(profile, at=at, zone=HELSINKI, brand=Wheel())
        claimed += profile.evidence > 3
    assert claimed <= 4  # 1 %
