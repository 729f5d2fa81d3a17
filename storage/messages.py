"""The outbox: messages from their decision on, until a sender claims them; deliveries.py has what follows."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any

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
from storage.models.base import Id, UtcTime
from storage.sql import add_rows, among


class Queued(Value):
    """A message that waits to be sent, with the cause and moment of its decision."""

    message: Message
    cause: Cause
    moment_id: str
    decided_at: datetime
    offer_revision: int | None = None


class Lane(Value):
    """Messages that are claimed together: a brand's, of its live or its test customers, prompt ones or bulk."""

    brand_id: str
    mode: Mode
    bulk: bool


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
_QUEUED = (
    sa.select(
        MessageRow.id,
        MessageRow.brand_id,
        MessageRow.mode,
        MessageRow.customer_id,
        MessageRow.decision_id,
        MessageRow.offer_id,
        sa.cast(MessageRow.push, sa.Text),  # decoded at once, without a dictionary in between
        MessageRow.expires_at,
        DecisionRow.cause,
        DecisionRow.moment_id,
        DecisionRow.decided_at,
        DecisionRow.offer_revision,
    )
    .join(DecisionRow, DecisionRow.id == MessageRow.decision_id)
    .join(CustomerRow, CustomerRow.id == MessageRow.customer_id)
    .where(_IN_BACKLOG, MessageRow.state == MessageState.QUEUED)
)
_CLAIM = (
    _QUEUED.where(MessageRow.brand_id == sa.bindparam("brand"))
    .where(MessageRow.mode == sa.bindparam("in_mode"), MessageRow.bulk == sa.bindparam("is_bulk"))
    .where(MessageRow.due_at <= sa.bindparam("now"))
    .order_by(MessageRow.due_at)
    .limit(sa.bindparam("most"))
)
_OF_OFFER = (
    _QUEUED.where(MessageRow.offer_id == sa.bindparam("offer"))
    .where(DecisionRow.offer_revision == sa.bindparam("revision"))
    .limit(sa.bindparam("most"))
)
# Hops from brand to brand through the index, however many messages each has; a lane is one more look. With EXISTS, or without
# an order, PostgreSQL would read the whole backlog instead.
_WAITING = (
    sa.text("""
WITH RECURSIVE owners(brand_id) AS (
    SELECT * FROM (
        SELECT messages.brand_id FROM messages
        WHERE messages.state IN ('queued', 'sending', 'unknown') AND messages.state = 'queued'
        ORDER BY messages.brand_id LIMIT 1
    ) AS first
    UNION ALL
    SELECT (
        SELECT messages.brand_id FROM messages
        WHERE messages.state IN ('queued', 'sending', 'unknown') AND messages.state = 'queued'
        AND messages.brand_id > owners.brand_id
        ORDER BY messages.brand_id LIMIT 1
    ) FROM owners WHERE owners.brand_id IS NOT NULL
)
SELECT owners.brand_id, lanes.mode, lanes.bulk
FROM owners CROSS JOIN (
    SELECT 'live' AS mode, :prompt AS bulk UNION ALL SELECT 'live', :bulk
    UNION ALL SELECT 'test', :prompt UNION ALL SELECT 'test', :bulk
) AS lanes
WHERE owners.brand_id IS NOT NULL AND (
    SELECT 1 FROM messages
    WHERE messages.state IN ('queued', 'sending', 'unknown') AND messages.state = 'queued'
    AND messages.brand_id = owners.brand_id AND messages.mode = lanes.mode
    AND messages.bulk = lanes.bulk AND messages.due_at <= :now
    ORDER BY messages.due_at LIMIT 1
) = 1
""")
    .bindparams(
        sa.bindparam("prompt", False, sa.Boolean),
        sa.bindparam("bulk", True, sa.Boolean),
        sa.bindparam("now", type_=UtcTime),
    )
    .columns(brand_id=Id, mode=sa.String, bulk=sa.Boolean)
)


_push = msgspec.json.Decoder(Push).decode


def add_many(
    tx: Transaction, queued: Iterable[Message], *, now: datetime, bulk: Collection[str] = ()
) -> None:
    """Puts messages into the outbox, in the transaction of their decisions; `bulk` names those that nobody waits for."""
    if rows := [_queued_row(message, now, message.id in bulk) for message in queued]:
        add_rows(tx, MessageRow, rows)


def _queued_row(message: Message, now: datetime, bulk: bool) -> dict[str, object]:
    push = msgspec.to_builtins(message.push)
    when = {"created_at": now, "due_at": now, "bulk": bulk}
    return msgspec.structs.asdict(message) | {"push": push} | when


def waiting(tx: Transaction, *, now: datetime) -> list[Lane]:
    """The lanes in which messages are due, whatever their number."""
    return [
        Lane(brand_id=brand_id, mode=Mode(mode), bulk=bulk)
        for brand_id, mode, bulk in tx.execute(_WAITING, {"now": now})
    ]


def claim(tx: Transaction, lane: Lane, *, now: datetime, limit: int) -> list[Queued]:
    """Up to `limit` messages of a lane, oldest first, locked with their customers until the transaction ends.

    The customers' locks order this against withdrawals: one of the two sees the other's work.
    """
    query = _CLAIM
    if tx.dialect.name == "postgresql":
        query = query.with_for_update(of=[MessageRow, CustomerRow], skip_locked=True)
    named = {"brand": lane.brand_id, "in_mode": lane.mode, "is_bulk": lane.bulk}
    return [_queued(row) for row in tx.execute(query, {**named, "now": now, "most": limit}).all()]


def claim_of_offer(tx: Transaction, offer_id: str, revision: int, *, limit: int) -> list[Queued]:
    """Up to `limit` queued messages of one revision of an offer, due or not, locked like claimed ones."""
    query = _OF_OFFER
    if tx.dialect.name == "postgresql":
        query = query.with_for_update(of=[MessageRow, CustomerRow], skip_locked=True)
    named = {"offer": offer_id, "revision": revision, "most": limit}
    return [_queued(row) for row in tx.execute(query, named)]


def postpone(tx: Transaction, message_ids: Sequence[str], *, until: datetime) -> None:
    """Leaves queued messages alone until then, so that what waits for a way out does not keep others from theirs."""
    if message_ids:
        tx.execute(
            sa.update(MessageRow)
            .where(among(tx, MessageRow.id, message_ids), MessageRow.state == MessageState.QUEUED)
            .values(due_at=until)
        )


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


def oldest_due(tx: Transaction, now: datetime) -> datetime | None:
    """Since when the message that is due longest has been due; None where none is."""
    query = sa.select(sa.func.min(MessageRow.due_at)).where(
        _IN_BACKLOG, MessageRow.state == MessageState.QUEUED, MessageRow.due_at <= now
    )
    oldest: datetime | None = tx.execute(query).scalar_one()
    return oldest


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


def _queued(row: Sequence[Any]) -> Queued:
    id_, brand, mode, customer, decision, offer, push, expires_at, *decided = row
    cause, moment, decided_at, revision = decided
    message = Message(
        id=id_,
        brand_id=brand,
        mode=Mode(mode),
        customer_id=customer,
        decision_id=decision,
        offer_id=offer,
        push=_push(push),
        expires_at=expires_at,
    )
    return Queued(
        message=message,
        cause=Cause(cause),
        moment_id=moment,
        decided_at=decided_at,
        offer_revision=revision,
    )
