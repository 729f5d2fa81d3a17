"""Rehearsing an offer: everybody counted once, nothing written, and the numbers those of the engine itself."""

from typing import Any

import pytest

from domain.clock import ManualClock
from domain.people import Purpose
from storage.engine import Database
from tests.integration.conftest import Install, World
from tests.integration.lives import everything

BUNS = {
    "kind": "discount",
    "title": {"en": "Buns"},
    "body": {"en": "Fresh at four."},
    "value": {"margin": 6, "discount": 1.5},
}
OPEN = {
    "holdout_share": 0,
    "exploration": 0,
    "interruption_price": 0,
    "hold": False,
    "caps": {"per_day": None, "per_week": None},
}


class Shop(World):
    """A brand whose policy forbids nothing, with an offer to anybody."""

    def __init__(self, database: Database, clock: ManualClock) -> None:
        super().__init__(database, clock)
        self.rule()
        self.offer("buns")

    def rule(self, **more: Any) -> None:
        assert self.admin.put("/v1/engine", {**OPEN, **more}).status_code == 200

    def offer(self, name: str, **more: Any) -> None:
        answer = self.admin.put(f"/v1/offers/{name}", {**BUNS, **more})
        assert answer.status_code in (200, 201), answer.json

    def person(self, *granted: Purpose, **more: Any) -> Install:
        return self.device(*(granted or (Purpose.PUSH,)), time_zone="Europe/Helsinki", **more)

    def ask(self, name: str = "buns", **body: Any) -> Any:
        answer = self.admin.post(f"/v1/offers/{name}/dry-run", body)
        assert answer.status_code == 200, answer.json
        return answer.json


@pytest.fixture
def shop(sqlite_database: Database, clock: ManualClock) -> Shop:
    return Shop(sqlite_database, clock)


def reached(answer: Any) -> dict[str, float]:
    return {step["name"]: step["people"] for step in answer["steps"]}


def dropped(answer: Any) -> dict[tuple[str, str], float]:
    return {
        (step["name"], drop["code"]): drop["people"]
        for step in answer["steps"]
        for drop in step["drops"]
    }


def test_everybody_is_counted_once_by_how_far_they_get(shop: Shop) -> None:
    shop.person()
    shop.person()
    shop.device(Purpose.HABITS)
    shop.person(push_permission="denied")
    quiet = shop.person()
    assert quiet.put(
        "/v1/preferences", {"quiet_hours": [{"from": "00:00", "to": "23:59"}]}
    ).status_code in (200, 204)
    answer = shop.ask()
    assert answer["people"] == answer["looked_at"] == 5
    assert answer["causes"] == ["manual"]
    assert dropped(answer) == {
        ("reachable", "consent_missing"): 1,
        ("reachable", "permission_denied"): 1,
        ("allowed", "quiet_hours"): 1,
    }
    assert reached(answer)["sent"] == answer["expected"]["sends"] == 2
    assert answer["sends_by_hour"] == [{"hour": 12, "sends": 2}]


def test_nothing_is_written(shop: Shop) -> None:
    shop.person()
    before = everything(shop.database)
    shop.ask()
    shop.ask("buns", offer=BUNS)
    assert everything(shop.database) == before
