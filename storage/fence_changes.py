"""A counter per brand that grows with every change of its fences or stores: indexes in memory reload by it."""

import sqlalchemy as sa

from storage.engine import Transaction
from storage.models import FenceChangeRow
from storage.sql import insert


def bump(tx: Transaction, brand_id: str) -> None:
    """Says that this brand's fences changed."""
    first = insert(tx, FenceChangeRow).values(brand_id=brand_id, revision=1)
    tx.execute(
        first.on_conflict_do_update(
            index_elements=["brand_id"], set_={"revision": FenceChangeRow.revision + 1}
        )
    )


def revision(tx: Transaction, brand_id: str) -> int:
    """How many changes there were; 0 for a brand that never had a fence."""
    query = sa.select(FenceChangeRow.revision).where(FenceChangeRow.brand_id == brand_id)
    return tx.execute(query).scalar_one_or_none() or 0


def revisions(tx: Transaction) -> dict[str, int]:
    """The counters of all brands that ever had a fence."""
    rows = tx.execute(sa.select(FenceChangeRow.brand_id, FenceChangeRow.revision))
    return {row.brand_id: row.revision for row in rows}
