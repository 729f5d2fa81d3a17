"""The page behind a push's `explain_url`: why this one decision was made, for whoever holds the signed address."""

import hashlib
import hmac
from collections.abc import Callable

from flask import Flask, render_template_string
from flask.typing import ResponseReturnValue

from domain.decisions import Outcome
from domain.errors import NotFound
from domain.ids import parse_id
from domain.policy import Brand
from scheduler.telling.explanation import Explainer, Explanation
from scheduler.telling.sentences import Audience, Voice
from service.pages import html
from service.parts import Parts
from service.speaking import clock, locales, voice
from storage import brands, decisions

_PAGE = """<!doctype html>
<html lang="{{ told.locale }}"><head><meta charset="utf-8"><title>{{ say("page.title") }}</title>
<meta name="viewport" content="width=device-width, initial-scale=1"></head>
<body><h1>{{ say(heading) }}</h1>
<p>{{ brand }}, {{ at }}</p>
<ul>{% for sentence in told.sentences %}<li>{{ sentence }}</li>{% endfor %}</ul>
<h2>{{ say("page.change") }}</h2>
<ul>{% for sentence in told.would_change %}<li>{{ sentence }}</li>{% endfor %}</ul>
<p>{{ say("page.choice") }}</p></body></html>"""


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
            found = decisions.by_id(tx, id_) if id_ else None
            about = found.decision.customer_id if found else None
            brand = brands.by_id(tx, found.decision.brand_id) if found and about else None
            if not (found and about and brand and _proves(signature, brand, found.decision.id)):
                raise NotFound("This explanation does not exist, or no longer.")
            speaking = voice(Audience.CUSTOMER, *locales(tx, about))
            at = speaking.at(found.decision.decided_at, clock(tx, about, brand))
            told = Explainer(tx).explain(found, speaking)
        return html(_page(brand, found.decision.outcome, at, told, speaking))

    app.add_url_rule("/why/<decision_id>/<signature>", "why", why)


def _page(brand: Brand, outcome: Outcome, at: str, told: Explanation, speaking: Voice) -> str:
    return render_template_string(
        _PAGE,
        brand=brand.name,
        at=at,
        told=told,
        say=speaking.say,
        heading="page.heading" if outcome is Outcome.SEND else "page.heading.not",
    )


def _proves(signature: str, brand: Brand, decision_id: str) -> bool:
    return hmac.compare_digest(signature.encode(), _signature(brand, decision_id).encode())


def _signature(brand: Brand, decision_id: str) -> str:
    key = brand.ledger_key.encode()
    return hmac.new(key, f"why:{decision_id}".encode(), hashlib.sha256).hexdigest()[:32]
