"""Writing decisions. They are never changed afterwards, but for redaction."""

from typing import Any

import msgspec

from domain.decisions import Decision
from storage.engine import Transaction
from storage.models import DecisionRow
from storage.sql import insert


def add(tx: Transaction, decision: Decision) -> bool:
    """Stores a decision; False, and nothing stored, where its moment is decided already, or where it sends what was
    sent to this person within the same three hours of the same local day, by whomever."""
    added = tx.execute(insert(tx, DecisionRow).values(_columns(decision)).on_conflict_do_nothing())
    return bool(added.rowcount)


def _columns(decision: Decision) -> dict[str, Any]:
    columns = msgspec.structs.asdict(decision)
    columns["reasons"] = [msgspec.to_builtins(reason) for reason in decision.reasons]
    columns["terms"] = [msgspec.to_builtins(term) for term in decision.terms]
    return columns
