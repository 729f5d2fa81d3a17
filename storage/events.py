"""Events: what people did besides moving, and what they answered to pushes."""

from collections.abc import Collection, Iterable
from datetime import datetime

import msgspec
import sqlalchemy as sa

from domain.events import ANSWERS, Event
from domain.ids import new_id
from domain.people import Mode
from domain.values import Value
from storage.engine import Transaction
from storage.models import CustomerRow, DecisionRow, EventRow, StoreRow
from storage.models.base import UtcTime
from storage.prepared import OfMany

_IN_BODY = ("service", "slot", "items", "amount", "properties")


class StoredEvent(Value):
    """An event with what its names stand for."""

    event: Event
    brand_id: str
    mode: Mode
    customer_id: str
    device_id: str | None = None
    store_id: str | None = None


class Answer(Value):
    """What a person did with a push: one of `ANSWERS`, and the offer it was about, where that is known."""

    customer_id: str
    type: str
    occurred_at: datetime
    decision_id: str | None
    offer_id: str | None


class Place(Value):
    """A store as events name it, and the zone its clock shows."""

    id: str
    time_zone: str


def add(tx: Transaction, events: Iterable[StoredEvent], *, now: datetime) -> None:
    """Stores events, in one statement for any number."""
    if rows := [_columns(each, now) for each in events]:
        tx.execute(sa.insert(EventRow), rows)


_ANSWERED = OfMany(
    sa.select(
        EventRow.customer_id,
        EventRow.type,
        EventRow.occurred_at,
        EventRow.decision_id,
        DecisionRow.offer_id,
    )
    .outerjoin(DecisionRow, DecisionRow.id == EventRow.decision_id)
    .where(
        EventRow.occurred_at >= sa.bindparam("since", type_=UtcTime),
        sa.or_(*(EventRow.type == answer for answer in ANSWERS)),
    )
    .order_by(EventRow.occurred_at, EventRow.id),
    EventRow.customer_id,
)


def answers(
    tx: Transaction, customer_ids: Collection[str], since: datetime
) -> dict[str, list[Answer]]:
    """What these people answered since then, oldest first, by customer; who answered nothing is absent."""
    found: dict[str, list[Answer]] = {}
    for whose, type_, at, decision_id, offer_id in _ANSWERED.of(tx, customer_ids, since=since):
        answer = Answer(
            customer_id=whose,
            type=type_,
            occurred_at=at,
            decision_id=decision_id,
            offer_id=offer_id,
        )
        found.setdefault(whose, []).append(answer)
    return found


def customers(
    tx: Transaction, *, brand_id: str, mode: Mode, external_ids: Collection[str]
) -> dict[str, str]:
    """The ids of the customers known by these names, none of whom can be erased or withdraw before the commit."""
    query = (
        sa.select(CustomerRow.external_id, CustomerRow.id)
        .where(
            CustomerRow.brand_id == brand_id,
            CustomerRow.mode == mode,
            CustomerRow.external_id.in_(external_ids),
        )
        .order_by(CustomerRow.id)
    )
    if tx.dialect.name == "postgresql":  # against what locks them for update, and nobody else
        query = query.with_for_update(read=True, key_share=True)
    return {row.external_id: row.id for row in tx.execute(query)}


def stores(tx: Transaction, *, brand_id: str, external_ids: Collection[str]) -> dict[str, Place]:
    """The stores known by these names."""
    query = sa.select(StoreRow.external_id, StoreRow.id, StoreRow.time_zone).where(
        StoreRow.brand_id == brand_id, StoreRow.external_id.in_(external_ids)
    )
    return {row.external_id: Place(id=row.id, time_zone=row.time_zone) for row in tx.execute(query)}


def deciders(tx: Transaction, decision_ids: Collection[str]) -> dict[str, str | None]:
    """Whom each of these decisions was made for; None once that is erased."""
    query = sa.select(DecisionRow.id, DecisionRow.customer_id).where(
        DecisionRow.id.in_(decision_ids)
    )
    return {row.id: row.customer_id for row in tx.execute(query)}


def _columns(stored: StoredEvent, now: datetime) -> dict[str, object]:
    event = stored.event
    given = {name: getattr(event, name) for name in _IN_BODY}
    body = {name: value for name, value in given.items() if value not in (None, (), {})}
    return {
        "id": new_id(),
        "brand_id": stored.brand_id,
        "mode": stored.mode,
        "customer_id": stored.customer_id,
        "device_id": stored.device_id,
        "event_id": event.event_id,
        "type": event.type,
        "store_id": stored.store_id,
        "decision_id": event.decision_id,
        "occurred_at": event.occurred_at,
        "received_at": now,
        "body": msgspec.to_builtins(body),
    }
