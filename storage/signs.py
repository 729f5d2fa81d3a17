"""When a person was there, as far as the stored rows tell: what counts are told by, beside what was learned."""

from datetime import datetime

import sqlalchemy as sa

from domain.values import Value
from storage.engine import Transaction
from storage.models import EventRow, StoreRow, VisitRow

_EVENTS = ("visit", "order", "beacon")
_MOST = 5000
_STORE = (
    StoreRow.time_zone.label("zone"),
    StoreRow.id.label("store_id"),
    StoreRow.name.label("store"),
)


class Sign(Value):
    """A time at which somebody was there; the store, its name and its zone where one is known; whether it was an order."""

    at: datetime
    zone: str | None = None
    store_id: str | None = None
    store: str | None = None
    order: bool = False


def of_customer(tx: Transaction, customer_id: str, *, since: datetime) -> list[Sign]:
    """The dwells at stores and the events that show a visit since then, oldest first; the newest 5,000 of each."""
    dwells = (
        sa.select(VisitRow.dwelled_at.label("at"), sa.false().label("order"), *_STORE)
        .join(StoreRow, StoreRow.id == VisitRow.store_id)
        .where(VisitRow.customer_id == customer_id, VisitRow.dwelled_at >= since)
        .order_by(VisitRow.dwelled_at.desc())
    )
    events = (
        sa.select(
            EventRow.occurred_at.label("at"), (EventRow.type == "order").label("order"), *_STORE
        )
        .outerjoin(StoreRow, StoreRow.id == EventRow.store_id)
        .where(
            EventRow.customer_id == customer_id,
            EventRow.occurred_at >= since,
            EventRow.type.in_(_EVENTS),
        )
        .order_by(EventRow.occurred_at.desc())
    )
    rows = [row for query in (dwells, events) for row in tx.execute(query.limit(_MOST))]
    found = (
        Sign(at=r.at, zone=r.zone, store_id=r.store_id, store=r.store, order=bool(r.order))
        for r in rows
    )
    return sorted(found, key=lambda sign: sign.at)
