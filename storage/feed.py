"""What happened since the last look, in the order it was written; for whoever watches."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from domain.values import Value
from storage.engine import Transaction
from storage.models import CustomerRow, DecisionRow, MomentRow, StoreRow

FIRST = "00000000-0000-0000-0000-000000000000"


class MomentSeen(Value):
    id: str
    cause: str
    customer: str | None
    store: str | None
    due_at: datetime


class DecisionSeen(Value):
    id: str
    cause: str
    customer: str | None
    store: str | None
    decided_at: datetime
    outcome: str
    offer: str | None
    reasons: list[dict[str, Any]]


def moments(tx: Transaction, *, after: str, now: datetime, limit: int = 200) -> list[MomentSeen]:
    """Moments that are due, behind `after`; ids grow with time."""
    rows = tx.execute(
        sa.select(
            MomentRow.id,
            MomentRow.cause,
            CustomerRow.external_id.label("customer"),
            StoreRow.name.label("store"),
            MomentRow.due_at,
        )
        .join(CustomerRow, CustomerRow.id == MomentRow.customer_id)
        .outerjoin(StoreRow, StoreRow.id == MomentRow.store_id)
        .where(MomentRow.id > after, MomentRow.due_at <= now)
        .order_by(MomentRow.id)
        .limit(limit)
    )
    return [MomentSeen(**row._mapping) for row in rows]


def decisions(tx: Transaction, *, after: str, limit: int = 200) -> list[DecisionSeen]:
    rows = tx.execute(
        sa.select(
            DecisionRow.id,
            DecisionRow.cause,
            CustomerRow.external_id.label("customer"),
            StoreRow.name.label("store"),
            DecisionRow.decided_at,
            DecisionRow.outcome,
            DecisionRow.offer,
            DecisionRow.reasons,
        )
        .outerjoin(CustomerRow, CustomerRow.id == DecisionRow.customer_id)
        .outerjoin(StoreRow, StoreRow.id == DecisionRow.store_id)
        .where(DecisionRow.id > after)
        .order_by(DecisionRow.id)
        .limit(limit)
    )
    return [DecisionSeen(**row._mapping) for row in rows]
