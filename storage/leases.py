"""Who does a job that only one process should do: a row with owner, epoch and an end by the database's clock."""

from datetime import timedelta

import sqlalchemy as sa

from storage.engine import Transaction
from storage.models import LeaseRow
from storage.sql import insert, lease_now, locked


def acquire(tx: Transaction, *, name: str, owner: str, length: timedelta) -> int | None:
    """Takes or prolongs the lease; its epoch, or None while somebody else holds it.

    The epoch grows with every change of the owner.
    """
    now = lease_now(tx)
    tx.execute(
        insert(tx, LeaseRow)
        .values(name=name, owner=owner, epoch=1, until=now + length)
        .on_conflict_do_nothing()
    )
    held = tx.execute(
        locked(
            tx,
            sa.select(LeaseRow.owner, LeaseRow.epoch, LeaseRow.until).where(LeaseRow.name == name),
        )
    ).one()
    if held.owner != owner and held.until > now:
        return None
    epoch: int = held.epoch if held.owner == owner else held.epoch + 1
    tx.execute(
        sa.update(LeaseRow)
        .where(LeaseRow.name == name)
        .values(owner=owner, epoch=epoch, until=now + length)
    )
    return epoch


def holds(tx: Transaction, *, name: str, owner: str, epoch: int) -> bool:
    """Whether this owner still holds the lease of that epoch; the row stays locked, so the answer holds to the commit."""
    query = sa.select(LeaseRow.until).where(
        LeaseRow.name == name, LeaseRow.owner == owner, LeaseRow.epoch == epoch
    )
    until = tx.execute(locked(tx, query)).scalar_one_or_none()
    return until is not None and until > lease_now(tx)


def release(tx: Transaction, *, name: str, owner: str) -> None:
    """Gives the lease back before its end, so that another process need not wait for that."""
    tx.execute(
        sa.update(LeaseRow)
        .where(LeaseRow.name == name, LeaseRow.owner == owner)
        .values(until=lease_now(tx))
    )
