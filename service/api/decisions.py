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
from service.speaking import in_words, voice
from storage import history

# Why one choice won over another; every other reason is a rule that forbade something.
_OF_THE_CHOICE = frozenset({"chosen", "explored", "not_worth_it", "better_later", "no_offer"})


def blueprint(parts: Parts, auth: Authenticator) -> Blueprint:
    blp = Blueprint(
        "decisions", __name__, url_prefix="/v1/decisions", description="What was decided, and why"
    )

    @blp.get("/<decision_id>")
    @auth.secret(Scope.READ, Scope.ADMIN)
    @blp.response(200, AuditedDecisionSchema)
    @blp.doc(operationId="get_decision")
    def get_decision(decision_id: str, principal: Principal) -> dict[str, Any]:
        if not (id_ := parse_id(decision_id)):
            raise NotFound("There is no such decision.")
        with parts.database.read() as tx:
            audited = history.decision(tx, id_, brand_id=principal.brand_id, mode=principal.mode)
            attempts = history.attempts_of_decision(tx, id_)
        told = in_words(audited.told, voice(Audience.AUDITOR))
        return {
            **told,
            **msgspec.structs.asdict(audited),
            "guards": [each for each in told["reasons"] if each.code not in _OF_THE_CHOICE],
            "deliveries": attempts,
        }

    return blp
