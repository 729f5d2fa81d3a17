"""`/v1/exports/…`: whole tables, as an import takes them."""

from typing import Any

import marshmallow as ma
from flask import Response, request
from flask_smorest import Blueprint

from domain.access import Principal, Scope
from domain.errors import Fault, Invalid
from service import rows
from service.auth import Authenticator
from service.exporting import KINDS, Kind, written
from service.parts import Parts

FORMS = {"geojson": rows.GEOJSON, "csv": rows.CSV, "json": rows.JSON}


class ExportQuery(ma.Schema):
    format = ma.fields.Str(
        load_default=None,
        validate=ma.validate.OneOf(list(FORMS)),
        metadata={"description": "wins over `Accept`; items have no place and so no GeoJSON"},
    )


def blueprint(parts: Parts, auth: Authenticator) -> Blueprint:
    blp = Blueprint("exports", __name__, url_prefix="/v1/exports", description="Whole tables")

    @blp.get(f"/<any({', '.join(KINDS)}):kind>")
    @auth.secret(Scope.READ, Scope.ADMIN)
    @blp.arguments(ExportQuery, location="query")
    @blp.doc(operationId="export_rows", responses=_RESPONSES)
    def export_rows(query: dict[str, Any], kind: str, principal: Principal) -> Response:
        """Export all stores, geofences or items. `POST /v1/imports` takes the file back as it is."""
        content_type = _content_type(KINDS[kind], query["format"])
        pieces = written(parts.database, KINDS[kind], content_type, principal.brand_id)
        ending = next(form for form, spelled in FORMS.items() if spelled == content_type)
        name = f'attachment; filename="{kind}.{ending}"'
        return Response(pieces, mimetype=content_type, headers={"Content-Disposition": name})

    return blp


def _content_type(kind: Kind, form: str | None) -> str:
    """What `?format=` says, else the best that `Accept` allows, else the first there is."""
    if form is None:
        return request.accept_mimetypes.best_match(kind.forms) or kind.forms[0]
    if FORMS[form] not in kind.forms:
        fault = Fault(pointer="/format", detail=f"There are {', '.join(kind.forms)}.")
        raise Invalid("This table is not written in that form.", faults=(fault,))
    return FORMS[form]


_RESPONSES = {
    200: {
        "description": "the file, in the order of the names",
        "content": {
            rows.GEOJSON: {"schema": {"type": "object"}},
            rows.CSV: {"schema": {"type": "string"}},
            rows.JSON: {"schema": {"type": "array", "items": {"type": "object"}}},
        },
    }
}
