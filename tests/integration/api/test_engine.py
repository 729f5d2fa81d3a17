import threading
from typing import Any

import pytest

from storage import brands
from tests.integration.conftest import World

CAPS: dict[str, Any] = {"per_day": 2, "per_week": 5, "kinds": {}, "per_store": None}
DEFAULTS: dict[str, Any] = {
    "paused": False,
    "caps": CAPS,
    "quiet_hours": [],
    "holdout_share": 0.1,
    "exploration": 0.02,
    "hold": True,
    "interruption_price": 0.05,
    "currency": "EUR",
    "keep_fixes_h": 0,
    "at_least_once": False,
    "devices": "all",
}


def test_a_brand_begins_with_the_documented_policy(world: World) -> None:
    read = world.admin.get("/v1/engine")
    assert (read.json, read.headers["ETag"]) == (DEFAULTS, '"1"')


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"paused": True}, {"paused": True}),
        ({"caps": {"per_day": 1}}, {"caps": {**CAPS, "per_day": 1}}),
        ({"caps": {"per_week": None}}, {"caps": {**CAPS, "per_week": None}}),
        (
            {"caps": {"kinds": {"win_back": {"per_week": 1}}, "per_store": {"per_day": 1}}},
            {
                "caps": {
                    **CAPS,
                    "kinds": {"win_back": {"per_day": None, "per_week": 1}},
                    "per_store": {"per_day": 1, "per_week": None},
                }
            },
        ),
        ({"caps": {}}, {}),
        ({}, {}),
        ({"holdout_share": 0, "exploration": 0}, {"holdout_share": 0.0, "exploration": 0.0}),
        (
            {"quiet_hours": [{"days": ["su", "mo"], "from": "21:00", "to": "08:00"}]},
            {"quiet_hours": [{"days": ["mo", "su"], "from": "21:00", "to": "08:00"}]},
        ),
        ({"hold": False, "interruption_price": 0}, {"hold": False, "interruption_price": 0.0}),
        ({"currency": "SEK"}, {"currency": "SEK"}),
        ({"devices": "active"}, {"devices": "active"}),
        ({"at_least_once": True}, {"at_least_once": True}),
    ],
)
def test_a_change_leaves_what_it_does_not_name(
    world: World, change: dict[str, Any], expected: dict[str, Any]
) -> None:
    saved = world.admin.put("/v1/engine", change)
    assert (saved.status_code, saved.json) == (200, {**DEFAULTS, **expected})
    assert world.admin.get("/v1/engine").json == saved.json
    with world.database.read() as tx:
        assert brands.by_id(tx, world.brand.id).policy.paused is saved.json["paused"]
    assert world.woken


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"paused": "yes"}, "/paused"),
        ({"devices": "both"}, "/devices"),
        ({"caps": {"per_day": -1}}, "/caps/per_day"),
        ({"caps": {"per_year": 9}}, "/caps/per_year"),
        ({"caps": None}, "/caps"),
        ({"holdout_share": 1.1}, "/holdout_share"),
        ({"holdout_share": -0.1}, "/holdout_share"),
        ({"exploration": float("nan")}, "/exploration"),
        ({"interruption_price": -1}, "/interruption_price"),
        ({"currency": "EURO"}, "/currency"),
        ({"quiet_hours": [{"from": "9", "to": "10:00"}]}, "/quiet_hours/0/from"),
        ({"quiet_hours": [{"from": "09:00", "to": "10:00", "days": ["mon"]}]}, "/quiet_hours/0/days/0"),
        ({"quiet_hours": [{"from": "09:00"}]}, "/quiet_hours/0/to"),
        ({"revision": 5}, "/revision"),
        ({"speed": 5}, "/speed"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_and_changes_nothing(
    world: World, change: dict[str, Any], pointer: str
) -> None:
    refused = world.admin.put("/v1/engine", {"paused": True, **change})
    assert refused.status_code == 422
    assert [error["pointer"] for error in refused.json["errors"]] == [pointer]
    assert world.admin.get("/v1/engine").json == DEFAULTS


def test_a_stale_if_match_changes_nothing(world: World) -> None:
    world.admin.put("/v1/engine", {"hold": False})
    stale = world.admin.put("/v1/engine", {"paused": True}, headers={"If-Match": '"1"'})
    assert stale.status_code == 412
    fresh = world.admin.put("/v1/engine", {"paused": True}, headers={"If-Match": '"2"'})
    assert (fresh.status_code, fresh.headers["ETag"]) == (200, '"3"')


def test_changes_made_at_once_do_not_undo_each_other(any_world: World) -> None:
    changes = [{"paused": True}, {"hold": False}, {"currency": "SEK"}, {"caps": {"per_day": 9}}]

    def change(body: dict[str, Any]) -> None:
        any_world.admin.put("/v1/engine", body)

    threads = [threading.Thread(target=change, args=(body,)) for body in changes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    policy = any_world.admin.get("/v1/engine").json
    assert (policy["paused"], policy["hold"], policy["currency"]) == (True, False, "SEK")
    assert policy["caps"] == {**CAPS, "per_day": 9}
