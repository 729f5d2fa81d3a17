"""Visits: one row per stay of a device at a fence, from its enter to its exit."""

from collections.abc import Iterable
from datetime import datetime

import msgspec
import sqlalchemy as sa

from domain.values import Value
from storage.engine import Transaction
from storage.models import VisitRow


class Visit(Value):
    """One stay. `store_id` is the fence's store when it was entered; `confidence` is 1, 2 or 3 (surest)."""

    id: str
    brand_id: str
    customer_id: str
    device_id: str
    geofence_id: str
    confidence: int
    entered_at: datetime
    store_id: str | None = None
    dwelled_at: datetime | None = None
    exited_at: datetime | None = None
    end_reason: str | None = None


_OPEN = sa.select(VisitRow.__table__).where(
    VisitRow.device_id == sa.bindparam("device"), VisitRow.exited_at.is_(None)
)
_ADD = sa.insert(VisitRow)
_CHANGE = (
    sa.update(VisitRow)
    .where(VisitRow.id == sa.bindparam("visit"))
    .values(
        dwelled_at=sa.bindparam("dwelled"),
        exited_at=sa.bindparam("exited"),
        end_reason=sa.bindparam("reason"),
    )
)


def open_of(tx: Transaction, device_id: str) -> list[Visit]:
    """The visits this device has begun and not ended."""
    return [
        msgspec.convert(row._mapping, Visit) for row in tx.execute(_OPEN, {"device": device_id})
    ]


def add(tx: Transaction, visits: Iterable[Visit]) -> None:
    """Stores new visits, in one statement for any number."""
    if rows := [msgspec.structs.asdict(visit) for visit in visits]:
        tx.execute(_ADD, rows)


def change(tx: Transaction, visits: Iterable[Visit]) -> None:
    """Stores when known visits became dwells or ended, in one statement for any number."""
    rows = [
        {
            "visit": visit.id,
            "dwelled": visit.dwelled_at,
            "exited": visit.exited_at,
            "reason": visit.end_reason,
        }
        for visit in visits
    ]
    if rows:
        tx.execute(_CHANGE, rows)
