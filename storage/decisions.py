"""Writing decisions. They are never changed afterwards, but for redaction."""

from typing import Any

import msgspec
from sqlalchemy.dialects import postgresql, sqlite

from domain.decisions import Decision
from storage.engine import Transaction
from storage.models import DecisionRow

_ADD = {
    "postgresql": postgresql.insert(DecisionRow).on_conflict_do_nothing(),
    "sqlite": sqlite.insert(DecisionRow).on_conflict_do_nothing(),
}


def add(tx: Transaction, decision: Decision) -> bool:
    """Stores a decision; False, and nothing stored, where its moment is decided already, or where it sends what was
    sent to this person within the same three hours of the same local day, by whomever."""
    return bool(tx.execute(_ADD[tx.dialect.name], _columns(decision)).rowcount)


def _columns(decision: Decision) -> dict[str, Any]:
    columns = msgspec.structs.asdict(decision)
    columns["reasons"] = [msgspec.to_builtins(reason) for reason in decision.reasons]
    columns["terms"] = [msgspec.to_builtins(term) for term in decision.terms]
    return columns
