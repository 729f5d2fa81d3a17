"""What the matcher and its answers need of a brand's fences; editing them is `storage/geofences.py`."""

from collections.abc import Collection, Iterator
from typing import Any, NamedTuple

import msgspec
import sqlalchemy as sa

from domain.values import Value
from storage import fence_changes
from storage.engine import Transaction
from storage.models import FenceEditRow, GeofenceRow, StoreRow
from storage.models.base import Id
from storage.prepared import Prepared

_AT_ONCE = 5_000  # rows in memory while a large brand is read
_PORTIONS = {"yield_per": _AT_ONCE}

_SINCE = (
    FenceEditRow.brand_id == sa.bindparam("brand", type_=Id),
    FenceEditRow.revision > sa.bindparam("since", type_=sa.Integer),
)
_EDITS = (
    sa.select(FenceEditRow.geofence_id, GeofenceRow.shape, GeofenceRow.dwell_s)
    .outerjoin(GeofenceRow, sa.and_(GeofenceRow.id == FenceEditRow.geofence_id, GeofenceRow.active))
    .where(*_SINCE)
)
_COUNTING = sa.select(sa.func.count(FenceEditRow.geofence_id)).where(*_SINCE)
_EDIT_COUNT = Prepared(sqlite=_COUNTING, postgresql=_COUNTING)


class Outline(Value):
    """One active fence. `shape` is the API's JSON, checked when it was saved."""

    id: str
    shape: dict[str, Any]
    dwell_s: int | None


class Edit(NamedTuple):
    """What has become of a fence: its outline, or None where it is no longer matched."""

    fence_id: str
    outline: Outline | None


class Named(Value):
    """A fence as apps know it, and the store it belongs to with that store's zone."""

    external_id: str
    shape: dict[str, Any]
    dwell_s: int | None
    store_id: str | None
    time_zone: str | None


def outlines(tx: Transaction, brand_id: str) -> Iterator[Outline]:
    """The brand's active fences, read in portions."""
    query = sa.select(GeofenceRow.id, GeofenceRow.shape, GeofenceRow.dwell_s).where(
        GeofenceRow.brand_id == brand_id, GeofenceRow.active
    )
    for row in tx.execute(query, execution_options=_PORTIONS):
        yield msgspec.convert(row._mapping, Outline)


def edits(tx: Transaction, brand_id: str, since: int) -> Iterator[Edit]:
    """What has become of the fences edited after revision `since`, read in portions."""
    found = tx.execute(_EDITS, {"brand": brand_id, "since": since}, execution_options=_PORTIONS)
    for fence_id, shape, dwell_s in found:
        there = None if shape is None else Outline(id=fence_id, shape=shape, dwell_s=dwell_s)
        yield Edit(fence_id, there)


def how_many_edits(tx: Transaction, brand_id: str, since: int) -> int | None:
    """How many fences were edited after revision `since`; None where that is no longer known."""
    # Half of what is kept: the rest is room for the changes committed between this look and the next.
    if since < fence_changes.revision(tx, brand_id) - fence_changes.KEPT // 2:
        return None
    ((count,),) = _EDIT_COUNT.rows(tx, brand=brand_id, since=since)
    return int(count)


def named(tx: Transaction, fence_ids: Collection[str]) -> dict[str, Named]:
    """These fences by id; a fence that was deleted is absent."""
    if not fence_ids:
        return {}
    query = (
        sa.select(
            GeofenceRow.id,
            GeofenceRow.external_id,
            GeofenceRow.shape,
            GeofenceRow.dwell_s,
            GeofenceRow.store_id,
            StoreRow.time_zone,
        )
        .outerjoin(StoreRow, StoreRow.id == GeofenceRow.store_id)
        .where(GeofenceRow.id.in_(fence_ids))
    )
    return {row.id: msgspec.convert(row._mapping, Named) for row in tx.execute(query)}
