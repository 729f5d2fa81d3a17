"""How hard wheels lean on everybody's: what the brand's visits say, by the one formula of the wheel."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from domain.people import Wheel
from domain.rhythm import BrandRhythm, Lean
from scheduler.context import leans, rhythm

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)


def wheel(*hours: int) -> Wheel:
    found = Wheel()
    for day, hour in enumerate(hours):
        found = rhythm.turned(found, local=NOW.replace(hour=hour) + timedelta(days=day))
    return found


def weighed(brand: BrandRhythm, own: Wheel, weekday: int, hour: int) -> BrandRhythm:
    shape = rhythm.brand_shape(Wheel())
    days, hours = np.array(own.days), np.array(own.hours)
    return leans.weighed(brand, days, hours, (shape.days, shape.hours), weekday, hour)


def test_each_strength_earns_what_the_wheel_would_have_given_with_it() -> None:
    own, everybody = wheel(8, 8, 9, 20, 8, 13), rhythm.brand_shape(wheel(12, 13, 18, 12, 9))
    days, hours = np.array(own.days), np.array(own.hours)
    shares = (everybody.days, everybody.hours)
    found = leans.weighed(BrandRhythm(), days, hours, shares, 5, 8)
    by_hour = np.array(found.hour_leans).reshape(len(leans.HOURS), len(leans.SLOTS))
    for i, hour in enumerate(leans.HOURS):
        for j, slot in enumerate(leans.SLOTS):
            lean = Lean(day=25.0, hour=float(hour), slot=float(slot))
            shape = rhythm.leaning(days, hours, everybody._replace(lean=lean))
            expected = np.log(shape.hours[1, 8])
            first = rhythm.leaning(days, hours, everybody._replace(lean=Lean(hour=3.0, slot=5.0)))
            assert by_hour[i, j] - by_hour[0, 0] == pytest.approx(
                expected - np.log(first.hours[1, 8])
            )


def test_people_with_hours_of_their_own_lean_less_and_people_like_all_others_more() -> None:
    own, alike = BrandRhythm(), BrandRhythm()
    for _ in range(60):
        own = weighed(own, wheel(*[22] * 12), 1, 22)
        alike = weighed(alike, wheel(*[22] * 12), 1, 11)
    assert leans.best(own).slot < Lean().slot
    assert leans.best(alike).slot > Lean().slot


def test_nothing_learned_or_little_keeps_the_first_guess() -> None:
    assert leans.best(BrandRhythm()) == Lean()
    assert leans.best(weighed(BrandRhythm(), wheel(9, 9), 1, 9)) == Lean()
