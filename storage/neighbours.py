"""What stands near what: for the warnings that follow a change of stores or fences."""

from collections.abc import Collection

import msgspec
import sqlalchemy as sa

from domain.values import Value
from storage.engine import Transaction
from storage.models import GeofenceRow, StoreRow

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


def crowded(tx: Transaction, brand_id: str) -> dict[tuple[float, float], list[str]]:
    """Positions (latitude, longitude) at which a brand has several stores, with their external ids in order."""
    here = (StoreRow.latitude, StoreRow.longitude)
    mine = StoreRow.brand_id == brand_id
    several = sa.select(*here).where(mine).group_by(*here).having(sa.func.count() > 1).subquery()
    same = sa.and_(
        several.c.latitude == StoreRow.latitude, several.c.longitude == StoreRow.longitude
    )
    rows = tx.execute(
        sa.select(*here, StoreRow.external_id)
        .join(several, same)
        .where(mine)
        .order_by(StoreRow.external_id)
    )
    found: dict[tuple[float, float], list[str]] = {}
    for latitude, longitude, name in rows:
        found.setdefault((latitude, longitude), []).append(name)
    return found
