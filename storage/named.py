"""Rows that a brand knows by a name of its own: stores, fences, items. One way to save, read, list and remove them."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import islice
from typing import Any, Generic, TypeVar

import msgspec
import sqlalchemy as sa

from domain.errors import NotFound, Stale
from domain.ids import new_id
from domain.values import Value
from storage.engine import Transaction
from storage.sql import locked

T = TypeVar("T", bound=Value)
_CHUNK = 1000  # names in one IN (…), well below every driver's limit


class Counts(Value):
    """What an import did, or would do."""

    created: int = 0
    updated: int = 0
    unchanged: int = 0


class Named(Generic[T]):
    """`key` is the column and field that holds the name; `query` reads the rows (joined to others where need be).

    Values have `id`, `brand_id` and `revision` besides; those that are given to be saved carry any id.
    """

    def __init__(
        self, row: type[Any], kind: type[T], *, key: str, noun: str, query: Any = None
    ) -> None:
        self._table: sa.Table = row.__table__
        self._kind = kind
        self._field = key
        self._key = self._table.c[key]
        self._noun = noun
        self._query: sa.Select[Any] = sa.select(self._table) if query is None else query

    def put(
        self, tx: Transaction, value: T, *, now: datetime, expected: int | None = None
    ) -> tuple[T, bool]:
        """Adds or replaces the row of this name; says whether it is new.

        Stale where `expected` (from If-Match) is not the newest revision.
        """
        columns = self._table.c
        query = sa.select(columns.id, columns.revision).where(*self._one(value))
        found = tx.execute(locked(tx, query)).one_or_none()
        if expected is not None and (found is None or found.revision != expected):
            raise self._stale()
        saved = _revised(value, found)
        if found:
            change = sa.update(self._table).where(columns.id == found.id)
            tx.execute(change.values(**self._row(saved, now)))
        else:
            tx.execute(sa.insert(self._table).values(**self._row(saved, now)))
        return saved, found is None

    def put_many(self, tx: Transaction, values: Sequence[T], *, now: datetime) -> Counts:
        """Adds or replaces many rows of one brand, each of another name. What is the same already stays as it is."""
        there = self._there(tx, values)
        fresh, changed = [], []
        for value in values:
            old = there.get(self._name(value))
            if old is None:
                fresh.append(self._row(_revised(value, None), now))
            elif _as(value, old) != old:
                changed.append(self._row(_revised(value, old), now))
        if fresh:
            tx.execute(sa.insert(self._table), fresh)
        if changed:
            by_id = sa.update(self._table).where(self._table.c.id == sa.bindparam("row_id"))
            tx.execute(by_id, [{**row, "row_id": row["id"]} for row in changed])
        return Counts(
            created=len(fresh),
            updated=len(changed),
            unchanged=len(values) - len(fresh) - len(changed),
        )

    def get(self, tx: Transaction, *, brand_id: str, name: str) -> T:
        row = tx.execute(
            self._query.where(self._table.c.brand_id == brand_id, self._key == name)
        ).one_or_none()
        if row is None:
            raise NotFound(f"There is no {self._noun} {name!r}.")
        return self._value(row)

    def page(self, tx: Transaction, *, brand_id: str, after: str | None, limit: int) -> list[T]:
        """Up to `limit` in the order of their names, from behind `after`."""
        query = self._query.where(self._table.c.brand_id == brand_id)
        if after is not None:
            query = query.where(self._key > after)
        return [self._value(row) for row in tx.execute(query.order_by(self._key).limit(limit))]

    def of_brand(self, tx: Transaction, brand_id: str) -> list[T]:
        rows = tx.execute(self._query.where(self._table.c.brand_id == brand_id))
        return [self._value(row) for row in rows]

    def of_names(self, tx: Transaction, brand_id: str, names: Iterable[str]) -> dict[str, T]:
        """The rows of these names, of those that there are."""
        query = self._query.where(self._table.c.brand_id == brand_id)
        found = (
            self._value(row)
            for some in _chunks(sorted(set(names)))
            for row in tx.execute(query.where(self._key.in_(some)))
        )
        return {self._name(value): value for value in found}

    def ids(self, tx: Transaction, brand_id: str, names: Iterable[str]) -> dict[str, str]:
        """Our id by name, of those that there are. They cannot be removed before the end of the transaction."""
        columns = self._table.c
        query = sa.select(self._key, columns.id).where(columns.brand_id == brand_id)
        if tx.dialect.name == "postgresql":
            query = query.with_for_update(read=True, key_share=True)
        return {
            name: row_id
            for some in _chunks(sorted(set(names)))
            for name, row_id in tx.execute(query.where(self._key.in_(some)))
        }

    def delete(
        self, tx: Transaction, *, brand_id: str, name: str, expected: int | None = None
    ) -> T:
        """Removes a row and answers what it was. Stale where `expected` is not its newest revision."""
        value = self.get(tx, brand_id=brand_id, name=name)
        columns = self._table.c
        gone = sa.delete(self._table).where(columns.id == value.id)  # type: ignore[attr-defined]  # every kind given here has one
        if expected is not None:
            gone = gone.where(columns.revision == expected)
        if not tx.execute(gone).rowcount:
            raise self._stale()
        return value

    def _stale(self) -> Stale:
        return Stale(
            f"This {self._noun} was changed meanwhile; read it again and repeat your change."
        )

    def _there(self, tx: Transaction, values: Sequence[T]) -> dict[str, T]:
        if not values:
            return {}
        brand: str = values[0].brand_id  # type: ignore[attr-defined]  # every kind given here has one
        query = self._query.where(self._table.c.brand_id == brand)
        found = (
            self._value(row)
            for some in _chunks([self._name(value) for value in values])
            for row in tx.execute(self._locked(tx, query.where(self._key.in_(some))))
        )
        return {self._name(value): value for value in found}

    def _locked(self, tx: Transaction, query: sa.Select[Any]) -> sa.Select[Any]:
        """Only our own rows: an outer-joined side cannot be locked, and need not be."""
        if tx.dialect.name == "postgresql":
            return query.with_for_update(of=self._table)
        return query

    def _one(self, value: T) -> tuple[sa.ColumnElement[bool], sa.ColumnElement[bool]]:
        brand: str = value.brand_id  # type: ignore[attr-defined]  # every kind given here has one
        return self._table.c.brand_id == brand, self._key == self._name(value)

    def _name(self, value: T) -> str:
        return str(getattr(value, self._field))

    def _value(self, row: sa.Row[Any]) -> T:
        return msgspec.convert(row._mapping, self._kind)

    def _row(self, value: T, now: datetime) -> dict[str, Any]:
        fields = msgspec.structs.asdict(value) | {"updated_at": now}
        return {
            column.name: fields[column.name] for column in self._table.c if column.name in fields
        }


def _revised(value: T, old: Any) -> T:
    """The value as the next revision of the row it replaces."""
    return msgspec.structs.replace(
        value, id=old.id if old else new_id(), revision=old.revision + 1 if old else 1
    )


def _as(value: T, old: Any) -> T:
    return msgspec.structs.replace(value, id=old.id, revision=old.revision)


def _chunks(names: Iterable[str]) -> Iterator[list[str]]:
    rest = iter(names)
    while some := list(islice(rest, _CHUNK)):
        yield some
