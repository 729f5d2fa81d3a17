"""A profile in the database: small, complete, and readable in the form of before."""

import math
import random
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.events import LineItem
from domain.fatigue import Fatigue, Refused
from domain.occasions import PERIODS, Occasions, Yearly
from domain.people import Frequented, Orders, Profile, Stores, Wheel
from domain.tastes import Tastes
from domain.traits import RULES, Leaning
from scheduler.context import rhythm, stores, tastes
from storage import fading
from storage.packing import named, packed, unpacked

NOW = datetime(2026, 5, 6, 12, 34, 56, 789_012, tzinfo=UTC)


STORE = "019a1b2c-3d4e-7f00-8000-000000000001"
OTHER = "019a1b2c-3d4e-7f00-8000-000000000002"
LONG = {"datetime": NOW, "float": 12_345.678, "int": 50_000}  # as long as such a value gets


ROUNDED = ("wheel", "rate", "rate14", "evidence", "orders", "stores")


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
        "orders": Orders(
            wheel=Wheel(days=(26.3,) * 7, hours=((17.77,) * 24,) * 2, weight=184.1, as_of=NOW),
            rate=45.5,
            evidence=123.456,
        ),
        "stores": Stores(
            known=tuple(
                Frequented(
                    store_id=f"019a1b2c-3d4e-7f00-8000-00000000000{n}", cells=(9.7,) * 8, nats=4.2
                )
                for n in range(stores.MOST)
            ),
            elsewhere=3.3,
            as_of=NOW,
        ),
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
    same = {name: getattr(before, name) for name in (*ROUNDED, "first_at")}
    assert msgspec.structs.replace(after, **same) == before
    assert after.wheel.as_of == before.wheel.as_of
    assert after.first_at == NOW.replace(microsecond=0)
    for name in ("rate", "rate14", "evidence"):
        assert getattr(after, name) == pytest.approx(12_345.678)
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


def test_orders_and_stores_come_back_to_within_a_unit() -> None:
    before, after = full(), unpacked(packed(full()))
    assert after.orders.wheel.days == pytest.approx(before.orders.wheel.days, abs=0.11)
    assert after.orders.wheel.hours[1] == pytest.approx(before.orders.wheel.hours[1], abs=0.11)
    assert after.orders.rate == pytest.approx(45.5, rel=1e-3)
    assert after.orders.evidence == pytest.approx(123.456)
    assert [each.store_id for each in after.stores.known] == [
        each.store_id for each in before.stores.known
    ]
    assert after.stores.known[0].cells == pytest.approx((9.7,) * 8, abs=0.04)
    assert after.stores.elsewhere == pytest.approx(3.3, rel=1e-3)


def test_what_fades_at_rest_fades_as_what_is_learned() -> None:
    assert rhythm.TAU_S == fading.ORDERS_TAU_S
    assert stores.TAU_S == fading.STORES_TAU_S


@given(
    st.lists(st.floats(0, 300), min_size=8, max_size=8),
    st.floats(0, 4e8),
)
def test_a_count_that_only_fades_is_rounded_once(cells: list[float], later_s: float) -> None:
    """However often it is read, faded and written again, it keeps its share."""
    one = Frequented(store_id=STORE, cells=(*cells[:7], 40.0))
    first = fading.stores_of(fading.packed_stores(Stores(known=(one,), as_of=NOW)))
    again = first
    for step in range(1, 6):
        at = NOW + timedelta(seconds=step * min(later_s, 1e7) / 5)
        left = math.exp(-(at - (again.as_of or at)).total_seconds() / stores.TAU_S)
        faded = tuple(count * left for count in again.known[0].cells)
        now = msgspec.structs.replace(again.known[0], cells=faded)
        again = fading.stores_of(fading.packed_stores(Stores(known=(now,), as_of=at)))
        share = [count / sum(faded) for count in faded]
        assert again.known[0].cells == pytest.approx(faded, abs=max(faded) / 100 + 0.05)
        assert share[7] == pytest.approx(
            first.known[0].cells[7] / sum(first.known[0].cells), abs=0.05
        )


def test_a_visit_a_day_for_years_fades_in_bytes_as_it_does_in_numbers() -> None:
    exact = small = Stores()
    for day in range(900):
        store = STORE if day < 600 else OTHER
        at = NOW + timedelta(days=day)
        exact = stores.with_store(exact, store, at=at, zone=ZoneInfo("UTC"))
        small = stores.with_store(
            fading.stores_of(fading.packed_stores(small)), store, at=at, zone=ZoneInfo("UTC")
        )
    assert stores.shares(small) == pytest.approx(stores.shares(exact), abs=0.02)


def test_bytes_of_an_unknown_form_read_as_nothing() -> None:
    assert fading.orders_of(b"?") == Orders()
    assert fading.stores_of(b"\0" * 9) == Stores()


def test_a_body_without_the_newest_fields_is_still_read() -> None:
    """As it was stored before orders and stores were counted apart: names of traits, 64-bit numbers, all times."""
    whole = msgspec.msgpack.decode(
        packed(Profile(visits=3, first_at=NOW, last_at=NOW, evidence=2.5))
    )
    older = whole[: Profile.__struct_fields__.index("orders")]
    older[Profile.__struct_fields__.index("traits")] = [["vegan", 310, 3, 2, 20_000, 0]]
    older[Profile.__struct_fields__.index("evidence")] = 2.5
    found = unpacked(msgspec.msgpack.encode(older))
    assert (found.visits, found.evidence, found.orders, found.stores) == (
        3,
        2.5,
        Orders(),
        Stores(),
    )
    assert found.traits[0].trait == "vegan"


def test_an_export_names_every_field() -> None:
    shown = named(full())
    assert set(shown) == set(Profile.__struct_fields__)
    assert shown["tastes"]["items"][0].keys() == {"name", "weight", "times"}
    assert shown["traits"][0]["trait"] == "vegetarian"
