"""What a person sees of themselves, takes along, and erases."""

import struct
import threading
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest

from domain.clock import ManualClock
from domain.decisions import Outcome
from domain.ids import new_id
from domain.messages import POST_STARTS_WITHIN_S, DeliveryStatus
from domain.people import Profile, Purpose, Wheel
from scheduler.telling.sentences import Audience, Voice
from service.known import habits
from storage import profiles
from tests.integration.conftest import Caller, Install, World, statement
from tests.integration.lives import CHOSEN, decided, everything, posted, visited

TOKEN = "a-push-token-that-is-sought-for-in-the-files"
NAME = "Anna-Whose-Name-Is-Sought"
LATITUDE, LONGITUDE = 60.184127, 24.949931


def _anna(world: World, *granted: Purpose) -> Install:
    world.admin.put("/v1/customers/anna", {"first_name": NAME, "locale": "fi"})
    return world.device(*granted, target=TOKEN, customer_token=world.customer_token("anna"))


def _fix(world: World) -> dict[str, Any]:
    return {
        "event_id": new_id(),
        "latitude": LATITUDE,
        "longitude": LONGITUDE,
        "accuracy_m": 8.0,
        "occurred_at": world.clock.now().isoformat(),
    }


def _order(world: World) -> dict[str, Any]:
    at = world.clock.now().isoformat()
    return {"event_id": new_id(), "type": "order", "occurred_at": at, "amount": 12.5}


def _live(world: World, device: Install) -> None:
    """A little of everything."""
    world.clock.advance(minutes=1)
    assert device.post("/v1/locations", {"fixes": [_fix(world)]}).json["accepted"] == 1
    now = world.clock.now()
    visit = Profile(visits=1, first_at=now, last_at=now)
    world.database.write(
        lambda tx: profiles.save_many(
            tx, {device.customer_id: visit}, brand_id=world.brand.id, now=now
        )
    )
    order = {"headers": {"Idempotency-Key": "o1"}}
    assert device.post("/v1/events", {"events": [_order(world)]}, **order).json["accepted"] == 1
    device.put("/v1/preferences", {"interests": ["books"]})
    said = decided(
        world.database,
        device.customer_id,
        world.brand.id,
        at=now,
        outcome=Outcome.SEND,
        reasons=(CHOSEN,),
        offer="soup",
        inputs={"context": {"customer": device.customer_id}},
    )
    posted(world.database, said, device.device_id, at=now)
    visited(world.database, device.customer_id, device.device_id, at=now)


def test_a_person_sees_what_is_known(any_world: World) -> None:
    world = any_world
    device = _anna(world, *Purpose)
    _live(world, device)
    me = device.get("/v1/me").json
    assert me["customer_id"] == device.customer_id
    assert (me["customer"]["external_id"], me["customer"]["first_name"]) == ("anna", NAME)
    assert {purpose for purpose, each in me["consents"].items() if each["granted"]} == set(Purpose)
    assert (me["preferences"]["interests"], me["devices"]) == (["books"], 1)
    assert me["last_position"] == {"stored": True, "occurred_at": world.clock.now().isoformat()}
    assert me["stored"]["events"] == 1
    assert str(LATITUDE) not in device.get("/v1/me").text


def test_a_stranger_to_us_sees_that_nothing_is_known(world: World) -> None:
    me = world.device().get("/v1/me").json
    assert me["habits"] is None
    assert me["last_position"] == {"stored": False, "occurred_at": None}
    assert {kind for kind, rows in me["stored"].items() if rows} == {"devices", "customers"}


def test_a_habit_is_told_only_beyond_its_evidence(clock: ManualClock) -> None:
    wednesdays = Wheel(
        days=(0, 0, 9, 0, 0, 0, 0),
        hours=((0,) * 11 + (4, 4, 1) + (0,) * 10, (0,) * 24),
        weight=9,
        as_of=clock.now(),
    )
    known = Profile(visits=9, wheel=wednesdays, first_at=clock.now(), last_at=clock.now())
    sure = msgspec.structs.replace(known, evidence=3.0)
    unsure = msgspec.structs.replace(known, evidence=2.99)
    voice = Voice(Audience.CUSTOMER)
    told = habits(sure, Wheel(), voice, now=clock.now())
    kept = habits(unsure, Wheel(), voice, now=clock.now())
    assert told is not None
    assert kept is not None
    assert told["sentence"] == "You usually come on Wednesdays between 11:00 and 14:00."
    assert kept["sentence"] == "9 visits are known, which is not enough to call anything a habit."
    assert (told["claimed"], kept["claimed"]) == (True, False)
    assert habits(Profile(), Wheel(), voice, now=clock.now()) is None


def test_the_habits_of_a_person_are_shown_to_them(world: World) -> None:
    device = world.device()
    profile = Profile(visits=1, first_at=world.clock.now(), last_at=world.clock.now())
    world.database.write(
        lambda tx: profiles.save_many(
            tx, {device.customer_id: profile}, brand_id=world.brand.id, now=world.clock.now()
        )
    )
    told = device.get("/v1/me").json["habits"]
    assert told["sentence"] == "1 visit is known, which is not enough to call anything a habit."


def test_an_export_holds_everything_and_no_secret(any_world: World) -> None:
    world = any_world
    device = _anna(world, *Purpose)
    _live(world, device)
    answer = device.get("/v1/me/export")
    data = answer.json["data"]
    assert answer.json["customer_id"] == device.customer_id
    assert data["customers"][0]["first_name"] == NAME
    assert data["devices"][0]["target_value"] == TOKEN
    assert data["device_positions"][0]["latitude"] == LATITUDE
    assert isinstance(data["device_positions"][0]["state"], dict | list)
    assert data["profiles"][0]["body"]["last_at"].startswith("2026-05-06T")
    assert data["events"][0]["body"]["amount"] == 12.5
    assert data["idempotency_keys"][0]["body"]["accepted"] == 1
    assert len(data["consent_entries"]) == len(Purpose)
    assert data["decisions"][0]["reasons"][0]["text"] == "It rains."
    assert "credential" not in answer.text
    assert world.admin.get("/v1/customers/anna/export").json["data"] == data


def test_an_erasure_from_the_app_leaves_no_one_and_ends_the_credential(any_world: World) -> None:
    world = any_world
    device = _anna(world, *Purpose)
    second = world.device(customer_token=world.customer_token("anna"))
    _live(world, device)
    receipt = device.delete("/v1/me")
    assert receipt.status_code == 200
    assert receipt.json["deleted"]["devices"] == 2
    assert receipt.json["kept"] == {"consent_entries": len(Purpose)}
    for dead in (device, second):
        assert dead.get("/v1/me").status_code == 401
        assert dead.delete("/v1/me").status_code == 401
    assert world.admin.get("/v1/customers/anna").status_code == 404
    held = repr(everything(world.database))
    assert not any(each in held for each in (device.customer_id, device.device_id, TOKEN, NAME))


def test_who_comes_back_after_an_erasure_starts_from_nothing(world: World) -> None:
    device = _anna(world, *Purpose)
    device.delete("/v1/me")
    again = world.device(target=TOKEN, customer_token=world.customer_token("anna"))
    assert again.customer_id != device.customer_id
    me = again.get("/v1/me").json
    assert not any(each["granted"] for each in me["consents"].values())
    assert me["stored"]["consent_entries"] == 0


def test_a_decision_of_an_erased_person_is_readable_without_the_person(world: World) -> None:
    device = _anna(world, *Purpose)
    _live(world, device)
    [told] = device.get("/v1/me/decisions").json["data"]
    full = world.admin.get(f"/v1/decisions/{told['id']}").json
    device.delete("/v1/me")
    left = world.admin.get(f"/v1/decisions/{told['id']}").json
    assert world.admin.get(f"/v1/messages/{full['message_id']}").status_code == 404
    assert (left["outcome"], left["offer"]) == ("send", "soup")
    assert (left["customer_id"], left["inputs"], left["reasons"], left["deliveries"]) == (
        None, None, [], [],
    )  # fmt: skip
    assert left["redacted_at"] == world.clock.now().isoformat()


def test_within_two_seconds_of_an_erasure_the_files_hold_nothing_of_the_person(
    world: World,
) -> None:
    device = _anna(world, *Purpose)
    world.device(*Purpose)  # somebody who stays
    for _ in range(5):
        _live(world, device) if _ == 0 else device.post("/v1/locations", {"fixes": [_fix(world)]})
        world.clock.advance(minutes=1)
    path = Path(world.database.url.database or "")

    def held() -> bytes:
        return b"".join(file.read_bytes() for file in path.parent.glob(f"{path.name}*"))

    sought = [
        TOKEN.encode(),
        NAME.encode(),
        device.customer_id.encode(),
        device.device_id.encode(),
        struct.pack(">d", LATITUDE),
        struct.pack(">d", LONGITUDE),
    ]
    before = held()
    assert all(needle in before for needle in sought)
    started = time.monotonic()
    assert device.delete("/v1/me").status_code == 200
    assert time.monotonic() - started < 2
    after = held()
    assert not any(needle in after for needle in sought)


def test_an_erasure_waits_until_a_push_under_way_has_started(world: World) -> None:
    device = _anna(world, Purpose.PUSH)
    said = decided(
        world.database,
        device.customer_id,
        world.brand.id,
        at=world.clock.now(),
        outcome=Outcome.SEND,
    )
    on_the_way = DeliveryStatus.SENDING
    posted(world.database, said, device.device_id, at=world.clock.now(), status=on_the_way)
    started = time.monotonic()
    assert device.delete("/v1/me").status_code == 200
    assert time.monotonic() - started >= POST_STARTS_WITHIN_S


@pytest.mark.parametrize("by", ["the app", "the brand"])
def test_what_arrives_during_an_erasure_is_erased_or_refused_but_never_kept(
    any_world: World, by: str
) -> None:
    world = any_world
    device = _anna(world, *Purpose)
    world.clock.advance(minutes=1)
    go = threading.Event()
    codes: list[int] = []

    def keep_sending() -> None:
        own = Caller(world.client.application.test_client(), device.credential)
        consent = statement(Purpose.PUSH, True, world.clock.now())
        go.wait()
        for _ in range(12):
            codes.append(own.post("/v1/events", {"events": [_order(world)]}).status_code)
            codes.append(own.post("/v1/locations", {"fixes": [_fix(world)]}).status_code)
            codes.append(own.put("/v1/preferences", {"interests": ["books"]}).status_code)
            codes.append(own.post("/v1/consents", {"entries": [consent]}).status_code)

    threads = [threading.Thread(target=keep_sending) for _ in range(4)]
    for thread in threads:
        thread.start()
    go.set()
    time.sleep(0.05)
    erased = (
        device.delete("/v1/me") if by == "the app" else world.admin.delete("/v1/customers/anna")
    )
    for thread in threads:
        thread.join()
    assert erased.status_code == 200
    assert set(codes) <= {200, 201, 202, 401, 404}, set(codes)
    held = repr(everything(world.database))
    assert device.customer_id not in held
    assert device.device_id not in held
