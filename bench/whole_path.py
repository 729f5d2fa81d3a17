"""The whole path of a push for `bench.delivery`: from the outbox over the POST to the recorded outcome, one sender."""

import gc
import threading
import time
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, NamedTuple

import sqlalchemy as sa

from bench.crowd import AWAY, move_in, settle
from bench.sending import ACCOUNTS, IN_FLIGHT, PROJECT, Found, Stopwatch, push, resident_mb
from bench.tick import Statements, analyze
from domain.clock import SystemClock
from domain.decisions import Cause, Decision
from domain.decisions import Outcome as Choice
from domain.ids import new_id
from domain.messages import Message
from domain.people import Mode
from domain.policy import Brand
from notifiers.curl import CurlNotifier
from scheduler import recheck
from scheduler.dispatch import Dispatcher
from scheduler.manners import Pace
from storage import decisions, messages, offers
from storage.engine import Database, Transaction
from storage.models import CustomerRow, MessageRow

_ANY_PACE = Pace(
    per_minute=100_000_000, quarter_s=0
)  # the governor is in the way, its quota is not
_SETTLED = "UPDATE messages SET state=CASE"  # how the statement begins that ends messages for good


class Path(NamedTuple):
    """What one run came to."""

    found: Found
    statements: int  # per 1,000 messages
    grew_mb: float


def measure(url: str, endpoint: str, ca_file: str, *, many: int) -> Path:
    """Sends to `many` people, each with one phone and one message that waits. The database must be empty."""
    database = Database(url)
    brand = settle(database)
    move_in(database, brand, [AWAY] * many)
    fill(database, brand)
    analyze(database)
    notifier = CurlNotifier(
        accounts=ACCOUNTS, endpoint=endpoint, ca_file=ca_file, connections=IN_FLIGHT
    )
    counted, watch = Statements(database.engine), Stopwatch(many)
    _watch(database.engine, watch)
    before = resident_mb()
    gc.freeze()  # as `whenabouts` does once it has started
    _send_all(database, notifier, many)
    gc.unfreeze()
    statements, grew = counted.count, resident_mb() - before
    _check_all_sent(database, many)
    notifier.close()
    database.close()
    return Path(watch.found, round(statements / many * 1000), grew)


def _watch(engine: sa.Engine, watch: Stopwatch) -> None:
    """Counts messages when the database has their final state."""

    def after(_connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        if statement.startswith(_SETTLED):
            watch.ended(cursor.rowcount)

    sa.event.listen(engine, "after_cursor_execute", after)


def _send_all(database: Database, notifier: CurlNotifier, many: int) -> None:
    recorded = threading.Event()
    dispatcher = Dispatcher(
        database=database,
        clock=SystemClock(),
        check=recheck.reasons_against,
        route=lambda _brand, _mode: (PROJECT, notifier),
        concurrency=IN_FLIGHT,
        wake=recorded.set,
        pace=_ANY_PACE,
    )
    sent, deadline = 0, time.monotonic() + 60 + many / 100
    while sent < many and time.monotonic() < deadline:
        begun = dispatcher.tick()
        sent += begun
        if not begun:
            recorded.wait(0.05)
            recorded.clear()
    if not dispatcher.close(within_s=60):
        raise RuntimeError("not all was answered")


def fill(database: Database, brand: Brand) -> None:
    """A decision and a queued message for everybody."""
    with database.read() as tx:
        people = list(tx.execute(sa.select(CustomerRow.id)).scalars())
        (offer,) = offers.active(tx, brand.id)
    for begin in range(0, len(people), 1000):
        chunk = people[begin : begin + 1000]
        database.write(lambda tx, chunk=chunk: _queue(tx, brand, offer.id, chunk))


def _queue(tx: Transaction, brand: Brand, offer_id: str, people: Sequence[str]) -> None:
    now = SystemClock().now()
    made = [_decision(brand, offer_id, customer_id) for customer_id in people]
    decisions.add_many(tx, made)
    queued = [
        Message(
            id=new_id(),
            brand_id=brand.id,
            mode=Mode.LIVE,
            customer_id=each.customer_id,
            decision_id=each.id,
            offer_id=offer_id,
            push=push(number),
            expires_at=now + timedelta(hours=1),
        )
        for number, each in enumerate(made)
    ]
    messages.add_many(tx, queued, now=now)


def _decision(brand: Brand, offer_id: str, customer_id: str) -> Decision:
    return Decision(
        id=new_id(),
        brand_id=brand.id,
        mode=Mode.LIVE,
        customer_id=customer_id,
        moment_id=new_id(),
        cause=Cause.ENTER,
        decided_at=SystemClock().now(),
        outcome=Choice.SEND,
        reasons=(),
        offer_id=offer_id,
        offer="soup",
        offer_revision=1,
    )


def _check_all_sent(database: Database, many: int) -> None:
    with database.read() as tx:
        found = tx.execute(
            sa.select(MessageRow.state, sa.func.count()).group_by(MessageRow.state)
        ).all()
    if [tuple(row) for row in found] != [("sent", many)]:
        raise RuntimeError(f"not all was sent: {found}")
