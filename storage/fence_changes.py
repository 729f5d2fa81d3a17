"""A counter per brand that grows with every change of its fences or stores, and which fences the latest changes were of.

Indexes in memory follow by it: whoever knows a brand's fences as of one revision reads only what was edited since.
Changes of one brand are committed in the order of their revisions, for the counter's row is held until the commit.
"""

from datetime import datetime

import sqlalchemy as sa

from storage.engine import Transaction
from storage.models import FenceChangeRow, FenceEditRow, GeofenceRow
from storage.models.base import Id
from storage.sql import insert

KEPT = 10_000  # revisions whose edits are remembered; whoever is further behind reads everything


def bump(tx: Transaction, brand_id: str) -> int:
    """Moves the counter on, and answers the new revision."""
    first = insert(tx, FenceChangeRow).values(brand_id=brand_id, revision=1)
    moved = first.on_conflict_do_update(
        index_elements=["brand_id"], set_={"revision": FenceChangeRow.revision + 1}
    )
    revision: int = tx.execute(moved.returning(FenceChangeRow.revision)).scalar_one()
    return revision


def edited(tx: Transaction, brand_id: str, fence_id: str) -> None:
    """Says that this fence was added, changed or deleted."""
    revision = bump(tx, brand_id)
    _note(tx, sa.select(sa.literal(fence_id, Id), sa.literal(brand_id, Id), sa.literal(revision)))
    _forget(tx, brand_id, revision)


def edited_at(tx: Transaction, brand_id: str, now: datetime) -> None:
    """Says that all fences of this brand were added or changed that were last updated at `now`."""
    revision = bump(tx, brand_id)
    columns = (GeofenceRow.id, GeofenceRow.brand_id, sa.literal(revision))
    mine = (GeofenceRow.brand_id == brand_id, GeofenceRow.updated_at == now)
    _note(tx, sa.select(*columns).where(*mine))
    _forget(tx, brand_id, revision)


def _note(tx: Transaction, which: sa.Select[str, str, int]) -> None:
    # SQLite cannot tell an upsert from a join's ON without a WHERE.
    noted = insert(tx, FenceEditRow).from_select(
        ["geofence_id", "brand_id", "revision"], which.where(sa.true())
    )
    tx.execute(
        noted.on_conflict_do_update(
            index_elements=["geofence_id"], set_={"revision": noted.excluded.revision}
        )
    )


def _forget(tx: Transaction, brand_id: str, revision: int) -> None:
    old = sa.delete(FenceEditRow).where(
        FenceEditRow.brand_id == brand_id, FenceEditRow.revision <= revision - KEPT
    )
    tx.execute(old)


def revision(tx: Transaction, brand_id: str) -> int:
    """How many changes there were; 0 for a brand that never had a fence."""
    query = sa.select(FenceChangeRow.revision).where(FenceChangeRow.brand_id == brand_id)
    return tx.execute(query).scalar_one_or_none() or 0


def revisions(tx: Transaction) -> dict[str, int]:
    """The counters of all brands that ever had a fence."""
    rows = tx.execute(sa.select(FenceChangeRow.brand_id, FenceChangeRow.revision))
    return {row.brand_id: row.revision for row in rows}
