"""`/v1/uplift`: what the pushes brought, by people who are held out."""

from typing import Any

from flask_smorest import Blueprint

from domain.access import Principal, Scope
from scheduler.learn import effect
from scheduler.learn.effect import Window
from service.auth import Authenticator
from service.parts import Parts
from service.schemas.days import days
from service.schemas.uplift import UpliftQuery, UpliftSchema
from storage import brands


def blueprint(parts: Parts, auth: Authenticator) -> Blueprint:
    blp = Blueprint(
        "uplift", __name__, url_prefix="/v1/uplift", description="What the pushes brought"
    )

    @blp.get("")
    @auth.secret(Scope.READ, Scope.ADMIN)
    @blp.arguments(UpliftQuery, location="query")
    @blp.response(200, UpliftSchema)
    @blp.doc(operationId="get_uplift")
    def get_uplift(query: dict[str, Any], principal: Principal) -> Any:
        """The effect with its interval, or how much is missing to tell one."""
        now = parts.clock.now()
        with parts.database.read() as tx:
            brand = brands.by_id(tx, principal.brand_id)
            usual = effect.default_window(tx, brand, now)
            first, last = days(query, first=usual.first, last=usual.last)
            return effect.report(
                tx,
                brand,
                Window(first=first, last=last),
                offer=query["offer"],
                now=now,
                mode=principal.mode,
            )

    return blp
