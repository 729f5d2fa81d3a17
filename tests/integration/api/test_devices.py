"""`/v1/devices`: the registration rule as an app meets it."""

from datetime import datetime
from pathlib import Path
from typing import Any

import jwt
import sqlalchemy as sa

from domain.access import CredentialKind, Scope
from domain.clock import ManualClock
from domain.people import Mode, Purpose
from domain.settings import Settings
from storage.engine import Database, Transaction
from storage.models import DeviceRow, IdempotencyRow, PositionRow
from tests.integration.conftest import Caller, Install, World
from tests.integration.traces import Traces

BODY: dict[str, Any] = {"platform": "ios", "target": {"kind": "token", "value": "abc:DEF-1_2"}}


class OneIdToken:
    """A Firebase of one project that signed one token."""

    def subject(self, project: str, token: str) -> str | None:
        return "jane" if (jwt.get_unverified_header(token), project) == (HEAD, "soup-app") else None


HEAD = {"alg": "RS256", "typ": "JWT", "kid": "1"}


def _token(value: str) -> dict[str, Any]:
    return {"kind": "token", "value": value}


def _alive(device: Caller) -> bool:
    return device.get("/v1/consents").status_code == 200


def _admin_sees(world: World, customer_id: str) -> str | None:
    with world.database.read() as tx:
        row = tx.execute(
            sa.text("SELECT external_id FROM customers WHERE id = :id"), {"id": customer_id}
        ).one_or_none()
    return row and row.external_id


def test_an_install_registers_and_gets_a_credential_of_its_own(any_world: World) -> None:
    answer = any_world.app.post("/v1/devices", BODY)
    assert answer.status_code == 201
    assert set(answer.json) == {"device_id", "customer_id", "credential"}
    assert answer.json["credential"].startswith("wa_live_dv_")
    assert answer.headers["Cache-Control"] == "no-store"
    assert _alive(Install(any_world.client, answer.json))


def test_a_test_keys_device_is_a_test_device(world: World) -> None:
    test = world.key(world.brand, CredentialKind.PUBLISHABLE, mode=Mode.TEST)
    assert test.post("/v1/devices", BODY).json["credential"].startswith("wa_test_dv_")
    assert world.app.post("/v1/devices", BODY).status_code == 201


def test_the_credential_is_stored_hashed(world: World) -> None:
    device = world.device()
    with world.database.read() as tx:
        row = tx.execute(sa.select(DeviceRow.__table__)).one()
    assert device.credential not in map(str, row)


def test_the_same_target_is_the_same_device_only_with_proof(any_world: World) -> None:
    world = any_world
    first = world.device(target="t")
    stranger = world.app.post("/v1/devices", {**BODY, "target": _token("t")})
    assert stranger.status_code == 201
    assert stranger.json["device_id"] != first.device_id
    assert stranger.json["customer_id"] != first.customer_id
    assert not _alive(first)

    own = Install(world.client, stranger.json)
    again = own.post("/v1/devices", {**BODY, "target": _token("t")})
    assert again.status_code == 200
    assert again.json["device_id"] == own.device_id
    assert again.json["customer_id"] == own.customer_id
    assert not _alive(own)
    assert _alive(Install(world.client, again.json))


def test_the_same_customers_token_brings_the_device_back(world: World) -> None:
    proof = {"customer_token": world.customer_token("jane")}
    first = world.device(target="t", **proof)
    again = world.app.post("/v1/devices", {**BODY, "target": _token("t"), **proof})
    assert (again.status_code, again.json["device_id"]) == (200, first.device_id)
    assert not _alive(first)
    other = {"customer_token": world.customer_token("john")}
    taken = world.app.post("/v1/devices", {**BODY, "target": _token("t"), **other})
    assert taken.status_code == 201
    assert _admin_sees(world, taken.json["customer_id"]) == "john"


def test_what_was_said_is_kept_when_the_device_comes_back(world: World) -> None:
    device = world.device(Purpose.PUSH, target="t", locale="fi")
    again = device.post("/v1/devices", {**BODY, "target": _token("t"), "locale": "sv"})
    known = Install(world.client, again.json)
    assert known.get("/v1/consents").json["current"]["push"]["granted"]
    assert known.patch("/v1/devices/me", {}).json["locale"] == "sv"


def test_a_revoked_credential_registers_nothing(world: World) -> None:
    device = world.device()
    device.delete("/v1/devices/me")
    assert device.post("/v1/devices", BODY).status_code == 401


def test_a_wrong_body_is_refused_at_its_place(world: World) -> None:
    answer = world.app.post("/v1/devices", {**BODY, "target": _token("a b"), "time_zone": "Mars"})
    assert answer.status_code == 422
    assert {error["pointer"] for error in answer.json["errors"]} == {"/target/value", "/time_zone"}
    with world.database.read() as tx:
        assert tx.execute(sa.select(DeviceRow.id)).all() == []


def test_every_sign_of_a_target_and_unknown_fields_are_taken(any_world: World) -> None:
    value = "AZaz09_:.~%=+/-" + "x" * 4081
    nulls = dict.fromkeys(("time_zone", "locale", "push_permission", "customer_token"))
    body = {**BODY, "target": _token(value), **nulls, "new": 1}
    answer = any_world.app.post("/v1/devices", body)
    assert answer.status_code == 201
    device = Install(any_world.client, answer.json)
    assert device.patch("/v1/devices/me", nulls).json["push_permission"] == "unknown"


def test_an_invalid_proof_is_never_an_anonymous_customer(world: World) -> None:
    """What makes a proof invalid is told in the table of the tokens' own tests."""
    token = world.customer_token("jane", exp=1)
    device = world.device()
    for answer in (
        world.app.post("/v1/devices", {**BODY, "customer_token": token}),
        device.post("/v1/devices", {**BODY, "customer_token": token}),
        device.patch("/v1/devices/me", {"locale": "fi", "customer_token": token}),
    ):
        assert (answer.status_code, answer.json["code"]) == (401, "customer_token_invalid")
    with world.database.read() as tx:
        assert tx.execute(sa.select(DeviceRow.locale)).all() == [(None,)]
    assert _alive(device)


def test_another_brands_proof_is_none(world: World) -> None:
    salon = world.add_brand("salon")
    for token in (
        world.customer_token("jane", salon),
        world.customer_token("jane", salon, aud="soup"),
    ):
        answer = world.app.post("/v1/devices", {**BODY, "customer_token": token})
        assert answer.json["code"] == "customer_token_invalid"


def test_a_firebase_id_token_of_the_brands_project_is_proof(
    sqlite_database: Database, clock: ManualClock
) -> None:
    settings = Settings(fcm_project="soup-app")
    world = World(sqlite_database, clock, settings=settings, id_tokens=OneIdToken())
    token = jwt.utils.base64url_encode(b'{"alg":"RS256","typ":"JWT","kid":"1"}').decode()
    good = world.app.post("/v1/devices", {**BODY, "customer_token": f"{token}.e30.eA"})
    assert good.status_code == 201
    assert _admin_sees(world, good.json["customer_id"]) == "jane"
    other = jwt.utils.base64url_encode(b'{"alg":"RS256","typ":"JWT","kid":"2"}').decode()
    bad = world.app.post("/v1/devices", {**BODY, "customer_token": f"{other}.e30.eA"})
    assert bad.json["code"] == "customer_token_invalid"


def test_a_later_proof_merges_the_anonymous_customer(any_world: World) -> None:
    world = any_world
    device = world.device(Purpose.PUSH, Purpose.HABITS)
    linked = device.patch("/v1/devices/me", {"customer_token": world.customer_token("jane")})
    assert linked.status_code == 200
    assert linked.json["customer_id"] != device.customer_id
    assert _admin_sees(world, linked.json["customer_id"]) == "jane"
    assert _admin_sees(world, device.customer_id) is None
    current = device.get("/v1/consents").json["current"]
    assert [name for name, each in current.items() if each["granted"]] == ["push", "habits"]


def test_a_known_customers_withdrawal_survives_a_merge(world: World) -> None:
    first = world.device(Purpose.PUSH, customer_token=world.customer_token("jane"))
    world.clock.advance(minutes=1)
    world.say(first, Purpose.PUSH, granted=False)
    world.clock.advance(minutes=1)
    second = world.device(Purpose.PUSH)
    second.patch("/v1/devices/me", {"customer_token": world.customer_token("jane")})
    for device in (first, second):
        assert not device.get("/v1/consents").json["current"]["push"]["granted"]


def test_another_known_customers_device_moves_without_data(world: World) -> None:
    device = world.device(Purpose.PUSH, customer_token=world.customer_token("jane"))
    moved = device.patch("/v1/devices/me", {"customer_token": world.customer_token("john")})
    assert moved.json["customer_id"] != device.customer_id
    ledger = device.get("/v1/consents").json
    assert ledger["data"] == []
    assert not ledger["current"]["push"]["granted"]


def test_a_device_changes_what_it_names_and_nothing_else(any_world: World) -> None:
    device = any_world.device(
        locale="fi", time_zone="Europe/Helsinki", app_version="1.0", push_permission="granted"
    )
    changed = device.patch(
        "/v1/devices/me", {"target": {"kind": "fid", "value": "f1"}, "push_permission": "denied"}
    )
    assert changed.json == {
        "device_id": device.device_id,
        "customer_id": device.customer_id,
        "platform": "android",
        "target_kind": "fid",
        "locale": "fi",
        "time_zone": "Europe/Helsinki",
        "app_version": "1.0",
        "push_permission": "denied",
    }
    cleared = device.patch("/v1/devices/me", {"locale": None, "time_zone": None})
    assert (cleared.json["locale"], cleared.json["time_zone"]) == (None, None)
    wrong = device.patch("/v1/devices/me", {"time_zone": "Europe"})
    assert [error["pointer"] for error in wrong.json["errors"]] == ["/time_zone"]


def test_taking_a_live_target_retires_its_holder(world: World) -> None:
    holder, device = world.device(target="a"), world.device(target="b")
    assert device.patch("/v1/devices/me", {"target": _token("a")}).status_code == 200
    assert not _alive(holder)
    assert world.app.post("/v1/devices", {**BODY, "target": _token("b")}).status_code == 201
    assert _alive(device)


def test_signing_out_ends_the_credential_and_the_position_and_frees_the_target(
    any_world: World,
) -> None:
    world = any_world
    device = world.device(Purpose.LOCATION, target="t")
    stored = Traces(_device(world, device), world.clock.now())
    world.database.write(stored.position)
    assert device.delete("/v1/devices/me").status_code == 204
    assert not _alive(device)
    assert device.delete("/v1/devices/me").status_code == 401
    with world.database.read() as tx:
        assert tx.execute(sa.select(PositionRow.device_id)).all() == []
    fresh = world.app.post("/v1/devices", {**BODY, "target": _token("t")})
    assert fresh.status_code == 201
    assert fresh.json["device_id"] != device.device_id


def _device(world: World, device: Install) -> Any:
    from storage import devices

    with world.database.read() as tx:
        return devices.lock(tx, device.device_id)


def test_only_apps_register_and_only_devices_change(world: World) -> None:
    assert world.nobody.post("/v1/devices", BODY).status_code == 401
    assert world.admin.post("/v1/devices", BODY).status_code == 403
    for caller in (world.app, world.admin):
        assert caller.patch("/v1/devices/me", {}).status_code == 403
        assert caller.delete("/v1/devices/me").status_code == 403
    assert world.app.get("/v1/consents").status_code == 403


def test_the_answer_with_the_secret_is_never_stored(world: World) -> None:
    key = {"Idempotency-Key": "one"}
    first = world.app.post("/v1/devices", BODY, headers=key)
    second = world.app.post("/v1/devices", BODY, headers=key)
    assert first.json["credential"] != second.json["credential"]
    made = world.admin.post("/v1/keys", {"kind": "publishable"}, headers=key)
    assert made.status_code == 201
    with world.database.read() as tx:
        assert tx.execute(sa.select(IdempotencyRow.key)).all() == []


def test_registrations_are_limited_per_key(sqlite_database: Database, clock: ManualClock) -> None:
    world = World(sqlite_database, clock, settings=Settings(register_per_minute=3))
    statuses = [
        world.app.post("/v1/devices", {**BODY, "target": _token(f"t{n}")}).status_code
        for n in range(5)
    ]
    assert statuses == [201, 201, 201, 429, 429]
    refused = world.app.post("/v1/devices", BODY)
    assert refused.json["code"] == "too_many_requests"
    assert refused.content_type == "application/problem+json"
    assert 1 <= int(refused.headers["Retry-After"]) <= 20
    other = world.key(world.brand, CredentialKind.PUBLISHABLE)
    assert other.post("/v1/devices", BODY).status_code == 201


def test_another_brands_device_is_out_of_reach(world: World) -> None:
    """The same target, customer name and token mean nothing across brands."""
    salon = world.add_brand("salon")
    app = world.key(salon, CredentialKind.PUBLISHABLE)
    ours = world.device(Purpose.PUSH, target="t", customer_token=world.customer_token("jane"))
    theirs = world.device(app=app, target="t", customer_token=world.customer_token("jane", salon))
    assert theirs.customer_id != ours.customer_id
    assert _alive(ours)
    assert theirs.get("/v1/consents").json["data"] == []
    admin = world.key(salon, CredentialKind.SECRET, *Scope)
    assert admin.get("/v1/customers/jane").json.get("customer_id") != ours.customer_id


def test_nothing_of_a_target_is_left_in_the_files_after_signing_out(
    sqlite_database: Database, clock: ManualClock
) -> None:
    world = World(sqlite_database, clock)
    device = world.device(target="a-token-to-search-for-1")
    device.patch("/v1/devices/me", {"target": _token("a-token-to-search-for-2")})
    device.delete("/v1/devices/me")
    path = Path(sqlite_database.url.database or "")
    held = b"".join(file.read_bytes() for file in path.parent.glob(f"{path.name}*"))
    assert b"a-token-to-search-for" not in held


def test_a_tag_as_android_writes_it_is_a_language_tag(world: World) -> None:
    device = world.device(locale="pt_BR")
    assert device.patch("/v1/devices/me", {}).json["locale"] == "pt-BR"


def test_an_app_whose_target_died_keeps_its_credential_and_may_bring_a_new_one(
    world: World,
) -> None:
    phone = world.device(Purpose.PUSH)
    device_id = world.database.write(lambda tx: _kill_target(tx, world.clock.now()))
    assert phone.get("/v1/me").status_code == 200
    new = {"target": {"kind": "fid", "value": "a-new-installation"}}
    assert phone.patch("/v1/devices/me", new).status_code == 200
    with world.database.read() as tx:
        row = tx.execute(sa.select(DeviceRow.__table__).where(DeviceRow.id == device_id)).one()
    assert (row.target_value, row.target_dead_at) == ("a-new-installation", None)


def _kill_target(tx: Transaction, now: datetime) -> str:
    device_id: str = tx.execute(sa.select(DeviceRow.id)).scalar_one()
    gone = {"target_value": None, "target_dead_at": now, "target_dead_reason": "UNREGISTERED"}
    tx.execute(sa.update(DeviceRow).values(gone))
    return device_id


def test_whatever_a_device_asks_it_is_seen_once_a_day(world: World) -> None:
    phone = world.device(Purpose.PUSH)

    def seen() -> Any:
        with world.database.read() as tx:
            return tx.execute(sa.select(DeviceRow.last_seen_at)).scalar_one()

    registered = seen()
    world.clock.advance(hours=23)
    phone.get("/v1/me")
    assert seen() == registered
    world.clock.advance(hours=2)
    phone.get("/v1/me")
    assert seen() == world.clock.now()
