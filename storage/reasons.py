"""Taking back what the stored reasons of decisions tell of a person."""

from collections.abc import Callable, Sequence
from typing import Any

import sqlalchemy as sa

from domain.decisions import forgotten
from storage.engine import Transaction
from storage.models import DecisionRow

Told = list[dict[str, Any]]


def rewrite(
    tx: Transaction,
    customer_id: str,
    without: Callable[[dict[str, Any]], dict[str, Any]],
    where: Sequence[sa.ColumnElement[bool]] = (),
) -> None:
    """Puts every reason of the person's decisions through `without`, and stores those that it changed."""
    mine = sa.select(DecisionRow.id, DecisionRow.reasons)
    rows = tx.execute(mine.where(DecisionRow.customer_id == customer_id, *where)).all()
    changed = [
        {"this": row.id, "told": told}
        for row in rows
        if (told := [without(reason) for reason in row.reasons]) != row.reasons
    ]
    if changed:
        tx.execute(_STORE, changed)


_STORE = (
    sa.update(DecisionRow)
    .where(DecisionRow.id == sa.bindparam("this"))
    .values(reasons=sa.bindparam("told"))
)


def forget(tx: Transaction, customer_id: str) -> None:
    """Leaves of reasons that tell where somebody was, when they come or what they are like nothing but their code."""
    rewrite(tx, customer_id, forgotten, (DecisionRow.redacted_at.is_(None),))
