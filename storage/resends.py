"""At-least-once, for the brands that chose it: messages whose answer was lost are queued again, a few times at most.

A delivery whose answer was lost makes room for the next attempt at its device; what the first sender still reports of
it is refused, as any late owner's outcome is.
"""

from datetime import datetime

import sqlalchemy as sa

from domain.messages import FIRST_RESEND_AFTER, MOST_RESENDS, DeliveryStatus, MessageState
from storage.engine import Transaction
from storage.models import BrandRow, CustomerRow, DeliveryRow, MessageRow
from storage.sql import among, locked

# Asked of each message, so that nobody reads all brands where nothing is lost.
_CHOSE = (
    sa.select(BrandRow.policy["at_least_once"].as_boolean())
    .where(BrandRow.id == MessageRow.brand_id)
    .correlate(MessageRow)
    .scalar_subquery()
)
# Not so where the copy was refused or never sent: then only the message itself is still unknown.
_ANSWER_LOST = (
    sa.exists()
    .where(DeliveryRow.message_id == MessageRow.id, DeliveryRow.status == DeliveryStatus.UNKNOWN)
    .correlate(MessageRow)
)
_MOST = 500
# The index's own condition, written out: SQLite uses a partial index only where the query holds it word for word.
_IN_BACKLOG = sa.text("messages.state IN ('queued', 'sending', 'unknown')")


def queue(tx: Transaction, *, now: datetime) -> int:
    """Queues messages again whose answer was lost, as long as they live; returns how many.

    The n-th time comes FIRST_RESEND_AFTER × 2ⁿ⁻¹ after the answer was given up, MOST_RESENDS times at most. What a
    withdrawal has emptied stays as it is.
    """
    lost = tx.execute(_lost(now)).all()
    if not lost:
        return 0
    # Held like a claim holds them, and first: a withdrawal either sees these messages queued or has emptied them.
    people = sa.select(CustomerRow.id).where(
        among(tx, CustomerRow.id, sorted({row.customer_id for row in lost}))
    )
    tx.execute(locked(tx, people.order_by(CustomerRow.id)))
    again = tx.execute(
        sa.update(MessageRow)
        .where(
            among(tx, MessageRow.id, [row.id for row in lost]),
            MessageRow.state == MessageState.UNKNOWN,
            MessageRow.push.is_not(None),
        )
        .values(
            state=MessageState.QUEUED,
            resends=MessageRow.resends + 1,
            due_at=now,
            finished_at=None,
        )
        .returning(MessageRow.id)
    ).scalars()
    ids = list(again)
    tx.execute(
        sa.delete(DeliveryRow).where(
            among(tx, DeliveryRow.message_id, ids), DeliveryRow.status == DeliveryStatus.UNKNOWN
        )
    )
    return len(ids)


def _lost(now: datetime) -> "sa.Select[str, str]":
    since = {n: now - FIRST_RESEND_AFTER * 2**n for n in range(MOST_RESENDS)}
    due = [
        sa.and_(MessageRow.resends == n, MessageRow.finished_at <= at) for n, at in since.items()
    ]
    return (
        sa.select(MessageRow.id, MessageRow.customer_id)
        .where(_IN_BACKLOG, MessageRow.state == MessageState.UNKNOWN, MessageRow.expires_at > now)
        .where(MessageRow.push.is_not(None), _ANSWER_LOST, sa.or_(*due))
        .where(_CHOSE)
        .limit(_MOST)
    )
