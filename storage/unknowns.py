"""Messages whose end nobody knows, and what somebody found out about them later."""

from collections.abc import Collection

import sqlalchemy as sa

from domain.messages import MessageState
from storage.engine import Transaction
from storage.models import MessageRow
from storage.sql import among

WAS_UNKNOWN = "was_unknown"


def settle(
    tx: Transaction, brand_id: str, message_ids: Collection[str], state: MessageState
) -> set[str]:
    """Ends the brand's unknown messages among these as `sent` or `failed`; returns their ids.

    That they were unknown stays as their reason, and their deliveries stay unknown.
    """
    if not message_ids:
        return set()
    rows = tx.execute(
        sa.update(MessageRow)
        .where(among(tx, MessageRow.id, message_ids), MessageRow.brand_id == brand_id)
        .where(MessageRow.state == MessageState.UNKNOWN)
        .values(state=state, reason=WAS_UNKNOWN)
        .returning(MessageRow.id)
    )
    return set(rows.scalars())


def states(
    tx: Transaction, brand_id: str, message_ids: Collection[str]
) -> dict[str, tuple[MessageState, str | None]]:
    """The state and reason of each of the brand's messages among these."""
    query = sa.select(MessageRow.id, MessageRow.state, MessageRow.reason).where(
        among(tx, MessageRow.id, message_ids), MessageRow.brand_id == brand_id
    )
    return {row.id: (MessageState(row.state), row.reason) for row in tx.execute(query)}
