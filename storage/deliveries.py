"""Deliveries: a message's one attempt at each device, from the committed intent to exactly one final status.

A row is the intent: it is committed with status `sending` before its POST may start, and a message has at most one per
device, so that nothing is ever posted twice. Everything here works on batches, in a few statements whatever their size.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from domain.ids import new_id
from domain.messages import DeliveryStatus, Message, MessageState, Outcome
from domain.people import Mode
from domain.values import Value
from storage import addressees, targets, webhooks
from storage.addressees import Addressee
from storage.engine import Transaction
from storage.models import DeliveryRow, MessageRow
from storage.models.base import Id, UtcTime
from storage.sql import among, array_of, lease_now, locked

UNFINISHED = (MessageState.QUEUED, MessageState.SENDING)
_LONGEST_DETAIL = 300


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


# Told what it wrote, SQLAlchemy sends a batch of rows as one statement.
_ADD = sa.insert(DeliveryRow).returning(DeliveryRow.id)


def _is(column: Any, *wanted: StrEnum) -> sa.ColumnElement[bool]:
    """Whether a row that is found by its id has one of these states, said so that no index of such states answers it.

    Rows pass through those indexes so fast that they are full of dead ones, which the planner knows nothing of.
    """
    others: sa.ColumnElement[bool] = column.not_in(
        [each for each in type(wanted[0]) if each not in wanted]
    )
    return others


# What decides a message's state, the strongest first: nothing is final while one is on the way; one device reached is
# enough to call it sent; a lost answer makes it unknown; else it failed.
_DECIDE = (
    (DeliveryStatus.SENDING, MessageState.SENDING),
    (DeliveryStatus.ACCEPTED, MessageState.SENT),
    (DeliveryStatus.UNKNOWN, MessageState.UNKNOWN),
)
_RANK = sa.case(
    {status: rank for rank, (status, _) in enumerate(_DECIDE)},
    value=DeliveryRow.status,
    else_=len(_DECIDE),
)
# Looked up message by message: a join would be planned by what is known of a table that was empty a minute ago.
_DECIDING = (
    sa.select(sa.func.min(_RANK))
    .where(DeliveryRow.message_id == MessageRow.id)
    .correlate(MessageRow)
    .scalar_subquery()
)
_SETTLE = (
    sa.update(MessageRow)
    .where(_is(MessageRow.state, MessageState.SENDING), _DECIDING > 0)
    .values(
        state=sa.case(
            {rank: state for rank, (_, state) in enumerate(_DECIDE)},
            value=_DECIDING,
            # What was lost before it was sent again may have been seen, whatever the copies came to.
            else_=sa.case(
                (MessageRow.resends > 0, MessageState.UNKNOWN), else_=MessageState.FAILED
            ),
        ),
        finished_at=sa.bindparam("now"),
    )
)
# Messages that somebody may have seen, or see yet, whatever becomes of their other deliveries.
_MAYBE_SEEN = sa.select(MessageRow.id).where(
    sa.or_(
        MessageRow.resends > 0,
        sa.exists()
        .where(DeliveryRow.message_id == MessageRow.id)
        .where(_is(DeliveryRow.status, *(status for status, _ in _DECIDE))),
    )
)

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
}


def _unnested() -> Any:
    """Many rows as a few parameters, one array for each column: the driver reads hundreds of parameters slowly."""
    arrays = [
        sa.cast(sa.bindparam(name, type_=sa.Text), postgresql.ARRAY(type_))
        for name, type_ in _OF_EACH.items()
    ]
    columns: list[Any] = [sa.column(name, type_) for name, type_ in _OF_EACH.items()]
    rows = sa.func.unnest(*arrays).table_valued(*columns).render_derived()
    shared = [sa.bindparam(name, type_=type_) for name, type_ in _OF_ALL.items()]
    until = sa.func.clock_timestamp() + sa.bindparam("lease", type_=sa.Interval)
    return sa.insert(DeliveryRow).from_select(
        [*_OF_EACH, *_OF_ALL, "lease_until"],
        sa.select(*[rows.c[name] for name in _OF_EACH], *shared, until),
    )


_ADD_UNNESTED = _unnested()


def _ending(pairs: Any) -> Any:
    """Ends an owner's deliveries with one outcome; each has the provider's name for it in `names`, or null."""
    name = pairs(sa.bindparam("names", type_=sa.JSON)).table_valued("key", "value")
    return (
        sa.update(DeliveryRow)
        .where(DeliveryRow.id == sa.cast(name.c.key, Id), DeliveryRow.owner == sa.bindparam("by"))
        .where(_is(DeliveryRow.status, DeliveryStatus.SENDING))
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
    }
    _add(tx, rows, shared, lease=timedelta(seconds=lease_s))
    _set_states(tx, [message.id for message, _ in wanted], MessageState.SENDING)
    return intents


def close_unsent(tx: Transaction, unsent: Sequence[Unsent], *, now: datetime) -> None:
    """Ends messages that will not be posted (any more): cancelled or expired, at each device they were meant for.

    What was posted to another device before ends as that says.
    """
    if not unsent:
        return
    meant = addressees.of_messages(tx, [each.message for each in unsent], now=now)
    rows = [
        _closed(each, device, now) for each in unsent for device in meant.get(each.message.id, ())
    ]
    if rows:
        tx.execute(_ADD, rows)
    alike: defaultdict[tuple[MessageState, str], list[str]] = defaultdict(list)
    for each in unsent:
        alike[each.state, each.reason].append(each.message.id)
    for (state, reason), ids in alike.items():
        _end_without_post(tx, ids, state, reason=reason, now=now)


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
    alike: defaultdict[_Kind, dict[str, str | None]] = defaultdict(dict)
    for delivery_id, each in outcomes.items():
        alike[_Kind(each.status, each.error_code, each.detail, each.retire, each.spared)][
            delivery_id
        ] = each.provider_id
    recorded: dict[str, tuple[str, str]] = {}
    for outcome, names in alike.items():
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
    held = sa.select(MessageRow.id, MessageRow.push.is_(None).label("is_empty"))
    held = held.where(MessageRow.id.in_(ids)).order_by(MessageRow.id)
    emptied = [row.id for row in tx.execute(locked(tx, held)) if row.is_empty]
    _end_without_post(tx, emptied, MessageState.CANCELLED, reason="consent_missing", now=now)
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
    if tx.dialect.name == "postgresql":
        held = sa.select(MessageRow.id).where(among(tx, MessageRow.id, message_ids))
        held = held.order_by(MessageRow.id).with_for_update()
        tx.execute(sa.select(sa.func.count()).select_from(held.subquery()))
    tx.execute(_SETTLE.where(among(tx, MessageRow.id, message_ids)), {"now": now})


def _ended(
    tx: Transaction,
    outcome: "_Kind",
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
    return {id_: (message_id, device_id) for id_, message_id, device_id in rows.all()}


class _Kind(NamedTuple):
    """What outcomes can have in common: all but the provider's name for each."""

    status: DeliveryStatus
    error_code: str | None
    detail: str | None
    retire: bool
    spared: bool


def _end_without_post(
    tx: Transaction, ids: Sequence[str], state: MessageState, *, reason: str, now: datetime
) -> None:
    """Ends messages that wait for nothing any more: as their earlier deliveries say, else in this state."""
    if not ids:
        return
    seen = set(tx.execute(_MAYBE_SEEN.where(among(tx, MessageRow.id, ids))).scalars())
    _set_states(tx, sorted(set(ids) - seen), state, reason=reason, finished_at=now)
    _set_states(tx, sorted(seen), MessageState.SENDING)
    settle(tx, seen, now=now)


def _set_states(tx: Transaction, ids: Sequence[str], state: MessageState, **more: object) -> None:
    if ids:
        tx.execute(
            sa.update(MessageRow)
            .where(among(tx, MessageRow.id, ids), _is(MessageRow.state, *UNFINISHED))
            .values(state=state, **more)
        )


def _add(
    tx: Transaction,
    rows: Sequence[dict[str, object]],
    shared: dict[str, object],
    *,
    lease: timedelta,
) -> None:
    if tx.dialect.name != "postgresql":
        shared = shared | {"lease_until": lease_now(tx) + lease}
        tx.execute(_ADD, [row | shared for row in rows])
        return
    arrays = {name: array_of([str(row[name]) for row in rows]) for name in _OF_EACH}
    tx.execute(_ADD_UNNESTED, arrays | shared | {"lease": lease})


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
