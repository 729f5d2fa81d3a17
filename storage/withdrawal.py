"""What each purpose's withdrawal deletes at once, in the transaction that records it.

A decision joins place, habit and history in one choice, so whatever was chosen with the withdrawn data goes with it:
queued messages are cancelled, and the texts, inputs and terms of earlier choices are emptied.
"""

from collections.abc import Callable
from datetime import datetime

import msgspec
import sqlalchemy as sa

from domain.decisions import TOLD, Cause
from domain.ledger import Receipt
from domain.messages import DeliveryStatus, Message, MessageState
from domain.people import Purpose
from storage import learning, messages, outcomes, patrons, places, profiles, reasons
from storage.decisions import EMPTIED
from storage.engine import Transaction
from storage.models import (
    DecisionRow,
    DeliveryRow,
    EventRow,
    IdempotencyRow,
    MessageRow,
    MomentRow,
    PositionRow,
    RawFixRow,
    VisitRow,
)
from storage.outcomes import Sign
from storage.sql import locked

Step = Callable[[Transaction, str, datetime], int]

# Events that tell where somebody was, and events that tell what somebody bought.
_AT_A_PLACE = ("beacon", "visit")
_PURCHASES = ("order", "reservation", "reservation_cancelled")
_OF_PURCHASES = ("items", "amount")


def carry_out(tx: Transaction, purpose: Purpose, *, customer_id: str, now: datetime) -> Receipt:
    """Deletes what `purpose` allowed to store or derive; the receipt counts the rows by kind.

    The caller holds the customer's lock, so that no decision, send or fix of this person runs beside it.
    """
    deleted = {kind: step(tx, customer_id, now) for kind, step in _STEPS[purpose]}
    return Receipt(deleted=deleted, note=_NOTES[purpose])


def under_way(
    tx: Transaction, *, customer_id: str | None = None, device_id: str | None = None
) -> frozenset[str]:
    """The deliveries of a person, or of a device, whose POST may be about to start."""
    query = sa.select(DeliveryRow.id).where(DeliveryRow.status == DeliveryStatus.SENDING)
    if customer_id is not None:
        query = query.join(MessageRow, MessageRow.id == DeliveryRow.message_id).where(
            MessageRow.customer_id == customer_id
        )
    if device_id is not None:
        query = query.where(DeliveryRow.device_id == device_id)
    return frozenset(tx.execute(query).scalars())


def still_under_way(tx: Transaction, delivery_ids: frozenset[str]) -> bool:
    """Whether any of these deliveries has not been answered yet."""
    query = sa.select(DeliveryRow.id).where(
        DeliveryRow.id.in_(delivery_ids), DeliveryRow.status == DeliveryStatus.SENDING
    )
    return tx.execute(query.limit(1)).one_or_none() is not None


def forget_position(tx: Transaction, device_id: str, *, now: datetime) -> None:
    """Deletes a device's fixes and fence states and ends the visits it was on."""
    tx.execute(sa.delete(PositionRow).where(PositionRow.device_id == device_id))
    tx.execute(sa.delete(RawFixRow).where(RawFixRow.device_id == device_id))
    tx.execute(
        sa.update(VisitRow)
        .where(VisitRow.device_id == device_id, VisitRow.exited_at.is_(None))
        .values(exited_at=now, end_reason="device_left")
    )


def _cancel_messages(tx: Transaction, customer_id: str, now: datetime) -> int:
    # Those under way are locked as well: a sender that takes one back right now comes before, and it is found queued, or
    # after, and finds it without its text.
    open_ = sa.select(MessageRow.__table__).where(
        MessageRow.customer_id == customer_id,
        MessageRow.state.in_((MessageState.QUEUED, MessageState.SENDING)),
    )
    rows = tx.execute(locked(tx, open_.order_by(MessageRow.id))).all()
    queued = [row for row in rows if row.state == MessageState.QUEUED]
    found = [msgspec.convert(row._mapping, Message) for row in queued]
    for message in found:
        messages.close_unsent(
            tx, message, state=MessageState.CANCELLED, reason="consent_missing", now=now
        )
    return len(found)


def _empty_texts(tx: Transaction, customer_id: str, now: datetime) -> int:
    return tx.execute(
        sa.update(MessageRow)
        .where(MessageRow.customer_id == customer_id, MessageRow.push.is_not(None))
        .values(push=None)
    ).rowcount


def _redact_decisions(tx: Transaction, customer_id: str, now: datetime) -> int:
    reasons.forget(tx, customer_id)
    return tx.execute(
        sa.update(DecisionRow)
        .where(DecisionRow.customer_id == customer_id, DecisionRow.redacted_at.is_(None))
        .values(**EMPTIED, redacted_at=now)
    ).rowcount


def _delete_answers(tx: Transaction, customer_id: str, now: datetime) -> int:
    return tx.execute(
        sa.delete(IdempotencyRow).where(IdempotencyRow.customer_id == customer_id)
    ).rowcount


def _delete_positions(tx: Transaction, customer_id: str, now: datetime) -> int:
    return tx.execute(sa.delete(PositionRow).where(PositionRow.customer_id == customer_id)).rowcount


def _delete_raw_fixes(tx: Transaction, customer_id: str, now: datetime) -> int:
    return tx.execute(sa.delete(RawFixRow).where(RawFixRow.customer_id == customer_id)).rowcount


def _delete_background_fixes(tx: Transaction, customer_id: str, now: datetime) -> int:
    mine = RawFixRow.customer_id == customer_id
    return tx.execute(sa.delete(RawFixRow).where(mine, RawFixRow.background)).rowcount


def _delete_visits(tx: Transaction, customer_id: str, now: datetime) -> int:
    return tx.execute(sa.delete(VisitRow).where(VisitRow.customer_id == customer_id)).rowcount


def _delete_past_visits(tx: Transaction, customer_id: str, now: datetime) -> int:
    """The visit somebody is on right now is their place, which `location` still allows."""
    past = VisitRow.exited_at.is_not(None)
    return tx.execute(sa.delete(VisitRow).where(VisitRow.customer_id == customer_id, past)).rowcount


def _delete_profile(tx: Transaction, customer_id: str, now: datetime) -> int:
    """What was learned, and what earlier reasons say of traits that it showed."""
    return profiles.forget(tx, customer_id)


def _delete_known_places(tx: Transaction, customer_id: str, now: datetime) -> int:
    """Home and workplace as far as they are known, and what earlier reasons say of them."""
    return places.forget(tx, customer_id)


def _forget_stays(tx: Transaction, customer_id: str, now: datetime) -> int:
    """The last position stays, as `location` allows; since when somebody has stayed there does not."""
    mine = sa.and_(PositionRow.customer_id == customer_id, PositionRow.stay.is_not(None))
    return tx.execute(sa.update(PositionRow).where(mine).values(stay=None)).rowcount


def _delete_place_events(tx: Transaction, customer_id: str, now: datetime) -> int:
    """A visit that the brand's backend reported is its own knowledge and stays."""
    return tx.execute(
        sa.delete(EventRow).where(
            EventRow.customer_id == customer_id,
            EventRow.type.in_(_AT_A_PLACE),
            EventRow.device_id.is_not(None),
        )
    ).rowcount


def _delete_purchases(tx: Transaction, customer_id: str, now: datetime) -> int:
    mine = EventRow.customer_id == customer_id
    gone = tx.execute(sa.delete(EventRow).where(mine, EventRow.type.in_(_PURCHASES))).rowcount
    return gone + sum(
        _without_purchase(tx, row)
        for row in tx.execute(sa.select(EventRow.id, EventRow.body).where(mine)).all()
    )


def _without_purchase(tx: Transaction, row: sa.Row[tuple[str, dict[str, object]]]) -> bool:
    body = {key: value for key, value in row.body.items() if key not in _OF_PURCHASES}
    if body == row.body:
        return False
    tx.execute(sa.update(EventRow).where(EventRow.id == row.id).values(body=body))
    return True


# Of the yearly days ahead those that a reservation told of; what was declared is not derived from anything.
_TOLD = sa.and_(MomentRow.cause == Cause.OCCASION, MomentRow.key.startswith(TOLD))


def _forget_stores(tx: Transaction, customer_id: str, now: datetime) -> int:
    """Which stores they come to, and for which services."""
    return patrons.forget(tx, customer_id)


def _forget_terms(tx: Transaction, customer_id: str, now: datetime) -> int:
    """How they themselves answer; what is still awaited of them teaches nobody."""
    return learning.forget(tx, customer_id)


def _forget_outcomes(*signs: Sign) -> Step:
    """What people brought by day, as far as it rests on this; the brand's own sums stay as they are."""

    def step(tx: Transaction, customer_id: str, now: datetime) -> int:
        return outcomes.forget(tx, customer_id, Sign(sum(signs)), now=now)

    return step


def _delete_open_moments(*causes: Cause) -> Step:
    def step(tx: Transaction, customer_id: str, now: datetime) -> int:
        return tx.execute(
            sa.delete(MomentRow).where(
                MomentRow.customer_id == customer_id,
                sa.or_(MomentRow.cause.in_(causes), _TOLD),
                MomentRow.decided_at.is_(None),
            )
        ).rowcount

    return step


def _forget_places(tx: Transaction, customer_id: str, now: datetime) -> int:
    """Of what was decided only the when and why are left, not the where."""
    tx.execute(
        sa.update(DecisionRow).where(DecisionRow.customer_id == customer_id).values(store_id=None)
    )
    return tx.execute(
        sa.update(MomentRow)
        .where(MomentRow.customer_id == customer_id)
        .where(sa.or_(MomentRow.store_id.is_not(None), MomentRow.geofence_id.is_not(None)))
        .values(store_id=None, geofence_id=None, visit_id=None)
    ).rowcount


_CHOICES: tuple[tuple[str, Step], ...] = (
    ("messages_cancelled", _cancel_messages),
    ("texts", _empty_texts),
    ("decisions_redacted", _redact_decisions),
    ("stored_answers", _delete_answers),
)
_BY_HABIT = (Cause.HABIT, Cause.SLIPPING, Cause.CADENCE, Cause.SLOT)
_BY_PLACE = (Cause.ENTER, Cause.DWELL, Cause.WEATHER, Cause.EVENT, *_BY_HABIT)

_STEPS: dict[Purpose, tuple[tuple[str, Step], ...]] = {
    Purpose.PUSH: (("messages_cancelled", _cancel_messages),),
    Purpose.LOCATION: (
        ("positions", _delete_positions),
        ("raw_fixes", _delete_raw_fixes),
        ("visits", _delete_visits),
        ("patrons", _forget_stores),
        ("outcome_days", _forget_outcomes(Sign.PLACE)),
        ("events", _delete_place_events),
        ("profiles", _delete_profile),
        ("person_evidence", _forget_terms),
        ("known_places", _delete_known_places),
        ("moments", _delete_open_moments(*_BY_PLACE)),
        ("places", _forget_places),
        *_CHOICES,
    ),
    Purpose.BACKGROUND_LOCATION: (("raw_fixes", _delete_background_fixes),),
    Purpose.HABITS: (
        ("profiles", _delete_profile),
        ("person_evidence", _forget_terms),
        ("known_places", _delete_known_places),
        ("stays", _forget_stays),
        ("visits", _delete_past_visits),
        ("patrons", _forget_stores),
        ("outcome_days", _forget_outcomes(Sign.PLACE)),
        ("moments", _delete_open_moments(*_BY_HABIT)),
        *_CHOICES,
    ),
    Purpose.PURCHASES: (
        ("events", _delete_purchases),
        ("patrons", _forget_stores),
        ("outcome_days", _forget_outcomes(Sign.ORDER)),
        ("profiles", _delete_profile),
        ("person_evidence", _forget_terms),
        ("moments", _delete_open_moments(*_BY_HABIT, Cause.EVENT)),
        *_CHOICES,
    ),
}
_NOTES = {
    Purpose.PUSH: "No push is sent any more; what was waiting is cancelled.",
    Purpose.LOCATION: "Positions, visits, and the rhythm and places learned from them are deleted; new fixes are refused.",
    Purpose.BACKGROUND_LOCATION: "Fixes taken in the background are refused, and those that were kept are deleted; nothing is derived from them alone.",
    Purpose.HABITS: "The rhythm, tastes and traits, the past visits they were learned from, and what was known of home and workplace are deleted; no habit is learned any more.",
    Purpose.PURCHASES: "Orders, reservations and the rhythm, tastes and traits learned from them are deleted; new ones are refused.",
}
