"""`/v1/me`"""

from typing import Any

from flask_smorest import Blueprint

from domain.access import Principal
from domain.errors import NotFound
from domain.ids import parse_id
from domain.people import Wheel
from scheduler.telling.sentences import Audience, Voice
from service import whereabouts
from service.api.consents import current
from service.api.preferences import shown
from service.auth import Authenticator
from service.erasing import erase
from service.known import habits, to_the_person
from service.paging import behind, page, place
from service.parts import Parts
from service.schemas.history import DecisionPageSchema, DecisionsQuery, ExplainedDecisionSchema
from service.schemas.me import ErasureReceiptSchema, ExportSchema, MeSchema
from service.schemas.telling import LocaleQuery
from service.settling import Settling
from service.speaking import explanation, exported_in_words, in_words, locales, voice
from storage import (
    consents,
    contexts,
    customers,
    devices,
    export,
    history,
    personal,
    places,
    profiles,
)
from storage.engine import Transaction
from storage.erasure import Receipt


def blueprint(parts: Parts, auth: Authenticator) -> Blueprint:
    blp = Blueprint("me", __name__, url_prefix="/v1/me", description="The person who asks")
    settling = Settling(parts.database)

    @blp.get("")
    @auth.device
    @blp.arguments(LocaleQuery, location="query")
    @blp.response(200, MeSchema)
    @blp.doc(operationId="get_me")
    def get_me(query: dict[str, Any], principal: Principal) -> dict[str, Any]:
        """What is known of the person who asks, in their language."""
        with parts.database.read() as tx:
            return _known(tx, principal, parts)

    @blp.get("/decisions")
    @auth.device
    @blp.arguments(DecisionsQuery, location="query")
    @blp.response(200, DecisionPageSchema)
    @blp.doc(operationId="list_my_decisions")
    def list_my_decisions(query: dict[str, Any], principal: Principal) -> dict[str, Any]:
        """Why each push, and why each silence; newest first."""
        with parts.database.read() as tx:
            customer_id = principal.customer_id or ""
            speaking = voice(Audience.CUSTOMER, *locales(tx, customer_id))
            return decisions_page(tx, customer_id, query, speaking)

    @blp.get("/decisions/<decision_id>")
    @auth.device
    @blp.arguments(LocaleQuery, location="query")
    @blp.response(200, ExplainedDecisionSchema)
    @blp.doc(operationId="get_my_decision")
    def get_my_decision(
        query: dict[str, Any], decision_id: str, principal: Principal
    ) -> dict[str, Any]:
        """One decision about the person who asks, and what would have changed it."""
        with parts.database.read() as tx:
            return _mine(tx, decision_id, principal)

    @blp.get("/export")
    @auth.device
    @blp.response(200, ExportSchema)
    @blp.doc(operationId="export_me")
    def export_me(principal: Principal) -> dict[str, Any]:
        with parts.database.read() as tx:
            return exported(tx, principal.customer_id or "", parts)

    @blp.delete("")
    @auth.device
    @blp.response(200, ErasureReceiptSchema)
    @blp.doc(operationId="erase_me")
    def erase_me(principal: Principal) -> Receipt:
        """Erase the person with all their devices. Final: the credential that asks is dead afterwards."""
        return erase(parts, settling, lambda tx: devices.owner(tx, principal.device_id or ""))

    return blp


def decisions_page(
    tx: Transaction, customer_id: str, query: dict[str, Any], speaking: Voice
) -> dict[str, Any]:
    """A page of the decisions about this person, in words."""
    rows = history.decisions(
        tx,
        customer_id,
        after=behind(query),
        limit=query["limit"] + 1,
        outcome=query.get("outcome"),
    )
    found = page(rows, query, lambda told: place(told.decided_at, told.id))
    return {**found, "data": [in_words(told, speaking) for told in found["data"]]}


def _mine(tx: Transaction, decision_id: str, principal: Principal) -> dict[str, Any]:
    """NotFound also for a decision about somebody else, as if it did not exist."""
    if not (id_ := parse_id(decision_id)):
        raise NotFound("There is no such decision.")
    found = history.decision(tx, id_, brand_id=principal.brand_id, mode=principal.mode)
    if found.customer_id is None or found.customer_id != principal.customer_id:
        raise NotFound("There is no such decision.")
    speaking = voice(Audience.CUSTOMER, *locales(tx, found.customer_id))
    return {**in_words(found.told, speaking), **explanation(tx, id_, speaking)}


def exported(tx: Transaction, customer_id: str, parts: Parts) -> dict[str, Any]:
    """Everything stored of this person, the same whoever asks for it."""
    speaking = voice(Audience.CUSTOMER, *locales(tx, customer_id))
    return {
        "exported_at": parts.clock.now(),
        "customer_id": customer_id,
        "data": exported_in_words(export.export(tx, customer_id), speaking),
    }


def _known(tx: Transaction, principal: Principal, parts: Parts) -> dict[str, Any]:
    customer_id = principal.customer_id or ""
    now = parts.clock.now()
    wheel = profiles.brand_wheels(tx, [principal.brand_id]).get(principal.brand_id, Wheel())
    customer, profile = customers.by_id(tx, customer_id), profiles.get(tx, customer_id)
    where = contexts.whereabouts(tx, [customer_id]).get(customer_id)
    speaking = voice(Audience.CUSTOMER, *locales(tx, customer_id))
    return {
        "customer_id": customer_id,
        "customer": customer,
        "consents": current(consents.current(tx, customer_id)),
        "preferences": shown(tx, customer_id, now),
        "devices": len(devices.of_customer(tx, customer_id)),
        "habits": habits(profile, wheel, speaking, now=now),
        "known": to_the_person(tx, customer, profile, speaking, now=now),
        "places": whereabouts.to_the_person(places.get(tx, customer_id), speaking, on=now.date()),
        "last_position": {"stored": bool(where), "occurred_at": where and where.occurred_at},
        "stored": personal.counts(tx, customer_id),
    }
