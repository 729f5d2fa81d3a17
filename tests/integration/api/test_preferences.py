from datetime import timedelta
from typing import Any

import pytest

from domain.decisions import Outcome
from domain.ids import new_id
from domain.messages import MessageState
from domain.people import QuietHours
from storage import customers, messages
from tests.integration.conftest import World
from tests.integration.lives import decided, message_of

NOTHING = {
    "quiet_hours": [],
    "max_per_week": None,
    "paused_until": None,
    "muted_kinds": [],
    "traits": [],
    "interests": [],
    "used_this_week": 0,
}


def test_nothing_is_set_until_the_person_sets_it(any_world: World) -> None:
    assert any_world.device().get("/v1/preferences").json == NOTHING


def test_what_is_set_is_read_back_and_replaced_whole(any_world: World) -> None:
    device = any_world.device()
    wanted = {
        "quiet_hours": [{"days": ["mo", "su"], "from": "21:00", "to": "08:00"}],
        "max_per_week": 0,
        "paused_until": "2026-05-20T00:00:00+03:00",
        "muted_kinds": ["win_back", "slot"],
        "traits": ["vegetarian"],
        "interests": ["books"],
    }
    answer = device.put("/v1/preferences", wanted)
    assert answer.status_code == 200
    read = {**wanted, "paused_until": "2026-05-19T21:00:00+00:00", "used_this_week": 0}
    assert answer.json == read
    assert device.get("/v1/preferences").json == read
    assert device.put("/v1/preferences", {"max_per_week": 3}).json == {**NOTHING, "max_per_week": 3}


def test_midnight_may_be_written_as_the_end_of_the_day(world: World) -> None:
    device = world.device()
    hours = [{"from": "18:00", "to": "24:00"}]
    assert device.put("/v1/preferences", {"quiet_hours": hours}).status_code == 200
    with world.database.read() as tx:
        stored = customers.preferences(tx, device.customer_id).quiet_hours
    assert stored == (QuietHours(from_="18:00", to="00:00"),)


@pytest.mark.parametrize(
    ("wrong", "pointer"),
    [
        ({"quiet_hours": [{"from": "24:00", "to": "08:00"}]}, "/quiet_hours/0/from"),
        ({"quiet_hours": [{"from": "9", "to": "08:00"}]}, "/quiet_hours/0/from"),
        ({"quiet_hours": [{"from": "21:00", "to": "24:01"}]}, "/quiet_hours/0/to"),
        ({"quiet_hours": [{"days": ["monday"], "from": "1:00", "to": "02:00"}]}, None),
        ({"max_per_week": 51}, "/max_per_week"),
        ({"max_per_week": -1}, "/max_per_week"),
        ({"max_per_week": 1.5}, "/max_per_week"),
        ({"max_per_week": True}, "/max_per_week"),
        ({"paused_until": "2026-05-20T00:00:00"}, "/paused_until"),
        ({"paused_until": "tomorrow"}, "/paused_until"),
        ({"muted_kinds": ["everything"]}, "/muted_kinds/0"),
        ({"traits": ["muslim"]}, "/traits/0"),
    ],
)
def test_a_wrong_place_is_named_and_nothing_changes(
    world: World, wrong: dict[str, Any], pointer: str | None
) -> None:
    device = world.device()
    refused = device.put("/v1/preferences", wrong)
    assert refused.status_code == 422
    if pointer:
        assert [error["pointer"] for error in refused.json["errors"]] == [pointer]
    assert device.get("/v1/preferences").json == NOTHING


def test_newer_apps_may_send_what_this_version_does_not_know(world: World) -> None:
    answer = world.device().put("/v1/preferences", {"max_per_week": 2, "volume": "low"})
    assert (answer.status_code, answer.json["max_per_week"]) == (200, 2)


def test_only_pushes_that_may_have_been_seen_within_seven_days_are_used_up(
    any_world: World,
) -> None:
    world = any_world
    device = world.device()
    now = world.clock.now()
    ages = {"new": timedelta(0), "older": timedelta(days=6, hours=23), "old": timedelta(days=7)}
    made = {
        name: decided(
            world.database,
            device.customer_id,
            world.brand.id,
            at=now - age,
            outcome=Outcome.SEND,
            offer_id=new_id(),
        )
        for name, age in ages.items()
    }
    decided(world.database, device.customer_id, world.brand.id, at=now)  # a silence
    assert device.get("/v1/preferences").json["used_this_week"] == 2
    world.database.write(
        lambda tx: messages.close_unsent(
            tx, message_of(made["new"]), state=MessageState.CANCELLED, reason="paused", now=now
        )
    )
    assert device.get("/v1/preferences").json["used_this_week"] == 1


def test_preferences_belong_to_devices(world: World) -> None:
    assert world.admin.get("/v1/preferences").status_code == 403
    assert world.app.put("/v1/preferences", {}).status_code == 403
    assert world.nobody.get("/v1/preferences").status_code == 401
