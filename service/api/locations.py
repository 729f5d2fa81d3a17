"""`/v1/locations`: the hot path. The body is read and the answer written by msgspec."""

import msgspec
from flask import Response, request
from flask_smorest import Blueprint
from werkzeug.exceptions import UnsupportedMediaType

from scheduler.ingest import Ingest
from service.auth import Authenticator
from service.parts import Parts
from service.schemas.locations import LocationsSchema, read_fixes
from service.schemas.receipts import ReceiptSchema

_BODY = {"required": True, "content": {"application/json": {"schema": LocationsSchema}}}


def blueprint(parts: Parts, auth: Authenticator) -> Blueprint:
    blp = Blueprint(
        "locations", __name__, url_prefix="/v1/locations", description="Where a device has been"
    )
    ingest = Ingest(parts.database, parts.clock, parts.fences)

    @blp.post("")
    @auth.device_in_transaction
    @blp.response(202, ReceiptSchema)
    @blp.doc(operationId="add_locations", requestBody=_BODY)
    def add_locations(credential: str) -> Response:
        if not request.is_json:
            raise UnsupportedMediaType("Send the fixes as application/json.")
        receipt = ingest.receive(credential, read_fixes(request.get_data(cache=False)))
        if receipt.transitions:
            parts.wake()
        return Response(msgspec.json.encode(receipt), status=202, mimetype="application/json")

    return blp
