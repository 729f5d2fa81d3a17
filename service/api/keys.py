"""`/v1/keys`"""

from datetime import datetime
from typing import Any

import msgspec
from flask_smorest import Blueprint

from domain.access import CredentialKind, Principal, Scope
from domain.errors import Fault, Forbidden, Invalid, NotFound
from domain.ids import parse_id
from domain.people import Mode
from service.auth import Authenticator
from service.paging import after, page
from service.parts import Parts
from service.revisions import gone
from service.schemas.base import PageQuery, page_of
from service.schemas.keys import KINDS, CreatedKeySchema, KeySchema, NewKeySchema
from storage import keys
from storage.engine import Transaction
from storage.keys import Key


def blueprint(parts: Parts, auth: Authenticator) -> Blueprint:
    blp = Blueprint(
        "keys", __name__, url_prefix="/v1/keys", description="Keys of apps and backends"
    )

    @blp.post("")
    @auth.secret(Scope.ADMIN)
    @blp.arguments(NewKeySchema)
    @blp.response(201, CreatedKeySchema)
    @blp.doc(operationId="create_key")
    def create_key(body: dict[str, Any], principal: Principal) -> dict[str, Any]:
        """Make a key. The answer carries a secret, so it is never stored: an Idempotency-Key changes nothing here.

        To rotate a key, make a new one, roll it out, then delete the old one.
        """
        now = parts.clock.now()
        wanted = _wanted(body, principal, now)
        key, text = parts.database.write(
            lambda tx: keys.create(tx, brand_id=principal.brand_id, now=now, **wanted)
        )
        return {**_shown(key), "key": text}

    @blp.get("")
    @auth.secret(Scope.ADMIN)
    @blp.arguments(PageQuery, location="query")
    @blp.response(200, page_of(KeySchema))
    @blp.doc(operationId="list_keys")
    def list_keys(query: dict[str, Any], principal: Principal) -> dict[str, Any]:
        begin = after(query) or ""
        with parts.database.read() as tx:
            rows = [_shown(key) for key in _visible(tx, principal) if key.id > begin]
        return page(rows[: query["limit"] + 1], query, lambda key: str(key["id"]))

    @blp.delete("/<key_id>")
    @auth.secret(Scope.ADMIN)
    @blp.response(204)
    @blp.doc(operationId="delete_key")
    def delete_key(key_id: str, principal: Principal) -> Any:
        """End a key at once. It stays in the list with `revoked_at`."""
        parts.database.write(
            lambda tx: _end(tx, parse_id(key_id), principal, now=parts.clock.now())
        )
        return gone()

    return blp


def _wanted(body: dict[str, Any], principal: Principal, now: datetime) -> dict[str, Any]:
    """What the body asks for, checked against what the caller may give."""
    kind = CredentialKind.SECRET if body["kind"] == KINDS[1] else CredentialKind.PUBLISHABLE
    mode = body.get("mode", principal.mode)
    scopes = tuple(dict.fromkeys(body["scopes"]))
    _check(kind, mode, scopes, principal)
    if body["expires_at"] is not None and body["expires_at"] <= now:
        raise _invalid("/expires_at", "Give a time in the future, or none.")
    return {
        "kind": kind,
        "mode": mode,
        "scopes": scopes,
        "label": body["label"],
        "expires_at": body["expires_at"],
    }


def _end(tx: Transaction, key_id: str | None, principal: Principal, *, now: datetime) -> None:
    if key_id is None or key_id not in {key.id for key in _visible(tx, principal)}:
        raise NotFound("This brand has no such key.")
    keys.revoke(tx, brand_id=principal.brand_id, key_id=key_id, now=now)


def _shown(key: Key) -> dict[str, Any]:
    secret = key.kind is CredentialKind.SECRET
    return {**msgspec.structs.asdict(key), "kind": KINDS[secret]}


def _visible(tx: Transaction, principal: Principal) -> list[Key]:
    """A test key sees and ends test keys only."""
    every = keys.of_brand(tx, principal.brand_id)
    return [key for key in every if principal.mode is Mode.LIVE or key.mode is Mode.TEST]


def _check(
    kind: CredentialKind, mode: Mode, scopes: tuple[Scope, ...], principal: Principal
) -> None:
    if principal.mode is Mode.TEST and mode is not Mode.TEST:
        raise Forbidden("A test key makes test keys only; use a live key.")
    if kind is CredentialKind.SECRET and not scopes:
        raise _invalid("/scopes", "Give a secret key at least one of admin, ingest and read.")
    if kind is CredentialKind.PUBLISHABLE and scopes:
        raise _invalid("/scopes", "A publishable key has no scopes; leave them out.")


def _invalid(pointer: str, detail: str) -> Invalid:
    return Invalid(detail, faults=(Fault(pointer=pointer, detail=detail),))
