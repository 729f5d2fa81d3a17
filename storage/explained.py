"""What the holder of a signed address may read of one decision."""

from datetime import datetime

import msgspec
import sqlalchemy as sa

from domain.decisions import Reason
from domain.values import Value
from storage.engine import Transaction
from storage.models import DecisionRow


class Explained(Value):
    id: str
    brand_id: str
    decided_at: datetime
    reasons: tuple[Reason, ...]


def decision(tx: Transaction, decision_id: str) -> Explained | None:
    """The decision with its reasons; None where there is none, or its person was erased."""
    row = tx.execute(
        sa.select(
            DecisionRow.id, DecisionRow.brand_id, DecisionRow.decided_at, DecisionRow.reasons
        ).where(DecisionRow.id == decision_id, DecisionRow.customer_id.is_not(None))
    ).one_or_none()
    return None if row is None else msgspec.convert(row._mapping, Explained)
