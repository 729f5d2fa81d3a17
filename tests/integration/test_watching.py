"""What a process sees to be wrong, and that operators are told of it."""

import json
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from domain.clock import ManualClock
from domain.ids import new_id
from domain.people import Device
from notifiers.alerts import Alerts
from scheduler.patience import Breaker, Line
from service.alarms import HOLDS_S, Finding
from service.watching import MOST_UNKNOWN, OLDEST, STUCK_S, Lookout, Watchman
from storage import heartbeats
from storage.engine import Database
from storage.models import DeviceRow, HeartbeatRow, MessageRow
from tests.integration.stage import Stage
from tests.receiver import Receiver, until

ROLES = ("api", "engine", "sender")


class Watched(Stage):
    """A stage that is looked at."""

    def __init__(self, database: Database, clock: ManualClock) -> None:
        super().__init__(database, clock)
        self.now = 1000.0
        self.ticked: dict[str, float] = {"decide": self.now}
        self.breakers: dict[Line, Breaker] = {}
        self.lookout = self.another()
        self.beat(*ROLES)

    def another(self) -> Lookout:
        return Lookout(
            database=self.database,
            clock=self.clock,
            owner=new_id(),
            roles=ROLES,
            silent_s=30.0,
            ticked=self.ticked,
            breakers=lambda: self.breakers,
            monotonic=lambda: self.now,
        )

    def beat(self, *roles: str) -> None:
        self.write(lambda tx: heartbeats.beat(tx, roles=roles, process_id=new_id()))

    def message(self) -> Device:
        self.offer()
        person = self.person()
        self.decide(self.enter(person))
        return person

    def keys(self) -> list[str]:
        return [finding.key for finding in self.lookout.findings()]


@pytest.fixture
def watched(database: Database, clock: ManualClock) -> Watched:
    return Watched(database, clock)


def test_all_is_well_where_nothing_is_wrong(watched: Watched) -> None:
    watched.message()
    assert watched.keys() == []


def test_a_message_that_waits_for_long_is_seen_until_it_ends(watched: Watched) -> None:
    watched.message()
    watched.clock.advance(seconds=(OLDEST + timedelta(seconds=1)).total_seconds())
    assert watched.keys() == ["outbox"]
    watched.write(lambda tx: tx.execute(sa.update(MessageRow).values(state="sent")) and None)
    assert watched.keys() == []


def test_answers_that_get_lost_are_seen_when_they_are_many_within_an_hour(watched: Watched) -> None:
    watched.message()
    [message] = watched.messages()

    def lose(count: int) -> None:
        for _ in range(count):
            lost = {**message._mapping, "id": new_id(), "decision_id": new_id(), "state": "unknown"}
            watched.write(
                lambda tx, lost=lost: tx.execute(sa.insert(MessageRow).values(lost)) and None
            )  # type: ignore[misc]  # bound now

    lose(5)
    assert watched.keys() == []  # what was there before is no news
    lose(MOST_UNKNOWN - 1)
    assert watched.keys() == []
    lose(1)
    assert watched.keys() == ["unknown"]
    watched.now += 3601
    watched.ticked["decide"] = watched.now
    assert watched.keys() == []


def test_a_silent_role_and_a_job_that_stands_still_are_seen(watched: Watched) -> None:
    watched.write(
        lambda tx: tx.execute(sa.delete(HeartbeatRow).where(HeartbeatRow.role == "engine")) and None
    )
    watched.now += STUCK_S + 1
    assert watched.keys() == ["job:decide", "role:engine"]


def test_what_rests_is_seen_and_named(watched: Watched) -> None:
    watched.breakers = {
        Line("town", ""): Breaker.OPEN,
        Line("town", "ios"): Breaker.TRYING,
        Line("webhook:w-1", ""): Breaker.OPEN,
        Line("village", ""): Breaker.CLOSED,
    }
    found = list(watched.lookout.findings())
    assert [each.key for each in found] == ["rest:town:", "rest:town:ios", "rest:webhook:w-1:"]
    assert "project town (ios)" in found[1].text
    assert "webhook w-1" in found[2].text


def test_the_brake_is_seen(watched: Watched) -> None:
    watched.person()
    watched.write(
        lambda tx: tx.execute(sa.update(DeviceRow).values(suspect_at=watched.clock.now())) and None
    )
    assert watched.keys() == ["brake"]


def test_of_several_processes_one_looks_at_what_they_share(
    postgres_database: Database, clock: ManualClock
) -> None:
    watched = Watched(postgres_database, clock)
    watched.message()
    watched.clock.advance(seconds=OLDEST.total_seconds() + 1)
    watched.breakers = {Line("town", ""): Breaker.OPEN}
    assert watched.keys() == ["rest:town:", "outbox"]
    assert [each.key for each in watched.another().findings()] == ["rest:town:"]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as listening:
        yield listening


def test_operators_are_told_and_told_when_it_is_over(receiver: Receiver) -> None:
    wrong = [Finding("disk", "The disk is nearly full.")]
    watchman = Watchman(
        gather=lambda: iter(wrong),
        tells=Alerts(f"json://127.0.0.1:{receiver.port}/"),
        where="box-1",
    )
    watchman.look(0.0)
    watchman.look(HOLDS_S)
    wrong.clear()
    watchman.look(HOLDS_S + 15)

    told: list[Any] = [json.loads(got.body) for got in receiver.received]
    assert [(each["title"], each["message"], each["type"]) for each in told] == [
        ("Whenabouts on box-1: wrong", "The disk is nearly full.", "warning"),
        ("Whenabouts on box-1: well again", "Over: The disk is nearly full.", "success"),
    ]


def test_who_hangs_or_stumbles_holds_up_nobody() -> None:
    looked: list[float] = []

    def gather() -> Iterator[Finding]:
        looked.append(time.monotonic())
        raise RuntimeError("a bad round")
        yield

    watchman = Watchman(gather=gather, tells=Alerts(""), where="box-1", every_s=0.01)
    watchman.start()
    assert until(lambda: len(looked) > 2)
    began = time.monotonic()
    watchman.stop()
    assert time.monotonic() - began < 2  # else it would have waited for the thread in vain
