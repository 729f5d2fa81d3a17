"""An anonymous person who turns out to be known, and a device that changes hands."""

from datetime import datetime
from typing import Any

import pytest
import sqlalchemy as sa

from domain.clock import ManualClock
from domain.decisions import Cause
from domain.ids import new_id
from domain.messages import MessageState
from domain.people import Device, Mode, Preferences, Purpose
from storage import consents, customers, devices
from storage.engine import Database
from storage.models import (
    ConsentEntryRow,
    CustomerRow,
    DecisionRow,
    DeviceRow,
    EventRow,
    IdempotencyRow,
    MessageRow,
    MomentRow,
    PositionRow,
    ProfileRow,
    VisitRow,
    metadata,
)
from tests.integration.storage.people import Town
from tests.integration.traces import Traces, rows

EVERY = tuple(Purpose)
OFFER = new_id()


@pytest.fixture
def town(database: Database, clock: ManualClock) -> Town:
    return Town(database, clock)


def _known(town: Town, external_id: str = "jane", *granted: Purpose) -> str:
    customer = town.write(
        lambda tx: customers.known(
            tx,
            brand_id=town.brand.id,
            mode=Mode.LIVE,
            external_id=external_id,
            now=town.clock.now(),
        )
    )
    if granted:
        town.say(customer.id, *granted)
    return customer.id


def _link(town: Town, device: Device, external_id: str = "jane") -> Device:
    return town.write(
        lambda tx: devices.change(tx, device.id, {}, now=town.clock.now(), external_id=external_id)
    )


def _rows(town: Town, table: type[Any], customer_id: str) -> list[Any]:
    with town.database.read() as tx:
        return rows(tx, table, customer_id)


def _exists(town: Town, customer_id: str) -> bool:
    with town.database.read() as tx:
        found = tx.execute(sa.select(CustomerRow.id).where(CustomerRow.id == customer_id))
        return found.one_or_none() is not None


def test_everything_of_the_anonymous_person_becomes_the_known_ones(town: Town) -> None:
    device = town.device(None, *EVERY)
    town.write(Traces(device, town.clock.now()).leave)
    linked = _link(town, device)
    assert linked.customer_id != device.customer_id
    tables = {
        PositionRow: 1,
        VisitRow: 2,
        EventRow: 5,
        ProfileRow: 1,
        MomentRow: 7,
        DecisionRow: 2,
        MessageRow: 2,
        IdempotencyRow: 1,
        ConsentEntryRow: 5,
        DeviceRow: 1,
    }
    found = {table: len(_rows(town, table, linked.customer_id)) for table in tables}
    assert found == tables
    assert town.granted(linked.customer_id) == set(EVERY)
    assert not _exists(town, device.customer_id)


def test_no_table_keeps_the_anonymous_person(town: Town) -> None:
    """Also the tables of tomorrow: whichever has a customer must be handled by the merge."""
    device = town.device(None, *EVERY)
    town.write(Traces(device, town.clock.now()).leave)
    _link(town, device)
    with town.database.read() as tx:
        for table in metadata.sorted_tables:
            if "customer_id" in table.c:
                left = sa.select(sa.func.count()).where(table.c.customer_id == device.customer_id)
                assert tx.execute(left).scalar_one() == 0, table.name


def test_linking_twice_changes_nothing(town: Town) -> None:
    device = _link(town, town.device(None, *EVERY))
    town.write(Traces(device, town.clock.now()).leave)
    assert _link(town, device).customer_id == device.customer_id
    assert len(_rows(town, PositionRow, device.customer_id)) == 1


def test_the_known_persons_withdrawal_survives_and_takes_effect_on_what_comes(town: Town) -> None:
    jane = _known(town, "jane", Purpose.PUSH, Purpose.LOCATION, Purpose.HABITS)
    town.clock.advance(minutes=1)
    town.say(jane, Purpose.LOCATION, granted=False)
    town.clock.advance(days=1)
    device = town.device(None, *EVERY)
    town.write(Traces(device, town.clock.now()).leave)
    _link(town, device)
    assert town.granted(jane) == set(EVERY) - {Purpose.LOCATION}
    assert _rows(town, PositionRow, jane) == []
    assert _rows(town, VisitRow, jane) == []
    assert {row.state for row in _rows(town, MessageRow, jane)} == {"sent", "cancelled"}
    overruled = [
        row
        for row in _rows(town, ConsentEntryRow, jane)
        if row.purpose == Purpose.LOCATION and row.granted and row.recorded_at == town.clock.now()
    ]
    assert [row.counts for row in overruled] == [False]


def test_after_such_a_merge_the_person_may_grant_again(town: Town) -> None:
    jane = _known(town, "jane", Purpose.PUSH)
    town.clock.advance(minutes=1)
    town.say(jane, Purpose.PUSH, granted=False)
    town.clock.advance(minutes=1)
    _link(town, town.device(None, Purpose.PUSH))
    town.clock.advance(minutes=1)
    town.say(jane, Purpose.PUSH)
    assert town.granted(jane) == {Purpose.PUSH}


def test_an_anonymous_withdrawal_ends_what_the_known_person_granted_before(town: Town) -> None:
    jane = _known(town, "jane", Purpose.HABITS)
    owner = _link(town, town.device(None))
    town.write(Traces(owner, town.clock.now()).profile)
    town.clock.advance(minutes=1)
    device = town.device(None)
    town.say(device.customer_id, Purpose.HABITS, granted=False)
    _link(town, device)
    assert town.granted(jane) == set()
    assert _rows(town, ProfileRow, jane) == []


def test_what_the_known_person_set_wins_and_fills_up(town: Town) -> None:
    jane = _known(town)
    device = town.device(None)
    calm, loud = Preferences(max_per_week=1), Preferences(max_per_week=9)
    town.write(lambda tx: customers.save_preferences(tx, device.customer_id, loud))
    town.write(lambda tx: customers.save_preferences(tx, jane, calm))
    _link(town, device)
    with town.database.read() as tx:
        assert customers.preferences(tx, jane) == calm
    second, john = town.device(None), _known(town, "john")
    town.write(lambda tx: customers.save_preferences(tx, second.customer_id, loud))
    _link(town, second, "john")
    with town.database.read() as tx:
        assert customers.preferences(tx, john) == loud


def test_the_known_persons_own_rhythm_stays(town: Town) -> None:
    own = _link(town, town.device(None, Purpose.HABITS))
    town.write(Traces(own, town.clock.now(), "jane").profile)
    device = town.device(None, Purpose.HABITS)
    town.write(Traces(device, town.clock.now(), "anonymous").profile)
    _link(town, device)
    assert [row.body for row in _rows(town, ProfileRow, own.customer_id)] == [b"jane"]


def test_a_person_keeps_one_open_habit_moment_that_of_their_rhythm(town: Town) -> None:
    own, device = _link(town, town.device(None)), town.device(None)
    for each, key in ((own, "monday"), (device, "tuesday")):
        traces = Traces(each, town.clock.now())
        town.write(traces.profile)
        town.write(lambda tx, t=traces, k=key: t.moment(tx, Cause.HABIT, key=k))
    _link(town, device)
    assert [row.key for row in _rows(town, MomentRow, own.customer_id)] == ["monday"]


def test_moments_of_the_same_key_meet_without_a_clash(town: Town) -> None:
    own, device = _link(town, town.device(None)), town.device(None)
    for each, decided in ((own, True), (device, False)):
        traces = Traces(each, town.clock.now())
        town.write(lambda tx, t=traces, d=decided: t.moment(tx, Cause.WEATHER, decided=d))
        town.write(lambda tx, t=traces: t.moment(tx, Cause.ENTER, decided=True))
    _link(town, device)
    found = _rows(town, MomentRow, own.customer_id)
    assert sorted(row.cause for row in found) == ["enter", "enter", "weather"]
    assert all(row.decided_at for row in found)


def test_the_same_offer_sent_to_both_within_a_daypart_stays_told_twice(town: Town) -> None:
    own, device = _link(town, town.device(None)), town.device(None)
    for each in (own, device):
        traces = Traces(each, town.clock.now())
        town.write(lambda tx, t=traces: t.decision(tx, offer_id=OFFER))
    _link(town, device)
    found = _rows(town, DecisionRow, own.customer_id)
    assert [row.offer_id for row in found] == [OFFER, OFFER]
    assert sorted(row.daypart is None for row in found) == [False, True]


def test_another_known_persons_device_moves_without_any_data(town: Town) -> None:
    device = town.device("john", *EVERY)
    town.write(Traces(device, town.clock.now()).leave)
    jane = _known(town)
    moved = _link(town, device)
    assert moved.customer_id == jane
    assert town.granted(jane) == set()
    assert town.granted(device.customer_id) == set(EVERY)
    for table in (PositionRow, VisitRow, EventRow, ProfileRow, MomentRow, MessageRow):
        assert _rows(town, table, jane) == []
    assert _rows(town, PositionRow, device.customer_id) == []
    assert all(row.exited_at for row in _rows(town, VisitRow, device.customer_id))
    assert len(_rows(town, EventRow, device.customer_id)) == 5


def test_a_test_device_links_to_a_test_customer_of_the_same_name(town: Town) -> None:
    jane = _known(town)
    device = town.register(mode=Mode.TEST).device
    linked = _link(town, device)
    assert linked.customer_id != jane
    with town.database.read() as tx:
        assert customers.by_id(tx, linked.customer_id).mode is Mode.TEST


def test_a_message_on_its_way_belongs_to_the_known_person_afterwards(town: Town) -> None:
    device = town.device(None, *EVERY)
    town.write(lambda tx: Traces(device, town.clock.now()).message(tx, MessageState.SENDING))
    linked = _link(town, device)
    assert [row.state for row in _rows(town, MessageRow, linked.customer_id)] == ["sending"]


def test_the_joined_ledger_goes_on_where_both_left_off(town: Town) -> None:
    jane = _known(town, "jane", Purpose.PUSH)
    town.clock.advance(minutes=1)
    device = town.device(None, Purpose.PUSH, Purpose.HABITS)
    withdrawn: datetime = town.clock.advance(minutes=1)
    town.say(device.customer_id, Purpose.HABITS, granted=False)
    _link(town, device)
    town.clock.advance(minutes=1)
    (late,) = town.say(jane, Purpose.HABITS, at=withdrawn)
    assert not late.counts
    with town.database.read() as tx:
        assert len(consents.page(tx, jane)) == 5
