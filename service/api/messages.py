"""`/v1/messages`"""

from flask_smorest import Blueprint

from domain.access import Principal, Scope
from domain.errors import NotFound
from domain.ids import parse_id
from service.auth import Authenticator
from service.parts import Parts
from service.schemas.history import MessageSchema
from storage import history
from storage.history import Sent


def blueprint(parts: Parts, auth: Authenticator) -> Blueprint:
    blp = Blueprint(
        "messages", __name__, url_prefix="/v1/messages", description="Pushes and their deliveries"
    )

    @blp.get("/<message_id>")
    @auth.secret(Scope.READ, Scope.ADMIN)
    @blp.response(200, MessageSchema)
    @blp.doc(operationId="get_message")
    def get_message(message_id: str, principal: Principal) -> Sent:
        if not (id_ := parse_id(message_id)):
            raise NotFound("There is no such message.")
        with parts.database.read() as tx:
            return history.message(tx, id_, brand_id=principal.brand_id, mode=principal.mode)

    return blp
