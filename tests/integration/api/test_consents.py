"""`/v1/consents`: the ledger as an app writes and reads it."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from domain.access import CredentialKind
from domain.clock import ManualClock
from domain.people import Mode, Purpose
from storage import devices
from storage.engine import Database
from storage.models import ConsentEntryRow, IdempotencyRow
from tests.integration.conftest import Install, World, statement
from tests.integration.traces import Traces


def _granted(device: Install) -> list[str]:
    current = device.get("/v1/consents").json["current"]
    assert list(current) == [purpose.value for purpose in Purpose]
    return [name for name, each in current.items() if each["granted"]]


def _leave_traces(world: World, device: Install) -> None:
    with world.database.read() as tx:
        found = devices.lock(tx, device.device_id)
    world.database.write(Traces(found, world.clock.now()).leave)


def _entries(world: World) -> int:
    with world.database.read() as tx:
        return tx.execute(sa.select(sa.func.count()).select_from(ConsentEntryRow)).scalar_one()


def test_a_grant_is_answered_with_its_entry(any_world: World) -> None:
    device = any_world.device()
    given = statement(Purpose.PUSH, True, any_world.clock.now())
    answer = device.post("/v1/consents", {"entries": [given]})
    assert answer.status_code == 201
    (entry,) = answer.json["entries"]
    assert entry == {
        **given,
        "id": entry["id"],
        "counts": True,
        "recorded_at": any_world.clock.now().isoformat(),
        "receipt": None,
    }
    assert answer.json["receipts"] == []
    read = device.get("/v1/consents").json
    assert read["data"] == [entry]
    assert read["next_cursor"] is None
    assert read["current"]["push"] == {
        "granted": True,
        "since": given["occurred_at"],
        "entry_id": entry["id"],
    }


def test_no_entry_means_no(world: World) -> None:
    assert _granted(world.device()) == []


def test_a_withdrawal_is_answered_with_what_it_deleted(any_world: World) -> None:
    device = any_world.device(*Purpose)
    _leave_traces(any_world, device)
    any_world.clock.advance(minutes=1)
    answer = any_world.say(device, Purpose.LOCATION, Purpose.PUSH, granted=False).json
    location, push = answer["receipts"]
    assert (location["purpose"], push["purpose"]) == ("location", "push")
    assert location["entry_id"] == answer["entries"][0]["id"]
    assert location["deleted"]["positions"] == 1
    assert location["deleted"]["visits"] == 2
    assert answer["entries"][0]["receipt"]["deleted"] == location["deleted"]
    assert _granted(device) == ["background_location", "habits", "purchases"]
    assert device.get("/v1/consents").json["data"][-2]["receipt"]["note"] == location["note"]


def test_the_receipt_says_what_nothing_was_derived_from(world: World) -> None:
    device = world.device(Purpose.BACKGROUND_LOCATION)
    world.clock.advance(minutes=1)
    (receipt,) = world.say(device, Purpose.BACKGROUND_LOCATION, granted=False).json["receipts"]
    assert receipt["deleted"] == {"raw_fixes": 0}
    assert "nothing is derived" in receipt["note"]


@pytest.mark.parametrize(
    ("offset", "counts"),
    [(-3600, False), (-1, False), (0, False), (1, True), (60, True), (86_400 * 365, True)],
)
def test_a_grant_counts_only_after_every_withdrawal(
    world: World, offset: int, counts: bool
) -> None:
    device = world.device(Purpose.PUSH)
    withdrawn: datetime = world.clock.advance(hours=2)
    world.say(device, Purpose.PUSH, granted=False, at=withdrawn - timedelta(days=9))
    world.clock.advance(minutes=5)
    answer = world.say(device, Purpose.PUSH, at=withdrawn + timedelta(seconds=offset)).json
    assert answer["entries"][0]["counts"] is counts
    assert _granted(device) == (["push"] if counts else [])


def test_a_time_in_the_future_is_the_time_of_receipt(world: World) -> None:
    device = world.device()
    answer = world.say(device, Purpose.PUSH, at=world.clock.now() + timedelta(days=9)).json
    assert answer["entries"][0]["occurred_at"] == world.clock.now().isoformat()


def test_all_devices_of_a_person_share_one_ledger(world: World) -> None:
    proof = {"customer_token": world.customer_token("jane")}
    phone, tablet = world.device(Purpose.PUSH, **proof), world.device(**proof)
    assert _granted(tablet) == ["push"]
    world.clock.advance(minutes=1)
    world.say(tablet, Purpose.PUSH, granted=False)
    assert _granted(phone) == []


def test_the_ledger_is_read_by_pages(world: World) -> None:
    device = world.device(*Purpose)
    first = device.get("/v1/consents?limit=3").json
    second = device.get(f"/v1/consents?limit=3&cursor={first['next_cursor']}").json
    assert [entry["purpose"] for entry in first["data"] + second["data"]] == list(Purpose)
    assert second["next_cursor"] is None


GOOD = statement(Purpose.PUSH, True, datetime.fromisoformat("2026-05-06T09:00:00+00:00"))


def test_one_wrong_entry_refuses_all_and_is_named(world: World) -> None:
    answer = world.device().post("/v1/consents", {"entries": [GOOD, {**GOOD, "granted": "yes"}]})
    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json["errors"]] == ["/entries/1/granted"]
    assert _entries(world) == 0


def test_bodies_of_another_shape_are_refused(world: World) -> None:
    device = world.device()
    for body in ({}, {"entries": []}, {"entries": [GOOD] * 101}, [], "x", 7, None):
        assert device.post("/v1/consents", body).status_code in (400, 422)
    assert device.post("/v1/consents", data="{", content_type="application/json").status_code == 400
    assert _entries(world) == 0


def test_a_hundred_entries_are_taken(any_world: World) -> None:
    answer = any_world.device().post("/v1/consents", {"entries": [GOOD] * 100})
    assert answer.status_code == 201
    assert len(answer.json["entries"]) == 100


def test_wording_may_have_lines_and_any_letters(any_world: World) -> None:
    wording = "Dürfen wir?\n\tJa 👩‍🍳 – “gern”…\r\n"
    answer = any_world.device().post("/v1/consents", {"entries": [{**GOOD, "wording": wording}]})
    assert answer.json["entries"][0]["wording"] == wording


def test_only_devices_speak_for_their_customer(world: World) -> None:
    for caller in (world.app, world.admin, world.nobody):
        assert caller.post("/v1/consents", {"entries": [GOOD]}).status_code in (401, 403)
        assert caller.get("/v1/consents").status_code in (401, 403)


def test_brands_and_modes_do_not_meet(world: World) -> None:
    app = world.key(world.add_brand("salon"), CredentialKind.PUBLISHABLE)
    test = world.key(world.brand, CredentialKind.PUBLISHABLE, mode=Mode.TEST)
    token = world.customer_token("jane")
    world.device(*Purpose, customer_token=token)
    assert _granted(world.device(app=app)) == []
    assert _granted(world.device(app=test, customer_token=token)) == []


def test_a_repeated_request_is_answered_once(any_world: World) -> None:
    device = any_world.device()
    body, key = {"entries": [GOOD]}, {"Idempotency-Key": "k1"}
    first = device.post("/v1/consents", body, headers=key)
    again = device.post("/v1/consents", body, headers=key)
    assert (again.status_code, again.data) == (201, first.data)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert "Idempotent-Replayed" not in first.headers
    assert _entries(any_world) == 1


def test_a_withdrawal_of_habits_forgets_stored_answers_but_its_own(world: World) -> None:
    device = world.device()
    device.post("/v1/consents", {"entries": [GOOD]}, headers={"Idempotency-Key": "k1"})
    withdrawal = statement(Purpose.HABITS, False, world.clock.now())
    for _ in range(2):
        device.post("/v1/consents", {"entries": [withdrawal]}, headers={"Idempotency-Key": "k2"})
    with world.database.read() as tx:
        assert tx.execute(sa.select(IdempotencyRow.key)).scalars().all() == ["k2"]


def test_the_files_hold_nothing_of_what_was_withdrawn_once_that_is_answered(
    sqlite_database: Database, clock: ManualClock
) -> None:
    world = World(sqlite_database, clock)
    device = world.device(*Purpose)
    _leave_traces(world, device)
    path = Path(sqlite_database.url.database or "")
    held = b"".join(file.read_bytes() for file in path.parent.glob(f"{path.name}*"))
    assert b"jane-was-here" in held
    clock.advance(minutes=1)
    world.say(device, Purpose.LOCATION, Purpose.HABITS, Purpose.PURCHASES, granted=False)
    held = b"".join(file.read_bytes() for file in path.parent.glob(f"{path.name}*"))
    found = {held[at : at + 30] for at in range(len(held)) if held.startswith(b"jane-was", at)}
    assert all(b"app_open" in each for each in found), found
