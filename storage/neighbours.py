"""What stands near what: for the warnings that follow a change of stores or fences."""

from collections import defaultdict
from collections.abc import Collection

import msgspec
import sqlalchemy as sa

from domain.values import Value
from storage.engine import Transaction
from storage.models import GeofenceRow, StoreRow

Position = tuple[float, float]  # latitude, longitude
_CHUNK = 1000  # names in one IN (…), well below every driver's limit


class Fenced(Value):
    """An active fence of a store, and where the store is."""

    external_id: str
    shape: dict[str, object]
    store: str
    latitude: float
    longitude: float


_FENCED = sa.select(
    GeofenceRow.external_id,
    GeofenceRow.shape,
    StoreRow.external_id.label("store"),
    StoreRow.latitude,
    StoreRow.longitude,
).join(StoreRow, StoreRow.id == GeofenceRow.store_id)


def fences_of(tx: Transaction, *, brand_id: str, stores: Collection[str]) -> list[Fenced]:
    """The active fences of these stores (by their external ids), in the order of their names."""
    names = sorted(stores)
    query = _FENCED.where(StoreRow.brand_id == brand_id, GeofenceRow.active)
    found = [
        msgspec.convert(row._mapping, Fenced)
        for start in range(0, len(names), _CHUNK)
        for row in tx.execute(query.where(StoreRow.external_id.in_(names[start : start + _CHUNK])))
    ]
    return sorted(found, key=lambda fence: fence.external_id)


def at_one_place(
    tx: Transaction, *, brand_id: str, positions: Collection[Position]
) -> dict[Position, list[str]]:
    """Those of these positions at which the brand has several stores, with their external ids in order."""
    wanted = set(positions)
    latitudes = sorted({latitude for latitude, _ in wanted})
    query = sa.select(StoreRow.latitude, StoreRow.longitude, StoreRow.external_id)
    query = query.where(StoreRow.brand_id == brand_id)
    found: defaultdict[Position, list[str]] = defaultdict(list)
    for start in range(0, len(latitudes), _CHUNK):
        some = latitudes[start : start + _CHUNK]
        for latitude, longitude, name in tx.execute(query.where(StoreRow.latitude.in_(some))):
            if (latitude, longitude) in wanted:
                found[latitude, longitude].append(name)
    return {position: sorted(names) for position, names in found.items() if len(names) > 1}
