"""What a brand asks itself about a person's past: every question once, and none of it by chance."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from domain.people import Profile, Wheel
from domain.rhythm import BrandRhythm
from scheduler.context import rhythm
from scheduler.context.chances import WEEK
from scheduler.context.profile import with_visit
from scheduler.context.questions import Stretch, moment_rows, taught, within_rows

NEW_YORK = ZoneInfo("America/New_York")
START = datetime(2026, 1, 5, 17, tzinfo=UTC)
BRAND = rhythm.brand_shape(Wheel())


def seen(at: datetime = START) -> Profile:
    return with_visit(Profile(), at=at, zone=NEW_YORK, brand=Wheel())


def came(days: float) -> Stretch:
    return Stretch(seen(), START + timedelta(days=days), True, NEW_YORK)


def silent(days: float, told: float | None = None) -> Stretch:
    told_at = None if told is None else START + timedelta(days=told)
    before = msgspec.structs.replace(seen(), told_at=told_at)
    return Stretch(before, START + timedelta(days=days), False, NEW_YORK)


@example(62.0, [7.46875])  # the clock is put forward between the two
@given(st.floats(0.05, 200), st.lists(st.floats(0.05, 200), max_size=4))
def test_every_midnight_is_asked_about_once_however_often_the_silence_was_learned_from(
    end: float, looks: list[float]
) -> None:
    at_once = within_rows([came(end)], WEEK)
    told: float | None = None
    weights = 0.0
    for look in sorted(look for look in looks if look < end):
        weights += within_rows([silent(look, told)], WEEK).weight.sum()
        told = look
    last = Stretch(silent(end, told).before, START + timedelta(days=end), True, NEW_YORK)
    rows = within_rows([last], WEEK)
    assert weights + rows.weight.sum() == pytest.approx(at_once.weight.sum())
    assert (rows.weight * rows.came).sum() == pytest.approx((at_once.weight * at_once.came).sum())


@given(st.floats(0.05, 400))
def test_a_silence_has_no_visit_and_a_visit_answers_the_last_questions(days: float) -> None:
    assert not within_rows([silent(days)], WEEK).came.any()
    asked = moment_rows([came(days)], BRAND)
    assert asked.came.sum() <= 3
    assert len(asked.came) <= 6
    assert (asked.weight > 0).all()


def test_of_a_visit_at_noon_the_three_hours_before_it_said_yes() -> None:
    rows = moment_rows([came(7)], BRAND)
    assert rows.came.sum() == 3
    assert (rows.weight * (1 - rows.came)).sum() * 3 == pytest.approx(7 * 16 - 3)


def test_a_visit_that_a_push_may_have_brought_says_yes_only_as_far_as_it_came_anyway() -> None:
    """And moves everybody's wheel, and what the strengths earned, only so far."""
    halfway = came(7)._replace(anyway=0.5)
    assert moment_rows([halfway], BRAND).came.sum() == 1.5
    assert within_rows([halfway, came(7)], WEEK).came.max() == 1
    at = START + timedelta(days=7)
    none, half, whole = (
        taught(BrandRhythm(), [came(7)._replace(anyway=share)], at=at) for share in (0.0, 0.5, 1.0)
    )
    assert (none.weight, half.weight, whole.weight) == (0, 0.5, 1)
    assert sum(half.days) == 0.5
    assert half.day_leans == pytest.approx([each / 2 for each in whole.day_leans])
    assert half.hour_leans == pytest.approx([each / 2 for each in whole.hour_leans])


def test_the_same_lives_teach_the_same_in_any_order() -> None:
    stretches = [came(3), came(8), silent(20)]
    there = taught(BrandRhythm(), stretches, at=START + timedelta(days=21))
    back = taught(BrandRhythm(), stretches[::-1], at=START + timedelta(days=21))
    assert there.week.odds.mean == pytest.approx(back.week.odds.mean)
    assert there.moment.odds.mean == pytest.approx(back.moment.odds.mean)
    assert there.days == pytest.approx(back.days)


def test_the_answers_of_a_brands_first_fortnight_teach_no_moment() -> None:
    """They are of those who come back at once: the others have not answered yet."""
    brand, stretch = BrandRhythm(since=START), came(3)
    young = taught(brand, [stretch], at=START + timedelta(days=13.9))
    grown = taught(brand, [stretch], at=START + timedelta(days=14))
    assert (len(young.moment.odds.mean), len(grown.moment.odds.mean)) == (0, 9)
    assert young.week.odds.mean == grown.week.odds.mean != ()


def test_a_second_sign_of_one_visit_teaches_nothing() -> None:
    again = Stretch(seen(), START + timedelta(minutes=20), True, NEW_YORK)
    assert taught(BrandRhythm(), [again], at=START) == BrandRhythm()


def test_a_visit_told_late_turns_the_wheel_and_answers_nothing() -> None:
    late = Stretch(seen(), START - timedelta(days=3), True, NEW_YORK)
    after = taught(BrandRhythm(), [late], at=START)
    assert after.weight == 1.0
    assert after.week.odds.mean == ()


def test_a_brand_at_rest_stays_small_and_reads_what_it_was_before() -> None:
    stretches = [came(day) for day in range(1, 40)]
    brand = taught(BrandRhythm(), stretches, at=START + timedelta(days=40))
    body = msgspec.msgpack.encode(brand)
    assert len(body) < 4096
    assert msgspec.msgpack.decode(body, type=BrandRhythm) == brand
    wheel = msgspec.msgpack.encode(Wheel(weight=3.0))
    assert msgspec.msgpack.decode(wheel, type=BrandRhythm).weight == 3.0


def test_chances_stay_true_where_one_life_is_learned_from_over_and_over() -> None:
    brand = BrandRhythm()
    for _ in range(60):
        brand = taught(brand, [came(2), came(11)], at=START + timedelta(days=11))
    assert all(np.isfinite(brand.moment.odds.mean))
    assert max(map(abs, brand.moment.corrected.mean)) < 5
