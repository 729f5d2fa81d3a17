"""Reading what happened: decisions with their reasons, messages with their deliveries."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import msgspec
import sqlalchemy as sa

from domain.decisions import Alternative, Outcome, Reason, Term
from domain.errors import NotFound
from domain.ids import parse_id
from domain.messages import DeliveryStatus, MessageState, Push
from domain.people import Mode
from domain.values import Value
from storage import records
from storage.engine import Transaction
from storage.models import (
    CustomerRow,
    DecisionRow,
    DeliveryRow,
    GeofenceRow,
    MessageRow,
    MomentRow,
    StoreRow,
)

# A message that ended before any phone was found has no delivery; its own state says what became of it.
_UNSENT = (MessageState.EXPIRED, MessageState.CANCELLED)


class Key(NamedTuple):
    """Where a page of rows, newest first, goes on: behind the row of this time and id."""

    at: datetime
    id: str

    def behind(self, at: Any, id_: Any) -> sa.ColumnElement[bool]:
        """What holds of the rows behind, by their columns of time and id."""
        return sa.and_(at <= self.at, sa.or_(at < self.at, id_ < self.id))


class MomentView(Value):
    """The moment of a decision: its cause, when it fell due, and where (external ids)."""

    id: str
    cause: str
    due_at: datetime | None = None
    expires_at: datetime | None = None
    store: str | None = None
    geofence: str | None = None


class Delivery(Value):
    """What became of a push at one device."""

    status: str
    at: datetime


class Told(Value):
    """A decision as the person it was about may read it; `deliveries` are those that have ended."""

    id: str
    moment: MomentView
    decided_at: datetime
    outcome: Outcome
    offer: str | None
    reasons: tuple[Reason, ...]
    deliveries: tuple[Delivery, ...] = ()


class Attempt(Value):
    """A delivery as the brand may read it."""

    id: str
    device_id: str
    status: DeliveryStatus
    simulated: bool
    attempted_at: datetime
    provider_id: str | None = None
    error_code: str | None = None
    detail: str | None = None
    finished_at: datetime | None = None

    @property
    def at(self) -> datetime:
        return self.finished_at or self.attempted_at


class Audited(Value):
    """A decision with everything it rested on. Once redacted it has no inputs and no terms; once erased, no customer."""

    told: Told
    mode: Mode
    customer_id: str | None
    customer: str | None  # external id
    store: str | None  # external id
    offer_revision: int | None
    consent_entry_id: str | None
    terms: tuple[Term, ...]
    propensity: float
    seed: int
    local_date: str | None
    daypart: int | None
    inputs: dict[str, Any] | None
    redacted_at: datetime | None
    pruned_at: datetime | None
    message_id: str | None
    rules: tuple[str, ...] = ()
    alternatives: tuple[Alternative, ...] = ()


class Sent(Value):
    """A message with its push (None once redacted) and its deliveries."""

    id: str
    decision_id: str
    customer_id: str
    customer: str | None  # external id
    offer: str | None  # external id
    mode: Mode
    push: Push | None
    state: MessageState
    reason: str | None
    created_at: datetime
    expires_at: datetime
    finished_at: datetime | None
    deliveries: tuple[Attempt, ...] = ()


_STORE_OF_MOMENT = sa.orm.aliased(StoreRow)
_TOLD = (
    sa.select(
        DecisionRow.id,
        DecisionRow.moment_id,
        DecisionRow.cause,
        DecisionRow.decided_at,
        DecisionRow.outcome,
        DecisionRow.offer,
        DecisionRow.reasons,
        MomentRow.due_at,
        MomentRow.expires_at,
        _STORE_OF_MOMENT.external_id.label("moment_store"),
        GeofenceRow.external_id.label("geofence"),
    )
    .select_from(DecisionRow)
    .outerjoin(MomentRow, MomentRow.id == DecisionRow.moment_id)
    .outerjoin(_STORE_OF_MOMENT, _STORE_OF_MOMENT.id == MomentRow.store_id)
    .outerjoin(GeofenceRow, GeofenceRow.id == MomentRow.geofence_id)
)
_AUDITED = _TOLD.add_columns(
    DecisionRow.mode,
    DecisionRow.customer_id,
    CustomerRow.external_id.label("customer"),
    StoreRow.external_id.label("store"),
    DecisionRow.offer_revision,
    DecisionRow.consent_entry_id,
    DecisionRow.terms,
    DecisionRow.propensity,
    DecisionRow.seed,
    DecisionRow.local_date,
    DecisionRow.daypart,
    DecisionRow.inputs,
    DecisionRow.redacted_at,
    DecisionRow.record,
    DecisionRow.pruned_at,
    MessageRow.id.label("message_id"),
)
_AUDITED = (
    _AUDITED.outerjoin(CustomerRow, CustomerRow.id == DecisionRow.customer_id)
    .outerjoin(StoreRow, StoreRow.id == DecisionRow.store_id)
    .outerjoin(MessageRow, MessageRow.decision_id == DecisionRow.id)
)


def decisions(
    tx: Transaction,
    customer_id: str,
    *,
    after: Key | None = None,
    limit: int = 50,
    outcome: Outcome | None = None,
) -> list[Told]:
    """The decisions about a person, or those with this outcome, newest first, from behind `after`; in two queries."""
    query = _TOLD.where(DecisionRow.customer_id == customer_id)
    if outcome:
        query = query.where(DecisionRow.outcome == outcome)
    if after:
        query = query.where(after.behind(DecisionRow.decided_at, DecisionRow.id))
    newest_first = (DecisionRow.decided_at.desc(), DecisionRow.id.desc())
    return _told(tx, tx.execute(query.order_by(*newest_first).limit(limit)).all())


def decision(tx: Transaction, decision_id: str, *, brand_id: str, mode: Mode) -> Audited:
    """One decision of a brand, also of an erased person; NotFound where this brand and mode have none."""
    row = tx.execute(
        _AUDITED.where(
            DecisionRow.id == decision_id,
            DecisionRow.brand_id == brand_id,
            DecisionRow.mode == mode,
        )
    ).one_or_none()
    if row is None:
        raise NotFound("There is no such decision.")
    [told] = _told(tx, [row])
    return msgspec.convert({**records.completed(row._mapping), "told": told}, Audited)


def message(tx: Transaction, message_id: str, *, brand_id: str, mode: Mode) -> Sent:
    """One message of a brand; NotFound where this brand and mode have none, or its person was erased."""
    row = tx.execute(
        sa.select(
            MessageRow.__table__, CustomerRow.external_id.label("customer"), DecisionRow.offer
        )
        .outerjoin(CustomerRow, CustomerRow.id == MessageRow.customer_id)
        .outerjoin(DecisionRow, DecisionRow.id == MessageRow.decision_id)
        .where(
            MessageRow.id == message_id, MessageRow.brand_id == brand_id, MessageRow.mode == mode
        )
    ).one_or_none()
    if row is None:
        raise NotFound("There is no such message.")
    return msgspec.convert({**row._mapping, "deliveries": _attempts(tx, message_id)}, Sent)


def attempts_of_decision(tx: Transaction, decision_id: str) -> list[Attempt]:
    """The deliveries of the message that a decision led to."""
    ids = sa.select(MessageRow.id).where(MessageRow.decision_id == decision_id)
    return _attempts(tx, ids.scalar_subquery())


def explain_rows(
    tx: Transaction, *, brand_id: str, mode: Mode, who: str, limit: int = 20
) -> list[Told]:
    """The newest decisions about a customer, named by external id or by our id; NotFound where nobody is."""
    named = CustomerRow.external_id == who
    rows = tx.execute(
        sa.select(CustomerRow.id, CustomerRow.external_id).where(
            CustomerRow.brand_id == brand_id,
            CustomerRow.mode == mode,
            sa.or_(named, CustomerRow.id == id_) if (id_ := parse_id(who)) else named,
        )
    ).all()
    if not rows:
        raise NotFound(f"There is no customer {who!r}.")
    found = next((row for row in rows if row.external_id == who), rows[0])
    return decisions(tx, found.id, limit=limit)


def _told(tx: Transaction, rows: Sequence[sa.Row[Any]]) -> list[Told]:
    ended = _ended(tx, [row.id for row in rows])
    return [
        Told(
            id=row.id,
            moment=MomentView(
                id=row.moment_id,
                cause=row.cause,
                due_at=row.due_at,
                expires_at=row.expires_at,
                store=row.moment_store,
                geofence=row.geofence,
            ),
            decided_at=row.decided_at,
            outcome=Outcome(row.outcome),
            offer=row.offer,
            reasons=msgspec.convert(row.reasons, tuple[Reason, ...]),
            deliveries=tuple(ended.get(row.id, ())),
        )
        for row in rows
    ]


def _ended(tx: Transaction, decision_ids: Iterable[str]) -> dict[str, list[Delivery]]:
    """What became of each decision's push, by decision."""
    rows = tx.execute(
        sa.select(
            MessageRow.decision_id,
            MessageRow.state,
            MessageRow.finished_at.label("ended_at"),
            DeliveryRow.status,
            DeliveryRow.finished_at,
        )
        .outerjoin(DeliveryRow, DeliveryRow.message_id == MessageRow.id)
        .where(MessageRow.decision_id.in_(list(decision_ids)))
        .order_by(DeliveryRow.id)
    )
    found: dict[str, list[Delivery]] = {}
    for row in rows:
        status, at = row.status, row.finished_at
        if status is None and row.state in _UNSENT:
            status, at = row.state, row.ended_at
        if at is not None:
            found.setdefault(row.decision_id, []).append(Delivery(status=status, at=at))
    return found


def _attempts(tx: Transaction, message_id: str | sa.ScalarSelect[str]) -> list[Attempt]:
    rows = tx.execute(
        sa.select(DeliveryRow.__table__)
        .where(DeliveryRow.message_id == message_id)
        .order_by(DeliveryRow.id)
    )
    return [msgspec.convert(row._mapping, Attempt) for row in rows]
