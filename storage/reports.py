"""What the push service reports afterwards: which messages it took and delivered, and its own sums by day and label."""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa

from domain.ids import parse_id
from domain.messages import MessageState
from domain.people import Mode
from domain.values import Value
from storage.engine import Transaction
from storage.models import (
    CustomerRow,
    DeliveryReportRow,
    DeliveryRow,
    EventRow,
    MessageRow,
)
from storage.sql import among, insert

DELIVERED = "delivered"


class Reached(Value):
    """A message of ours that the push service tells of. `known`: its delivery is reported already."""

    id: str
    mode: Mode
    customer_id: str
    decision_id: str
    state: MessageState
    known: bool = False


class Sum(Value):
    """The push service's own sums under one label."""

    label: str
    accepted: int = 0
    delivered: int = 0


def by_ids(tx: Transaction, brand_id: str, ids: Collection[str]) -> dict[str, Reached]:
    """The brand's messages among these ids."""
    real = {id_ for each in ids if (id_ := parse_id(each))}
    return {each.id: each for each in _reached(tx, brand_id, among(tx, MessageRow.id, real))}


def by_names(
    tx: Transaction, brand_id: str, names: Collection[str], *, since: datetime, until: datetime
) -> dict[str, Reached]:
    """The brand's messages made in this time, by the name that the push service gave to one of their deliveries."""
    rows = tx.execute(
        sa.select(DeliveryRow.provider_id, DeliveryRow.message_id)
        .join(MessageRow, MessageRow.id == DeliveryRow.message_id)
        .where(MessageRow.brand_id == brand_id, MessageRow.created_at.between(since, until))
        .where(DeliveryRow.provider_id.in_(list(names)))
    ).all()
    ids = {row.message_id for row in rows}
    found = {each.id: each for each in _reached(tx, brand_id, among(tx, MessageRow.id, ids))}
    return {row.provider_id: found[row.message_id] for row in rows if row.message_id in found}


def people(tx: Transaction, customer_ids: Iterable[str]) -> set[str]:
    """Those of these people who are still there, none of whom can be erased before the commit."""
    query = sa.select(CustomerRow.id).where(among(tx, CustomerRow.id, set(customer_ids)))
    query = query.order_by(CustomerRow.id)
    if tx.dialect.name == "postgresql":
        query = query.with_for_update(read=True, key_share=True)
    return set(tx.execute(query).scalars())


def put(
    tx: Transaction,
    brand_id: str,
    sums: Iterable[tuple[str, int, str, int, Mapping[str, float]]],
) -> None:
    """Keeps the sums (app, day, label, accepted, shares) in place of what was known of the same app, day and label."""
    rows = [
        {
            "brand_id": brand_id,
            "app": app,
            "day": day,
            "label": label,
            "accepted": accepted,
            "shares": dict(shares),
        }
        for app, day, label, accepted, shares in sums
    ]
    if rows:
        adding = insert(tx, DeliveryReportRow)
        kept = {name: adding.excluded[name] for name in ("accepted", "shares")}
        keys = ["brand_id", "app", "day", "label"]
        tx.execute(adding.on_conflict_do_update(index_elements=keys, set_=kept), rows)


def sums(tx: Transaction, brand_id: str, *, first: int, last: int) -> dict[str, Sum]:
    """The push service's sums of these days, by label; what it delivered is its share of what it took, rounded."""
    query = sa.select(
        DeliveryReportRow.label, DeliveryReportRow.accepted, DeliveryReportRow.shares
    ).where(DeliveryReportRow.brand_id == brand_id, DeliveryReportRow.day.between(first, last))
    totals: dict[str, tuple[int, float]] = {}
    for label, accepted, shares in tx.execute(query):
        took, delivered = totals.get(label, (0, 0.0))
        share = float(shares.get(DELIVERED, 0.0))
        totals[label] = took + accepted, delivered + accepted * share / 100
    return {
        label: Sum(label=label, accepted=took, delivered=round(delivered))
        for label, (took, delivered) in totals.items()
    }


def _reached(tx: Transaction, brand_id: str, chosen: Any) -> list[Reached]:
    told = (
        sa.exists()
        .where(EventRow.customer_id == MessageRow.customer_id)
        .where(EventRow.decision_id == MessageRow.decision_id, EventRow.type == DELIVERED)
    )
    query = sa.select(
        MessageRow.id,
        MessageRow.mode,
        MessageRow.customer_id,
        MessageRow.decision_id,
        MessageRow.state,
        told.label("known"),
    ).where(MessageRow.brand_id == brand_id, chosen)
    return [
        msgspec.convert({**row._mapping, "known": bool(row.known)}, Reached)
        for row in tx.execute(query)
    ]
