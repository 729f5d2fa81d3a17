"""When a person orders, apart from when they come."""

import random
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from domain.people import Profile, Wheel
from scheduler.context import rhythm
from scheduler.context.chances import p_visit
from scheduler.context.orders import order_shape, p_order, with_order
from scheduler.context.profile import with_visit

HELSINKI = ZoneInfo("Europe/Helsinki")
MONDAY = datetime(2026, 5, 4, tzinfo=HELSINKI)


def local(day: int, hour: float) -> datetime:
    return MONDAY + timedelta(days=day, hours=hour)


def came(profile: Profile, at: datetime, *, order: bool) -> Profile:
    if order:
        profile = with_order(profile, at=at, zone=HELSINKI, brand=Wheel())
    return with_visit(profile, at=at, zone=HELSINKI, brand=Wheel())


def orders_ahead(weeks: int) -> Profile:
    """Orders for the office at 10:40 on Fridays; comes for lunch at 12:30 every day and orders nothing."""
    profile = Profile()
    for day in range(7 * weeks):
        if day % 7 == 4:
            profile = came(profile, local(day, 10.7), order=True)
        profile = came(profile, local(day, 12.5), order=False)
    return profile


def test_orders_have_hours_of_their_own_where_they_differ() -> None:
    profile, friday = orders_ahead(12), local(88, 9.5)
    shape = order_shape(profile, Wheel(), at=friday)
    assert shape.sum() == pytest.approx(1)
    weekday, hour = np.unravel_index(shape.argmax(), shape.shape)
    assert (int(weekday), int(hour)) == (4, 10)
    assert profile.orders.evidence > 3
    before_lunch, evening = (
        p_order(profile, Wheel(), at=at, zone=HELSINKI) for at in (friday, local(88, 17))
    )
    assert before_lunch > 5 * evening
    assert before_lunch <= p_visit(profile, Wheel(), at=friday, zone=HELSINKI)


def test_where_every_visit_is_an_order_they_do_not_differ() -> None:
    profile = Profile()
    for day in range(60):
        profile = came(profile, local(day, 12.5 + day % 3), order=True)
    visits = rhythm.person_shape(profile.wheel, rhythm.brand_shape(Wheel()), at=local(60, 8)).week()
    assert order_shape(profile, Wheel(), at=local(60, 8)) == pytest.approx(
        visits, rel=0.05, abs=1e-4
    )
    assert abs(profile.orders.evidence) < 0.5
    at = local(60, 12)
    both = p_order(profile, Wheel(), at=at, zone=HELSINKI) / p_visit(
        profile, Wheel(), at=at, zone=HELSINKI
    )
    assert both > 0.95


def test_an_order_counts_as_far_as_its_visit_came_anyway() -> None:
    """So the share of visits with an order stays what it is."""
    before, at = orders_ahead(4), local(28, 12.5)
    none, half, whole = (
        with_order(before, at=at, zone=HELSINKI, brand=Wheel(), anyway=share).orders
        for share in (0.0, 0.5, 1.0)
    )
    assert half.rate == pytest.approx((none.rate + whole.rate) / 2)
    assert half.wheel.weight == pytest.approx((none.wheel.weight + whole.wheel.weight) / 2)
    assert none.evidence == before.orders.evidence
    assert whole.rate - none.rate == pytest.approx(1)


def test_chance_alone_seldom_looks_like_a_time_for_orders() -> None:
    chance, said = random.Random(4), 0
    for _ in range(40):
        profile = Profile()
        for day in range(60):
            at = local(day, chance.choice((9, 12, 12, 17)))
            profile = came(profile, at, order=chance.random() < 0.4)
        said += profile.orders.evidence > 3
    assert said <= 1


def test_orders_of_one_visit_count_once_and_nobody_without_one_is_expected_to_order() -> None:
    once = came(Profile(), local(0, 12), order=True)
    assert came(once, local(0, 12.5), order=True).orders == once.orders
    visitor = came(Profile(), local(0, 12), order=False)
    assert p_order(visitor, Wheel(), at=local(1, 12), zone=HELSINKI) == 0.0


def test_a_late_report_of_an_older_order_counts_for_less() -> None:
    late = came(came(Profile(), local(90, 12), order=True), local(0, 12), order=True)
    assert late.orders.wheel.weight == pytest.approx(1.6065, abs=1e-3)
    assert late.orders.wheel.as_of == local(90, 12)
