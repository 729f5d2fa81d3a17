"""Moments: opened by whatever makes one, claimed by the engine, closed by their decision."""

from collections.abc import Sequence
from datetime import datetime

import msgspec
import sqlalchemy as sa

from domain.decisions import Cause, Moment
from storage.engine import Transaction
from storage.models import CustomerRow, MomentRow
from storage.sql import insert

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


def open_moment(tx: Transaction, moment: Moment) -> bool:
    """Adds a moment; False where this person has one of the same cause and key already."""
    row = msgspec.structs.asdict(moment)
    return bool(tx.execute(insert(tx, MomentRow).values(row).on_conflict_do_nothing()).rowcount)


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


def set_habit(tx: Transaction, *, customer_id: str, moment: Moment | None) -> None:
    """Replaces the person's one open habit moment, or only removes it."""
    tx.execute(
        sa.delete(MomentRow).where(
            MomentRow.customer_id == customer_id,
            MomentRow.cause == Cause.HABIT,
            MomentRow.decided_at.is_(None),
        )
    )
    if moment:
        open_moment(tx, moment)


def decided_keys(tx: Transaction, *, customer_id: str, cause: Cause, since: datetime) -> set[str]:
    """The keys of this cause that were decided for this person since then; they cannot be opened again."""
    query = sa.select(MomentRow.key).where(
        MomentRow.customer_id == customer_id,
        MomentRow.cause == cause,
        MomentRow.decided_at >= since,
    )
    return set(tx.execute(query).scalars())
