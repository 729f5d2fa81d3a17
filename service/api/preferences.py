"""`/v1/preferences`"""

from datetime import datetime, timedelta
from typing import Any

import msgspec
from flask_smorest import Blueprint

from domain.access import Principal
from domain.people import Preferences
from scheduler import profiles
from service.auth import Authenticator
from service.parts import Parts
from service.schemas.base import value_of
from service.schemas.preferences import PreferencesSchema
from storage import contexts, customers, devices
from storage.engine import Transaction

_WEEK = timedelta(days=7)


def blueprint(parts: Parts, auth: Authenticator) -> Blueprint:
    blp = Blueprint(
        "preferences",
        __name__,
        url_prefix="/v1/preferences",
        description="What people set for themselves",
    )

    @blp.get("")
    @auth.device
    @blp.response(200, PreferencesSchema)
    @blp.doc(operationId="get_preferences")
    def get_preferences(principal: Principal) -> dict[str, Any]:
        with parts.database.read() as tx:
            return shown(tx, principal.customer_id or "", parts.clock.now())

    @blp.put("")
    @auth.device
    @blp.arguments(PreferencesSchema)
    @blp.response(200, PreferencesSchema)
    @blp.doc(operationId="put_preferences")
    def put_preferences(body: dict[str, Any], principal: Principal) -> dict[str, Any]:
        wanted = value_of(body, Preferences)

        def work(tx: Transaction) -> dict[str, Any]:
            customer_id, now = devices.owner(tx, principal.device_id or ""), parts.clock.now()
            customers.save_preferences(tx, customer_id, wanted)
            profiles.refresh(
                tx, [customer_id], now=now
            )  # what is foreseen lies outside new silence
            return shown(tx, customer_id, now)

        return parts.database.write(work)

    return blp


def shown(tx: Transaction, customer_id: str, now: datetime) -> dict[str, Any]:
    """The person's preferences, with how much of their weekly maximum is used."""
    sends = contexts.sends(tx, [customer_id], since=now - _WEEK).get(customer_id, [])
    used = sum(each.seen and each.at > now - _WEEK for each in sends)
    return {
        **msgspec.structs.asdict(customers.preferences(tx, customer_id)),
        "used_this_week": used,
    }
