"""`Idempotency-Key` on creating POSTs: a repeated request gets the first one's answer and does nothing."""

import hashlib
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import marshmallow as ma
import msgspec
from flask import Response, request

from domain.access import Principal
from domain.clock import Clock
from domain.errors import Fault, Invalid
from storage import idempotency
from storage.engine import Database, Transaction
from storage.idempotency import Answer, Request

T = TypeVar("T")

HEADER = "Idempotency-Key"
PARAMETER = {
    "in": "header",
    "name": HEADER,
    "description": "Any text of your own, 1 to 255 printable ASCII characters, new for each request. "
    "A repeat within 24 h gets the first answer again, with `Idempotent-Replayed: true`.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255},
}


class Once:
    """Does a creating POST once. Make one per blueprint and call it in the view:

        once = Once(parts.database, parts.clock)

        @blp.doc(operationId="create_thing", parameters=[PARAMETER])
        def create_thing(body, principal):
            return once(principal, lambda tx: things.add(tx, …), ThingSchema)

    `work(tx)` runs in a write transaction, so it has no outside effects; the answer, dumped with `schema`, is
    stored in that same transaction. Without the header this is a plain write. A refusal raised in `work` stores
    nothing. `customer_of` names the person the answer is about, so that an erasure reaches it; by default the
    credential's own. What follows a commit (waking the loop, settling) belongs after the call: it runs for a
    replay too. Never use it for an answer that carries a secret.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._busy: set[tuple[str, str]] = set()
        self._lock = threading.Lock()

    def __call__(
        self,
        principal: Principal,
        work: Callable[[Transaction], T],
        schema: type[ma.Schema],
        *,
        status: int = 201,
        customer_of: Callable[[T], str | None] | None = None,
    ) -> Response:
        asked = _asked(principal)
        if asked is None:
            return _response(_answer(schema, self._database.write(work), status))

        def answered(tx: Transaction) -> tuple[Answer, bool]:
            now = self._clock.now()
            if found := idempotency.find(tx, asked, now):
                return found, True
            result = work(tx)
            answer = _answer(schema, result, status)
            about = customer_of(result) if customer_of else principal.customer_id
            idempotency.keep(tx, asked, answer, customer_id=about, now=now)
            return answer, False

        with self._alone(asked):
            answer, replayed = self._database.write(answered)
        return _response(answer, replayed=replayed)

    @contextmanager
    def _alone(self, asked: Request) -> Iterator[None]:
        name = (asked.scope_id, asked.key)
        with self._lock:
            if name in self._busy:
                raise idempotency.in_flight()
            self._busy.add(name)
        try:
            yield
        finally:
            with self._lock:
                self._busy.discard(name)


def _asked(principal: Principal) -> Request | None:
    """The request as the store knows it; None where it carries no key."""
    key = request.headers.get(HEADER)
    if key is None:
        return None
    if not (1 <= len(key) <= 255 and key.isascii() and key.isprintable()):
        fault = Fault(pointer=f"/{HEADER}", detail="Send 1 to 255 printable ASCII characters.")
        raise Invalid("This Idempotency-Key cannot be used.", faults=(fault,))
    what = f"{request.method} {request.full_path}\n".encode() + request.get_data(cache=True)
    return Request(
        scope_id=principal.credential_id,
        brand_id=principal.brand_id,
        key=key,
        request_hash=hashlib.sha256(what).hexdigest(),
    )


def _answer(schema: type[ma.Schema], result: Any, status: int) -> Answer:
    return Answer(status=status, body=msgspec.json.encode(schema().dump(result)))


def _response(answer: Answer, *, replayed: bool = False) -> Response:
    response = Response(answer.body, status=answer.status, mimetype="application/json")
    if replayed:
        response.headers["Idempotent-Replayed"] = "true"
    return response
