"""A withdrawal against senders at full speed: whatever starts, starts before the answer."""

import threading
import time
from collections.abc import Sequence
from datetime import datetime

import pytest
import sqlalchemy as sa

from domain.decisions import Reason
from domain.messages import DeliveryStatus, Envelope, MessageState, Outcome
from domain.people import Purpose
from scheduler.dispatch import Dispatcher
from storage import consents, deliveries, devices, withdrawal
from storage.engine import Transaction
from storage.messages import Queued
from storage.models import DeliveryRow, MessageRow
from tests.integration.conftest import World
from tests.integration.traces import Traces, rows


class Slow:
    """Takes a while to connect, and remembers when each POST left."""

    def __init__(self) -> None:
        self.connecting = 0
        self.began: list[float] = []

    def send(self, envelope: Envelope) -> Outcome:
        self.connecting += 1
        time.sleep(0.4)
        self.began.append(time.monotonic())
        time.sleep(0.02)
        return Outcome(status=DeliveryStatus.ACCEPTED)

    def close(self) -> None:
        pass


def _unless_withdrawn(
    tx: Transaction, queued: Sequence[Queued], now: datetime
) -> dict[str, Reason]:
    found = consents.of_many(tx, [each.message.customer_id for each in queued])
    return {
        each.message.id: Reason(code="consent_missing", text="")
        for each in queued
        if not found[each.message.customer_id].granted(Purpose.PUSH)
    }


def test_no_post_starts_after_a_withdrawal_was_answered(any_world: World) -> None:
    world, slow = any_world, Slow()
    install = world.device(Purpose.PUSH)
    with world.database.read() as tx:
        traces = Traces(devices.lock(tx, install.device_id), world.clock.now())
    for _ in range(60):
        world.database.write(lambda tx: traces.message(tx, MessageState.QUEUED))
    world.clock.advance(minutes=1)
    dispatchers = [
        Dispatcher(
            database=world.database,
            clock=world.clock,
            check=_unless_withdrawn,
            route=lambda brand, mode: ("soup-app", slow),
            concurrency=4,
        )
        for _ in range(2)
    ]
    ended = threading.Event()

    def send(dispatcher: Dispatcher) -> None:
        while not ended.is_set():
            dispatcher.tick()
            time.sleep(0.002)

    threads = [threading.Thread(target=send, args=(each,)) for each in dispatchers]
    for thread in threads:
        thread.start()
    while slow.connecting <= 8:  # the second round of pushes is about to leave
        time.sleep(0.005)
    world.say(install, Purpose.PUSH, granted=False)
    answered = time.monotonic()
    time.sleep(0.3)
    ended.set()
    for thread in threads:
        thread.join()
    for dispatcher in dispatchers:
        assert dispatcher.close()
    assert 8 <= len(slow.began) < 60
    assert max(slow.began) < answered
    with world.database.read() as tx:
        states = _states(tx, install.customer_id)
    assert states["sent"] == len(slow.began)
    assert states["cancelled"] == 60 - len(slow.began)


@pytest.mark.parametrize("first", ["sender", "person"])
def test_a_push_taken_back_while_its_person_withdraws_waits_no_more(
    any_world: World, first: str
) -> None:
    """Else it would wait without its text, which nobody could post or read."""
    world = any_world
    install = world.device(Purpose.PUSH, Purpose.HABITS)
    with world.database.read() as tx:
        traces = Traces(devices.lock(tx, install.device_id), world.clock.now())
    message_id = world.database.write(lambda tx: traces.message(tx, MessageState.SENDING))
    with world.database.read() as tx:
        query = sa.select(DeliveryRow.id, DeliveryRow.owner)
        delivery = tx.execute(query.where(DeliveryRow.message_id == message_id)).one()
    has_written = threading.Event()

    def lapse(tx: Transaction) -> None:
        deliveries.lapse(tx, [delivery.id], owner=delivery.owner, now=world.clock.now())

    def withdraw(tx: Transaction) -> None:
        withdrawal.carry_out(
            tx, Purpose.HABITS, customer_id=install.customer_id, now=world.clock.now()
        )

    def slowly(tx: Transaction) -> None:
        (lapse if first == "sender" else withdraw)(tx)
        has_written.set()
        time.sleep(0.2)

    other = threading.Thread(target=lambda: world.database.write(slowly))
    other.start()
    assert has_written.wait(60)
    world.database.write(withdraw if first == "sender" else lapse)
    other.join()
    with world.database.read() as tx:
        [row] = rows(tx, MessageRow, install.customer_id)
    assert (row.state, row.push) == ("cancelled", None)


def _states(tx: Transaction, customer_id: str) -> dict[str, int]:
    states = [row.state for row in rows(tx, MessageRow, customer_id)]
    return {state: states.count(state) for state in set(states)}
