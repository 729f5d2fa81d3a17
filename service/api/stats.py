"""`/v1/stats`: what was decided, and what became of it."""

from typing import Any

from flask_smorest import Blueprint

from domain.access import Principal, Scope
from service.auth import Authenticator
from service.parts import Parts
from service.schemas.days import DaysQuery, days
from service.schemas.stats import StatsSchema
from service.tally import tally, usual_days
from storage import brands


def blueprint(parts: Parts, auth: Authenticator) -> Blueprint:
    blp = Blueprint(
        "stats", __name__, url_prefix="/v1/stats", description="Counts of decisions and answers"
    )

    @blp.get("")
    @auth.secret(Scope.READ, Scope.ADMIN)
    @blp.arguments(DaysQuery, location="query")
    @blp.response(200, StatsSchema)
    @blp.doc(operationId="get_stats")
    def get_stats(query: dict[str, Any], principal: Principal) -> Any:
        """Decisions by day, cause and reason, and each offer's way from decision to redemption."""
        with parts.database.read() as tx:
            brand = brands.by_id(tx, principal.brand_id)
            since, until = usual_days(brand, parts.clock.now())
            first, last = days(query, first=since, last=until)
            return tally(tx, brand, principal.mode, first=first, last=last)

    return blp
