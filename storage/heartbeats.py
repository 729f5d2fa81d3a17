"""When each role last finished a round, by the machine's clock; for readiness and the doctor."""

from collections.abc import Iterable
from datetime import datetime, timedelta

import sqlalchemy as sa

from storage.engine import Transaction
from storage.models import HeartbeatRow
from storage.sql import insert, lease_now

_FORGOTTEN = timedelta(days=1)


def beat(tx: Transaction, *, roles: Iterable[str], process_id: str) -> None:
    """Notes that this process's roles are alive, and forgets those that have been gone for a day."""
    now = lease_now(tx)
    tx.execute(
        insert(tx, HeartbeatRow)
        .values([{"role": role, "process_id": process_id, "at": now} for role in roles])
        .on_conflict_do_update(index_elements=["role", "process_id"], set_={"at": now})
    )
    tx.execute(sa.delete(HeartbeatRow).where(HeartbeatRow.at < now - _FORGOTTEN))


def alive(tx: Transaction, role: str, *, within: timedelta) -> int:
    """How many processes of a role were heard of within that time."""
    since = lease_now(tx) - within
    query = sa.select(sa.func.count()).where(HeartbeatRow.role == role, HeartbeatRow.at >= since)
    return int(tx.execute(query).scalar_one())


def silent_for(tx: Transaction) -> dict[str, timedelta]:
    """How long ago the freshest process of each role was heard of."""
    now: datetime = lease_now(tx)
    rows = tx.execute(
        sa.select(HeartbeatRow.role, sa.func.max(HeartbeatRow.at)).group_by(HeartbeatRow.role)
    )
    return {role: now - at for role, at in rows}
