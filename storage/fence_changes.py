"""A counter per brand that grows with every change of its fences or stores, and which fences the latest changes were of.

Indexes in memory follow by it: whoever knows a brand's fences as of one revision reads only what was edited since.
Changes of one brand are committed in the order of their revisions, for the counter's row is held until the commit.
"""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from storage.engine import Transaction
from storage.models import FenceChangeRow, FenceEditRow, GeofenceRow
from storage.models.base import Id, UtcTime
from storage.prepared import Prepared

KEPT = 10_000  # revisions whose edits are remembered; whoever is further behind reads everything

_BRAND = sa.bindparam("brand", type_=Id)
_FENCE = sa.bindparam("fence", type_=Id)
_MOVED = sa.bindparam("moved", type_=sa.Integer)
_NOW = sa.bindparam("now", type_=UtcTime)


def _on_both(statement: Any) -> Prepared:
    return Prepared(postgresql=statement(postgresql.insert), sqlite=statement(sqlite.insert))


def _counting(insert: Any) -> Any:
    first = insert(FenceChangeRow).values(brand_id=_BRAND, revision=1)
    moved = first.on_conflict_do_update(
        index_elements=["brand_id"], set_={"revision": FenceChangeRow.revision + 1}
    )
    return moved.returning(FenceChangeRow.revision)


def _noting(which: Any) -> Any:
    """The fences in `which` at the new revision, whatever they were noted at before."""

    def statement(insert: Any) -> Any:
        noted = insert(FenceEditRow).from_select(["geofence_id", "brand_id", "revision"], which)
        return noted.on_conflict_do_update(
            index_elements=["geofence_id"], set_={"revision": noted.excluded.revision}
        )

    return statement


_COUNT = _on_both(_counting)
# SQLite cannot tell an upsert from a join's ON without a WHERE.
_NOTE = _on_both(_noting(sa.select(_FENCE, _BRAND, _MOVED).where(sa.true())))
_NOTE_ALL = _on_both(
    _noting(
        sa.select(GeofenceRow.id, GeofenceRow.brand_id, _MOVED).where(
            GeofenceRow.brand_id == _BRAND, GeofenceRow.updated_at == _NOW
        )
    )
)
_OLD = sa.delete(FenceEditRow).where(
    FenceEditRow.brand_id == _BRAND, FenceEditRow.revision <= _MOVED - KEPT
)
_FORGET = Prepared(postgresql=_OLD, sqlite=_OLD)
_NEWEST = sa.select(FenceChangeRow.revision).where(FenceChangeRow.brand_id == _BRAND)
_REVISION = Prepared(postgresql=_NEWEST, sqlite=_NEWEST)


def bump(tx: Transaction, brand_id: str) -> int:
    """Moves the counter on, and answers the new revision."""
    ((moved,),) = _COUNT.rows(tx, brand=brand_id)
    return int(moved)


def edited(tx: Transaction, brand_id: str, fence_id: str) -> None:
    """Says that this fence was added, changed or deleted."""
    moved = bump(tx, brand_id)
    _NOTE.rows(tx, brand=brand_id, fence=fence_id, moved=moved)
    _FORGET.rows(tx, brand=brand_id, moved=moved)


def edited_at(tx: Transaction, brand_id: str, now: datetime) -> None:
    """Says that all fences of this brand were added or changed that were last updated at `now`."""
    moved = bump(tx, brand_id)
    _NOTE_ALL.rows(tx, brand=brand_id, now=now, moved=moved)
    _FORGET.rows(tx, brand=brand_id, moved=moved)


def revision(tx: Transaction, brand_id: str) -> int:
    """How many changes there were; 0 for a brand that never had a fence."""
    rows = _REVISION.rows(tx, brand=brand_id)
    return int(rows[0][0]) if rows else 0


def revisions(tx: Transaction) -> dict[str, int]:
    """The counters of all brands that ever had a fence."""
    rows = tx.execute(sa.select(FenceChangeRow.brand_id, FenceChangeRow.revision))
    return {row.brand_id: row.revision for row in rows}
