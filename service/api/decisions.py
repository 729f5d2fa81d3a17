"""`/v1/decisions`"""

from typing import Any

import msgspec
from flask_smorest import Blueprint

from domain.access import Principal, Scope
from domain.errors import NotFound
from domain.ids import parse_id
from scheduler.telling.sentences import Audience
from service.auth import Authenticator
from service.parts import Parts
from service.schemas.history import AuditedDecisionSchema
from service.schemas.telling import ExplainQuery
from service.speaking import explanation, in_words, voice
from storage import history

# Why one choice won over another; every other reason is a rule that forbade something.
_OF_THE_CHOICE = frozenset({"chosen", "explored", "not_worth_it", "better_later", "no_offer"})


def blueprint(parts: Parts, auth: Authenticator) -> Blueprint:
    blp = Blueprint(
        "decisions", __name__, url_prefix="/v1/decisions", description="What was decided, and why"
    )

    @blp.get("/<decision_id>")
    @auth.secret(Scope.READ, Scope.ADMIN)
    @blp.arguments(ExplainQuery, location="query")
    @blp.response(200, AuditedDecisionSchema)
    @blp.doc(operationId="get_decision")
    def get_decision(
        query: dict[str, Any], decision_id: str, principal: Principal
    ) -> dict[str, Any]:
        """A decision with all it rested on; with `?audience=` also explained to that audience, in its language."""
        if not (id_ := parse_id(decision_id)):
            raise NotFound("There is no such decision.")
        with parts.database.read() as tx:
            audited = history.decision(tx, id_, brand_id=principal.brand_id, mode=principal.mode)
            attempts = history.attempts_of_decision(tx, id_)
            audience: Audience | None = query["audience"]
            explained = explanation(tx, id_, voice(audience)) if audience else {}
        told = in_words(audited.told, voice(audience or Audience.AUDITOR))
        return {
            **told,
            **msgspec.structs.asdict(audited),
            "guards": [each for each in told["reasons"] if each.code not in _OF_THE_CHOICE],
            "deliveries": attempts,
            **explained,
        }

    return blp
