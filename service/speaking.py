"""Which language a request is answered in, and stored reasons as it reads them."""

from typing import Any

import msgspec
from flask import request

from domain.policy import Brand
from scheduler.context.clock import first_zone
from scheduler.telling.explanation import Explainer, Explanation
from scheduler.telling.sentences import Audience, Voice
from storage import customers, decisions, devices
from storage.engine import Transaction
from storage.history import Told

_DECISIONS = "decisions"


def voice(audience: Audience, *known: str | None) -> Voice:
    """Speaks the language of `?locale=`, else of `Accept-Language`, else the first of `known` that there are words for."""
    accepted = request.accept_languages.values()
    return Voice(audience, [request.args.get("locale"), *accepted, *known])


def locales(tx: Transaction, customer_id: str) -> list[str | None]:
    """What a person's phones speak, newest first, and what their record says."""
    phones = [device.locale for device in reversed(devices.of_customer(tx, customer_id))]
    return [*phones, customers.by_id(tx, customer_id).locale]


def clock(tx: Transaction, customer_id: str, brand: Brand) -> str | None:
    """The time zone that a person's newest phone names, else their record, else their brand's, as a decision has it."""
    phones = [device.time_zone for device in reversed(devices.of_customer(tx, customer_id))]
    zone = first_zone([*phones, customers.by_id(tx, customer_id).time_zone, brand.time_zone])
    return zone.key if zone else None


def in_words(told: Told, voice: Voice) -> dict[str, Any]:
    """A decision with its reasons in words."""
    return {
        **msgspec.structs.asdict(told),
        "reasons": [voice.words(reason) for reason in told.reasons],
    }


def with_words(stored: dict[str, Any], voice: Voice) -> dict[str, Any]:
    """The fields of a stored decision, its reasons as they are and in words."""
    if not isinstance(stored.get("reasons"), list):
        return stored
    return {**stored, "reasons": [{**voice.plain(each), **each} for each in stored["reasons"]]}


def exported_in_words(data: dict[str, list[dict[str, Any]]], voice: Voice) -> dict[str, Any]:
    """A person's export, its decisions with words beside what the words are made of."""
    return {**data, _DECISIONS: [with_words(each, voice) for each in data.get(_DECISIONS, ())]}


def explanation(tx: Transaction, decision_id: str, voice: Voice) -> dict[str, Explanation]:
    """`explanation` of a decision, as a field beside its others; none where it is gone."""
    found = decisions.by_id(tx, decision_id)
    return {"explanation": Explainer(tx).explain(found, voice)} if found else {}
