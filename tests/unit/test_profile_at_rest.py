"""A profile in the database: small, complete, and readable in the form of before."""

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.events import LineItem
from domain.fatigue import Fatigue, Refused
from domain.occasions import PERIODS, Occasions, Yearly
from domain.people import Profile, Wheel
from domain.tastes import Tastes
from domain.traits import RULES, Leaning
from scheduler.context import tastes
from storage.packing import named, packed, unpacked

NOW = datetime(2026, 5, 6, 12, 34, 56, 789_012, tzinfo=UTC)


LONG = {"datetime": NOW, "float": 12_345.678, "int": 50_000}  # as long as such a value gets


def full_tastes(seed: int, length: int) -> Tastes:
    """Of somebody who orders four things of fourteen, six times a day, for half a year."""
    chance, known = random.Random(seed), Tastes()
    names = [f"{'x' * length}-{n}" for n in range(14)]
    for n in range(1000):
        items = [
            LineItem(sku=s, category=f"category-{s}", price=9.5) for s in chance.sample(names, 4)
        ]
        at = NOW + timedelta(hours=4 * n)
        known = tastes.with_order(known, items, at=at, service=chance.choice(names))
    return known


def full(length: int = 10) -> Profile:
    """A profile with every table full and every number long."""
    scalars = {
        each.name: next(value for kind, value in LONG.items() if kind in str(each.type))
        for each in msgspec.structs.fields(Profile)
        if not isinstance(each.default, msgspec.Struct | tuple)
    }
    return Profile(**scalars | _tables(length))


def _tables(length: int) -> dict[str, Any]:
    return {
        "wheel": Wheel(days=(26.3,) * 7, hours=((17.77,) * 24,) * 2, weight=180.1, as_of=NOW),
        "tastes": full_tastes(1, length),
        "traits": tuple(
            Leaning(trait=rule.trait, nats=1234, orders=300, days=300, day=20_500, against=300)
            for rule in RULES
        ),
        "occasions": Occasions(
            kept=400,
            last=20_500,
            gap=333,
            nats=(1200,) * len(PERIODS),
            booked=(20_510, 20_520, 20_530),
            yearly=tuple(
                Yearly(kind=kind, month_day=1224, times=9, last=20_500)
                for kind in ("anniversary", "birthday", "name day")
            ),
        ),
        "fatigue": Fatigue(
            as_of=490_000,
            pushes=70_000,
            last_push=490_000,
            ignored=100,
            answer="not_for_me",
            answered_at=490_000,
            offers=(Refused(what="12345678", times=300),) * 3,
            kinds=tuple(
                Refused(what=kind, times=300) for kind in ("information", "thank_you", "occasion")
            ),
            counted=1_790_000_000,
        ),
    }


@pytest.mark.parametrize("length", [1, 7, 10, 20, 21, 22, 100])
def test_a_full_profile_takes_a_kilobyte_at_most(length: int) -> None:
    assert len(packed(full(length))) <= 1024


def test_everything_comes_back() -> None:
    before, after = full(), unpacked(packed(full()))
    assert msgspec.structs.replace(after, wheel=before.wheel) == before
    assert after.wheel.days == pytest.approx(before.wheel.days, rel=1e-3)
    assert after.wheel.hours[1] == pytest.approx(before.wheel.hours[1], rel=1e-3)
    assert unpacked(packed(Profile())) == Profile()


@given(st.lists(st.floats(0, 1e7), min_size=7, max_size=7))
def test_no_count_is_too_great_or_too_small_to_be_stored(days: list[float]) -> None:
    after = unpacked(packed(Profile(wheel=Wheel(days=tuple(days)))))
    assert after.wheel.days == pytest.approx([min(60_000, day) for day in days], rel=1e-3, abs=1e-4)


def test_a_body_of_before_is_still_read() -> None:
    wheel = Wheel(days=(1.5,) * 7, weight=2.0, as_of=NOW)
    old = {
        "wheel": msgspec.to_builtins(wheel, builtin_types=(datetime,)),
        "visits": 3,
        "last_at": NOW,
    }
    found = unpacked(msgspec.msgpack.encode(old))
    assert found == Profile(wheel=wheel, visits=3, last_at=NOW)


def test_an_export_names_every_field() -> None:
    shown = named(full())
    assert set(shown) == set(Profile.__struct_fields__)
    assert shown["tastes"]["items"][0].keys() == {"name", "weight", "times"}
    assert shown["traits"][0]["trait"] == "vegetarian"
