"""Targets in their life: which device is addressed, which target is forgotten, spared or pruned, and under which label."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa

from domain.clock import ManualClock
from domain.messages import Outcome, Push
from domain.people import Mode
from domain.policy import Devices, Policy
from notifiers.labels import label_of
from scheduler.housekeeping import Housekeeping
from storage import brands, labels, targets
from storage.engine import Database, Transaction
from storage.models import DeviceRow, LabelRow, MessageRow, PositionRow
from tests.integration.test_dispatch import GONE, Outbox, Scripted, drain


@pytest.fixture
def outbox(database: Database, clock: ManualClock) -> Outbox:
    return Outbox(database, clock)


def change(outbox: Outbox, target: str, **values: Any) -> None:
    query = sa.update(DeviceRow).where(DeviceRow.target_value == target).values(**values)
    outbox.database.write(lambda tx: tx.execute(query) and None)


def devices(outbox: Outbox) -> dict[str | None, Any]:
    with outbox.database.read() as tx:
        rows = tx.execute(sa.select(DeviceRow.__table__).order_by(DeviceRow.id)).all()
    return {row.target_value: row for row in rows}


def addressed(outbox: Outbox, customer: str) -> list[str]:
    outbox.notifier.posted.clear()
    outbox.put(customer)
    drain(outbox.dispatcher())
    return sorted(envelope.target.value for envelope in outbox.notifier.posted)


def choose(outbox: Outbox, devices: Devices) -> None:
    def work(tx: Transaction) -> None:
        policy = msgspec.structs.replace(Policy(), devices=devices)
        brands.save_policy(tx, outbox.brand.id, policy, expected=None, now=outbox.clock.now())

    outbox.database.write(work)


def test_a_person_with_several_devices_gets_it_on_all_or_on_the_one_in_use(outbox: Outbox) -> None:
    jane = outbox.customer("phone", "tablet")
    change(outbox, "tablet", last_seen_at=outbox.clock.now() - timedelta(days=3))
    assert addressed(outbox, jane) == ["phone", "tablet"]
    choose(outbox, Devices.ACTIVE)
    assert addressed(outbox, jane) == ["phone"]


def test_the_device_with_the_newest_position_is_the_one_in_use(outbox: Outbox) -> None:
    jane = outbox.customer("phone", "tablet")
    now = outbox.clock.now()
    change(outbox, "phone", last_seen_at=now - timedelta(hours=20))
    position = {
        "device_id": devices(outbox)["phone"].id,
        "customer_id": jane,
        "brand_id": outbox.brand.id,
        "latitude": 60.0,
        "longitude": 25.0,
        "accuracy_m": 10.0,
        "occurred_at": now + timedelta(seconds=1),
        "state": b"",
    }
    outbox.database.write(lambda tx: tx.execute(sa.insert(PositionRow).values(position)) and None)
    choose(outbox, Devices.ACTIVE)
    assert addressed(outbox, jane) == ["phone"]


def test_a_phone_that_turned_pushes_off_is_not_addressed_under_any_policy(outbox: Outbox) -> None:
    jane = outbox.customer("phone", "tablet")
    change(outbox, "phone", push_permission="denied")
    for policy in Devices:
        choose(outbox, policy)
        assert addressed(outbox, jane) == ["tablet"]


@pytest.mark.parametrize(
    ("platform", "days", "reached"),
    [("android", 269, True), ("android", 271, False), ("ios", 271, True), ("web", 271, True)],
)
def test_androids_registrations_expire_after_270_days_and_no_others(
    outbox: Outbox, platform: str, days: int, reached: bool
) -> None:
    jane = outbox.customer("phone")
    seen = outbox.clock.now() - timedelta(days=days)
    change(outbox, "phone", platform=platform, last_seen_at=seen)
    assert addressed(outbox, jane) == (["phone"] if reached else [])


class TestTheBrake:
    def crowd(self, outbox: Outbox, alive: int, dead: int) -> None:
        answers = {f"gone{n}": GONE for n in range(dead)}
        for name in (*(f"phone{n}" for n in range(alive)), *answers):
            outbox.put(outbox.customer(name))
        drain(outbox.dispatcher(notifier=Together(answers), concurrency=500))

    def test_few_dead_targets_are_forgotten(self, outbox: Outbox) -> None:
        self.crowd(outbox, alive=3, dead=2)
        assert set(devices(outbox)) == {"phone0", "phone1", "phone2", None}

    def test_too_many_at_once_are_spared_and_the_evidence_is_kept(self, outbox: Outbox) -> None:
        self.crowd(outbox, alive=5, dead=25)
        found = devices(outbox)
        assert len(found) == 30
        assert found["gone0"].suspect_reason == "UNREGISTERED"
        assert found["phone0"].suspect_at is None
        with outbox.database.read() as tx:
            assert targets.suspected(tx) == 25
            [listed] = targets.suspects(tx, outbox.brand.id, limit=1)
            [row] = targets.health(tx, outbox.brand.id, now=outbox.clock.now())
        assert (listed.reason, listed.since) == ("UNREGISTERED", outbox.clock.now())
        assert (row.devices, row.suspect, row.lost) == (30, 25, 0)

    def test_who_looks_may_confirm_and_what_took_a_push_since_is_spared(
        self, outbox: Outbox
    ) -> None:
        self.crowd(outbox, alive=0, dead=25)
        outbox.clock.advance(seconds=60)
        customer = devices(outbox)["gone7"].customer_id
        assert addressed(outbox, customer) == ["gone7"]  # a suspect is still sent to
        now = outbox.clock.now()
        assert outbox.database.write(lambda tx: targets.confirm(tx, outbox.brand.id, now=now)) == 24
        assert set(devices(outbox)) == {"gone7", None}
        with outbox.database.read() as tx:
            assert targets.suspected(tx) == 0

    def test_who_looks_may_clear_them_all(self, outbox: Outbox) -> None:
        self.crowd(outbox, alive=0, dead=25)
        assert outbox.database.write(lambda tx: targets.spare(tx, outbox.brand.id)) == 25
        assert len(devices(outbox)) == 25
        with outbox.database.read() as tx:
            assert targets.suspected(tx) == 0


class Together(Scripted):
    """Ends all POSTs at one instant, so that their outcomes are one batch."""

    def start(self, starts: Any) -> None:
        self.posted += [start.envelope for start in starts]
        for start in starts:
            start.done(self.send(start.envelope))


def test_a_target_that_came_while_the_old_one_was_posted_to_stays(outbox: Outbox) -> None:
    class Slow(Scripted):
        def send(self, envelope: Any) -> Outcome:
            fresh = outbox.clock.now() + timedelta(seconds=1)
            change(outbox, "old", target_value="new", last_seen_at=fresh)
            return GONE

    outbox.put(outbox.customer("old"))
    drain(outbox.dispatcher(notifier=Slow()))
    assert set(devices(outbox)) == {"new"}


def test_what_is_not_seen_for_sixty_days_is_pruned_and_may_come_back(
    outbox: Outbox, clock: ManualClock
) -> None:
    outbox.customer("old", "fresh")
    change(outbox, "old", last_seen_at=clock.now() - timedelta(days=61))
    change(outbox, "fresh", last_seen_at=clock.now() - timedelta(days=59))
    keeper = Housekeeping(database=outbox.database, clock=clock)
    assert (keeper.tick(), keeper.tick()) == (1, 0)
    found = devices(outbox)
    assert set(found) == {"fresh", None}
    assert (found[None].target_dead_reason, found[None].retired_at) == ("not_seen", None)


def test_a_device_that_moves_is_not_pruned_though_it_says_nothing_else(
    outbox: Outbox, clock: ManualClock
) -> None:
    jane = outbox.customer("phone")
    change(outbox, "phone", last_seen_at=clock.now() - timedelta(days=90))
    position = {
        "device_id": devices(outbox)["phone"].id,
        "customer_id": jane,
        "brand_id": outbox.brand.id,
        "latitude": 60.0,
        "longitude": 25.0,
        "accuracy_m": 10.0,
        "occurred_at": clock.now(),
        "state": b"",
    }
    outbox.database.write(lambda tx: tx.execute(sa.insert(PositionRow).values(position)) and None)
    assert Housekeeping(database=outbox.database, clock=clock).tick() == 0
    with outbox.database.read() as tx:
        [row] = targets.health(tx, outbox.brand.id, now=clock.now())
    assert row.stale == 0


def test_the_time_until_pruning_is_a_setting(outbox: Outbox, clock: ManualClock) -> None:
    outbox.customer("phone")
    change(outbox, "phone", last_seen_at=clock.now() - timedelta(days=8))
    week = timedelta(days=7)
    assert Housekeeping(database=outbox.database, clock=clock, targets_kept=week).tick() == 1


def test_stale_lost_and_refusing_devices_are_told_apart(outbox: Outbox) -> None:
    outbox.customer("fresh", "stale", "denied", "gone")
    change(outbox, "stale", last_seen_at=outbox.clock.now() - timedelta(days=31))
    change(outbox, "denied", push_permission="denied")
    change(outbox, "gone", target_value=None)
    with outbox.database.read() as tx:
        [row] = targets.health(tx, outbox.brand.id, now=outbox.clock.now())
    assert (row.mode, row.platform, row.kind) == (Mode.LIVE, "android", "token")
    assert (row.devices, row.stale, row.denied, row.lost) == (4, 1, 1, 1)


class TestLabels:
    def say(self, outbox: Outbox, *offers: str) -> list[str | None]:
        outbox.notifier.posted.clear()
        for offer in offers:
            message = outbox.put(outbox.customer(f"{offer}-{outbox.clock.now().timestamp()}"))
            push = msgspec.to_builtins(Push(title="Soup", body="Hot", data={"offer": offer}))
            query = sa.update(MessageRow).where(MessageRow.id == message).values(push=push)
            outbox.database.write(lambda tx, query=query: tx.execute(query) and None)
        drain(outbox.dispatcher())
        return [envelope.label for envelope in outbox.notifier.posted]

    def fill(self, outbox: Outbox, names: list[str]) -> set[str]:
        today = outbox.clock.now().toordinal()
        return outbox.database.write(lambda tx: labels.admit(tx, "p", names, today=today, most=99))

    def test_each_offer_is_counted_under_its_own_name(self, outbox: Outbox) -> None:
        assert sorted(map(str, self.say(outbox, "soup", "hei ä"))) == [label_of("hei ä"), "soup"]

    def test_the_hundredth_of_a_day_and_all_after_it_share_one(self, outbox: Outbox) -> None:
        assert len(self.fill(outbox, [f"offer-{n:03}" for n in range(150)])) == 99
        assert self.say(outbox, "late", "offer-000") in (
            ["other", "offer-000"],
            ["offer-000", "other"],
        )

    def test_a_label_of_yesterday_still_takes_its_place_and_may_be_used_again(
        self, outbox: Outbox
    ) -> None:
        self.fill(outbox, [f"offer-{n:03}" for n in range(99)])
        outbox.clock.advance(days=1)
        assert self.fill(outbox, ["new", "offer-005"]) == {"offer-005"}
        outbox.clock.advance(days=1)
        assert self.fill(outbox, ["new"]) == {"new"}

    def test_projects_have_their_own_hundred(self, outbox: Outbox) -> None:
        self.fill(outbox, [f"offer-{n:03}" for n in range(99)])
        today = outbox.clock.now().toordinal()
        admitted = outbox.database.write(
            lambda tx: labels.admit(tx, "q", ["new"], today=today, most=99)
        )
        assert admitted == {"new"}

    def test_senders_that_ask_at_once_stay_within_the_hundred_together(
        self, outbox: Outbox
    ) -> None:
        names = [[f"{sender}-{number:03}" for number in range(40)] for sender in "abcd"]
        with ThreadPoolExecutor(len(names)) as senders:
            admitted = list(senders.map(lambda its: self.fill(outbox, its), names))
        assert sum(map(len, admitted)) == 99

    def test_old_labels_are_forgotten(self, outbox: Outbox, clock: ManualClock) -> None:
        self.fill(outbox, ["soup"])
        clock.advance(days=5)
        assert Housekeeping(database=outbox.database, clock=clock).tick() == 1
        with outbox.database.read() as tx:
            assert tx.execute(sa.select(LabelRow.label)).all() == []
