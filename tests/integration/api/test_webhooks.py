"""`/v1/webhooks`: saving, showing, rotating, testing and removing; each brand and mode sees its own."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from standardwebhooks.webhooks import Webhook as Verifier

from domain.access import CredentialKind, Scope
from domain.clock import ManualClock
from domain.people import Mode
from domain.settings import Settings
from storage import webhooks
from storage.engine import Database
from tests.integration.conftest import World
from tests.receiver import Receiver

URL = "https://mail.example.com/whenabouts"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as listening:
        yield listening


@pytest.fixture
def near(sqlite_database: Database, clock: ManualClock) -> World:
    """A world whose operator lets webhooks reach this machine."""
    return World(sqlite_database, clock, settings=Settings(webhook_networks="127.0.0.0/8"))


def _put(world: World, **more: Any) -> Any:
    answer = world.admin.put("/v1/webhooks/mail", {"url": URL, **more})
    assert answer.status_code in (200, 201), answer.json
    return answer.json


def test_its_secret_is_shown_once(any_world: World) -> None:
    made = _put(any_world)
    assert made["secret"].startswith("whsec_")
    assert (made["url"], made["serves"], made["offers"]) == (URL, "without_phone", [])
    assert (made["mode"], made["disabled_at"]) == ("live", None)
    again = _put(any_world, serves="everybody", offers=["soup"])
    assert (again["serves"], again["offers"]) == ("everybody", ["soup"])
    shown = any_world.admin.get("/v1/webhooks/mail")
    listed = any_world.admin.get("/v1/webhooks").json["data"]
    assert [shown.json] == listed == [again]
    assert "secret" not in again


def test_rotation_shows_a_new_secret_and_keeps_the_old_one_for_a_day(any_world: World) -> None:
    first = _put(any_world)["secret"]
    rotated = any_world.admin.post("/v1/webhooks/mail/rotate").json
    assert rotated["secret"] not in (first, None)
    with any_world.database.read() as tx:
        stored = webhooks.get(tx, brand_id=any_world.brand.id, mode=Mode.LIVE, external_id="mail")
    assert stored.secrets(any_world.clock.now()) == (rotated["secret"], first)
    any_world.clock.advance(hours=24)
    assert stored.secrets(any_world.clock.now()) == (rotated["secret"],)


def test_it_is_removed(any_world: World) -> None:
    _put(any_world)
    assert any_world.admin.delete("/v1/webhooks/mail").status_code == 204
    for answer in (
        any_world.admin.get("/v1/webhooks/mail"),
        any_world.admin.delete("/v1/webhooks/mail"),
        any_world.admin.post("/v1/webhooks/mail/rotate"),
        any_world.admin.post("/v1/webhooks/mail/test"),
    ):
        assert answer.status_code == 404


def test_each_brand_and_mode_has_its_own(world: World) -> None:
    _put(world)
    other = world.key(world.add_brand("salon"), CredentialKind.SECRET, *Scope)
    test = world.key(world.brand, CredentialKind.SECRET, *Scope, mode=Mode.TEST)
    for stranger in (other, test):
        assert stranger.get("/v1/webhooks").json["data"] == []
        assert stranger.delete("/v1/webhooks/mail").status_code == 404
    assert test.put("/v1/webhooks/mail", {"url": URL}).json["mode"] == "test"


def test_only_admins_save_it(world: World) -> None:
    _put(world)
    reader = world.key(world.brand, CredentialKind.SECRET, Scope.READ)
    assert reader.get("/v1/webhooks/mail").status_code == 200
    assert reader.put("/v1/webhooks/mail", {"url": URL}).status_code == 403
    assert reader.post("/v1/webhooks/mail/rotate").status_code == 403
    assert reader.post("/v1/webhooks/mail/test").status_code == 403


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "/url"),
        ({"url": "http://mail.example.com/"}, "/url"),
        ({"url": "https://10.0.0.1/"}, "/url"),
        ({"url": "https://localhost:8443@[::1]/"}, "/url"),
        ({"url": URL, "serves": "nobody"}, "/serves"),
        ({"url": URL, "offers": [""]}, "/offers/0"),
        ({"url": URL, "secret": "mine"}, "/secret"),
    ],
)
def test_a_wrong_body_is_named(world: World, body: dict[str, Any], pointer: str) -> None:
    answer = world.admin.put("/v1/webhooks/mail", body)
    assert answer.status_code == 422
    assert [fault["pointer"] for fault in answer.json["errors"]] == [pointer]


def test_a_stale_edit_is_refused(world: World) -> None:
    etag = world.admin.put("/v1/webhooks/mail", {"url": URL}).headers["ETag"]
    _put(world, serves="everybody")
    stale = world.admin.put("/v1/webhooks/mail", {"url": URL}, headers={"If-Match": etag})
    assert stale.status_code == 412


def test_there_are_not_too_many(world: World) -> None:
    for number in range(webhooks.MOST):
        assert world.admin.put(f"/v1/webhooks/{number}", {"url": URL}).status_code == 201
    assert world.admin.put("/v1/webhooks/more", {"url": URL}).status_code == 409
    assert world.admin.put("/v1/webhooks/0", {"url": URL}).status_code == 200


def test_a_test_event_is_sent_and_its_answer_told(near: World, receiver: Receiver) -> None:
    secret = _put(near, url=f"{receiver.url}/take")["secret"]
    assert near.admin.post("/v1/webhooks/mail/test").json["status"] == "accepted"
    [got] = receiver.received
    assert Verifier(secret).verify(got.body, got.headers)["type"] == "webhook.test"
    _put(near, url=f"{receiver.url}/503?9")
    told = near.admin.post("/v1/webhooks/mail/test").json
    assert (told["status"], told["error_code"]) == ("unavailable", "HTTP_503")


def test_a_test_event_does_not_reach_into_the_house(world: World, receiver: Receiver) -> None:
    _put(world, url=f"https://localhost:8443/{receiver.port}")
    told = world.admin.post("/v1/webhooks/mail/test").json
    assert (told["status"], told["error_code"]) == ("unavailable", "ADDRESS_REFUSED")


def test_test_events_come_a_few_at_a_time(near: World, receiver: Receiver) -> None:
    _put(near, url=receiver.url)
    codes = [near.admin.post("/v1/webhooks/mail/test").status_code for _ in range(7)]
    assert codes == [200] * 6 + [429]
    assert json.dumps([got.path for got in receiver.received]) == json.dumps(["/"] * 6)
