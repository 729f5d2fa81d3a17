"""`POST /v1/offers/{external_id}/dry-run`: what an offer would do, before it does anything."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from threading import BoundedSemaphore
from typing import Any

import msgspec
import structlog
from flask import Response, request
from flask_smorest import Blueprint

from domain.access import Principal, Scope
from domain.errors import Busy, Fault, Invalid, Refusal
from domain.offers import OfferBody
from scheduler.rehearsing.dry_run import Asked, DryRun, Progress, Rehearsal
from service.api import offers
from service.auth import Authenticator
from service.naming import named
from service.parts import Parts
from service.schemas.dry_runs import DryRunResultSchema, DryRunSchema
from storage import brands

NDJSON = "application/x-ndjson"
_AT_ONCE = 2  # in one process: each takes as much of a processor as there is
_AGAIN_S = 10
_log = structlog.get_logger()


def blueprint(parts: Parts, auth: Authenticator) -> Blueprint:
    blp = Blueprint(
        "dry_runs", __name__, url_prefix="/v1/offers", description="What an offer would do"
    )
    seats = BoundedSemaphore(_AT_ONCE)

    @blp.post("/<external_id>/dry-run")
    @auth.secret(Scope.ADMIN)
    @blp.arguments(DryRunSchema, required=False)
    @blp.response(
        200, DryRunResultSchema, description="with `Accept: application/x-ndjson` in lines"
    )
    @blp.alt_response(503, description="two dry runs are under way")
    @blp.doc(operationId="dry_run_offer", tags=["offers"])
    def dry_run_offer(body: dict[str, Any], external_id: str, principal: Principal) -> Any:
        """Rehearse an offer: who would get it, who would not and why, what it would bring. Nothing is sent or stored.

        With `Accept: application/x-ndjson` every line is an object: `{"type": "progress", "done", "of"}`, again and again,
        and at last `{"type": "result", …}` with the fields below, or `{"type": "error", …}` with a problem.
        """
        now = parts.clock.now()
        rehearsal = _rehearsal(
            parts, principal, _asked(parts, body, external_id, principal, now), now
        )
        if not seats.acquire(blocking=False):
            detail = "Two dry runs are under way; ask again when one of them is done."
            raise Busy(detail, retry_after_s=_AGAIN_S)
        if request.accept_mimetypes.best_match(["application/json", NDJSON]) == NDJSON:
            return Response(_Lines(rehearsal, seats), mimetype=NDJSON)
        try:
            *_, result = rehearsal.run()
        finally:
            seats.release()
        return result

    return blp


def _asked(
    parts: Parts, body: dict[str, Any], external_id: str, principal: Principal, now: datetime
) -> Asked:
    since, until, draft = (body.get(name) for name in ("since", "until", "offer"))
    if until is not None and until > now:
        detail = f"It is {now:%Y-%m-%dT%H:%M:%SZ}: a window of the past ends by then."
        raise Invalid(detail, faults=(Fault(pointer="/to", detail=detail),))
    return Asked(
        external_id=external_id,
        body=_checked(draft, named(external_id), parts.settings.public_url) if draft else None,
        mode=principal.mode,
        since=since,
        until=until,
        sample=body.get("sample"),
    )


def _checked(draft: dict[str, Any], external_id: str, public_url: str | None) -> OfferBody:
    """As a PUT checks it; what is wrong is named by its place in this request."""
    try:
        return offers.checked(draft, external_id, public_url)
    except Invalid as refusal:
        faults = tuple(
            msgspec.structs.replace(fault, pointer=f"/offer{fault.pointer}")
            for fault in refusal.faults
        )
        raise Invalid(refusal.detail, faults=faults) from None


def _rehearsal(parts: Parts, principal: Principal, asked: Asked, now: datetime) -> Rehearsal:
    with parts.database.read() as tx:
        brand = brands.by_id(tx, principal.brand_id)
    max_age = timedelta(seconds=parts.settings.weather_max_age_s)
    return Rehearsal(parts.database, brand, asked, now=now, weather_max_age=max_age)


class _Lines:
    """The answer as lines, made while they are read; the seat is given back however that ends."""

    def __init__(self, rehearsal: Rehearsal, seats: BoundedSemaphore) -> None:
        self._lines = _lines(rehearsal)
        self._seats: BoundedSemaphore | None = seats

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        return next(self._lines)

    def close(self) -> None:
        """The server calls it at the end, and when whoever asked has gone away."""
        seats, self._seats = self._seats, None
        if seats:
            seats.release()


def _lines(rehearsal: Rehearsal) -> Iterator[bytes]:
    """What goes wrong after the first line can only be told in the last one."""
    try:
        yield from map(_line, rehearsal.run())
    except Refusal as refusal:
        wrong = {"type": "error", "code": refusal.code, "detail": refusal.detail}
        yield msgspec.json.encode(wrong) + b"\n"
    except Exception:  # noqa: BLE001 - the status has been sent; the cause goes to the log
        _log.exception("dry_run_failed")
        detail = "Something broke on our side."
        yield msgspec.json.encode({"type": "error", "code": "internal", "detail": detail}) + b"\n"


def _line(told: Progress | DryRun) -> bytes:
    if isinstance(told, Progress):
        shown = {"type": "progress", **msgspec.structs.asdict(told)}
    else:
        shown = {"type": "result", **DryRunResultSchema().dump(told)}
    return msgspec.json.encode(shown) + b"\n"
