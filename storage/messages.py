"""The outbox: messages from their decision on, until a sender claims them; deliveries.py has what follows."""

from collections.abc import Iterable, Sequence
from datetime import datetime

import msgspec
import sqlalchemy as sa

from domain.decisions import Cause
from domain.messages import Message, MessageState, Push
from domain.people import Mode
from domain.values import Value
from storage import deliveries
from storage.deliveries import Unsent
from storage.engine import Transaction
from storage.models import CustomerRow, DecisionRow, DeliveryRow, MessageRow
from storage.sql import add_rows, among


class Queued(Value):
    """A message that waits to be sent, with the cause and moment of its decision."""

    message: Message
    cause: Cause
    moment_id: str
    decided_at: datetime


class Line(Value):
    """A message as operators list it: no text, no target."""

    id: str
    decision_id: str
    state: MessageState
    reason: str | None
    created_at: datetime
    finished_at: datetime | None
    deliveries: tuple[str, ...]


# The index's own condition, written out: SQLite uses a partial index only where the query holds it word for word.
_IN_BACKLOG = sa.text("messages.state IN ('queued', 'sending', 'unknown')")
_CLAIM = (
    sa.select(
        MessageRow.__table__, DecisionRow.cause, DecisionRow.moment_id, DecisionRow.decided_at
    )
    .join(DecisionRow, DecisionRow.id == MessageRow.decision_id)
    .join(CustomerRow, CustomerRow.id == MessageRow.customer_id)
    .where(_IN_BACKLOG, MessageRow.state == MessageState.QUEUED)
    .where(MessageRow.due_at <= sa.bindparam("now"))
    .where(MessageRow.brand_id.not_in(sa.bindparam("resting", expanding=True)))
    .order_by(MessageRow.due_at)
    .limit(sa.bindparam("most"))
)


def add_many(tx: Transaction, queued: Iterable[Message], *, now: datetime) -> None:
    """Puts messages into the outbox, in the transaction of their decisions."""
    if rows := [_queued_row(message, now) for message in queued]:
        add_rows(tx, MessageRow, rows)


def _queued_row(message: Message, now: datetime) -> dict[str, object]:
    push = msgspec.to_builtins(message.push)
    return msgspec.structs.asdict(message) | {"push": push, "created_at": now, "due_at": now}


def claim(
    tx: Transaction, *, now: datetime, limit: int, without_brands: Iterable[str] = ()
) -> list[Queued]:
    """Up to `limit` queued messages, oldest first, locked with their customers until the transaction ends.

    The customers' locks order this against withdrawals: one of the two sees the other's work.
    """
    query = _CLAIM
    if tx.dialect.name == "postgresql":
        query = query.with_for_update(of=[MessageRow, CustomerRow], skip_locked=True)
    rows = tx.execute(query, {"now": now, "resting": list(without_brands), "most": limit})
    return [_queued(row) for row in rows]


def close_unsent(
    tx: Transaction, message: Message, *, state: MessageState, reason: str, now: datetime
) -> None:
    """Ends a message that will not be posted (any more): cancelled or expired, at each device it was meant for."""
    deliveries.close_unsent(tx, [Unsent(message=message, state=state, reason=reason)], now=now)


def backlog(tx: Transaction) -> dict[str, int]:
    """How many messages are queued, sending and unknown."""
    counted = (MessageState.QUEUED, MessageState.SENDING, MessageState.UNKNOWN)
    rows = tx.execute(
        sa.select(MessageRow.state, sa.func.count()).where(_IN_BACKLOG).group_by(MessageRow.state)
    )
    return {state.value: 0 for state in counted} | dict(rows.all())
def postpone(tx: Transaction, message_ids: Sequence[str], *, until: datetime) -> None:
    """Leaves queued messages alone until then, so that what waits for a way out does not keep others from theirs."""
    if message_ids:
        tx.execute(
            sa.update(MessageRow)
            .where(among(tx, MessageRow.id, message_ids), MessageRow.state == MessageState.QUEUED)
            .values(due_at=until)
        )




def newest(tx: Transaction, brand_id: str, *, state: str | None, limit: int) -> list[Line]:
    """The brand's newest messages with the status of each delivery."""
    query = sa.select(MessageRow.__table__).where(MessageRow.brand_id == brand_id)
    if state:
        query = query.where(MessageRow.state == state)
    rows = tx.execute(query.order_by(MessageRow.id.desc()).limit(limit)).all()
    statuses: dict[str, list[str]] = {row.id: [] for row in rows}
    for message_id, status in tx.execute(
        sa.select(DeliveryRow.message_id, DeliveryRow.status).where(
            DeliveryRow.message_id.in_(list(statuses))
        )
    ):
        statuses[message_id].append(status)
    return [
        Line(
            id=row.id,
            decision_id=row.decision_id,
            state=MessageState(row.state),
            reason=row.reason,
            created_at=row.created_at,
            finished_at=row.finished_at,
            deliveries=tuple(statuses[row.id]),
        )
        for row in rows
    ]


def _queued(row: sa.Row[tuple[object, ...]]) -> Queued:
    values = row._mapping
    message = Message(
        id=values["id"],
        brand_id=values["brand_id"],
        mode=Mode(values["mode"]),
        customer_id=values["customer_id"],
        decision_id=values["decision_id"],
        offer_id=values["offer_id"],
        push=msgspec.convert(values["push"], Push),
        expires_at=values["expires_at"],
        state=MessageState(values["state"]),
    )
    return Queued(
        message=message,
        cause=Cause(values["cause"]),
        moment_id=values["moment_id"],
        decided_at=values["decided_at"],
    )
