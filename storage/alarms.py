"""What tells that something is wrong with the whole, in counts and ages; nothing of any person."""

from datetime import datetime, timedelta

import sqlalchemy as sa

from domain.messages import MessageState
from domain.values import Value
from storage import heartbeats, messages
from storage.engine import Transaction
from storage.models import DeviceRow, MessageRow

# Word for word the indexes' own conditions, or SQLite does not use them.
_BACKLOG = sa.text("messages.state IN ('queued', 'sending', 'unknown')")
_SUSPECT = sa.text("suspect_at IS NOT NULL")


class State(Value):
    """`oldest` is for how long the oldest queued message has waited; None where none does.

    `silent` is for how long each role was not heard of, `suspects` how many targets the brake has spared.
    """

    oldest: timedelta | None
    unknown: int
    suspects: int
    silent: dict[str, timedelta]


def state(tx: Transaction, *, now: datetime) -> State:
    """As it is now; three counts over partial indexes."""
    queued = sa.select(sa.func.min(MessageRow.created_at)).where(
        _BACKLOG, MessageRow.state == MessageState.QUEUED, MessageRow.expires_at > now
    )
    suspects = sa.select(sa.func.count()).select_from(DeviceRow).where(_SUSPECT)
    since = tx.execute(queued).scalar_one()
    return State(
        oldest=now - since if since else None,
        unknown=messages.backlog(tx)["unknown"],
        suspects=tx.execute(suspects.where(DeviceRow.retired_at.is_(None))).scalar_one(),
        silent=heartbeats.silent_for(tx),
    )
