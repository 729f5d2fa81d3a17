"""What a withdrawal deletes, in its own transaction and to the last byte."""

from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from domain.clock import ManualClock
from domain.decisions import Cause
from domain.ledger import Receipt
from domain.messages import MessageState
from domain.people import Device, Purpose
from storage import withdrawal
from storage.engine import Database
from storage.models import (
    DecisionRow,
    DeliveryRow,
    EventRow,
    IdempotencyRow,
    MessageRow,
    MomentRow,
    PlacesRow,
    PositionRow,
    ProfileRow,
    VisitRow,
)
from tests.integration.storage.people import Town
from tests.integration.traces import Traces, rows

EVERY = tuple(Purpose)


@pytest.fixture
def town(database: Database, clock: ManualClock) -> Town:
    return Town(database, clock)


def _jane(town: Town) -> Device:
    device = town.device("jane", *EVERY)
    town.write(Traces(device, town.clock.now()).leave)
    town.clock.advance(minutes=5)
    return device


def _withdraw(town: Town, device: Device, purpose: Purpose) -> Receipt:
    (entry,) = town.say(device.customer_id, purpose, granted=False)
    assert entry.receipt is not None
    return entry.receipt


def _left(town: Town, device: Device) -> dict[str, int]:
    tables = (PositionRow, VisitRow, ProfileRow, PlacesRow, IdempotencyRow)
    with town.database.read() as tx:
        return {table.__tablename__: len(rows(tx, table, device.customer_id)) for table in tables}


def _events(town: Town, device: Device) -> set[str]:
    with town.database.read() as tx:
        return {row.type for row in rows(tx, EventRow, device.customer_id)}


def _open_moments(town: Town, device: Device) -> set[str]:
    with town.database.read() as tx:
        found = rows(tx, MomentRow, device.customer_id)
    return {row.cause for row in found if row.decided_at is None}


def _states(town: Town, device: Device) -> set[str]:
    with town.database.read() as tx:
        return {row.state for row in rows(tx, MessageRow, device.customer_id)}


def _choices_are_emptied(town: Town, device: Device) -> bool:
    with town.database.read() as tx:
        decisions = rows(tx, DecisionRow, device.customer_id)
        messages = rows(tx, MessageRow, device.customer_id)
    assert decisions
    assert messages
    return all(
        row.inputs is None and row.terms == [] and row.redacted_at for row in decisions
    ) and all(row.push is None for row in messages)


def test_withdrawing_push_cancels_what_waits_and_keeps_the_rest(town: Town) -> None:
    device = _jane(town)
    receipt = _withdraw(town, device, Purpose.PUSH)
    assert receipt.deleted == {"messages_cancelled": 1}
    assert _states(town, device) == {"sent", "cancelled"}
    assert not _choices_are_emptied(town, device)
    assert _left(town, device) == {
        "device_positions": 1,
        "visits": 2,
        "profiles": 1,
        "places": 1,
        "idempotency_keys": 1,
    }
    with town.database.read() as tx:
        cancelled = tx.execute(
            sa.select(MessageRow.reason, MessageRow.finished_at).where(
                MessageRow.state == MessageState.CANCELLED
            )
        ).one()
        statuses = tx.execute(sa.select(DeliveryRow.status)).scalars().all()
    assert cancelled == ("consent_missing", town.clock.now())
    assert statuses == ["cancelled"]


def test_withdrawing_location_deletes_where_somebody_was_and_what_was_made_of_it(
    town: Town,
) -> None:
    device = _jane(town)
    receipt = _withdraw(town, device, Purpose.LOCATION)
    assert receipt.deleted == {
        "positions": 1,
        "raw_fixes": 0,
        "visits": 2,
        "patrons": 0,
        "outcome_days": 0,
        "events": 2,
        "profiles": 1,
        "person_evidence": 0,
        "known_places": 1,
        "moments": 4,
        "places": 3,
        "messages_cancelled": 1,
        "texts": 2,
        "decisions_redacted": 2,
        "stored_answers": 1,
    }
    assert not any(_left(town, device).values())
    assert _events(town, device) == {"order", "reservation", "app_open"}
    assert _open_moments(town, device) == {"occasion"}
    assert _states(town, device) == {"sent", "cancelled"}
    assert _choices_are_emptied(town, device)
    with town.database.read() as tx:
        decided = rows(tx, DecisionRow, device.customer_id)
        moments = rows(tx, MomentRow, device.customer_id)
    assert all(row.store_id is None and row.reasons for row in decided)
    assert all(row.store_id is row.geofence_id is row.visit_id is None for row in moments)


def test_a_visit_that_the_brands_backend_reported_is_not_the_phones_location(town: Town) -> None:
    device = town.device("jane", *EVERY)
    town.write(lambda tx: Traces(device, town.clock.now()).event(tx, "visit", by_device=False))
    _withdraw(town, device, Purpose.LOCATION)
    assert _events(town, device) == {"visit"}


def test_withdrawing_background_location_refuses_the_future_and_keeps_what_is_derived(
    town: Town,
) -> None:
    device = _jane(town)
    before = _left(town, device)
    receipt = _withdraw(town, device, Purpose.BACKGROUND_LOCATION)
    assert receipt.deleted == {"raw_fixes": 0}
    assert "background" in receipt.note
    assert _left(town, device) == before
    assert town.granted(device.customer_id) == set(EVERY) - {Purpose.BACKGROUND_LOCATION}


def test_withdrawing_habits_deletes_the_rhythm_and_what_it_was_learned_from(town: Town) -> None:
    device = _jane(town)
    receipt = _withdraw(town, device, Purpose.HABITS)
    assert (receipt.deleted["profiles"], receipt.deleted["visits"]) == (1, 1)
    assert _left(town, device) == {
        "device_positions": 1,
        "visits": 1,
        "profiles": 0,
        "places": 0,
        "idempotency_keys": 0,
    }
    assert (receipt.deleted["known_places"], receipt.deleted["stays"]) == (1, 1)
    with town.database.read() as tx:
        (position,) = rows(tx, PositionRow, device.customer_id)
        assert position.stay is None
        (here,) = rows(tx, VisitRow, device.customer_id)
    assert here.exited_at is None
    assert _open_moments(town, device) == {"enter", "dwell", "weather", "occasion"}
    assert _choices_are_emptied(town, device)


def test_withdrawing_purchases_deletes_orders_and_empties_other_events_of_them(town: Town) -> None:
    device = _jane(town)
    bought = {"items": [{"sku": "soup"}], "amount": 6.5, "service": "lunch"}
    town.write(lambda tx: Traces(device, town.clock.now()).event(tx, "redeemed", **bought))
    receipt = _withdraw(town, device, Purpose.PURCHASES)
    assert receipt.deleted["events"] == 3
    assert _events(town, device) == {"beacon", "visit", "app_open", "redeemed"}
    with town.database.read() as tx:
        (redeemed,) = (
            row for row in rows(tx, EventRow, device.customer_id) if row.type == "redeemed"
        )
    assert redeemed.body == {"properties": redeemed.body["properties"], "service": "lunch"}
    assert _left(town, device)["profiles"] == 0
    assert _choices_are_emptied(town, device)


def test_a_message_on_its_way_keeps_its_state_and_loses_its_text(town: Town) -> None:
    device = town.device("jane", *EVERY)
    town.write(lambda tx: Traces(device, town.clock.now()).message(tx, MessageState.SENDING))
    receipt = _withdraw(town, device, Purpose.LOCATION)
    assert (receipt.deleted["messages_cancelled"], receipt.deleted["texts"]) == (0, 1)
    assert _states(town, device) == {"sending"}


@pytest.mark.parametrize("purpose", EVERY)
def test_nobody_elses_rows_are_touched(town: Town, purpose: Purpose) -> None:
    jane, john = _jane(town), town.device("john", *EVERY)
    town.write(Traces(john, town.clock.now(), "john-was-here").leave)
    tables = (PositionRow, VisitRow, EventRow, ProfileRow, MomentRow, DecisionRow, MessageRow)
    with town.database.read() as tx:
        before = [rows(tx, table, john.customer_id) for table in (*tables, IdempotencyRow)]
    _withdraw(town, jane, purpose)
    with town.database.read() as tx:
        assert [rows(tx, table, john.customer_id) for table in (*tables, IdempotencyRow)] == before
    assert town.granted(john.customer_id) == set(EVERY)


@pytest.mark.parametrize("purpose", EVERY)
def test_a_second_withdrawal_finds_nothing_left(town: Town, purpose: Purpose) -> None:
    device = _jane(town)
    _withdraw(town, device, purpose)
    assert not any(_withdraw(town, device, purpose).deleted.values())


def test_what_comes_after_a_new_grant_is_deleted_by_the_next_withdrawal(town: Town) -> None:
    device = _jane(town)
    _withdraw(town, device, Purpose.LOCATION)
    town.clock.advance(minutes=1)
    town.say(device.customer_id, Purpose.LOCATION)
    town.write(Traces(device, town.clock.now()).position)
    town.write(lambda tx: Traces(device, town.clock.now()).message(tx, MessageState.SENT))
    town.clock.advance(minutes=1)
    again = _withdraw(town, device, Purpose.LOCATION).deleted
    assert (again["positions"], again["decisions_redacted"], again["texts"]) == (1, 1, 1)


def test_deliveries_are_under_way_until_they_are_answered(town: Town) -> None:
    device = town.device("jane", *EVERY)
    other = town.device("john", *EVERY)
    traces = Traces(device, town.clock.now())
    town.write(lambda tx: traces.message(tx, MessageState.SENDING))
    town.write(lambda tx: traces.message(tx, MessageState.SENT))
    with town.database.read() as tx:
        pending = withdrawal.under_way(tx, customer_id=device.customer_id)
        assert pending == withdrawal.under_way(tx, device_id=device.id)
        assert len(pending) == 1
        assert withdrawal.under_way(tx, customer_id=other.customer_id) == frozenset()
        assert withdrawal.still_under_way(tx, pending)
    town.write(lambda tx: tx.execute(sa.update(DeliveryRow).values(status="accepted")))
    with town.database.read() as tx:
        assert not withdrawal.still_under_way(tx, pending)


def test_the_files_hold_nothing_of_what_was_withdrawn(
    sqlite_database: Database, clock: ManualClock
) -> None:
    town = Town(sqlite_database, clock)
    device = town.device("jane", *EVERY)
    path = Path(sqlite_database.url.database or "")
    for number in range(30):
        later = Traces(device, clock.now() + timedelta(minutes=number), f"jane-was-here-{number}")
        town.write(lambda tx, later=later: later.message(tx, MessageState.SENT))
        town.write(lambda tx, later=later: later.visit(tx, exited=True))
        town.write(lambda tx, later=later: later.event(tx, "beacon"))
    town.write(Traces(device, clock.now()).position)
    town.write(Traces(device, clock.now()).profile)
    held = b"".join(file.read_bytes() for file in path.parent.glob(f"{path.name}*"))
    assert b"jane-was-here" in held  # so that the search below can find what there is
    _withdraw(town, device, Purpose.LOCATION)
    assert sqlite_database.shred()
    held = b"".join(file.read_bytes() for file in path.parent.glob(f"{path.name}*"))
    assert b"jane-was-here" not in held
    assert b"40 m away" not in held


def test_a_transition_and_a_rhythm_are_told_apart(town: Town) -> None:
    """A habit moment falls with either purpose; an occasion of the person's own with neither."""
    for purpose in (Purpose.LOCATION, Purpose.HABITS):
        device = town.device(purpose.value, *EVERY)
        traces = Traces(device, town.clock.now())
        for cause in (Cause.HABIT, Cause.OCCASION, Cause.MANUAL):
            town.write(lambda tx, t=traces, c=cause: t.moment(tx, c))
        town.clock.advance(seconds=1)
        _withdraw(town, device, purpose)
        assert _open_moments(town, device) == {"occasion", "manual"}
