"""Stores of a brand."""

from collections.abc import Iterable, Sequence
from datetime import datetime

import sqlalchemy as sa

from domain.places import Store
from storage import fence_changes
from storage.engine import Transaction
from storage.models import GeofenceRow, StoreRow
from storage.named import Counts, Named

_STORES = Named(StoreRow, Store, key="external_id", noun="store")


def put(
    tx: Transaction, store: Store, *, now: datetime, expected: int | None = None
) -> tuple[Store, bool]:
    """Adds or replaces the store with this external id; says whether it is new.

    Stale where `expected` (from If-Match) is not the newest revision.
    """
    saved = _STORES.put(tx, store, now=now, expected=expected)
    fence_changes.bump(tx, store.brand_id)
    return saved


def put_many(tx: Transaction, stores: Sequence[Store], *, now: datetime) -> Counts:
    """Adds or replaces many stores of one brand, each with another external id."""
    counts = _STORES.put_many(tx, stores, now=now)
    if counts.created or counts.updated:
        fence_changes.bump(tx, stores[0].brand_id)
    return counts


def get(tx: Transaction, *, brand_id: str, external_id: str) -> Store:
    return _STORES.get(tx, brand_id=brand_id, name=external_id)


def page(tx: Transaction, *, brand_id: str, after: str | None, limit: int) -> list[Store]:
    """Up to `limit` stores in the order of their external ids, from behind `after`."""
    return _STORES.page(tx, brand_id=brand_id, after=after, limit=limit)


def of_brand(tx: Transaction, brand_id: str) -> list[Store]:
    return _STORES.of_brand(tx, brand_id)


def ids(tx: Transaction, brand_id: str, external_ids: Iterable[str]) -> dict[str, str]:
    """Our id by external id, of those that there are."""
    return _STORES.ids(tx, brand_id, external_ids)


def named(tx: Transaction, brand_id: str, external_ids: Iterable[str]) -> dict[str, Store]:
    """The stores of these names, of those that there are."""
    return _STORES.of_names(tx, brand_id, external_ids)


def delete(
    tx: Transaction, *, brand_id: str, external_id: str, expected: int | None = None
) -> None:
    """Removes a store; its fences stay, without a store."""
    store = get(tx, brand_id=brand_id, external_id=external_id)
    tx.execute(sa.update(GeofenceRow).where(GeofenceRow.store_id == store.id).values(store_id=None))
    _STORES.delete(tx, brand_id=brand_id, name=external_id, expected=expected)
    fence_changes.bump(tx, brand_id)
