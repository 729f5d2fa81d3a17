"""Writing decisions. They are never changed afterwards, but for redaction."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import msgspec
import sqlalchemy as sa

from domain.decisions import Decision
from storage import records
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
    """A decision as it lies there, and whether its record was taken out of it: for its person's sake, or for its age."""

    decision: Decision
    redacted: bool
    pruned: bool = False


def by_id(tx: Transaction, decision_id: str) -> Stored | None:
    """The decision of this id, of whatever brand; None where there is none."""
    return next(stored(tx, DecisionRow.id == decision_id), None)


def stored(tx: Transaction, *where: sa.ColumnElement[bool]) -> Iterator[Stored]:
    """The decisions that meet all of this, oldest first."""
    query = sa.select(DecisionRow.__table__).where(*where).order_by(DecisionRow.id)
    for row in tx.execute(query):
        decision = msgspec.convert(records.completed(row._mapping), Decision)
        yield Stored(decision, row.redacted_at is not None, row.pruned_at is not None)


def prune(tx: Transaction, *, before: datetime, now: datetime, limit: int) -> int:
    """Takes the records out of up to `limit` decisions made before then, the oldest first; says of how many. Costs what is
    pruned, not what there is."""
    old = (
        sa.select(DecisionRow.id)
        .where(_KEPT, DecisionRow.decided_at < before)
        .order_by(DecisionRow.decided_at)
        .limit(limit)
    )
    emptied = sa.update(DecisionRow).where(DecisionRow.id.in_(old))
    return tx.execute(emptied.values(**EMPTIED, pruned_at=now)).rowcount


# The index's own condition, written out: SQLite uses a partial index only where the query holds it word for word.
_KEPT = sa.text("(record IS NOT NULL OR inputs IS NOT NULL)")
EMPTIED: dict[str, Any] = {
    "inputs": None,
    "terms": [],
    "record": None,
}  # a decision without its record
_APART = ("inputs", "terms", "rules", "alternatives")  # in the record


def _columns(decision: Decision) -> dict[str, Any]:
    columns = {name: getattr(decision, name) for name in _PLAIN}
    columns["reasons"] = msgspec.to_builtins(decision.reasons)
    return columns | {"terms": [], "record": records.packed(decision)}


_PLAIN = [name for name in Decision.__struct_fields__ if name not in _APART]
