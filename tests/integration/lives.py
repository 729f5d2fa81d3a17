"""People with a past: a row in every table that can hold one, and decisions with messages and deliveries."""

import uuid
from datetime import datetime, timedelta
from typing import Any

import msgspec
import sqlalchemy as sa

from domain.decisions import Cause, Decision, Moment, Outcome, Reason, Term
from domain.haunts import Places
from domain.ids import new_id
from domain.messages import DeliveryStatus, Message, MessageState, Push
from domain.people import Mode, Profile
from storage import decisions, messages, moments, records
from storage.engine import Database, Transaction
from storage.models import (
    BookingRow,
    ConsentEntryRow,
    ConsentRow,
    CustomerRow,
    DecisionRow,
    DeliveryRow,
    DeviceRow,
    EventRow,
    IdempotencyRow,
    MemberRow,
    MessageRow,
    MomentRow,
    OpenDecisionRow,
    OutcomeRow,
    PatronRow,
    PersonEvidenceRow,
    PlacesRow,
    PositionRow,
    ProfileRow,
    PromiseRow,
    RawFixRow,
    ReceivedRow,
    SlotRow,
    VisitRow,
    metadata,
)
from storage.models.base import Id, Json, UtcTime

QUIET = Reason(code="quiet_hours", text="It was 23:10.", would_change="It is 07:00.")
CHOSEN = Reason(
    code="chosen", text="It rains.", would_change=None, offer="soup", account="It brings 1.00 EUR."
)


class Life:
    """A person of whom every text column, where it may be anything, holds `marker`, in every table there is."""

    def __init__(self, tx: Transaction, *, brand_id: str, marker: str, now: datetime) -> None:
        self.brand_id = brand_id
        self.marker = marker
        self.now = now
        self.customer_id, self.device_id = new_id(), new_id()
        self.decision_id, self.message_id = new_id(), new_id()
        self._be(tx)
        self._do(tx)
        self._get(tx)

    @property
    def ids(self) -> set[str]:
        return {self.customer_id, self.device_id, self.message_id}

    def _be(self, tx: Transaction) -> None:
        self._add(tx, CustomerRow, id=self.customer_id, mode="live", preferences={})
        self._add(tx, DeviceRow, id=self.device_id, mode="live", retired_at=None)
        self._add(tx, ConsentEntryRow, mode="live", purpose="push", subject_hash=None)
        self._add(tx, ConsentRow, purpose="push")

    def _do(self, tx: Transaction) -> None:
        state = msgspec.msgpack.encode({"was": self.marker})
        self._add(tx, PositionRow, latitude=60.1, longitude=24.9, state=state, stay=state)
        self._add(tx, RawFixRow, latitude=60.1, longitude=24.9)
        self._add(tx, VisitRow)
        self._add(tx, EventRow, mode="live", body={"properties": {"note": self.marker}})
        self._add(tx, ProfileRow, body=msgspec.msgpack.encode(Profile(visits=3)))
        self._add(tx, PlacesRow, body=msgspec.msgpack.encode(Places(nights=3.0)))
        self._add(tx, ReceivedRow, scope_id=self.device_id)
        self._add(tx, MemberRow)
        self._add(tx, OutcomeRow)
        self._add(tx, PatronRow)
        self._add(tx, PersonEvidenceRow)
        self._add(tx, OpenDecisionRow, decision_id=self.decision_id, terms=[], stores=[])
        slot_id = new_id()
        self._add(tx, SlotRow, id=slot_id, mode="live", external_id=slot_id, service="")
        self._add(tx, PromiseRow, slot_id=slot_id)
        self._add(tx, BookingRow, slot_id=slot_id)
        self._add(tx, IdempotencyRow, scope_id=self.device_id, body=b'{"first_name": "x"}')

    def _get(self, tx: Transaction) -> None:
        self._add(tx, MomentRow, mode="live")
        told = [{"code": "chosen", "text": self.marker, "would_change": None, "offer": None}]
        known = {"mode": "live", "outcome": "send", "offer": "soup", "reasons": told, "terms": []}
        inputs = {"customer": self.customer_id}
        record = records.deflated({"inputs": inputs, "terms": {self.marker: 0.5}})
        self._add(tx, DecisionRow, id=self.decision_id, **known, cause="enter", record=record)
        push = {"title": self.marker, "body": "", "data": {}}
        self._add(tx, MessageRow, id=self.message_id, mode="live", state="sending", push=push)
        self._add(tx, DeliveryRow, message_id=self.message_id, status="sending", owner=new_id())

    def _add(self, tx: Transaction, table: type[Any], **known: Any) -> None:
        common = {
            "brand_id": self.brand_id,
            "customer_id": self.customer_id,
            "device_id": self.device_id,
            "decision_id": self.decision_id,
        }
        row = {
            column.name: known.get(column.name, common.get(column.name, self._any(column)))
            if column.name in known or column.name in common
            else self._any(column)
            for column in table.__table__.columns
        }
        tx.execute(sa.insert(table).values(**row))

    def _any(self, column: sa.Column[Any]) -> Any:
        kind = column.type
        if isinstance(kind, UtcTime):
            return self.now
        if kind is Id or str(kind) == str(Id):
            return new_id()
        if kind is Json or isinstance(kind, sa.JSON):
            return {"note": self.marker}
        if isinstance(kind, sa.Boolean):
            return False
        if isinstance(kind, sa.LargeBinary):
            return self.marker.encode()
        if isinstance(kind, sa.Integer | sa.Float):
            return 1
        return self.marker[: kind.length] if getattr(kind, "length", None) else self.marker


def everything(database: Database) -> dict[str, list[dict[str, Any]]]:
    """All rows of all tables."""
    with database.read() as tx:
        return {
            name: [dict(row._mapping) for row in tx.execute(sa.select(table))]
            for name, table in metadata.tables.items()
        }


def decided(
    database: Database,
    customer_id: str,
    brand_id: str,
    *,
    at: datetime,
    outcome: Outcome = Outcome.SILENCE,
    reasons: tuple[Reason, ...] = (QUIET,),
    mode: Mode = Mode.LIVE,
    **more: Any,
) -> Decision:
    """A moment of entering and the decision at it; a send also puts its message into the outbox."""
    moment = Moment(
        id=new_id(),
        brand_id=brand_id,
        mode=mode,
        customer_id=customer_id,
        cause=Cause.ENTER,
        key=new_id(),
        due_at=at,
        expires_at=at + timedelta(minutes=10),
    )
    decision = Decision(
        id=new_id(),
        brand_id=brand_id,
        mode=mode,
        customer_id=customer_id,
        moment_id=moment.id,
        cause=moment.cause,
        decided_at=at,
        outcome=outcome,
        reasons=reasons,
        **{"inputs": {"context": {}}, "terms": (Term(name="offer", value=0.5),), **more},
    )

    def work(tx: Transaction) -> None:
        moments.open_many(tx, [moment])
        decisions.add_many(tx, [decision])
        moments.close(tx, [moment.id], now=at)
        if outcome is Outcome.SEND:
            messages.add_many(tx, [message_of(decision)], now=at)

    database.write(work)
    return decision


def message_of(decision: Decision) -> Message:
    return Message(
        id=str(
            uuid.uuid5(uuid.UUID(decision.id), "message")
        ),  # found again by whoever has the decision
        brand_id=decision.brand_id,
        mode=decision.mode,
        customer_id=decision.customer_id or "",
        decision_id=decision.id,
        offer_id=decision.offer_id or new_id(),
        push=Push(title="Hot soup?", body="It rains."),
        expires_at=decision.decided_at + timedelta(hours=1),
    )


def posted(
    database: Database,
    decision: Decision,
    device_id: str,
    *,
    at: datetime,
    status: DeliveryStatus = DeliveryStatus.ACCEPTED,
) -> None:
    """One attempt at one device, ended with `status`, or on the way."""
    on_the_way = status is DeliveryStatus.SENDING
    state = MessageState.SENDING if on_the_way else MessageState.SENT
    ended = None if on_the_way else at

    def work(tx: Transaction) -> None:
        tx.execute(
            sa.insert(DeliveryRow).values(
                id=new_id(),
                brand_id=decision.brand_id,
                message_id=message_of(decision).id,
                device_id=device_id,
                status=status,
                simulated=False,
                attempted_at=at,
                finished_at=ended,
                owner=new_id(),
                lease_until=at + timedelta(minutes=1),
            )
        )
        tx.execute(
            sa.update(MessageRow)
            .where(MessageRow.id == message_of(decision).id)
            .values(state=state, finished_at=ended)
        )

    database.write(work)


def visited(database: Database, customer_id: str, device_id: str, *, at: datetime) -> None:
    """A visit that has begun."""
    visit = {
        "id": new_id(),
        "brand_id": new_id(),
        "customer_id": customer_id,
        "device_id": device_id,
        "geofence_id": new_id(),
        "confidence": 3,
        "entered_at": at,
    }
    database.write(lambda tx: tx.execute(sa.insert(VisitRow).values(**visit)))
