"""What one event teaches, whatever it carries."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.events import KNOWN_TYPES, Event, LineItem
from domain.items import Item
from domain.people import Profile
from domain.tastes import Everybody
from scheduler.context.traits import of_everybody
from scheduler.lessons import Meaning, joined, learned
from storage.packing import packed, unpacked

NOW = datetime(2026, 5, 6, 12, tzinfo=UTC)
HELSINKI = ZoneInfo("Europe/Helsinki")
EPOCH = date(1970, 1, 1)


def taught(*events: Event, items: dict[str, Item] | None = None, now: datetime = NOW) -> Profile:
    profile, everybody, meaning = Profile(), Everybody(), Meaning(items or {}, {})
    for event in events:
        profile = learned(profile, event, meaning, everybody, zone=HELSINKI, now=now)
        if event.type == "order":
            everybody = joined(everybody, event, meaning.items)
    return profile


def event(kind: str, at: datetime = NOW, **more: Any) -> Event:
    return Event(event_id="e", type=kind, occurred_at=at, **more)


def item(*tags: str, name: str = "Wrap", category: str = "mains") -> Item:
    return Item(id="", brand_id="", sku="x", name=name, category=category, tags=tags, price=7.0)


@pytest.mark.parametrize(
    ("properties", "day"),
    [
        ({}, date(2026, 5, 6)),
        (
            {"starts_at": "2026-05-08T23:30:00+00:00"},
            date(2026, 5, 9),
        ),  # after midnight in Helsinki
        ({"starts_at": "2026-05-08"}, date(2026, 5, 8)),
        ({"date": "2026-05-08"}, date(2026, 5, 8)),
        ({"starts_at": "on Friday"}, date(2026, 5, 6)),
        ({"starts_at": 17}, date(2026, 5, 6)),
        ({"starts_at": "0001-01-01T00:00:00+14:00"}, date(2026, 5, 6)),
        ({"starts_at": "9999-12-31T23:59:59-12:00"}, date(2026, 5, 6)),
    ],
)
def test_a_reservation_is_for_the_day_it_names(properties: dict[str, Any], day: date) -> None:
    known = taught(event("reservation", properties=properties)).occasions
    assert known.booked == ((day - EPOCH).days,)


def test_a_reservation_in_a_hundred_years_is_a_mistake() -> None:
    assert taught(event("reservation", properties={"starts_at": "2126-05-08"})) == Profile()


@pytest.mark.parametrize("date_", [None, "24.6.1990", 19900624])
def test_an_occasion_without_a_day_that_can_be_read_is_not_of_the_day_it_was_told(
    date_: object,
) -> None:
    told = event("occasion", properties={"kind": "anniversary", "date": date_})
    assert taught(told) == Profile()
    read = event("occasion", properties={"kind": "anniversary", "date": "1990-06-24"})
    assert taught(read).occasions.yearly[0].month_day == 624


@pytest.mark.parametrize(
    ("properties", "left"),
    [({}, 0), ({"starts_at": "2026-06-09"}, 1), ({"starts_at": "2026-06-08"}, 0)],
)
def test_a_cancellation_is_of_the_day_it_names_or_of_the_only_one(
    properties: dict[str, Any], left: int
) -> None:
    booked = event("reservation", properties={"starts_at": "2026-06-08"})
    known = taught(booked, event("reservation_cancelled", properties=properties)).occasions
    assert len(known.booked) == left


def test_the_catalogue_fills_in_what_an_order_leaves_out() -> None:
    order = event("order", items=(LineItem(sku="x"), LineItem(sku="y", category="cakes")))
    known = taught(order, items={"x": item()}).tastes
    assert {each.name for each in known.categories} == {"mains", "cakes"}
    assert known.price.weight == 1000


@pytest.mark.parametrize(
    "tags", [("halal",), ("Kosher",), ("diabetic",), ("for-pregnancy", "meat")]
)
def test_an_item_that_tells_of_faith_or_health_is_not_learned_from(tags: tuple[str, ...]) -> None:
    orders = [
        event("order", NOW + timedelta(days=n), items=(LineItem(sku="x"),)) for n in range(30)
    ]
    profile = taught(*orders, items={"x": item(*tags)})
    assert profile.tastes.items == ()
    assert all(leaning.nats < 0 for leaning in profile.traits)


def test_what_everybody_chooses_is_counted_by_category_and_trait() -> None:
    order = event("order", items=(LineItem(sku="x"),))
    everybody = joined(Everybody(), order, {"x": item("meat")})
    everybody = joined(everybody, order, {"x": item("vegan")})
    assert everybody.share("mains", "vegetarian", least=1) == 0.5
    assert everybody.share("mains", "vegetarian", least=3) is None
    assert of_everybody([item("halal")]) == {"mains": frozenset()}


anything = st.one_of(st.text(max_size=30), st.integers(), st.floats(), st.booleans(), st.none())
lines = st.lists(
    st.builds(
        LineItem,
        sku=st.text(min_size=1, max_size=200),
        category=st.none() | st.text(max_size=200),
        price=st.none() | st.floats(-1e308, 1e308),
    ),
    max_size=4,
)
any_event = st.builds(
    event,
    kind=st.sampled_from(sorted(KNOWN_TYPES)),
    at=st.integers(0, 26 * 365).map(
        lambda day: datetime(2000, 1, 1, tzinfo=UTC) + timedelta(days=day)
    ),
    items=lines.map(tuple),
    service=st.none() | st.text(max_size=200),
    properties=st.dictionaries(
        st.sampled_from(["starts_at", "date", "kind", "occasion"]), anything
    ),
)


@given(st.lists(any_event, max_size=12))
def test_whatever_is_reported_is_learned_from_and_can_be_stored(events: list[Event]) -> None:
    profile = taught(*events)
    body = packed(profile)
    assert len(body) <= 1024
    assert msgspec.structs.replace(unpacked(body), wheel=profile.wheel) == profile
