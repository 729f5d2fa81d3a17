"""Visits: one row per stay of a device at a fence, from its enter to its exit."""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID, uuid5

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from domain.values import Value
from storage.engine import Transaction
from storage.models import VisitRow


class Visit(Value):
    """A stay as it is entered. `confidence` is 1, 2 or 3 (surest); `store_id` is the fence's store at that time."""

    id: str
    brand_id: str
    customer_id: str
    device_id: str
    geofence_id: str
    store_id: str | None
    confidence: int
    entered_at: datetime


class Change(Value):
    """What became known of a visit since: that it dwelled, or ended and why. None leaves a fact as it was."""

    visit_id: str
    dwelled_at: datetime | None = None
    exited_at: datetime | None = None
    end_reason: str | None = None


def visit_id(*, device_id: str, geofence_id: str, entered_at: datetime) -> str:
    """The id of a stay follows from what names it, so that whoever tells of it need not look it up."""
    return str(uuid5(UUID(device_id), f"{geofence_id} {entered_at.isoformat()}"))


_ADD = {
    "postgresql": postgresql.insert(VisitRow).on_conflict_do_nothing(),
    "sqlite": sqlite.insert(VisitRow).on_conflict_do_nothing(),
}
_CHANGE = (
    sa.update(VisitRow)
    .where(VisitRow.id == sa.bindparam("visit_id"))
    .values(
        {
            name: sa.func.coalesce(sa.bindparam(f"new_{name}", type_=column.type), column)
            for name, column in VisitRow.__table__.columns.items()
            if name in ("dwelled_at", "exited_at", "end_reason")
        }
    )
)


def add(tx: Transaction, visits: Iterable[Visit]) -> None:
    """Stores new visits, in one statement for any number; those that are known stay as they are."""
    if rows := [msgspec.structs.asdict(visit) for visit in visits]:
        tx.execute(_ADD[tx.dialect.name], rows)


def change(tx: Transaction, changes: Iterable[Change]) -> None:
    """Completes visits, in one statement for any number; a visit that was deleted stays so."""
    rows = [
        {
            "visit_id": each.visit_id,
            "new_dwelled_at": each.dwelled_at,
            "new_exited_at": each.exited_at,
            "new_end_reason": each.end_reason,
        }
        for each in changes
    ]
    if rows:
        tx.execute(_CHANGE, rows)
