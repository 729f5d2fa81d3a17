"""The few statements of the hot path, compiled once and run on the driver's own cursor.

`tx.execute` costs several times what the databases themselves need for a look-up by key; here only that is left.
"""

from collections.abc import Callable, Collection
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import DBAPIError

from storage.engine import Transaction
from storage.models.base import Id, UtcTime

Convert = Callable[[Any], Any] | None
Statement = sa.Select[*tuple[Any, ...]] | sa.UpdateBase | sa.TextClause


class _Compiled(NamedTuple):
    """What one database's driver needs. `order`: the parameters' names where they go by position, else None."""

    sql: str
    order: tuple[str, ...] | None
    constants: dict[str, Any]
    given: dict[str, Convert]
    columns: tuple[Convert, ...]
    answers: bool


class Prepared:
    """A statement whose parameters are plain `bindparam`s; those with values of their own are constants. One that is
    written as text returns rows, unconverted.

    Values are converted as the statement's types say, and what the driver raises is raised as SQLAlchemy would, so
    that retries and refusals work as everywhere. Events of the engine are not told.
    """

    def __init__(
        self, *, sqlite: Statement | None = None, postgresql: Statement | None = None
    ) -> None:
        self._statements = {"sqlite": sqlite, "postgresql": postgresql}
        self._compiled: dict[str, _Compiled] = {}

    def rows(self, tx: Transaction, **values: Any) -> list[tuple[Any, ...]]:
        """Runs it with these values; the rows it returns, as tuples in the order of its columns."""
        compiled = self._compiled.get(tx.dialect.name) or self._compile(tx.dialect)
        for name, convert in compiled.given.items():
            if convert is not None:
                values[name] = convert(values[name])
        values.update(compiled.constants)
        parameters = values if compiled.order is None else [values[name] for name in compiled.order]
        connection: Any = tx.connection.driver_connection
        try:
            cursor = connection.execute(compiled.sql, parameters)
            found: list[tuple[Any, ...]] = cursor.fetchall() if compiled.answers else []
        except tx.dialect.loaded_dbapi.Error as error:
            raise _as_sqlalchemy(tx.dialect, compiled.sql, error) from error
        if not any(compiled.columns):
            return found
        return [
            tuple(
                value if convert is None or value is None else convert(value)
                for value, convert in zip(row, compiled.columns, strict=True)
            )
            for row in found
        ]

    def _compile(self, dialect: sa.Dialect) -> _Compiled:
        statement = self._statements[dialect.name]
        if statement is None:
            raise LookupError(f"this statement is not for {dialect.name}")
        made = statement.compile(dialect=dialect)
        binds = {name: bind for bind, name in made.bind_names.items()}
        constants = {name: value for name, value in made.params.items() if value is not None}
        columns = getattr(statement, "exported_columns", ())
        compiled = _Compiled(
            sql=str(made),
            order=tuple(made.positiontup or ()) if made.positional else None,
            constants={
                name: _converted(_to_driver(binds[name].type, dialect), value)
                for name, value in constants.items()
            },
            given={
                name: _to_driver(bind.type, dialect)
                for name, bind in binds.items()
                if name not in constants
            },
            columns=tuple(_from_driver(column.type, dialect) for column in columns),
            answers=bool(columns) or isinstance(statement, sa.TextClause),
        )
        self._compiled[dialect.name] = compiled
        return compiled


class OfMany(Prepared):
    """`query` of all rows in which `column` is one of many ids. They travel as one parameter, whatever their number."""

    def __init__(self, query: "sa.Select[*tuple[Any, ...]]", column: Any) -> None:
        one_text = sa.bindparam("ids", type_=sa.String)
        listed = sa.func.json_each(one_text).table_valued("value")
        super().__init__(
            sqlite=query.where(column.in_(sa.select(listed.c.value))),
            postgresql=query.where(column == sa.any_(sa.cast(one_text, postgresql.ARRAY(Id)))),
        )

    def of(self, tx: Transaction, ids: Collection[str], **values: Any) -> list[tuple[Any, ...]]:
        """The rows; without ids none, and no statement."""
        if not ids:
            return []
        brackets = "{%s}" if tx.dialect.name == "postgresql" else '["%s"]'
        between = "," if tx.dialect.name == "postgresql" else '","'
        return self.rows(tx, ids=brackets % between.join(ids), **values)


def _to_driver(kind: sa.types.TypeEngine[Any], dialect: sa.Dialect) -> Convert:
    return kind.dialect_impl(dialect).bind_processor(dialect)


def _from_driver(kind: sa.types.TypeEngine[Any], dialect: sa.Dialect) -> Convert:
    if isinstance(kind, sa.Float):
        return None  # both drivers give floats, and SQLAlchemy's converter wants to see a row first
    if isinstance(kind, UtcTime) and dialect.name == "postgresql":
        return None  # aware and UTC, as the driver reads it
    return kind.dialect_impl(dialect).result_processor(dialect, None)


def _converted(convert: Convert, value: Any) -> Any:
    return value if convert is None else convert(value)


def _as_sqlalchemy(dialect: sa.Dialect, sql: str, error: Exception) -> BaseException:
    """The parameters stay out of it: they are positions."""
    base: Any = dialect.loaded_dbapi.Error
    return DBAPIError.instance(sql, None, error, base, dialect=dialect)
