"""At which store a person is: shares of a bounded table, and how they depend on the hour."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.people import Profile, Stores, Wheel
from scheduler.context import stores
from scheduler.context.chances import p_visit
from scheduler.context.profile import with_visit

HELSINKI = ZoneInfo("Europe/Helsinki")
MONDAY = datetime(2026, 5, 4, tzinfo=HELSINKI)


def local(day: int, hour: float) -> datetime:
    return MONDAY + timedelta(days=day, hours=hour)


def commuter(weeks: int) -> Profile:
    """Lunch by the office on weekdays, and a store at home on Saturday mornings and Sunday evenings."""
    profile = Profile()
    for week in range(weeks):
        days = [(d, 12.25, "office") for d in range(5)] + [(5, 10, "home"), (6, 18, "home")]
        for day, hour, store in days:
            profile = visited(profile, store, local(7 * week + day, hour))
    return profile


def visited(profile: Profile, store: str, at: datetime) -> Profile:
    return with_visit(profile, at=at, zone=HELSINKI, brand=Wheel(), store_id=store)


@given(st.lists(st.tuples(st.sampled_from("abcdefg"), st.integers(0, 5000)), max_size=40))
def test_shares_are_of_one_visit_and_leave_something_for_elsewhere(
    visits: list[tuple[str, int]],
) -> None:
    known = Stores()
    for store, hours in visits:
        known = stores.with_store(known, store, at=local(0, hours), zone=HELSINKI)
    assert len(known.known) <= stores.MOST
    for where in (None, *range(stores.CELLS)):
        found = stores.shares(known, where=where)
        assert all(0 <= share < 1 for share in found.values())
        assert sum(found.values()) < 1


def test_who_has_two_stores_is_expected_at_each_in_its_hours() -> None:
    known = commuter(8).stores
    assert stores.usual(known) == "office"
    assert stores.usual(known, local=local(56, 12)) == "office"
    assert stores.usual(known, local=local(61, 10)) == "home"
    assert all(each.nats > 3 for each in known.known)


def test_where_stores_do_not_depend_on_the_hour_nothing_speaks_for_it() -> None:
    known = Stores()
    for day in range(120):
        store = "ab"[day * 7 % 11 % 2]
        known = stores.with_store(known, store, at=local(day, 8 + day * 5 % 12), zone=HELSINKI)
    assert all(each.nats < 3 for each in known.known)


def test_an_old_favourite_gives_way_to_a_new_one() -> None:
    known = Stores()
    for day in range(100):
        known = stores.with_store(known, "old", at=local(day, 12), zone=HELSINKI)
    for day in range(100, 160):
        known = stores.with_store(known, "new", at=local(day, 12), zone=HELSINKI)
    assert stores.usual(known) == "new"


def test_the_weakest_store_makes_room_and_counts_as_elsewhere() -> None:
    known = Stores()
    for day, store in enumerate("aabbccd"):
        known = stores.with_store(known, store, at=local(day, 12), zone=HELSINKI)
    assert {each.store_id for each in known.known} == {"b", "c", "d"}
    assert known.elsewhere == pytest.approx(2, abs=0.3)


def test_visits_to_the_stores_add_up_to_a_visit_at_most() -> None:
    profile, at = commuter(8), local(56, 11)
    anywhere = p_visit(profile, Wheel(), at=at, zone=HELSINKI)
    found = [
        stores.p_visit_to(profile, Wheel(), each, at=at, zone=HELSINKI)
        for each in ("office", "home", "unknown")
    ]
    assert found[2] == 0.0
    assert found[0] > 5 * found[1] > 0
    assert sum(found) <= anywhere
    assert stores.p_visit_to(Profile(), Wheel(), "office", at=at, zone=HELSINKI) == 0.0


def test_signs_of_one_visit_and_visits_without_a_store_change_no_store() -> None:
    once = visited(Profile(), "a", local(0, 12))
    assert visited(once, "b", local(0, 12.5)).stores == once.stores
    later = with_visit(once, at=local(1, 12), zone=HELSINKI, brand=Wheel())
    assert (later.visits, later.stores) == (2, once.stores)
