"""A sandwich chain reaches people who work near one of its stores, on a weekday before they order; and nobody else.

The service runs with a clock set by hand, since a workplace takes a week to know; all else is real: HTTP, FCM's emulator,
the loop, the sender.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from domain.clock import ManualClock
from domain.ids import new_id
from service import environment
from service.wiring import Process
from tests.acceptance.processes import PATIENCE_S, Api, Fcm, House, until
from tests.acceptance.shop import DOOR, POLICY, command

HELSINKI = ZoneInfo("Europe/Helsinki")
MONDAY = datetime(2026, 5, 4, 0, 30, tzinfo=HELSINKI)
HOME, OFFICE, FAR = (60.2441, 24.8911), (60.1866, 24.9523), (60.4518, 22.2666)
PURPOSES = ("push", "location", "habits")
CATERING = {
    "kind": "discount",
    "title": {"en": "Sandwiches for the office?"},
    "body": {"en": "{{ store.name }} brings lunch to you: order by eleven."},
    "value": {"margin": 14.0, "discount": 2.0, "currency": "EUR"},
    "when": {"hours": "Mo-Fr 09:30-11:00", "place": {"of": "workplace", "within_m": 1000}},
    "life": {"ttl_s": 3600},
}


class Worker:
    """Somebody whose phone sends a fix on coming and one on leaving."""

    def __init__(self, chain: "Chain", name: str, office: tuple[float, float]) -> None:
        self.chain = chain
        self.target = f"catering-{name}"
        self.office = office
        body = {"platform": "android", "target": {"kind": "token", "value": self.target}}
        made = Api(chain.url, chain.app_key).post("/v1/devices", body)
        self.api = Api(chain.url, made["credential"])

    def say(self, *purposes: str, granted: bool = True) -> Any:
        given = {"granted": granted, "wording": "May we?", "wording_version": "1", "locale": "en"}
        at = self.chain.clock.now().isoformat()
        entries = [
            {"purpose": each, "source": "settings", "occurred_at": at, **given} for each in purposes
        ]
        return self.api.post("/v1/consents", {"entries": entries})

    def be(self, place: tuple[float, float]) -> None:
        fix = {
            "event_id": new_id(),
            "latitude": place[0],
            "longitude": place[1],
            "accuracy_m": 12.0,
            "occurred_at": self.chain.clock.now().isoformat(),
        }
        assert self.api.post("/v1/locations", {"fixes": [fix]})["accepted"] == 1

    def decisions(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.api.get("/v1/me/decisions")["data"]
        return found


class Chain:
    """The brand with its one store, and the town's clock."""

    def __init__(self, house: House, process: Process, clock: ManualClock) -> None:
        self.clock = clock
        self.url = process.url
        command(house, "brands", "create", "sandwich", "--time-zone", "Europe/Helsinki")
        made = ("keys", "create", "--brand", "sandwich", "--kind")
        self.app_key = command(house, *made, "publishable")["key"]
        self.admin = Api(self.url, command(house, *made, "secret")["key"])
        store = {"name": "Kallio", "latitude": DOOR[0], "longitude": DOOR[1]}
        self.admin.put("/v1/stores/kallio", store)
        self.admin.put("/v1/offers/catering", CATERING)
        self.admin.put("/v1/engine", POLICY)

    def live(self, workers: list[Worker], days: int) -> None:
        """So many working days, from half past midnight on; it is then half past midnight again."""
        for _ in range(days):
            day = self.clock.now().astimezone(HELSINKI).date()
            for hour in (1, 8, 9, 17, 18, 23):
                self.clock.set(datetime.combine(day, time(hour), tzinfo=HELSINKI))
                for worker in workers:
                    worker.be(worker.office if hour in (9, 17) else HOME)
            self.clock.advance(hours=1, minutes=30)


@pytest.fixture
def chain(fcm: Fcm, tmp_path: Path) -> Iterator[Chain]:
    house = House(tmp_path, fcm)
    given = {f"WHENABOUTS_{name}": value for name, value in house.settings.items()}
    clock = ManualClock(MONDAY)
    with ExitStack() as stack:
        process = Process(environment.read(given), clock=clock)
        process.start()
        stack.callback(process.stop)
        yield Chain(house, process, clock)


def test_people_who_work_near_a_store_are_reached_before_they_order(chain: Chain, fcm: Fcm) -> None:
    near = Worker(chain, "near", OFFICE)
    far = Worker(chain, "far", FAR)
    private = Worker(chain, "private", OFFICE)
    near.say(*PURPOSES)
    far.say(*PURPOSES)
    private.say("push", "location")
    chain.live([near, far, private], days=7)
    assert not near.decisions(), "nothing is said before the evidence is there"

    known = near.api.get("/v1/me")["places"]
    assert {each["kind"] for each in known["claimed"]} == {"home", "workplace"}
    assert any("You work around here on weekdays" in each["sentence"] for each in known["claimed"])
    assert private.api.get("/v1/me")["places"] is None
    assert private.api.get("/v1/me")["stored"]["places"] == 0

    chain.clock.set((MONDAY + timedelta(days=7)).replace(hour=10, minute=0))
    decision = until(near.decisions, within_s=PATIENCE_S, what="a decision about the worker")[0]
    assert decision["outcome"] == "send", decision
    assert decision["moment"]["cause"] == "habit"
    assert "You work around here on weekdays" in decision["reasons"][0]["text"]
    (shown,) = until(
        lambda: fcm.inbox(target=near.target), within_s=PATIENCE_S, what="the push on the phone"
    )
    assert shown["body"] == "Kallio brings lunch to you: order by eleven."
    silence = until(far.decisions, within_s=PATIENCE_S, what="a decision about the other")[0]
    assert [each["code"] for each in silence["reasons"]] == ["no_offer", "place_far"]
    assert not private.decisions()

    audited = chain.admin.get(f"/v1/decisions/{decision['id']}")
    assert "latitude" not in str(audited["inputs"])

    told = near.say("habits", granted=False)
    assert told["receipts"][0]["deleted"]["known_places"] == 1
    assert near.api.get("/v1/me")["places"] is None
    chain.clock.set((MONDAY + timedelta(days=8)).replace(hour=10, minute=0))
    until(lambda: len(far.decisions()) > 1, within_s=PATIENCE_S, what="the next morning's decision")
    assert len(near.decisions()) == 1
    assert len(fcm.inbox(target=near.target)) == 1
    assert not fcm.inbox(target=far.target)
