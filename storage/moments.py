"""Moments: opened by whatever makes one, claimed by the engine, closed by their decision."""

from collections.abc import Iterable, Sequence
from datetime import datetime

import msgspec
import sqlalchemy as sa

from domain.decisions import Cause, Moment
from storage.engine import Transaction
from storage.models import CustomerRow, MomentRow
from storage.sql import among, insert_all, inserts

_OPEN = inserts(MomentRow, lambda row: row.on_conflict_do_nothing())
_DUE = (
    sa.select(MomentRow.__table__)
    .join(CustomerRow, CustomerRow.id == MomentRow.customer_id)
    .where(MomentRow.decided_at.is_(None), MomentRow.due_at <= sa.bindparam("now"))
    .order_by(MomentRow.due_at)  # as the index has them: thousands may be due at one time
    .limit(sa.bindparam("most"))
)


def open_many(tx: Transaction, wanted: Iterable[Moment]) -> None:
    """Adds moments, but for those whose cause and key a person has already."""
    opened = {"decided_at": None}
    insert_all(tx, _OPEN, [msgspec.structs.asdict(moment) | opened for moment in wanted])


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
        still_open = among(tx, MomentRow.id, moment_ids), MomentRow.decided_at.is_(None)
        tx.execute(sa.update(MomentRow).where(*still_open).values(decided_at=now))


# Of a rhythm, whose keys are dates; those of homes and workplaces are others' to set.
_OF_PROFILE = sa.or_(
    MomentRow.cause.in_([Cause.SLIPPING, Cause.CADENCE, Cause.OCCASION]),
    sa.and_(MomentRow.cause == Cause.HABIT, MomentRow.key < "a"),
)


_OVERTAKEN = (Cause.HABIT, Cause.SLIPPING)


def replace_of_profiles(
    tx: Transaction,
    customer_ids: Sequence[str],
    wanted: Iterable[Moment],
    *,
    came: Sequence[str],
    now: datetime,
) -> None:
    """Gives these people the open moments that follow from their profiles, instead of those they have to come.

    What is due already stays to be decided, but for those who `came`: life has overtaken what waited for that.
    """
    over = sa.and_(among(tx, MomentRow.customer_id, came), MomentRow.cause.in_(_OVERTAKEN))
    tx.execute(
        sa.delete(MomentRow).where(
            among(tx, MomentRow.customer_id, customer_ids),
            MomentRow.decided_at.is_(None),
            _OF_PROFILE,
            sa.or_(MomentRow.due_at > now, over),
        )
    )
    open_many(tx, wanted)


def decided_of_profiles(
    tx: Transaction, customer_ids: Sequence[str], *, since: datetime
) -> dict[str, set[tuple[str, str]]]:
    """The causes and keys of such moments decided since then, by customer; they cannot be opened again."""
    rows = tx.execute(
        sa.select(MomentRow.customer_id, MomentRow.cause, MomentRow.key).where(
            among(tx, MomentRow.customer_id, customer_ids),
            MomentRow.decided_at >= since,
            _OF_PROFILE,
        )
    )
    taken: dict[str, set[tuple[str, str]]] = {}
    for row in rows:
        taken.setdefault(row.customer_id, set()).add((row.cause, row.key))
    return taken
