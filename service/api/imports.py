"""`/v1/imports/…`: many rows at once, all of them or none."""

from typing import Any

from flask import request
from flask_smorest import Blueprint

from domain.access import Principal, Scope
from domain.errors import Invalid
from service import rows
from service.auth import Authenticator
from service.importing import KINDS, Importer, Outcome
from service.parts import Parts
from service.schemas.imports import ImportQuery, ImportSchema

BODY_LIMIT = 10 * 1024 * 1024
MOST_FAULTS = 1000


def blueprint(parts: Parts, auth: Authenticator) -> Blueprint:
    blp = Blueprint("imports", __name__, url_prefix="/v1/imports", description="Many rows at once")
    importer = Importer(parts.database, parts.clock, parts.locator)

    @blp.post(f"/<any({', '.join(KINDS)}):kind>")
    @auth.secret(Scope.ADMIN)
    @blp.arguments(ImportQuery, location="query")
    @blp.response(200, ImportSchema)
    @blp.doc(operationId="import_rows", requestBody=_BODY)
    def import_rows(query: dict[str, Any], kind: str, principal: Principal) -> Outcome:
        """Import stores, geofences, items, customers or events: all rows or none. Known names are replaced."""
        request.max_content_length = BODY_LIMIT
        body, content_type = request.get_data(), request.mimetype
        try:
            return importer.run(
                KINDS[kind], body, content_type, principal, dry_run=query["dry_run"]
            )
        except Invalid as error:
            raise _shortened(error) from None

    return blp


def _shortened(error: Invalid) -> Invalid:
    """An answer of a size that can be read: the first mistakes, and how many there are."""
    if len(error.faults) <= MOST_FAULTS:
        return error
    detail = f"{error.detail.rstrip('.')}; the first {MOST_FAULTS} are listed."
    return Invalid(detail, faults=error.faults[:MOST_FAULTS])


_BODY = {
    "required": True,
    "description": "Up to 10 MiB; see docs/imports.md",
    "content": {
        rows.CSV: {"schema": {"type": "string"}},
        rows.JSON: {"schema": {"type": "array", "items": {"type": "object"}}},
        rows.GEOJSON: {"schema": {"type": "object"}},
    },
}
