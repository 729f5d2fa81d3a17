"""`/v1/customers`"""

from datetime import datetime
from typing import Any

import msgspec
from flask import Response
from flask_smorest import Blueprint

from domain.access import Principal, Scope
from domain.errors import Stale
from domain.ledger import Statement
from domain.people import Customer
from scheduler import profiles as learning
from scheduler.telling.sentences import Audience, Voice
from service import known, whereabouts
from service.api.consents import answer
from service.api.me import decisions_page, exported
from service.auth import Authenticator
from service.erasing import erase
from service.idempotency import PARAMETER, Once
from service.naming import named
from service.paging import after, behind, page, place
from service.parts import Parts
from service.revisions import etag, expected, saved
from service.schemas.base import PageQuery, page_of, value_of
from service.schemas.consents import ConsentsAnswerSchema
from service.schemas.customer_consents import BackendStatementsSchema
from service.schemas.customers import CustomerSchema, KnownCustomerSchema
from service.schemas.history import BrandDecisionPageSchema, DecisionsQuery, TimelineEntrySchema
from service.schemas.me import ErasureReceiptSchema, ExportSchema
from service.schemas.telling import LocaleQuery, ToldPageQuery
from service.settling import Settling
from service.speaking import voice, with_words
from storage import consents, customers, places, stores, timeline
from storage.engine import Transaction
from storage.erasure import Receipt


def blueprint(parts: Parts, auth: Authenticator) -> Blueprint:
    blp = Blueprint(
        "customers", __name__, url_prefix="/v1/customers", description="People a brand knows"
    )
    settling = Settling(parts.database)
    _edit(blp, parts, auth)
    _one(blp, parts, auth, settling)
    _look(blp, parts, auth)
    _consent(blp, parts, auth, settling)
    return blp


def _edit(blp: Blueprint, parts: Parts, auth: Authenticator) -> None:
    @blp.get("")
    @auth.secret(Scope.READ, Scope.ADMIN)
    @blp.arguments(PageQuery, location="query")
    @blp.response(200, page_of(CustomerSchema))
    @blp.doc(operationId="list_customers")
    def list_customers(query: dict[str, Any], principal: Principal) -> dict[str, Any]:
        """The customers with an external id, in its order; anonymous ones are not listed."""
        with parts.database.read() as tx:
            rows = customers.page(
                tx,
                brand_id=principal.brand_id,
                mode=principal.mode,
                after=after(query),
                limit=query["limit"] + 1,
            )
        return page(rows, query, lambda customer: customer.external_id or "")

    @blp.put("/<external_id>")
    @auth.secret(Scope.ADMIN)
    @blp.arguments(CustomerSchema)
    @blp.response(200, CustomerSchema)
    @blp.alt_response(201, schema=CustomerSchema)
    @blp.doc(operationId="put_customer")
    def put_customer(body: dict[str, Any], external_id: str, principal: Principal) -> Any:
        wanted = value_of(
            body,
            Customer,
            id="",
            brand_id=principal.brand_id,
            mode=principal.mode,
            external_id=named(external_id),
        )
        revision = expected()

        def work(tx: Transaction) -> tuple[Customer, bool]:
            now = parts.clock.now()
            customer, created = customers.put(tx, wanted, now=now, expected=revision)
            if customer.occasions or not created:
                learning.refresh(tx, [customer.id], now=now)
            return customer, created

        customer, created = parts.database.write(work)
        return saved(customer, customer.revision, created=created)


def _one(blp: Blueprint, parts: Parts, auth: Authenticator, settling: Settling) -> None:
    @blp.get("/<external_id>")
    @auth.secret(Scope.READ, Scope.ADMIN)
    @blp.arguments(LocaleQuery, location="query")
    @blp.response(200, KnownCustomerSchema)
    @blp.doc(operationId="get_customer")
    def get_customer(query: dict[str, Any], external_id: str, principal: Principal) -> Any:
        """A customer, with what was learned of them in words."""
        now, speaking = parts.clock.now(), voice(Audience.MARKETER)
        with parts.database.read() as tx:
            customer = _find(tx, external_id, principal)
            shown = {
                **msgspec.structs.asdict(customer),
                "places": _places(tx, customer, speaking, now),
                "profile": known.to_the_brand(tx, customer, speaking, now=now),
            }
        return shown, 200, etag(customer.revision)

    @blp.delete("/<external_id>")
    @auth.secret(Scope.ADMIN)
    @blp.response(200, ErasureReceiptSchema)
    @blp.doc(operationId="erase_customer")
    def erase_customer(external_id: str, principal: Principal) -> Receipt:
        """Erase a person with all their devices. Final."""
        revision = expected()

        def find(tx: Transaction) -> str:
            customer = _find(tx, external_id, principal)
            if revision is not None and customer.revision != revision:
                raise Stale("This customer was changed meanwhile; read it again.")
            return customer.id

        return erase(parts, settling, find)


def _look(blp: Blueprint, parts: Parts, auth: Authenticator) -> None:
    @blp.get("/<external_id>/timeline")
    @auth.secret(Scope.READ, Scope.ADMIN)
    @blp.arguments(ToldPageQuery, location="query")
    @blp.response(200, page_of(TimelineEntrySchema))
    @blp.doc(operationId="get_timeline")
    def get_timeline(query: dict[str, Any], external_id: str, principal: Principal) -> Any:
        """Events, visits, decisions, consents and messages, newest first."""
        with parts.database.read() as tx:
            customer = _find(tx, external_id, principal)
            rows = timeline.page(tx, customer.id, after=behind(query), limit=query["limit"] + 1)
        speaking = voice(Audience.MARKETER)
        told = [msgspec.structs.replace(row, what=with_words(row.what, speaking)) for row in rows]
        return page(told, query, lambda entry: place(entry.at, entry.id))

    @blp.get("/<external_id>/decisions")
    @auth.secret(Scope.READ, Scope.ADMIN)
    @blp.arguments(DecisionsQuery, location="query")
    @blp.response(200, BrandDecisionPageSchema)
    @blp.doc(operationId="list_customer_decisions")
    def list_customer_decisions(
        query: dict[str, Any], external_id: str, principal: Principal
    ) -> Any:
        """Why each push, and why each silence; newest first."""
        with parts.database.read() as tx:
            customer = _find(tx, external_id, principal)
            return decisions_page(tx, customer.id, query, voice(Audience.MARKETER))

    @blp.get("/<external_id>/export")
    @auth.secret(Scope.READ, Scope.ADMIN)
    @blp.response(200, ExportSchema)
    @blp.doc(operationId="export_customer")
    def export_customer(external_id: str, principal: Principal) -> dict[str, Any]:
        with parts.database.read() as tx:
            return exported(tx, _find(tx, external_id, principal).id, parts)


def _consent(blp: Blueprint, parts: Parts, auth: Authenticator, settling: Settling) -> None:
    once = Once(parts.database, parts.clock)

    @blp.post("/<external_id>/consents")
    @auth.secret(Scope.ADMIN)
    @blp.arguments(BackendStatementsSchema)
    @blp.response(201, ConsentsAnswerSchema)
    @blp.doc(operationId="add_customer_consents", parameters=[PARAMETER])
    def add_customer_consents(
        body: dict[str, Any], external_id: str, principal: Principal
    ) -> Response:
        """Record what a person told the brand without the app: a withdrawal always, a grant only with its proof."""
        given = _statements(body, parts.clock.now())
        with parts.database.read() as tx:
            customer_id = _find(tx, external_id, principal).id

        def work(tx: Transaction) -> dict[str, Any]:
            entries = consents.append(
                tx,
                given,
                brand_id=principal.brand_id,
                mode=principal.mode,
                customer_id=customer_id,
                now=parts.clock.now(),
            )
            return answer(entries)

        response = once(principal, work, ConsentsAnswerSchema, customer_of=lambda _: customer_id)
        if not all(each.granted for each in given):
            settling.after_withdrawal(customer_id)
        return response


def _find(tx: Transaction, external_id: str, principal: Principal) -> Customer:
    """NotFound for another brand's customers, and for live ones where the key is a test key."""
    return customers.get(
        tx, brand_id=principal.brand_id, mode=principal.mode, external_id=external_id
    )


def _places(
    tx: Transaction, customer: Customer, speaking: Voice, now: datetime
) -> list[dict[str, Any]]:
    found = places.get(tx, customer.id)
    near = stores.of_brand(tx, customer.brand_id) if found.haunts else ()
    return whereabouts.to_the_brand(found, near, speaking, on=now.date())


def _statements(body: dict[str, Any], now: datetime) -> list[Statement]:
    return [
        Statement(**{**each, "occurred_at": each["occurred_at"] or now}) for each in body["entries"]
    ]
