"""Which labels a project used of late, so that it stays within the number that the push service takes in a day."""

from collections.abc import Collection

import sqlalchemy as sa

from storage.engine import Transaction
from storage.models import LabelRow
from storage.sql import hold, insert

_USED = sa.select(LabelRow.label).where(
    LabelRow.project == sa.bindparam("project"), LabelRow.last_day >= sa.bindparam("since")
)
_WANTED = _USED.where(LabelRow.label.in_(sa.bindparam("wanted", expanding=True)))


def admit(
    tx: Transaction, project: str, wanted: Collection[str], *, today: int, most: int
) -> set[str]:
    """Those of `wanted` that may be used today (an ordinal of UTC), first come first served, `most` in all.

    Yesterday's count too: nobody says by which zone's clock the push service counts, and any day of any zone lies within
    two days of UTC.
    """
    given = {"project": project, "since": today, "wanted": list(wanted)}
    known = set(tx.execute(_WANTED, given).scalars())
    if new := sorted(set(wanted) - known):
        known |= _first_today(tx, project, new, today=today, most=most)
    return known


def _first_today(
    tx: Transaction, project: str, new: list[str], *, today: int, most: int
) -> set[str]:
    hold(tx, "labels", project)
    used = set(tx.execute(_USED, {"project": project, "since": today - 1}).scalars())
    free = max(0, most - len(used))
    taken = [label for label in new if label in used]
    taken += [label for label in new if label not in used][:free]
    rows = [{"project": project, "label": label, "last_day": today} for label in taken]
    if rows:
        adding = insert(tx, LabelRow)
        tx.execute(
            adding.on_conflict_do_update(
                index_elements=["project", "label"], set_={"last_day": adding.excluded.last_day}
            ),
            rows,
        )
    return set(taken)


def purge(tx: Transaction, *, before: int) -> int:
    """Forgets the labels last used before this day; returns how many."""
    return tx.execute(sa.delete(LabelRow).where(LabelRow.last_day < before)).rowcount
