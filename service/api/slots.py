"""`/v1/slots`: free places that look for people."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

import msgspec
from flask_smorest import Blueprint

from domain.access import Principal, Scope
from domain.errors import Fault, Invalid
from domain.slots import Slot, Wanted
from service.auth import Authenticator
from service.paging import after, page
from service.parts import Parts
from service.schemas.base import page_of
from service.schemas.slots import SavedSlotsSchema, SlotSchema, SlotsQuery, SlotsSchema
from storage import slots


def blueprint(parts: Parts, auth: Authenticator) -> Blueprint:
    blp = Blueprint("slots", __name__, url_prefix="/v1/slots", description="Free places")

    @blp.put("")
    @auth.secret(Scope.INGEST, Scope.ADMIN)
    @blp.arguments(SlotsSchema)
    @blp.response(200, SavedSlotsSchema)
    @blp.doc(operationId="put_slots")
    def put_slots(body: dict[str, Any], principal: Principal) -> dict[str, Any]:
        """Add or replace slots; whom they suit best is asked at once, in waves, until they are filled."""
        now = parts.clock.now()
        wanted = [msgspec.convert(each, Wanted) for each in body["slots"]]
        if faults := (*_twice(wanted), *_over(wanted, now)):
            raise Invalid("Some slots cannot be used; `errors` names each place.", faults=faults)
        saved = parts.database.write(
            lambda tx: slots.put_many(
                tx, wanted, brand_id=principal.brand_id, mode=principal.mode, now=now
            )
        )
        return {"data": [_shown(slot, one.store) for slot, one in zip(saved, wanted, strict=True)]}

    @blp.get("")
    @auth.secret(Scope.READ, Scope.ADMIN)
    @blp.arguments(SlotsQuery, location="query")
    @blp.response(200, page_of(SlotSchema))
    @blp.doc(operationId="list_slots")
    def list_slots(query: dict[str, Any], principal: Principal) -> dict[str, Any]:
        """The slots that have not ended, by id."""
        with parts.database.read() as tx:
            rows = slots.page(
                tx,
                brand_id=principal.brand_id,
                mode=principal.mode,
                store=query["store"],
                after=after(query),
                limit=query["limit"] + 1,
                now=parts.clock.now(),
            )
        shown = page(rows, query, lambda listed: listed.slot.external_id)
        return {**shown, "data": [_shown(each.slot, each.store) for each in shown["data"]]}

    return blp


def _shown(slot: Slot, store: str) -> dict[str, Any]:
    return {
        **msgspec.structs.asdict(slot),
        "id": slot.external_id,
        "store": store,
        "free": slot.free,
    }


def _twice(wanted: Sequence[Wanted]) -> Iterator[Fault]:
    seen: set[str] = set()
    for n, each in enumerate(wanted):
        if each.id in seen:
            detail = f"The slot {each.id!r} stands in this request twice; send it once."
            yield Fault(pointer=f"/slots/{n}/id", detail=detail)
        seen.add(each.id)


def _over(wanted: Sequence[Wanted], now: datetime) -> Iterator[Fault]:
    for n, each in enumerate(wanted):
        if each.starts_at <= now:
            detail = f"It began already: it is {now:%Y-%m-%dT%H:%M:%SZ}. Send times that are still to come."
            yield Fault(pointer=f"/slots/{n}/starts_at", detail=detail)
