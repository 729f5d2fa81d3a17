"""Items of a brand's catalogue."""

from collections.abc import Collection, Sequence
from datetime import datetime

from domain.items import Item
from storage.engine import Transaction
from storage.models import ItemRow
from storage.named import Counts, Named

_ITEMS = Named(ItemRow, Item, key="sku", noun="item")


def put(
    tx: Transaction, item: Item, *, now: datetime, expected: int | None = None
) -> tuple[Item, bool]:
    """Adds or replaces the item of this sku; says whether it is new.

    Stale where `expected` (from If-Match) is not the newest revision.
    """
    return _ITEMS.put(tx, item, now=now, expected=expected)


def put_many(tx: Transaction, items: Sequence[Item], *, now: datetime) -> Counts:
    """Adds or replaces many items of one brand, each of another sku."""
    return _ITEMS.put_many(tx, items, now=now)


def get(tx: Transaction, *, brand_id: str, sku: str) -> Item:
    return _ITEMS.get(tx, brand_id=brand_id, name=sku)


def page(tx: Transaction, *, brand_id: str, after: str | None, limit: int) -> list[Item]:
    """Up to `limit` items in the order of their skus, from behind `after`."""
    return _ITEMS.page(tx, brand_id=brand_id, after=after, limit=limit)


def of_skus(tx: Transaction, brand_id: str, skus: Collection[str]) -> dict[str, Item]:
    """The items of these skus that the catalogue knows."""
    return _ITEMS.of_names(tx, brand_id=brand_id, names=skus)


def of_brand(tx: Transaction, brand_id: str) -> list[Item]:
    return _ITEMS.of_brand(tx, brand_id)


def delete(tx: Transaction, *, brand_id: str, sku: str, expected: int | None = None) -> None:
    """Removes an item; what people bought of it stays in their events."""
    _ITEMS.delete(tx, brand_id=brand_id, name=sku, expected=expected)
