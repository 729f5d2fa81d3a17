"""One row of every kind that the engine leaves of a person, each with a word to search for."""

from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from domain.decisions import Cause, Outcome
from domain.ids import new_id
from domain.messages import DeliveryStatus, MessageState
from domain.people import Device
from storage.engine import Transaction
from storage.models import (
    DecisionRow,
    DeliveryRow,
    EventRow,
    IdempotencyRow,
    MessageRow,
    MomentRow,
    PlacesRow,
    PositionRow,
    ProfileRow,
    VisitRow,
)


class Traces:
    """What is there of one device's customer; every text of it contains `word`."""

    def __init__(self, device: Device, now: datetime, word: str = "jane-was-here") -> None:
        self.device = device
        self.now = now
        self.word = word

    def leave(self, tx: Transaction) -> None:
        """A position, visits, events, a profile, places, moments, a sent and a queued message, a stored answer."""
        self.position(tx)
        self.visit(tx, exited=True)
        self.visit(tx, exited=False)
        for kind in ("order", "reservation", "beacon", "visit", "app_open"):
            self.event(tx, kind)
        self.profile(tx)
        self.places(tx)
        for cause in (Cause.ENTER, Cause.DWELL, Cause.HABIT, Cause.WEATHER, Cause.OCCASION):
            self.moment(tx, cause)
        self.message(tx, MessageState.SENT)
        self.message(tx, MessageState.QUEUED)
        self.answer(tx)

    def position(self, tx: Transaction) -> None:
        self._add(
            tx,
            PositionRow,
            device_id=self.device.id,
            latitude=60.1841,
            longitude=24.9499,
            accuracy_m=10.0,
            occurred_at=self.now,
            state=self.word.encode(),
            stay=self.word.encode(),
        )

    def visit(self, tx: Transaction, *, exited: bool) -> str:
        return self._add(
            tx,
            VisitRow,
            id=new_id(),
            device_id=self.device.id,
            geofence_id=new_id(),
            store_id=new_id(),
            confidence=3,
            entered_at=self.now - timedelta(hours=1),
            exited_at=self.now if exited else None,
            end_reason=self.word if exited else None,
        )

    def event(self, tx: Transaction, kind: str, *, by_device: bool = True, **body: Any) -> str:
        return self._add(
            tx,
            EventRow,
            id=new_id(),
            mode=self.device.mode,
            device_id=self.device.id if by_device else None,
            event_id=new_id(),
            type=kind,
            occurred_at=self.now,
            received_at=self.now,
            body={"properties": {"note": f"{self.word}-{kind}"}, **body},
        )

    def profile(self, tx: Transaction) -> None:
        self._add(tx, ProfileRow, body=self.word.encode(), updated_at=self.now)

    def places(self, tx: Transaction) -> None:
        self._add(tx, PlacesRow, body=self.word.encode(), updated_at=self.now)

    def moment(
        self, tx: Transaction, cause: Cause, *, key: str = "k", decided: bool = False
    ) -> str:
        return self._add(
            tx,
            MomentRow,
            id=new_id(),
            mode=self.device.mode,
            device_id=self.device.id,
            cause=cause,
            key=key,
            store_id=new_id(),
            geofence_id=new_id(),
            visit_id=new_id(),
            due_at=self.now,
            expires_at=self.now + timedelta(hours=1),
            decided_at=self.now if decided else None,
        )

    def decision(self, tx: Transaction, *, offer_id: str | None = None) -> str:
        moment = self.moment(tx, Cause.ENTER, key=new_id(), decided=True)
        return self._add(
            tx,
            DecisionRow,
            id=new_id(),
            mode=self.device.mode,
            moment_id=moment,
            cause=Cause.ENTER,
            decided_at=self.now,
            outcome=Outcome.SEND,
            reasons=[{"code": "best", "text": "It was the best."}],
            offer_id=offer_id or new_id(),
            store_id=new_id(),
            terms=[{"name": f"{self.word}-term", "value": 1.0}],
            propensity=1.0,
            seed=1,
            local_date="2026-05-06",
            daypart=4,
            inputs={"distance_m": 40, "note": f"{self.word}-inputs"},
        )

    def message(self, tx: Transaction, state: MessageState) -> str:
        final = state not in (MessageState.QUEUED, MessageState.SENDING)
        message_id = self._add(
            tx,
            MessageRow,
            id=new_id(),
            mode=self.device.mode,
            decision_id=self.decision(tx),
            offer_id=new_id(),
            push={"title": f"{self.word}-title", "body": "It is 40 m away.", "data": {}},
            state=state,
            created_at=self.now,
            due_at=self.now,
            expires_at=self.now + timedelta(hours=1),
            finished_at=self.now if final else None,
        )
        if state is MessageState.SENDING:
            self.delivery(tx, message_id, DeliveryStatus.SENDING)
        return message_id

    def delivery(self, tx: Transaction, message_id: str, status: DeliveryStatus) -> str:
        row = {
            "id": new_id(),
            "brand_id": self.device.brand_id,
            "message_id": message_id,
            "device_id": self.device.id,
            "status": status,
            "simulated": False,
            "attempted_at": self.now,
            "owner": new_id(),
            "lease_until": self.now + timedelta(minutes=1),
        }
        tx.execute(sa.insert(DeliveryRow).values(row))
        return str(row["id"])

    def answer(self, tx: Transaction) -> None:
        self._add(
            tx,
            IdempotencyRow,
            scope_id=self.device.id,
            key=new_id(),
            request_hash="0" * 64,
            status=201,
            body=self.word.encode(),
            created_at=self.now,
        )

    def _add(self, tx: Transaction, table: type[Any], **values: Any) -> str:
        who = {"brand_id": self.device.brand_id, "customer_id": self.device.customer_id}
        tx.execute(sa.insert(table).values(**who, **values))
        return str(values.get("id", ""))


def rows(tx: Transaction, table: type[Any], customer_id: str) -> list[Any]:
    """The customer's rows of a table."""
    return list(tx.execute(sa.select(table.__table__).where(table.customer_id == customer_id)))
