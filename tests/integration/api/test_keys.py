"""`/v1/keys`: making, showing, rotating and ending keys."""

from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from domain.access import CredentialKind, Scope
from domain.ids import new_id
from domain.people import Mode
from storage.models import KeyRow
from tests.integration.conftest import Caller, World

REGISTER = {"platform": "ios", "target": {"kind": "token", "value": "t"}}


def _make(admin: Caller, **body: Any) -> Any:
    answer = admin.post("/v1/keys", {"kind": "secret", "scopes": ["read"], **body})
    assert answer.status_code == 201, answer.json
    return answer.json


def test_a_key_is_shown_once_and_stored_hashed(any_world: World) -> None:
    made = _make(any_world.admin, label="till 4")
    assert made["key"].startswith("wa_live_sk_")
    assert Caller(any_world.client, made["key"]).get("/v1/stores").status_code == 200
    listed = any_world.admin.get("/v1/keys").json["data"]
    assert {name: value for name, value in made.items() if name != "key"} in listed
    assert all("key" not in each for each in listed)
    with any_world.database.read() as tx:
        assert made["key"] not in str(tx.execute(sa.select(KeyRow.__table__)).all())


def test_a_publishable_key_registers_devices(world: World) -> None:
    made = world.admin.post("/v1/keys", {"kind": "publishable"}).json
    assert made["key"].startswith("wa_live_pk_")
    assert made["scopes"] == []
    assert Caller(world.client, made["key"]).post("/v1/devices", REGISTER).status_code == 201


def test_a_key_may_do_what_its_scopes_say(world: World) -> None:
    reader = Caller(world.client, _make(world.admin, scopes=["read", "read"])["key"])
    assert reader.get("/v1/stores").status_code == 200
    assert reader.get("/v1/keys").status_code == 403
    assert reader.post("/v1/keys", {"kind": "publishable"}).status_code == 403


def test_a_key_ends_at_its_expiry(world: World) -> None:
    ends = world.clock.now() + timedelta(hours=1)
    key = Caller(world.client, _make(world.admin, expires_at=ends.isoformat())["key"])
    assert key.get("/v1/stores").status_code == 200
    world.clock.advance(hours=1)
    assert key.get("/v1/stores").status_code == 401


def test_a_key_is_rotated_by_a_new_one_and_then_the_old_ones_end(any_world: World) -> None:
    old = _make(any_world.admin)
    new = _make(any_world.admin)
    for made in (old, new):
        assert Caller(any_world.client, made["key"]).get("/v1/stores").status_code == 200
    assert any_world.admin.delete(f"/v1/keys/{old['id']}").status_code == 204
    assert any_world.admin.delete(f"/v1/keys/{old['id'].upper()}").status_code == 204
    assert Caller(any_world.client, old["key"]).get("/v1/stores").status_code == 401
    assert Caller(any_world.client, new["key"]).get("/v1/stores").status_code == 200
    ended = [key["id"] for key in any_world.admin.get("/v1/keys").json["data"] if key["revoked_at"]]
    assert ended == [old["id"]]


WRONG = [
    ({}, "/kind"),
    ({"kind": "device"}, "/kind"),
    ({"kind": "secret"}, "/scopes"),
    ({"kind": "secret", "scopes": ["root"]}, "/scopes/0"),
    ({"kind": "publishable", "scopes": ["read"]}, "/scopes"),
    ({"kind": "publishable", "mode": "prod"}, "/mode"),
    ({"kind": "publishable", "expires_at": "2026-05-06T09:00:00+00:00"}, "/expires_at"),
    ({"kind": "publishable", "expires_at": "2026-05-07"}, "/expires_at"),
    ({"kind": "publishable", "label": "x" * 201}, "/label"),
    ({"kind": "publishable", "label": "a\x00"}, "/label"),
    ({"kind": "publishable", "colour": "red"}, "/colour"),
]


def test_a_wrong_body_is_refused_at_its_place(world: World) -> None:
    for body, pointer in WRONG:
        answer = world.admin.post("/v1/keys", body)
        assert answer.status_code == 422
        assert [error["pointer"] for error in answer.json["errors"]] == [pointer]


def test_a_test_key_makes_sees_and_ends_test_keys_only(world: World) -> None:
    test = world.key(world.brand, CredentialKind.SECRET, *Scope, mode=Mode.TEST)
    live = _make(world.admin)
    refused = test.post("/v1/keys", {"kind": "publishable", "mode": "live"})
    assert (refused.status_code, refused.json["code"]) == (403, "forbidden")
    made = _make(test)
    assert (made["mode"], made["key"][:11]) == ("test", "wa_test_sk_")
    assert {key["mode"] for key in test.get("/v1/keys").json["data"]} == {"test"}
    assert test.delete(f"/v1/keys/{live['id']}").status_code == 404
    assert Caller(world.client, live["key"]).get("/v1/stores").status_code == 200
    assert world.admin.delete(f"/v1/keys/{made['id']}").status_code == 204
    assert _make(world.admin, mode="test")["mode"] == "test"


def test_another_brands_keys_do_not_exist(world: World) -> None:
    other = world.key(world.add_brand("salon"), CredentialKind.SECRET, *Scope)
    ours = _make(world.admin)
    assert other.delete(f"/v1/keys/{ours['id']}").status_code == 404
    assert ours["id"] not in [key["id"] for key in other.get("/v1/keys").json["data"]]
    assert Caller(world.client, ours["key"]).get("/v1/stores").status_code == 200


def test_an_unknown_key_is_not_found(any_world: World) -> None:
    for name in ("x", new_id(), "%00"):
        assert any_world.admin.delete(f"/v1/keys/{name}").status_code == 404


def test_the_list_is_paged(world: World) -> None:
    for _ in range(3):
        _make(world.admin)
    every = [key["id"] for key in world.admin.get("/v1/keys").json["data"]]
    first = world.admin.get("/v1/keys?limit=3").json
    rest = world.admin.get(f"/v1/keys?limit=3&cursor={first['next_cursor']}").json
    assert [key["id"] for key in first["data"] + rest["data"]] == every
    assert rest["next_cursor"] is None


def test_a_device_makes_no_keys(world: World) -> None:
    assert world.device().post("/v1/keys", {"kind": "publishable"}).status_code == 403
    assert world.app.get("/v1/keys").status_code == 403
