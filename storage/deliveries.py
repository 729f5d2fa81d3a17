"""Deliveries: a message's one attempt at each device, from the committed intent to exactly one final status.

A row is the intent: it is committed with status `sending` before its POST may start, and a message has at most one per
device, so that nothing is ever posted twice. Everything here works on batches, in a few statements whatever their size.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from domain.ids import new_id
from domain.messages import DeliveryStatus, Message, MessageState, Outcome
from domain.people import (
    ANDROID_EXPIRES_AFTER,
    Mode,
    Permission,
    Platform,
    Target,
    TargetKind,
)
from domain.values import Value
from storage import targets, webhooks
from storage.engine import Transaction
from storage.models import DeliveryRow, DeviceRow, MessageRow
from storage.models.base import Id, UtcTime
from storage.sql import among, lease_now, locked

UNFINISHED = (MessageState.QUEUED, MessageState.SENDING)
_LONGEST_DETAIL = 300


class Addressee(Value):
    """A live device that a message goes to."""

    device_id: str
    platform: Platform
    target: Target
    permission: Permission = Permission.UNKNOWN
    last_seen_at: datetime | None = None


class Intent(Value):
    """A delivery whose intent is written; its POST may start once the transaction has committed."""

    delivery_id: str
    message_id: str
    addressee: Addressee


class Unsent(Value):
    """A message that will not be posted (any more), and why."""

    message: Message
    state: MessageState
    reason: str


_ADDRESSEES = (
    sa.select(
        MessageRow.id.label("message_id"),
        DeviceRow.id,
        DeviceRow.platform,
        DeviceRow.target_kind,
        DeviceRow.target_value,
        DeviceRow.push_permission,
        DeviceRow.last_seen_at,
    )
    .join(DeviceRow, DeviceRow.customer_id == MessageRow.customer_id)
    .outerjoin(
        DeliveryRow,
        sa.and_(DeliveryRow.message_id == MessageRow.id, DeliveryRow.device_id == DeviceRow.id),
    )
    .where(
        DeliveryRow.id.is_(None),
        DeviceRow.retired_at.is_(None),
        DeviceRow.target_value.is_not(None),
    )
    .where(DeviceRow.push_permission != Permission.DENIED)
    .where(
        sa.or_(
            DeviceRow.platform != Platform.ANDROID,
            DeviceRow.last_seen_at >= sa.bindparam("android_since", type_=UtcTime),
        )
    )
)
# Told what it wrote, SQLAlchemy sends a batch of rows as one statement.
_ADD = sa.insert(DeliveryRow).returning(DeliveryRow.id)
_STATUSES = sa.select(DeliveryRow.message_id, DeliveryRow.status)


_OF_EACH: dict[str, Any] = {
    "id": Id,
    "brand_id": Id,
    "message_id": Id,
    "device_id": Id,
    "simulated": sa.Boolean(),
}
_OF_ALL: dict[str, Any] = {
    "status": sa.String(),
    "attempted_at": UtcTime(),
    "owner": Id,
    "lease_until": UtcTime(),
}


def _unnested() -> Any:
    """Many rows as a few parameters, one array for each column: the driver reads hundreds of parameters slowly."""
    arrays = [sa.bindparam(name, type_=postgresql.ARRAY(type_)) for name, type_ in _OF_EACH.items()]
    columns: list[Any] = [sa.column(name, type_) for name, type_ in _OF_EACH.items()]
    rows = sa.func.unnest(*arrays).table_valued(*columns).render_derived()
    shared = [sa.bindparam(name, type_=type_) for name, type_ in _OF_ALL.items()]
    return sa.insert(DeliveryRow).from_select(
        [*_OF_EACH, *_OF_ALL], sa.select(*[rows.c[name] for name in _OF_EACH], *shared)
    )


_ADD_UNNESTED = _unnested()


def _ending(pairs: Any) -> Any:
    """Ends an owner's deliveries with one outcome; each has the provider's name for it in `names`, or null."""
    name = pairs(sa.bindparam("names", type_=sa.JSON)).table_valued("key", "value")
    return (
        sa.update(DeliveryRow)
        .where(DeliveryRow.id == sa.cast(name.c.key, Id), DeliveryRow.owner == sa.bindparam("by"))
        .where(DeliveryRow.status == DeliveryStatus.SENDING)
        .values(
            status=sa.bindparam("outcome"),
            provider_id=name.c.value,
            error_code=sa.bindparam("code"),
            detail=sa.bindparam("text"),
            finished_at=sa.bindparam("now"),
        )
        .returning(DeliveryRow.id, DeliveryRow.message_id, DeliveryRow.device_id)
    )


_END = {"postgresql": _ending(sa.func.json_each_text), "sqlite": _ending(sa.func.json_each)}


def addressees(
    tx: Transaction, messages: Iterable[Message], *, now: datetime
) -> dict[str, list[Addressee]]:
    """By message id, its customer's live devices that allow push and have no delivery of it yet; not one whose
    registration FCM has let expire.
    """
    found: defaultdict[str, list[Addressee]] = defaultdict(list)
    ids = [message.id for message in messages]
    given = {"android_since": now - ANDROID_EXPIRES_AFTER}
    for row in tx.execute(_ADDRESSEES.where(among(tx, MessageRow.id, ids)), given):
        found[row.message_id].append(
            Addressee(
                device_id=row.id,
                platform=Platform(row.platform),
                target=Target(kind=TargetKind(row.target_kind), value=row.target_value),
                permission=Permission(row.push_permission),
                last_seen_at=row.last_seen_at,
            )
        )
    return found


def intend(
    tx: Transaction,
    wanted: Sequence[tuple[Message, Sequence[Addressee]]],
    *,
    owner: str,
    now: datetime,
    lease_s: float,
) -> list[Intent]:
    """Writes the intents to POST each message to its addressees; the leases run on the database's clock."""
    if not wanted:
        return []
    until = lease_now(tx) + timedelta(seconds=lease_s)
    intents: list[Intent] = []
    rows: list[dict[str, object]] = []
    for message, devices in wanted:
        for device in devices:
            intent = Intent(delivery_id=new_id(), message_id=message.id, addressee=device)
            intents.append(intent)
            rows.append(_row(message, intent))
    shared = {
        "status": DeliveryStatus.SENDING,
        "attempted_at": now,
        "owner": owner,
        "lease_until": until,
    }
    _add(tx, rows, shared)
    _set_states(tx, [message.id for message, _ in wanted], MessageState.SENDING)
    return intents


def close_unsent(tx: Transaction, unsent: Sequence[Unsent], *, now: datetime) -> None:
    """Ends messages that will not be posted: cancelled or expired, at each device they were meant for."""
    if not unsent:
        return
    meant = addressees(tx, [each.message for each in unsent], now=now)
    rows = [
        _closed(each, device, now) for each in unsent for device in meant.get(each.message.id, ())
    ]
    if rows:
        tx.execute(_ADD, rows)
    alike: defaultdict[tuple[MessageState, str], list[str]] = defaultdict(list)
    for each in unsent:
        alike[each.state, each.reason].append(each.message.id)
    for (state, reason), ids in alike.items():
        _set_states(tx, ids, state, reason=reason, finished_at=now)


def pass_over(
    tx: Transaction,
    skipped: Sequence[tuple[Message, Addressee]],
    *,
    reason: str,
    now: datetime,
) -> None:
    """Ends the deliveries at devices that are left out while the messages go to others."""
    rows = [
        _closed(Unsent(message=message, state=MessageState.CANCELLED, reason=reason), device, now)
        for message, device in skipped
    ]
    if rows:
        tx.execute(_ADD, rows)


def record(
    tx: Transaction, outcomes: Mapping[str, Outcome], *, owner: str, now: datetime
) -> set[str]:
    """Stores what POSTs came to, by delivery id; returns the ids that were still this owner's to report.

    The others were taken over as unknown meanwhile, or erased.
    """
    alike: defaultdict[Outcome, list[str]] = defaultdict(list)
    for delivery_id, outcome in outcomes.items():
        alike[_without_name(outcome)].append(delivery_id)
    recorded: dict[str, tuple[str, str]] = {}
    for outcome, ids in alike.items():
        names = {one: outcomes[one].provider_id for one in ids}
        mine = _ended(tx, outcome, names, owner=owner, now=now)
        recorded |= mine
        if outcome.retire and mine:
            reason = outcome.error_code or outcome.status
            targets.forget(tx, mine, reason=reason, now=now)
            # A webhook that stands in a phone's place is disabled.
            webhooks.disable(tx, [device for _, device in mine.values()], now=now)
        elif outcome.spared and mine:
            targets.doubt(tx, mine, reason=outcome.error_code or outcome.status, now=now)
    settle(tx, {message_id for message_id, _ in recorded.values()}, now=now)
    return set(recorded)


def lapse(tx: Transaction, delivery_ids: Collection[str], *, owner: str, now: datetime) -> None:
    """Takes back intents whose POST did not start in time; their messages are queued again for those devices.

    A message whose text a withdrawal has emptied meanwhile ends here instead.
    """
    mine = (
        sa.delete(DeliveryRow)
        .where(DeliveryRow.id.in_(delivery_ids), DeliveryRow.owner == owner)
        .where(DeliveryRow.status == DeliveryStatus.SENDING)
        .returning(DeliveryRow.message_id)
    )
    ids = sorted(set(tx.execute(mine).scalars()))
    if not ids:
        return
    emptied = tx.execute(
        sa.update(MessageRow)
        .where(MessageRow.id.in_(ids), MessageRow.push.is_(None))
        .values(state=MessageState.CANCELLED, reason="consent_missing", finished_at=now)
        .returning(MessageRow.id)
    ).scalars()
    _set_states(tx, sorted(set(ids) - set(emptied)), MessageState.QUEUED)


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
    settle(tx, {row.message_id for row in rows}, now=now)
    return len(rows)


def settle(tx: Transaction, message_ids: Collection[str], *, now: datetime) -> None:
    """Gives messages their final states where no delivery of them is on the way any more."""
    if not message_ids:
        return
    # Locked in one order by everybody, and before their deliveries are read: of two senders that report the last two
    # deliveries of a message, the second sees the first one's.
    sending = sa.select(MessageRow.id).where(
        among(tx, MessageRow.id, message_ids), MessageRow.state == MessageState.SENDING
    )
    ids = list(tx.execute(locked(tx, sending.order_by(MessageRow.id))).scalars())
    statuses: defaultdict[str, set[str]] = defaultdict(set)
    for message_id, status in tx.execute(_STATUSES.where(among(tx, DeliveryRow.message_id, ids))):
        statuses[message_id].add(status)
    alike: defaultdict[MessageState, list[str]] = defaultdict(list)
    for message_id in ids:
        if DeliveryStatus.SENDING not in statuses[message_id]:
            alike[final_state(statuses[message_id])].append(message_id)
    for state, ended in alike.items():
        _set_states(tx, ended, state, finished_at=now)


def final_state(statuses: set[str]) -> MessageState:
    """One device reached is enough to call it sent; a lost answer makes it unknown; else it failed."""
    if DeliveryStatus.ACCEPTED in statuses:
        return MessageState.SENT
    if DeliveryStatus.UNKNOWN in statuses:
        return MessageState.UNKNOWN
    return MessageState.FAILED


def _ended(
    tx: Transaction,
    outcome: Outcome,
    names: Mapping[str, str | None],
    *,
    owner: str,
    now: datetime,
) -> dict[str, tuple[str, str]]:
    """Ends this owner's deliveries with one outcome; returns the message and device of each that it ended."""
    given = {
        "names": names,
        "by": owner,
        "outcome": outcome.status,
        "code": outcome.error_code,
        "text": (outcome.detail or "")[:_LONGEST_DETAIL] or None,
        "now": now,
    }
    rows = tx.execute(_END[tx.dialect.name], given)
    return {row.id: (row.message_id, row.device_id) for row in rows}


def _without_name(outcome: Outcome) -> Outcome:
    """What deliveries can have in common: all but the provider's name for each."""
    return Outcome(
        status=outcome.status,
        error_code=outcome.error_code,
        detail=outcome.detail,
        retire=outcome.retire,
        spared=outcome.spared,
    )


def _set_states(tx: Transaction, ids: Sequence[str], state: MessageState, **more: object) -> None:
    if ids:
        tx.execute(
            sa.update(MessageRow)
            .where(among(tx, MessageRow.id, ids), MessageRow.state.in_(UNFINISHED))
            .values(state=state, **more)
        )


def _add(tx: Transaction, rows: Sequence[dict[str, object]], shared: dict[str, object]) -> None:
    if tx.dialect.name != "postgresql":
        tx.execute(_ADD, [row | shared for row in rows])
        return
    tx.execute(_ADD_UNNESTED, {name: [row[name] for row in rows] for name in _OF_EACH} | shared)


def _closed(unsent: Unsent, device: Addressee, now: datetime) -> dict[str, object]:
    expired = unsent.state is MessageState.EXPIRED
    status = DeliveryStatus.EXPIRED if expired else DeliveryStatus.CANCELLED
    message = unsent.message
    intent = Intent(delivery_id=new_id(), message_id=message.id, addressee=device)
    return _row(message, intent) | {
        "status": status,
        "attempted_at": now,
        "owner": message.id,
        "lease_until": now,
        "finished_at": now,
        "error_code": unsent.reason,
    }


def _row(message: Message, intent: Intent) -> dict[str, object]:
    return {
        "id": intent.delivery_id,
        "brand_id": message.brand_id,
        "message_id": message.id,
        "device_id": intent.addressee.device_id,
        "simulated": message.mode is Mode.TEST,
    }
