"""The few words of SQL in which SQLite and PostgreSQL differ."""

import hashlib
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Any, TypeVar

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError

from storage.engine import Transaction
from storage.models.base import Id


def insert(tx: Transaction, table: type[Any]) -> Any:
    """An INSERT that knows `on_conflict_do_nothing` and `on_conflict_do_update` on both databases."""
    return postgresql.insert(table) if tx.dialect.name == "postgresql" else sqlite.insert(table)


Query = TypeVar("Query", bound="sa.Select[*tuple[Any, ...]]")


def among(tx: Transaction, column: Any, ids: Collection[str]) -> sa.ColumnElement[bool]:
    """Whether an id is one of many. On PostgreSQL one parameter whatever their number: the driver reads hundreds slowly."""
    if tx.dialect.name != "postgresql":
        found: sa.ColumnElement[bool] = column.in_(list(ids))
        return found
    array = sa.cast(sa.bindparam(None, array_of(ids)), postgresql.ARRAY(Id))
    one: sa.ColumnElement[bool] = column == sa.any_(array)
    return one


def array_of(ids: Iterable[str]) -> str:
    """Ids as PostgreSQL writes an array of them; the driver would look at each one's type."""
    return "{" + ",".join(ids) + "}"


def add_rows(
    tx: Transaction,
    table: Any,
    rows: Sequence[dict[str, Any]],
    *,
    returning: str | None = None,
) -> list[Any]:
    """Adds rows of the same columns. With `returning`, leaves out those that meet another one's key, and returns that column
    of those that were added.

    On PostgreSQL all rows are one parameter, a JSON document: binding each value costs several times what the rows do.
    """
    if not rows:
        return []
    names = tuple(rows[0])
    if tx.dialect.name == "postgresql":
        document = msgspec.json.encode(rows).decode()
        found = tx.execute(_from_json(table, names, returning), {"rows": document})
    else:
        found = tx.execute(_one_by_one(table, returning), rows)
    return list(found.scalars()) if returning else []


@cache
def _from_json(table: Any, names: tuple[str, ...], returning: str | None) -> sa.TextClause:
    columns, name = ", ".join(names), table.__tablename__
    values = ", ".join(_value(table.__table__.columns[each]) for each in names)
    rest = f" ON CONFLICT DO NOTHING RETURNING {returning}::text" if returning else ""
    return sa.text(
        f"INSERT INTO {name} ({columns}) SELECT {values} "
        f"FROM json_populate_recordset(NULL::{name}, CAST(:rows AS json)){rest}"
    )


def inserts(table: Any, finish: Callable[[Any], Any]) -> dict[str, Any]:
    """An INSERT of rows with all columns for `insert_all`, by dialect; `finish` says what becomes of rows that are there."""
    columns = table.__table__.columns
    values = ", ".join(map(_value, columns))
    name = table.__tablename__
    given = sa.text(
        f"SELECT {values} FROM json_populate_recordset(NULL::{name}, CAST(:rows AS json))"
    ).columns(*columns)
    at_once = postgresql.insert(table).from_select([column.name for column in columns], given)
    return {"postgresql": finish(at_once), "sqlite": finish(sqlite.insert(table))}


def insert_all(
    tx: Transaction, statements: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]
) -> None:
    """Adds rows in their order. They hold every column of the table, and no two have the same key."""
    statement = statements[tx.dialect.name]
    if not rows:
        return
    if tx.dialect.name == "postgresql":
        tx.execute(statement, {"rows": msgspec.json.encode(rows).decode()})
    else:
        tx.execute(statement, rows)


def _value(column: "sa.Column[Any]") -> str:
    """Bytes come as Base64, which PostgreSQL reads as the letters that they are until they are decoded."""
    if isinstance(column.type, sa.LargeBinary):
        return f"decode(encode({column.name}, 'escape'), 'base64')"
    return column.name


@cache
def _one_by_one(table: Any, returning: str | None) -> Any:
    added = sqlite.insert(table)
    if returning is None:
        return added
    return added.on_conflict_do_nothing().returning(getattr(table, returning))


def locked(tx: Transaction, query: Query, *, skip: bool = False) -> Query:
    """The query with its rows locked; SQLite's single writer holds every row already."""
    return query.with_for_update(skip_locked=skip) if tx.dialect.name == "postgresql" else query


def hold(tx: Transaction, *name: str) -> None:
    """Keeps other transactions that hold the same name out until this one ends; waits for them."""
    if tx.dialect.name == "postgresql":
        tx.execute(sa.select(sa.func.pg_advisory_xact_lock(_number(name))))


def try_hold(tx: Transaction, *name: str) -> bool:
    """`hold` without waiting: False where another transaction holds the name. SQLite has one writer, so never."""
    if tx.dialect.name != "postgresql":
        return True
    held: bool = tx.execute(
        sa.select(sa.func.pg_try_advisory_xact_lock(_number(name)))
    ).scalar_one()
    return held


def _number(name: tuple[str, ...]) -> int:
    digest = hashlib.sha256("\n".join(name).encode()).digest()
    return int.from_bytes(digest[:8], "big", signed=True)


def lease_now(tx: Transaction) -> datetime:
    """The time that leases are measured by: the database's own, never the product's clock, which may be scaled."""
    if tx.dialect.name == "postgresql":
        now: datetime = tx.execute(sa.select(sa.func.clock_timestamp())).scalar_one()
        return now
    return datetime.fromtimestamp(time.time(), tz=UTC)


def must_repeat(error: Exception) -> bool:
    """Whether `error` ends the transaction whatever a savepoint does: a lost race, a lost connection, a full disk."""
    return isinstance(error, OperationalError | InterfaceError) or (
        isinstance(error, DBAPIError) and error.connection_invalidated
    )
