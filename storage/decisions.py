"""Writing decisions. They are never changed afterwards, but for redaction."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import msgspec
import sqlalchemy as sa

from domain.decisions import Decision
from storage.engine import Transaction
from storage.models import DecisionRow
from storage.sql import add_rows


def add_many(tx: Transaction, made: Sequence[Decision]) -> set[str]:
    """Stores decisions and returns the ids of those that were; left out is one whose moment is decided already, or that
    sends what was sent to its person within the same three hours of the same local day, by whomever."""
    if not made:
        return set()
    return set(add_rows(tx, DecisionRow, [_columns(each) for each in made], returning="id"))


class Stored(NamedTuple):
    """A decision as it lies there, and whether its inputs were taken out of it."""

    decision: Decision
    redacted: bool


def by_id(tx: Transaction, decision_id: str) -> Stored | None:
    """The decision of this id, of whatever brand; None where there is none."""
    return next(stored(tx, DecisionRow.id == decision_id), None)


def stored(tx: Transaction, *where: sa.ColumnElement[bool]) -> Iterator[Stored]:
    """The decisions that meet all of this, oldest first."""
    query = sa.select(DecisionRow.__table__).where(*where).order_by(DecisionRow.id)
    for row in tx.execute(query):
        decision = msgspec.convert(row._mapping, Decision)
        yield Stored(decision, row.redacted_at is not None)


def _columns(decision: Decision) -> dict[str, Any]:
    columns = msgspec.structs.asdict(decision)
    columns["reasons"] = [msgspec.to_builtins(reason) for reason in decision.reasons]
    columns["terms"] = [msgspec.to_builtins(term) for term in decision.terms]
    return columns
