"""Geofences of a brand."""

from collections.abc import Sequence
from datetime import datetime

import msgspec
import sqlalchemy as sa

from domain.errors import Fault, Invalid
from domain.places import Geofence
from storage import fence_changes, stores
from storage.engine import Transaction
from storage.models import GeofenceRow, StoreRow
from storage.named import Counts, Named

_QUERY = sa.select(
    GeofenceRow.__table__, StoreRow.external_id.label("store")
).outerjoin(StoreRow, StoreRow.id == GeofenceRow.store_id)  # fmt: skip
_FENCES = Named(GeofenceRow, Geofence, key="external_id", noun="geofence", query=_QUERY)


def put(
    tx: Transaction, fence: Geofence, *, now: datetime, expected: int | None = None
) -> tuple[Geofence, bool]:
    """Adds or replaces the fence with this external id; says whether it is new. `fence.store` names its store.

    Stale where `expected` (from If-Match) is not the newest revision; Invalid where there is no such store.
    """
    (placed,) = _with_store_ids(tx, [fence], ["/store"])
    saved = _FENCES.put(tx, placed, now=now, expected=expected)
    fence_changes.edited(tx, fence.brand_id, saved[0].id)
    return saved


def put_many(tx: Transaction, fences: Sequence[Geofence], *, now: datetime) -> Counts:
    """Adds or replaces many fences of one brand, each with another external id.

    Invalid, with the pointer `/{position}/store`, where one names a store that there is not.
    """
    pointers = [f"/{n}/store" for n in range(len(fences))]
    counts = _FENCES.put_many(tx, _with_store_ids(tx, fences, pointers), now=now)
    if counts.created or counts.updated:
        fence_changes.edited_at(tx, fences[0].brand_id, now)
    return counts


def get(tx: Transaction, *, brand_id: str, external_id: str) -> Geofence:
    return _FENCES.get(tx, brand_id=brand_id, name=external_id)


def page(tx: Transaction, *, brand_id: str, after: str | None, limit: int) -> list[Geofence]:
    """Up to `limit` fences in the order of their external ids, from behind `after`."""
    return _FENCES.page(tx, brand_id=brand_id, after=after, limit=limit)


def active(tx: Transaction, brand_id: str) -> list[Geofence]:
    """The fences that are matched against positions."""
    query = _QUERY.where(GeofenceRow.brand_id == brand_id, GeofenceRow.active)
    return [msgspec.convert(row._mapping, Geofence) for row in tx.execute(query)]


def revision(tx: Transaction, brand_id: str) -> int:
    """A number that grows with every change of this brand's fences or stores."""
    return fence_changes.revision(tx, brand_id)


def delete(
    tx: Transaction, *, brand_id: str, external_id: str, expected: int | None = None
) -> None:
    """Removes a fence; visits that were made to it stay."""
    gone = _FENCES.delete(tx, brand_id=brand_id, name=external_id, expected=expected)
    fence_changes.edited(tx, brand_id, gone.id)


def _with_store_ids(
    tx: Transaction, fences: Sequence[Geofence], pointers: Sequence[str]
) -> list[Geofence]:
    named = {fence.store for fence in fences if fence.store is not None}
    ids = stores.ids(tx, fences[0].brand_id, named) if named else {}
    faults = tuple(
        Fault(pointer=pointer, detail="There is no such store; PUT it to /v1/stores first.")
        for fence, pointer in zip(fences, pointers, strict=True)
        if fence.store is not None and fence.store not in ids
    )
    if faults:
        raise Invalid("A geofence names a store that there is not.", faults=faults)
    return [
        msgspec.structs.replace(fence, store_id=ids[fence.store] if fence.store else None)
        for fence in fences
    ]
