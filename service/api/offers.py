"""`/v1/offers`"""

from typing import Any

import msgspec
from flask_smorest import Blueprint

from domain.access import Principal, Scope
from domain.errors import Fault, Invalid
from domain.ids import new_id
from domain.messages import Interruption
from domain.offers import Offer, OfferBody
from notifiers.payload import PAYLOAD_LIMIT, encoded_size
from scheduler import templates
from service.auth import Authenticator
from service.naming import named
from service.paging import after, page
from service.parts import Parts
from service.revisions import etag, expected, gone, saved
from service.schemas.base import PageQuery, page_of, value_of
from service.schemas.offers import OfferSchema, sensitive_in
from storage import offer_checks, offers
from storage.offer_checks import Suspension

_URGENT_S = 3600
_SIGNED_PATH = 80  # characters of an explanation's address behind PUBLIC_URL


def blueprint(parts: Parts, auth: Authenticator) -> Blueprint:
    blp = Blueprint("offers", __name__, url_prefix="/v1/offers", description="What could be said")
    _look(blp, parts, auth)
    _edit(blp, parts, auth)
    return blp


def _look(blp: Blueprint, parts: Parts, auth: Authenticator) -> None:
    @blp.get("")
    @auth.secret(Scope.READ, Scope.ADMIN)
    @blp.arguments(PageQuery, location="query")
    @blp.response(200, page_of(OfferSchema))
    @blp.doc(operationId="list_offers")
    def list_offers(query: dict[str, Any], principal: Principal) -> dict[str, Any]:
        with parts.database.read() as tx:
            rows = offers.page(
                tx, brand_id=principal.brand_id, after=after(query), limit=query["limit"] + 1
            )
            stopped = offer_checks.suspended(tx, [offer.id for offer in rows])
        found = page(rows, query, lambda offer: offer.external_id)
        return {**found, "data": [_shown(each, stopped.get(each.id)) for each in found["data"]]}

    @blp.get("/<external_id>")
    @auth.secret(Scope.READ, Scope.ADMIN)
    @blp.response(200, OfferSchema)
    @blp.doc(operationId="get_offer")
    def get_offer(external_id: str, principal: Principal) -> Any:
        with parts.database.read() as tx:
            offer = offers.get(tx, brand_id=principal.brand_id, external_id=external_id)
            stopped = offer_checks.suspended(tx, [offer.id])
        return _shown(offer, stopped.get(offer.id)), 200, etag(offer.revision)


def _edit(blp: Blueprint, parts: Parts, auth: Authenticator) -> None:
    @blp.put("/<external_id>")
    @auth.secret(Scope.ADMIN)
    @blp.arguments(OfferSchema)
    @blp.response(200, OfferSchema)
    @blp.alt_response(201, schema=OfferSchema)
    @blp.doc(operationId="put_offer")
    def put_offer(body: dict[str, Any], external_id: str, principal: Principal) -> Any:
        wanted = checked(body, named(external_id), parts.settings.public_url)
        revision = expected()
        offer, created = parts.database.write(
            lambda tx: offers.put(
                tx,
                brand_id=principal.brand_id,
                external_id=external_id,
                body=wanted,
                now=parts.clock.now(),
                expected=revision,
            )
        )
        answer = {**_shown(offer), "warnings": _warnings(wanted)}
        return saved(answer, offer.revision, created=created)

    @blp.delete("/<external_id>")
    @auth.secret(Scope.ADMIN)
    @blp.response(204)
    @blp.doc(operationId="delete_offer")
    def delete_offer(external_id: str, principal: Principal) -> Any:
        """Take an offer out of use. What was decided with it can still be explained; a PUT brings it back."""
        revision = expected()
        parts.database.write(
            lambda tx: offers.delete(
                tx,
                brand_id=principal.brand_id,
                external_id=external_id,
                now=parts.clock.now(),
                expected=revision,
            )
        )
        return gone()


def checked(body: dict[str, Any], external_id: str, public_url: str | None) -> OfferBody:
    """The offer that a validated body is; Invalid where its texts cannot be made or FCM would not carry them."""
    wanted = value_of(body, OfferBody)
    templates.check(wanted)
    _refuse_too_long(wanted, external_id, public_url or "")
    return wanted


def _shown(offer: Offer, suspended: Suspension | None = None) -> dict[str, Any]:
    body = msgspec.structs.asdict(offer.body)
    return {"external_id": offer.external_id, **body, "suspended": suspended}


def _warnings(body: OfferBody) -> list[str]:
    found = [f"{fault.pointer}: {fault.detail}" for fault in templates.warnings(body)]
    if body.value.discount > body.value.margin:
        found.append("The discount is above the margin: each redemption costs the brand money.")
    if body.push.interruption_level is Interruption.TIME_SENSITIVE and body.life.ttl_s > _URGENT_S:
        found.append(
            "/push/interruption_level: Apple keeps time-sensitive for what ends within the hour, and people turn it "
            "off for apps that do not: lower `life.ttl_s`, or say active."
        )
    if body.sensitive and (word := sensitive_in(msgspec.to_builtins(body))):
        found.append(
            f"/sensitive: Because of the word {word!r} it is said only to people who declared an interest in what it is "
            "about; say false if others may see it on their phones."
        )
    place = body.when.place
    if place and place.of != "store" and place.within_m is not None and place.within_m < 500:
        found.append(
            "/when/place/within_m: Homes and workplaces are known to about 350 m: give 1000 or more."
        )
    return found


def _refuse_too_long(body: OfferBody, external_id: str, public_url: str) -> None:
    """Invalid where FCM would not carry the push with the longest names and all that we add to its data."""
    ids = {"decision_id": new_id(), "message_id": new_id(), "offer": external_id}
    url = {"explain_url": public_url + "x" * _SIGNED_PATH} if public_url else {}
    sizes = {
        language: encoded_size(msgspec.structs.replace(push, data={**push.data, **ids, **url}))
        for language, push in templates.widest(body).items()
    }
    faults = tuple(
        Fault(
            pointer=f"/body/{language}",
            detail=f"With the longest names this push takes {size} bytes of {PAYLOAD_LIMIT}; shorten a text or the data.",
        )
        for language, size in sizes.items()
        if size > PAYLOAD_LIMIT
    )
    if faults:
        raise Invalid("The push would be longer than FCM carries.", faults=faults)
