"""`/v1/consents`"""

from typing import Any

from flask import Response
from flask_smorest import Blueprint

from domain.access import Principal
from domain.ledger import Statement
from domain.people import Consent, Consents, Purpose
from service.auth import Authenticator
from service.idempotency import PARAMETER, Once
from service.paging import after, page
from service.parts import Parts
from service.schemas.base import PageQuery
from service.schemas.consents import ConsentsAnswerSchema, LedgerSchema, StatementsSchema
from service.settling import Settling
from storage import consents, devices
from storage.consents import Entry
from storage.engine import Transaction


def blueprint(parts: Parts, auth: Authenticator) -> Blueprint:
    blp = Blueprint(
        "consents", __name__, url_prefix="/v1/consents", description="What a person allows"
    )
    once = Once(parts.database, parts.clock)
    settling = Settling(parts.database)

    @blp.post("")
    @auth.device
    @blp.arguments(StatementsSchema)
    @blp.response(201, ConsentsAnswerSchema)
    @blp.doc(operationId="add_consents", parameters=[PARAMETER])
    def add_consents(body: dict[str, Any], principal: Principal) -> Response:
        """Grant and withdraw, all entries or none.

        A withdrawal is answered once what it covers is deleted and no push can start any more.
        """
        given: list[Statement] = body["entries"]
        device_id = principal.device_id or ""

        def work(tx: Transaction) -> dict[str, Any]:
            entries = consents.append(
                tx,
                given,
                brand_id=principal.brand_id,
                mode=principal.mode,
                customer_id=devices.owner(tx, device_id),
                device_id=device_id,
                now=parts.clock.now(),
            )
            return answer(entries)

        response = once(
            principal,
            work,
            ConsentsAnswerSchema,
            customer_of=lambda body: str(body["entries"][0].customer_id),
        )
        if not all(each.granted for each in given):
            with parts.database.read() as tx:
                customer_id = devices.customer_of(tx, device_id)
            settling.after_withdrawal(customer_id, emptied=_emptied(response))
        return response

    @blp.get("")
    @auth.device
    @blp.arguments(PageQuery, location="query")
    @blp.response(200, LedgerSchema)
    @blp.doc(operationId="list_consents")
    def list_consents(query: dict[str, Any], principal: Principal) -> dict[str, Any]:
        customer_id = principal.customer_id or ""
        with parts.database.read() as tx:
            entries = consents.page(tx, customer_id, after=after(query), limit=query["limit"] + 1)
            standing = consents.current(tx, customer_id)
        return {**page(entries, query, lambda entry: entry.id), "current": current(standing)}

    return blp


def answer(entries: list[Entry]) -> dict[str, Any]:
    """The body for entries just added: the rows, and the receipts of the withdrawals among them."""
    receipts = [
        {
            "entry_id": entry.id,
            "purpose": entry.purpose,
            "deleted": entry.receipt.deleted,
            "note": entry.receipt.note,
        }
        for entry in entries
        if entry.receipt
    ]
    return {"entries": entries, "receipts": receipts}


def current(standing: Consents) -> dict[Purpose, dict[str, Any]]:
    """Where each of the five purposes stands; no entry means no."""
    return {purpose: _standing(standing.of.get(purpose)) for purpose in Purpose}


def _emptied(response: Response) -> bool:
    """Whether any withdrawal found something to delete; a replayed answer tells it too."""
    receipts = response.get_json()["receipts"]
    return any(any(receipt["deleted"].values()) for receipt in receipts)


def _standing(consent: Consent | None) -> dict[str, Any]:
    if consent is None:
        return {"granted": False, "since": None, "entry_id": None}
    return {"granted": consent.granted, "since": consent.since, "entry_id": consent.entry_id}
