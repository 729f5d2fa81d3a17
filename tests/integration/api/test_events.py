from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from domain.access import CredentialKind, Scope
from domain.clock import ManualClock
from domain.decisions import Cause, Outcome
from domain.ids import new_id
from domain.people import Mode, Purpose
from storage import customers
from storage.engine import Database
from storage.events import answers
from storage.models import DecisionRow, EventRow, MomentRow, ProfileRow
from tests.integration.conftest import World
from tests.integration.places import add_store


def add_customer(world: World, external_id: str, *, mode: Mode = Mode.LIVE) -> str:
    """A person known to the brand's backend alone; returns our id."""
    now, brand_id = world.clock.now(), world.brand.id
    known = world.database.write(
        lambda tx: customers.known(
            tx, brand_id=brand_id, mode=mode, external_id=external_id, now=now
        )
    )
    return known.id


def event(world: World, type: str, *, ago: timedelta = timedelta(), **more: Any) -> dict[str, Any]:
    at = (world.clock.now() - ago).isoformat()
    return {"event_id": new_id(), "type": type, "occurred_at": at, **more}


def rows(world: World, table: Any) -> list[Any]:
    with world.database.read() as tx:
        return list(tx.execute(sa.select(table.__table__)))


def codes(answer: Any) -> list[str]:
    assert answer.status_code == 202, answer.json
    return [each["code"] for each in answer.json["rejected"]]


def decision_of(world: World, customer_id: str, offer_id: str) -> str:
    row = {
        "id": new_id(),
        "brand_id": world.brand.id,
        "mode": Mode.LIVE,
        "customer_id": customer_id,
        "moment_id": new_id(),
        "cause": Cause.ENTER,
        "decided_at": world.clock.now(),
        "outcome": Outcome.SEND,
        "reasons": [],
        "terms": [],
        "propensity": 1.0,
        "seed": 1,
        "offer_id": offer_id,
    }
    world.database.write(lambda tx: tx.execute(sa.insert(DecisionRow).values(**row)))
    return str(row["id"])


def test_what_an_app_reports_is_stored_with_its_person(any_world: World) -> None:
    walker = any_world.device()
    opened = event(any_world, "app_open", properties={"screen": "menu", "count": 2})
    answer = walker.post("/v1/events", {"events": [opened]})
    assert answer.status_code == 202
    assert answer.json == {"accepted": 1, "duplicates": 0, "rejected": [], "transitions": []}
    (row,) = rows(any_world, EventRow)
    assert (row.customer_id, row.device_id, row.type) == (
        walker.customer_id,
        walker.device_id,
        "app_open",
    )
    assert row.body == {"properties": {"screen": "menu", "count": 2}}


def test_a_repeat_changes_nothing_within_a_request_or_across(any_world: World) -> None:
    walker = any_world.device()
    first, second = event(any_world, "app_open"), event(any_world, "salad:liked")
    assert walker.post("/v1/events", {"events": [first, first, second]}).json == {
        "accepted": 2,
        "duplicates": 1,
        "rejected": [],
        "transitions": [],
    }
    again = walker.post("/v1/events", {"events": [second, first]}).json
    assert (again["accepted"], again["duplicates"]) == (0, 2)
    assert len(rows(any_world, EventRow)) == 2


def test_a_repeat_stays_a_duplicate_whatever_the_row_says_now(world: World) -> None:
    walker = world.device()
    sent = event(world, "app_open")
    walker.post("/v1/events", {"events": [sent]})
    world.clock.advance(hours=30)
    assert walker.post("/v1/events", {"events": [sent]}).json["duplicates"] == 1


def test_what_was_rejected_counts_once_its_reason_has_passed(world: World) -> None:
    walker = world.device()
    order = event(world, "order", amount=12.5)
    assert codes(walker.post("/v1/events", {"events": [order]})) == ["consent_missing"]
    world.say(walker, Purpose.PURCHASES)
    assert walker.post("/v1/events", {"events": [order]}).json["accepted"] == 1


NEEDS = [
    ("beacon", {"store": "kallio"}, Purpose.LOCATION),
    ("visit", {"store": "kallio"}, Purpose.LOCATION),
    ("order", {}, Purpose.PURCHASES),
    ("reservation", {}, Purpose.PURCHASES),
    ("reservation_cancelled", {}, Purpose.PURCHASES),
    ("app_open", {"items": [{"sku": "soup"}]}, Purpose.PURCHASES),
    ("wheel:spun", {"amount": 3}, Purpose.PURCHASES),
]


@pytest.mark.parametrize(("type", "more", "purpose"), NEEDS, ids=[row[0] for row in NEEDS])
def test_a_device_reports_only_what_its_person_allowed(
    world: World, type: str, more: dict[str, Any], purpose: Purpose
) -> None:
    add_store(world)
    others = [each for each in Purpose if each is not purpose]
    refused = world.device(*others).post("/v1/events", {"events": [event(world, type, **more)]})
    assert codes(refused) == ["consent_missing"]
    assert rows(world, EventRow) == []
    taken = world.device(purpose).post("/v1/events", {"events": [event(world, type, **more)]})
    assert taken.json["accepted"] == 1


def test_one_bad_event_does_not_cost_the_others(world: World) -> None:
    walker, stranger = world.device(), world.device()
    foreign = decision_of(world, stranger.customer_id, new_id())
    batch = [
        event(world, "app_open"),
        event(world, "app_open", ago=-timedelta(minutes=3)),
        event(world, "app_open", ago=timedelta(hours=25)),
        event(world, "app_open", store="nowhere"),
        event(world, "opened", decision_id=foreign),
        event(world, "opened", decision_id="no-uuid"),
        event(world, "app_open", customer="someone"),
        event(world, "order"),
    ]
    answer = walker.post("/v1/events", {"events": batch})
    assert answer.json["accepted"] == 1
    assert [(row["event_id"], row["code"]) for row in answer.json["rejected"]] == [
        (batch[1]["event_id"], "future"),
        (batch[2]["event_id"], "too_old"),
        (batch[3]["event_id"], "unknown_store"),
        (batch[4]["event_id"], "unknown_decision"),
        (batch[5]["event_id"], "unknown_decision"),
        (batch[6]["event_id"], "customer_not_allowed"),
        (batch[7]["event_id"], "consent_missing"),
    ]


def test_an_answer_is_never_too_old_and_names_its_offer(any_world: World) -> None:
    walker = any_world.device()
    offer = new_id()
    decision = decision_of(any_world, walker.customer_id, offer)
    late = event(any_world, "not_for_me", ago=timedelta(days=3), decision_id=decision.upper())
    assert walker.post("/v1/events", {"events": [late]}).json["accepted"] == 1
    since = any_world.clock.now() - timedelta(days=7)
    with any_world.database.read() as tx:
        found = answers(tx, [walker.customer_id], since)
        none = answers(tx, [walker.customer_id], any_world.clock.now())
    (answer,) = found[walker.customer_id]
    assert (answer.type, answer.decision_id, answer.offer_id) == ("not_for_me", decision, offer)
    assert none == {}


def test_a_backend_reports_history_for_the_customers_it_knows(any_world: World) -> None:
    aino = add_customer(any_world, "aino")
    batch = [
        event(any_world, "app_open", ago=timedelta(days=400), customer="aino"),
        event(any_world, "visit", customer="aino"),
        event(any_world, "app_open", customer="nobody"),
        event(any_world, "app_open"),
        event(any_world, "order", customer="aino"),
        {
            **event(any_world, "app_open", customer="aino"),
            "occurred_at": "1950-01-01T00:00:00Z",
        },
    ]
    answer = any_world.admin.post("/v1/events", {"events": batch})
    assert answer.json["accepted"] == 2
    assert codes(answer) == [
        "unknown_customer",
        "customer_missing",
        "consent_missing",
        "too_old",
    ]
    assert {row.customer_id for row in rows(any_world, EventRow)} == {aino}


def test_test_keys_see_test_customers_only_and_keep_ids_of_their_own(world: World) -> None:
    add_customer(world, "aino")
    test_key = world.key(world.brand, CredentialKind.SECRET, Scope.INGEST, mode=Mode.TEST)
    sent = event(world, "app_open", customer="aino")
    assert codes(test_key.post("/v1/events", {"events": [sent]})) == ["unknown_customer"]
    add_customer(world, "aino", mode=Mode.TEST)
    assert world.admin.post("/v1/events", {"events": [sent]}).json["accepted"] == 1
    assert test_key.post("/v1/events", {"events": [sent]}).json["accepted"] == 1


def test_another_brands_customers_and_stores_are_unknown(world: World) -> None:
    add_customer(world, "aino")
    add_store(world)
    other = world.key(world.add_brand("salon"), CredentialKind.SECRET, Scope.INGEST)
    batch = [event(world, "app_open", customer="aino", store="kallio")]
    assert codes(other.post("/v1/events", {"events": batch})) == ["unknown_customer"]


def test_a_beacon_is_an_enter_at_its_store_and_wakes_the_loop(any_world: World) -> None:
    add_store(any_world)
    walker = any_world.device(Purpose.LOCATION)
    any_world.clock.advance(minutes=1)
    beacons = [
        event(any_world, "beacon", store="kallio"),
        event(any_world, "beacon", store="kallio", ago=timedelta(seconds=30)),
    ]
    assert walker.post("/v1/events", {"events": beacons}).json["accepted"] == 2
    assert any_world.woken == 1
    (moment,) = rows(any_world, MomentRow)
    assert (moment.cause, moment.customer_id) == (Cause.ENTER, walker.customer_id)
    assert moment.expires_at > any_world.clock.now()


def test_a_beacon_without_a_store_or_from_before_the_consent_is_named(world: World) -> None:
    add_store(world)
    walker = world.device(Purpose.LOCATION)
    batch = [
        event(world, "beacon"),
        event(world, "beacon", store="kallio", ago=timedelta(hours=1)),
    ]
    assert codes(walker.post("/v1/events", {"events": batch})) == [
        "store_missing",
        "before_consent",
    ]
    assert rows(world, MomentRow) == []


def test_imported_history_opens_no_moment(world: World) -> None:
    add_store(world)
    world.device(Purpose.LOCATION, customer_token=world.customer_token("aino"))
    world.clock.advance(hours=30)
    old = event(world, "beacon", store="kallio", customer="aino", ago=timedelta(hours=25))
    assert world.admin.post("/v1/events", {"events": [old]}).json["accepted"] == 1
    assert rows(world, MomentRow) == []


def test_a_visit_is_learned_from_only_with_habits(any_world: World) -> None:
    add_store(any_world)
    shy = any_world.device(Purpose.LOCATION, Purpose.PURCHASES)
    open_ = any_world.device(Purpose.LOCATION, Purpose.PURCHASES, Purpose.HABITS)
    for walker in (shy, open_):
        batch = [
            event(any_world, "visit", store="kallio"),
            event(any_world, "order", items=[{"sku": "soup", "price": 9.5}]),
        ]
        assert walker.post("/v1/events", {"events": batch}).json["accepted"] == 2
    assert [row.customer_id for row in rows(any_world, ProfileRow)] == [open_.customer_id]


def test_a_retired_device_reports_nothing(world: World) -> None:
    nobody = world.nobody.post("/v1/events", {"events": [event(world, "app_open")]})
    assert nobody.status_code == 401
    assert world.app.post("/v1/events", {"events": [event(world, "app_open")]}).status_code == 403
    reader = world.key(world.brand, CredentialKind.SECRET, Scope.READ)
    assert reader.post("/v1/events", {"events": []}).json["code"] == "scope_missing"


BAD: list[tuple[str, dict[str, Any], str]] = [
    ("no type", {"type": None}, "/events/0/type"),
    ("capital", {"type": "Order"}, "/events/0/type"),
    ("trailing line", {"type": "order\n"}, "/events/0/type"),
    ("no uuid", {"event_id": "17"}, "/events/0/event_id"),
    ("naive time", {"occurred_at": "2026-05-06T12:00:00"}, "/events/0/occurred_at"),
    ("no time at all", {"occurred_at": "0001-01-01T00:00:00+12:00"}, "/events/0/occurred_at"),
    ("nested property", {"properties": {"a": {"b": 1}}}, "/events/0/properties/a/value"),
    ("huge number", {"properties": {"a": 10**30}}, "/events/0/properties/a/value"),
    ("nul", {"customer": "a\x00"}, "/events/0/customer"),
    ("half a pair", {"store": "\ud800"}, "/events/0/store"),
    ("nul in a key", {"properties": {"\x00": 1}}, "/events/0/properties/\x00/key"),
    ("no sku", {"items": [{"name": "soup"}]}, "/events/0/items/0/sku"),
    ("nothing bought", {"items": [{"sku": "soup", "quantity": 0}]}, "/events/0/items/0/quantity"),
]


@pytest.mark.parametrize(("change", "pointer"), [row[1:] for row in BAD], ids=[r[0] for r in BAD])
def test_a_malformed_event_refuses_the_request_and_is_pointed_at(
    world: World, change: dict[str, Any], pointer: str
) -> None:
    walker = world.device()
    batch = [{**event(world, "app_open"), **change}]
    answer = walker.post("/v1/events", {"events": batch})
    assert (answer.status_code, answer.mimetype) == (422, "application/problem+json")
    assert [fault["pointer"] for fault in answer.json["errors"]] == [pointer]
    assert rows(world, EventRow) == []


@pytest.mark.parametrize("count", [0, 101])
def test_a_request_carries_1_to_100_events(world: World, count: int) -> None:
    batch = [event(world, "app_open") for _ in range(count)]
    answer = world.device().post("/v1/events", {"events": batch})
    assert (answer.status_code, answer.json["errors"][0]["pointer"]) == (422, "/events")


def test_a_repeated_request_with_a_key_gets_the_first_answer(world: World) -> None:
    walker = world.device()
    body = {"events": [event(world, "app_open")]}
    first = walker.post("/v1/events", body, headers={"Idempotency-Key": "k"})
    again = walker.post("/v1/events", body, headers={"Idempotency-Key": "k"})
    assert (first.json["accepted"], again.json) == (1, first.json)
    assert again.headers["Idempotent-Replayed"] == "true"


def test_history_may_not_begin_before_there_was_any(world: World) -> None:
    add_customer(world, "aino")
    old = {**event(world, "visit", customer="aino"), "occurred_at": "1999-12-31T00:00:00Z"}
    assert codes(world.admin.post("/v1/events", {"events": [old]})) == ["too_old"]


def test_a_hundred_events_take_as_many_statements_as_one(
    sqlite_database: Database, clock: ManualClock
) -> None:
    seen: list[str] = []

    def trace(connection: Any, _record: Any) -> None:
        connection.set_trace_callback(seen.append)

    sa.event.listen(sqlite_database.engine, "connect", trace)
    world = World(sqlite_database, clock)
    add_store(world)
    for n in range(20):
        token = world.customer_token(f"person-{n}")
        world.device(*Purpose, customer_token=token)
    world.clock.advance(days=30)

    def batch(size: int) -> list[dict[str, Any]]:
        return [
            event(
                world, type, ago=timedelta(hours=n + 1), customer=f"person-{n % 20}", store="kallio"
            )
            for n, type in enumerate(["beacon", "order", "visit", "app_open"] * 25)
        ][:size]

    def looks(size: int) -> int:
        """How often it asks; rows that are written one after the other are one statement in many lines."""
        seen.clear()
        answer = world.admin.post("/v1/events", {"events": batch(size)})
        assert answer.json["accepted"] == size, answer.json
        return sum(line.startswith("SELECT") for line in seen)

    looks(4)
    assert 5 <= looks(100) == looks(4)
