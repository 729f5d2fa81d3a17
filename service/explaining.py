"""The page behind a push's `explain_url`: why this one decision was made, for whoever holds the signed address."""

import hashlib
import hmac
from collections.abc import Callable

from flask import Flask, render_template_string
from flask.typing import ResponseReturnValue

from domain.errors import NotFound
from domain.ids import parse_id
from domain.policy import Brand
from service.pages import html
from service.parts import Parts
from storage import brands, explained

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Why this message</title>
<meta name="viewport" content="width=device-width, initial-scale=1"></head>
<body><h1>Why you got this message</h1>
<p>{{ brand }}, {{ at }}</p>
<ul>{% for reason in reasons %}<li>{{ reason.text }}
{% if reason.would_change %}<br><em>What would have changed it: {{ reason.would_change }}</em>{% endif %}</li>{% endfor %}</ul>
<p>You can pause, limit or stop these messages in the app at any time.</p></body></html>"""


def explain_address(public_url: str | None) -> Callable[[Brand, str], str | None]:
    """The address of a decision's page; None where the service has no public one."""
    if not public_url:
        return lambda brand, decision_id: None
    base = public_url.rstrip("/")
    return lambda brand, decision_id: f"{base}/why/{decision_id}/{_signature(brand, decision_id)}"


def install(app: Flask, parts: Parts) -> None:
    """Adds the page. It wants no credential: the address itself proves that it was given by us."""

    def why(decision_id: str, signature: str) -> ResponseReturnValue:
        id_ = parse_id(decision_id)
        with parts.database.read() as tx:
            found = explained.decision(tx, id_) if id_ else None
            brand = brands.by_id(tx, found.brand_id) if found else None
        if not (found and brand and hmac.compare_digest(signature, _signature(brand, found.id))):
            raise NotFound("This explanation does not exist, or no longer.")
        return html(
            render_template_string(
                _PAGE,
                brand=brand.name,
                at=found.decided_at.strftime("%Y-%m-%d %H:%M UTC"),
                reasons=found.reasons,
            )
        )

    app.add_url_rule("/why/<decision_id>/<signature>", "why", why)


def _signature(brand: Brand, decision_id: str) -> str:
    key = brand.ledger_key.encode()
    return hmac.new(key, f"why:{decision_id}".encode(), hashlib.sha256).hexdigest()[:32]
