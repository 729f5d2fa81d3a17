"""`/v1/events`"""

from typing import Any

import msgspec
from flask import Response
from flask_smorest import Blueprint

from domain.access import Principal, Scope
from domain.events import Event
from scheduler import events
from scheduler.receipts import Receipt
from service.auth import Authenticator
from service.idempotency import PARAMETER, Once
from service.parts import Parts
from service.schemas.events import EventsSchema
from service.schemas.receipts import ReceiptSchema
from storage.engine import Transaction


def blueprint(parts: Parts, auth: Authenticator) -> Blueprint:
    blp = Blueprint(
        "events", __name__, url_prefix="/v1/events", description="What people did besides moving"
    )
    once = Once(parts.database, parts.clock)

    @blp.post("")
    @auth.device_or_secret(Scope.INGEST)
    @blp.arguments(EventsSchema)
    @blp.response(202, ReceiptSchema)
    @blp.doc(operationId="add_events", parameters=[PARAMETER])
    def add_events(body: dict[str, Any], principal: Principal) -> Response:
        given = [_event(each) for each in body["events"]]

        def work(tx: Transaction) -> Receipt:
            return events.take(tx, principal, given, now=parts.clock.now())

        answer = once(principal, work, ReceiptSchema, status=202)
        if any(event.type == "beacon" for event in given):
            parts.wake()
        return answer

    return blp


def _event(body: dict[str, Any]) -> Event:
    return msgspec.convert({**body, "event_id": str(body["event_id"])}, Event)
