"""The outbox: messages and their deliveries, from the committed intent to exactly one final state.

A delivery row is the intent: it is committed with status `sending` before its POST may start, and a message has at
most one per device, so that nothing is ever posted twice.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

import msgspec
import sqlalchemy as sa

from domain.decisions import Cause
from domain.ids import new_id
from domain.messages import DeliveryStatus, Message, MessageState, Outcome, Push
from domain.people import Mode, Permission, Platform, Target, TargetKind
from domain.values import Value
from storage.engine import Transaction
from storage.models import CustomerRow, DecisionRow, DeliveryRow, DeviceRow, MessageRow
from storage.sql import lease_now, locked


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


class Addressee(Value):
    """A live device that a message goes to."""

    device_id: str
    platform: Platform
    target: Target


class Intent(Value):
    """A delivery whose intent is written; its POST may start once the transaction has committed."""

    delivery_id: str
    addressee: Addressee


_ADD = sa.insert(MessageRow)

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
        tx.execute(_ADD, rows)


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


def addressees(tx: Transaction, message: Message) -> list[Addressee]:
    """The customer's live devices that allow push and have no delivery of this message yet."""
    done = sa.select(DeliveryRow.device_id).where(DeliveryRow.message_id == message.id)
    rows = tx.execute(
        sa.select(DeviceRow.id, DeviceRow.platform, DeviceRow.target_kind, DeviceRow.target_value)
        .where(DeviceRow.customer_id == message.customer_id, DeviceRow.retired_at.is_(None))
        .where(DeviceRow.target_value.is_not(None))
        .where(DeviceRow.push_permission != Permission.DENIED, DeviceRow.id.not_in(done))
    )
    return [
        Addressee(
            device_id=row.id,
            platform=Platform(row.platform),
            target=Target(kind=TargetKind(row.target_kind), value=row.target_value),
        )
        for row in rows
    ]


def intend(
    tx: Transaction,
    message: Message,
    addressees: Sequence[Addressee],
    *,
    owner: str,
    now: datetime,
    lease_s: float,
) -> list[Intent]:
    """Writes the intent to POST to each addressee; the lease runs on the database's clock."""
    until = lease_now(tx) + timedelta(seconds=lease_s)
    intents = [Intent(delivery_id=new_id(), addressee=one) for one in addressees]
    rows = [
        _delivery(message, intent, DeliveryStatus.SENDING, now)
        | {"owner": owner, "lease_until": until}
        for intent in intents
    ]
    tx.execute(sa.insert(DeliveryRow), rows)
    _set_state(tx, message.id, MessageState.SENDING)
    return intents


def close_unsent(
    tx: Transaction, message: Message, *, state: MessageState, reason: str, now: datetime
) -> None:
    """Ends a message that will not be posted (any more): cancelled or expired, at each device it was meant for."""
    status = DeliveryStatus.EXPIRED if state is MessageState.EXPIRED else DeliveryStatus.CANCELLED
    rows = [
        _delivery(message, Intent(delivery_id=new_id(), addressee=one), status, now)
        | {"owner": message.id, "lease_until": now, "finished_at": now, "error_code": reason}
        for one in addressees(tx, message)
    ]
    if rows:
        tx.execute(sa.insert(DeliveryRow), rows)
    tx.execute(
        sa.update(MessageRow)
        .where(MessageRow.id == message.id, MessageRow.state.in_(_UNFINISHED))
        .values(state=state, reason=reason, finished_at=now)
    )


def record(
    tx: Transaction, delivery_id: str, outcome: Outcome, *, owner: str, now: datetime
) -> bool:
    """Stores what a POST came to; False where the delivery is no longer this owner's to report (or was erased)."""
    mine = tx.execute(
        sa.update(DeliveryRow)
        .where(DeliveryRow.id == delivery_id, DeliveryRow.owner == owner)
        .where(DeliveryRow.status == DeliveryStatus.SENDING)
        .values(
            status=outcome.status,
            provider_id=outcome.provider_id,
            error_code=outcome.error_code,
            detail=(outcome.detail or "")[:300] or None,
            finished_at=now,
        )
        .returning(DeliveryRow.message_id, DeliveryRow.device_id)
    ).one_or_none()
    if mine is None:
        return False
    if outcome.retire:
        retire_target(tx, mine.device_id, reason=outcome.error_code or outcome.status, now=now)
    settle(tx, mine.message_id, now=now)
    return True


def lapse(tx: Transaction, delivery_id: str, *, owner: str, now: datetime) -> None:
    """Takes back an intent whose POST did not start in time; the message is queued again for that device.

    A message whose text a withdrawal has emptied meanwhile ends here instead.
    """
    mine = tx.execute(
        sa.delete(DeliveryRow)
        .where(DeliveryRow.id == delivery_id, DeliveryRow.owner == owner)
        .where(DeliveryRow.status == DeliveryStatus.SENDING)
        .returning(DeliveryRow.message_id)
    ).one_or_none()
    if mine is None:
        return
    emptied = tx.execute(
        sa.update(MessageRow)
        .where(MessageRow.id == mine.message_id, MessageRow.push.is_(None))
        .values(state=MessageState.CANCELLED, reason="consent_missing", finished_at=now)
    )
    if not emptied.rowcount:
        _set_state(tx, mine.message_id, MessageState.QUEUED)


def take_over(tx: Transaction, *, now: datetime, everything: bool = False) -> int:
    """Ends deliveries whose sender died as `unknown`: their POST may or may not have left. Never resent.

    `everything` ignores leases: for the start of the only process there is.
    """
    dead = DeliveryRow.status == DeliveryStatus.SENDING
    if not everything:
        dead = sa.and_(dead, DeliveryRow.lease_until < lease_now(tx))
    rows = tx.execute(
        sa.update(DeliveryRow)
        .where(dead)
        .values(status=DeliveryStatus.UNKNOWN, error_code="sender_lost", finished_at=now)
        .returning(DeliveryRow.message_id)
    ).all()
    for message_id in {row.message_id for row in rows}:
        settle(tx, message_id, now=now)
    return len(rows)


def retire_target(tx: Transaction, device_id: str, *, reason: str, now: datetime) -> None:
    """Forgets a target that is proved dead. The app keeps its credential: it may still live and bring a new target."""
    tx.execute(
        sa.update(DeviceRow)
        .where(DeviceRow.id == device_id)
        .values(target_value=None, target_dead_at=now, target_dead_reason=reason[:40])
    )


def settle(tx: Transaction, message_id: str, *, now: datetime) -> None:
    """Gives a message its final state once no delivery of it is on the way."""
    states = tx.execute(
        locked(tx, sa.select(MessageRow.state).where(MessageRow.id == message_id))
    ).scalar_one_or_none()
    statuses = set(
        tx.execute(
            sa.select(DeliveryRow.status).where(DeliveryRow.message_id == message_id)
        ).scalars()
    )
    if states != MessageState.SENDING or DeliveryStatus.SENDING in statuses:
        return
    tx.execute(
        sa.update(MessageRow)
        .where(MessageRow.id == message_id)
        .values(state=final_state(statuses), finished_at=now)
    )


def final_state(statuses: set[str]) -> MessageState:
    """One device reached is enough to call it sent; a lost answer makes it unknown; else it failed."""
    if DeliveryStatus.ACCEPTED in statuses:
        return MessageState.SENT
    if DeliveryStatus.UNKNOWN in statuses:
        return MessageState.UNKNOWN
    return MessageState.FAILED


def backlog(tx: Transaction) -> dict[str, int]:
    """How many messages are queued, sending and unknown."""
    counted = (MessageState.QUEUED, MessageState.SENDING, MessageState.UNKNOWN)
    rows = tx.execute(
        sa.select(MessageRow.state, sa.func.count()).where(_IN_BACKLOG).group_by(MessageRow.state)
    )
    return {state.value: 0 for state in counted} | dict(rows.all())


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


_UNFINISHED = (MessageState.QUEUED, MessageState.SENDING)


def _set_state(tx: Transaction, message_id: str, state: MessageState) -> None:
    tx.execute(
        sa.update(MessageRow)
        .where(MessageRow.id == message_id, MessageRow.state.in_(_UNFINISHED))
        .values(state=state)
    )


def _delivery(
    message: Message, intent: Intent, status: DeliveryStatus, now: datetime
) -> dict[str, object]:
    return {
        "id": intent.delivery_id,
        "brand_id": message.brand_id,
        "message_id": message.id,
        "device_id": intent.addressee.device_id,
        "status": status,
        "simulated": message.mode is Mode.TEST,
        "attempted_at": now,
    }


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
