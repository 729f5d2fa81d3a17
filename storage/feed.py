"""The decisions since the last look, in the order they were written; for whoever watches."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from domain.values import Value
from storage.engine import Transaction
from storage.models import CustomerRow, DecisionRow, MomentRow, StoreRow

FIRST = "00000000-0000-0000-0000-000000000000"


class Seen(Value):
    """A decision with the moment it ended."""

    id: str
    moment_id: str
    due_at: datetime | None
    cause: str
    customer: str | None
    store: str | None
    decided_at: datetime
    outcome: str
    offer: str | None
    reasons: list[dict[str, Any]]


def newest(tx: Transaction) -> str:
    """The id of the newest decision."""
    query = sa.select(DecisionRow.id).order_by(DecisionRow.id.desc()).limit(1)
    return tx.execute(query).scalar_one_or_none() or FIRST


def decisions(tx: Transaction, *, after: str, limit: int = 200) -> list[Seen]:
    """Up to `limit` decisions behind `after`; ids grow with time."""
    rows = tx.execute(
        sa.select(
            DecisionRow.id,
            DecisionRow.moment_id,
            MomentRow.due_at,
            DecisionRow.cause,
            CustomerRow.external_id.label("customer"),
            StoreRow.name.label("store"),
            DecisionRow.decided_at,
            DecisionRow.outcome,
            DecisionRow.offer,
            DecisionRow.reasons,
        )
        .outerjoin(MomentRow, MomentRow.id == DecisionRow.moment_id)
        .outerjoin(CustomerRow, CustomerRow.id == DecisionRow.customer_id)
        .outerjoin(StoreRow, StoreRow.id == DecisionRow.store_id)
        .where(DecisionRow.id > after)
        .order_by(DecisionRow.id)
        .limit(limit)
    )
    return [Seen(**row._mapping) for row in rows]
