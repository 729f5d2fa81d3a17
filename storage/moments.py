"""Moments: opened by whatever makes one, claimed by the engine, closed by their decision."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from domain.decisions import Cause, Moment
from storage.engine import Transaction
from storage.models import CustomerRow, MomentRow

_OPEN = {
    "postgresql": postgresql.insert(MomentRow).on_conflict_do_nothing(),
    "sqlite": sqlite.insert(MomentRow).on_conflict_do_nothing(),
}
_DUE = (
    sa.select(MomentRow.__table__)
    .join(CustomerRow, CustomerRow.id == MomentRow.customer_id)
    .where(MomentRow.decided_at.is_(None), MomentRow.due_at <= sa.bindparam("now"))
    .order_by(MomentRow.due_at, MomentRow.id)
    .limit(sa.bindparam("most"))
)
_CLOSE = sa.update(MomentRow).where(
    MomentRow.id == sa.bindparam("moment"), MomentRow.decided_at.is_(None)
)


def open_many(tx: Transaction, wanted: Iterable[Moment]) -> None:
    """Adds moments, but for those whose cause and key a person has already."""
    if rows := [msgspec.structs.asdict(moment) for moment in wanted]:
        tx.execute(_OPEN[tx.dialect.name], rows)


def claim_due(tx: Transaction, now: datetime, limit: int) -> list[Moment]:
    """Up to `limit` open moments that are due, oldest first, with their customers locked until the commit.

    Whatever another transaction holds is left for the next round: nobody waits here, so nobody can deadlock, and
    two engines never look at the same person at once.
    """
    query = _DUE
    if tx.dialect.name == "postgresql":
        query = query.with_for_update(of=[MomentRow, CustomerRow], skip_locked=True, key_share=True)
    rows = tx.execute(query, {"now": now, "most": limit})
    return [msgspec.convert(row._mapping, Moment) for row in rows]


def close(tx: Transaction, moment_ids: Sequence[str], *, now: datetime) -> None:
    """Marks moments as decided; the decision itself is written in the same transaction."""
    if moment_ids:
        tx.execute(_CLOSE, [{"moment": each, "decided_at": now} for each in moment_ids])


def set_habits(tx: Transaction, wanted: Mapping[str, Moment | None]) -> None:
    """Replaces each person's one open habit moment, or only removes it; by customer id."""
    if not wanted:
        return
    tx.execute(
        sa.delete(MomentRow).where(
            MomentRow.customer_id.in_(list(wanted)),
            MomentRow.cause == Cause.HABIT,
            MomentRow.decided_at.is_(None),
        )
    )
    open_many(tx, (moment for moment in wanted.values() if moment))


def decided_habits(
    tx: Transaction, customer_ids: Sequence[str], *, since: datetime
) -> dict[str, set[str]]:
    """The keys of habit moments decided since then, by customer; they cannot be opened again."""
    rows = tx.execute(
        sa.select(MomentRow.customer_id, MomentRow.key).where(
            MomentRow.customer_id.in_(customer_ids),
            MomentRow.cause == Cause.HABIT,
            MomentRow.decided_at >= since,
        )
    )
    taken: dict[str, set[str]] = {}
    for row in rows:
        taken.setdefault(row.customer_id, set()).add(row.key)
    return taken
