"""Stores of a brand."""

from datetime import datetime

import msgspec
import sqlalchemy as sa

from domain.errors import NotFound, Stale
from domain.ids import new_id
from domain.places import Store
from storage.engine import Transaction
from storage.models import GeofenceRow, StoreRow
from storage.sql import locked


def put(
    tx: Transaction, store: Store, *, now: datetime, expected: int | None = None
) -> tuple[Store, bool]:
    """Adds or replaces the store with this external id; says whether it is new.

    Stale where `expected` (from If-Match) is not the newest revision.
    """
    found = tx.execute(
        locked(
            tx,
            sa.select(StoreRow.id, StoreRow.revision).where(
                *_mine(store.brand_id, store.external_id)
            ),
        )
    ).one_or_none()
    if expected is not None and (found is None or found.revision != expected):
        raise Stale("This store was changed meanwhile; read it again and repeat your change.")
    saved = msgspec.structs.replace(
        store, id=found.id if found else new_id(), revision=found.revision + 1 if found else 1
    )
    values = msgspec.structs.asdict(saved) | {"updated_at": now}
    if found:
        tx.execute(sa.update(StoreRow).where(StoreRow.id == found.id).values(**values))
    else:
        tx.execute(sa.insert(StoreRow).values(**values))
    return saved, found is None


def get(tx: Transaction, *, brand_id: str, external_id: str) -> Store:
    row = tx.execute(
        sa.select(StoreRow.__table__).where(*_mine(brand_id, external_id))
    ).one_or_none()
    if row is None:
        raise NotFound(f"There is no store {external_id!r}.")
    return _store(row)


def page(tx: Transaction, *, brand_id: str, after: str | None, limit: int) -> list[Store]:
    """Up to `limit` stores in the order of their external ids, from behind `after`."""
    query = sa.select(StoreRow.__table__).where(StoreRow.brand_id == brand_id)
    if after is not None:
        query = query.where(StoreRow.external_id > after)
    return [_store(row) for row in tx.execute(query.order_by(StoreRow.external_id).limit(limit))]


def of_brand(tx: Transaction, brand_id: str) -> list[Store]:
    rows = tx.execute(sa.select(StoreRow.__table__).where(StoreRow.brand_id == brand_id))
    return [_store(row) for row in rows]


def delete(tx: Transaction, *, brand_id: str, external_id: str) -> None:
    """Removes a store; its fences stay, without a store."""
    store = get(tx, brand_id=brand_id, external_id=external_id)
    tx.execute(sa.update(GeofenceRow).where(GeofenceRow.store_id == store.id).values(store_id=None))
    tx.execute(sa.delete(StoreRow).where(StoreRow.id == store.id))


def _mine(brand_id: str, external_id: str) -> tuple[sa.ColumnElement[bool], sa.ColumnElement[bool]]:
    return StoreRow.brand_id == brand_id, StoreRow.external_id == external_id


def _store(row: sa.Row[tuple[object, ...]]) -> Store:
    return msgspec.convert(row._mapping, Store)
