"""`/v1/webhooks`: addresses of a brand's own that take messages in place of phones."""

from contextlib import closing
from typing import Any

import msgspec
from flask_smorest import Blueprint

from domain.access import Principal, Scope
from domain.errors import Fault, Invalid
from domain.webhooks import Webhook
from notifiers.address_guard import AddressRefused
from service.auth import Authenticator
from service.limits import Limiter
from service.naming import named
from service.parts import Parts
from service.revisions import etag, expected, gone, saved
from service.schemas.webhooks import WebhookAnswerSchema, WebhookSchema, WebhooksSchema
from service.webhooks import guard_of, notifier_of
from storage import webhooks

_TESTS_PER_MINUTE = 6


def blueprint(parts: Parts, auth: Authenticator) -> Blueprint:
    blp = Blueprint(
        "webhooks",
        __name__,
        url_prefix="/v1/webhooks",
        description="Addresses that take messages to e-mail, an app's inbox or a till",
    )
    _read(blp, parts, auth)
    _edit(blp, parts, auth)
    _try_out(blp, parts, auth)
    return blp


def _read(blp: Blueprint, parts: Parts, auth: Authenticator) -> None:
    @blp.get("")
    @auth.secret(Scope.READ, Scope.ADMIN)
    @blp.response(200, WebhooksSchema)
    @blp.doc(operationId="list_webhooks")
    def list_webhooks(principal: Principal) -> dict[str, Any]:
        with parts.database.read() as tx:
            found = webhooks.of_brand(tx, brand_id=principal.brand_id, mode=principal.mode)
        return {"data": [_shown(each) for each in found]}

    @blp.get("/<external_id>")
    @auth.secret(Scope.READ, Scope.ADMIN)
    @blp.response(200, WebhookSchema)
    @blp.doc(operationId="get_webhook")
    def get_webhook(external_id: str, principal: Principal) -> Any:
        with parts.database.read() as tx:
            webhook = webhooks.get(tx, **_whose(principal, external_id))
        return _shown(webhook), 200, etag(webhook.revision)


def _edit(blp: Blueprint, parts: Parts, auth: Authenticator) -> None:
    guard = guard_of(parts.settings)

    @blp.put("/<external_id>")
    @auth.secret(Scope.ADMIN)
    @blp.arguments(WebhookSchema)
    @blp.response(200, WebhookSchema)
    @blp.alt_response(201, schema=WebhookSchema)
    @blp.doc(operationId="put_webhook")
    def put_webhook(body: dict[str, Any], external_id: str, principal: Principal) -> Any:
        """Add or replace a webhook. The answer to a new one carries its secret, and no other answer does.

        One that was disabled by a 410 takes messages again. The secret stays; `rotate` replaces it.
        """
        name, revision, now = named(external_id), expected(), parts.clock.now()
        try:
            guard.check(body["url"])
        except AddressRefused as refused:
            fault = Fault(pointer="/url", detail=f"This address cannot be used: {refused}.")
            raise Invalid("The address cannot be used.", faults=(fault,)) from None
        webhook, created = parts.database.write(
            lambda tx: webhooks.put(
                tx, **_whose(principal, name), **body, now=now, expected=revision
            )
        )
        return saved(_shown(webhook, secret=created), webhook.revision, created=created)

    @blp.delete("/<external_id>")
    @auth.secret(Scope.ADMIN)
    @blp.response(204)
    @blp.doc(operationId="delete_webhook")
    def delete_webhook(external_id: str, principal: Principal) -> Any:
        """Remove a webhook. What it would have taken goes to phones again, where there are any."""
        parts.database.write(lambda tx: webhooks.delete(tx, **_whose(principal, external_id)))
        return gone()

    @blp.post("/<external_id>/rotate")
    @auth.secret(Scope.ADMIN)
    @blp.response(200, WebhookSchema)
    @blp.doc(operationId="rotate_webhook")
    def rotate_webhook(external_id: str, principal: Principal) -> Any:
        """Replace the secret. For 24 hours the old one signs too, so that receivers can change over at leisure.

        The answer carries the new secret, so it is never stored: an Idempotency-Key changes nothing here.
        """
        now = parts.clock.now()
        webhook = parts.database.write(
            lambda tx: webhooks.rotate(tx, **_whose(principal, external_id), now=now)
        )
        return _shown(webhook, secret=True), 200, etag(webhook.revision)


def _try_out(blp: Blueprint, parts: Parts, auth: Authenticator) -> None:
    tests = Limiter(_TESTS_PER_MINUTE)

    @blp.post("/<external_id>/test")
    @auth.secret(Scope.ADMIN)
    @blp.response(200, WebhookAnswerSchema)
    @blp.doc(operationId="test_webhook")
    def test_webhook(external_id: str, principal: Principal) -> Any:
        """Send a signed event of type `webhook.test`, about nobody, and tell what it came to."""
        tests.take(principal.brand_id)
        with parts.database.read() as tx:
            webhook = webhooks.get(tx, **_whose(principal, external_id))
        with closing(notifier_of(parts.settings, lambda _: webhook)) as notifier:
            return notifier.test(webhook)


def _whose(principal: Principal, name: str) -> dict[str, Any]:
    return {"brand_id": principal.brand_id, "mode": principal.mode, "external_id": name}


def _shown(webhook: Webhook, *, secret: bool = False) -> dict[str, Any]:
    fields = msgspec.structs.asdict(webhook)
    if not secret:
        del fields["secret"]
    return fields
