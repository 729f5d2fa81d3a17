"""Writing decisions. They are never changed afterwards, but for redaction."""

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy.dialects import postgresql, sqlite

from domain.decisions import Decision
from storage.engine import Transaction
from storage.models import DecisionRow

_ADD = {
    name: dialect.insert(DecisionRow).on_conflict_do_nothing().returning(DecisionRow.id)
    for name, dialect in (("postgresql", postgresql), ("sqlite", sqlite))
}


def add_many(tx: Transaction, made: Sequence[Decision]) -> set[str]:
    """Stores decisions and returns the ids of those that were; left out is one whose moment is decided already, or that
    sends what was sent to its person within the same three hours of the same local day, by whomever."""
    if not made:
        return set()
    return set(tx.execute(_ADD[tx.dialect.name], [_columns(each) for each in made]).scalars())


def _columns(decision: Decision) -> dict[str, Any]:
    columns = msgspec.structs.asdict(decision)
    columns["reasons"] = [msgspec.to_builtins(reason) for reason in decision.reasons]
    columns["terms"] = [msgspec.to_builtins(term) for term in decision.terms]
    return columns
