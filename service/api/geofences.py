"""`/v1/geofences`"""

from typing import Any

import msgspec
from flask_smorest import Blueprint

from domain.access import Principal, Scope
from domain.errors import Fault, Invalid
from domain.places import Geofence
from geofence.shapes import Circle, parse_shape
from service.auth import Authenticator
from service.naming import named
from service.paging import after, page
from service.parts import Parts
from service.placing import on_land
from service.revisions import etag, expected, gone, saved
from service.schemas.base import PageQuery, page_of, value_of
from service.schemas.geofences import GeofenceSchema
from storage import geofences

_TAKEN = "nearby"  # GET /v1/geofences/nearby is another call
_RELIABLE_M = 100.0  # phones notice smaller circles late or never


def blueprint(parts: Parts, auth: Authenticator) -> Blueprint:
    blp = Blueprint(
        "geofences",
        __name__,
        url_prefix="/v1/geofences",
        description="Areas people enter and leave",
    )

    @blp.get("")
    @auth.secret(Scope.READ, Scope.ADMIN)
    @blp.arguments(PageQuery, location="query")
    @blp.response(200, page_of(GeofenceSchema))
    @blp.doc(operationId="list_geofences")
    def list_geofences(query: dict[str, Any], principal: Principal) -> dict[str, Any]:
        with parts.database.read() as tx:
            rows = geofences.page(
                tx, brand_id=principal.brand_id, after=after(query), limit=query["limit"] + 1
            )
        return page(rows, query, lambda fence: fence.external_id)

    @blp.put("/<external_id>")
    @auth.secret(Scope.ADMIN)
    @blp.arguments(GeofenceSchema)
    @blp.response(200, GeofenceSchema)
    @blp.alt_response(201, schema=GeofenceSchema)
    @blp.doc(operationId="put_geofence")
    def put_geofence(body: dict[str, Any], external_id: str, principal: Principal) -> Any:
        wanted = fence_of(body, brand_id=principal.brand_id, external_id=named(external_id))
        revision = expected()
        fence, created = parts.database.write(
            lambda tx: geofences.put(tx, wanted, now=parts.clock.now(), expected=revision)
        )
        answer = {**msgspec.structs.asdict(fence), "warnings": warnings(fence)}
        return saved(answer, fence.revision, created=created)

    @blp.get("/<external_id>")
    @auth.secret(Scope.READ, Scope.ADMIN)
    @blp.response(200, GeofenceSchema)
    @blp.doc(operationId="get_geofence")
    def get_geofence(external_id: str, principal: Principal) -> Any:
        with parts.database.read() as tx:
            fence = geofences.get(tx, brand_id=principal.brand_id, external_id=external_id)
        return fence, 200, etag(fence.revision)

    @blp.delete("/<external_id>")
    @auth.secret(Scope.ADMIN)
    @blp.response(204)
    @blp.doc(operationId="delete_geofence")
    def delete_geofence(external_id: str, principal: Principal) -> Any:
        revision = expected()
        parts.database.write(
            lambda tx: geofences.delete(
                tx, brand_id=principal.brand_id, external_id=external_id, expected=revision
            )
        )
        return gone()

    return blp


def fence_of(body: dict[str, Any], *, brand_id: str, external_id: str) -> Geofence:
    """The fence of a validated body; Invalid where its shape is none, lies in the open sea, or its name is taken."""
    if external_id == _TAKEN:
        fault = Fault(
            pointer="/external_id", detail=f"`{_TAKEN}` is a path of its own; choose another name."
        )
        raise Invalid("This name cannot be used for a fence.", faults=(fault,))
    shape = parse_shape(body["shape"], at="/shape")
    latitude, longitude, _ = shape.reach
    place = "/shape/center" if isinstance(shape, Circle) else "/shape/coordinates"
    on_land(latitude=latitude, longitude=longitude, pointer=place)
    spelled = {**body["shape"], "type": body["shape"]["type"].lower()}
    known = {"brand_id": brand_id, "external_id": external_id, "shape": spelled}
    return value_of(body, Geofence, id="", **known)


def warnings(fence: Geofence) -> list[str]:
    """What was accepted and yet may not work as meant."""
    radius = fence.shape.get("radius_m")
    if isinstance(radius, int | float) and radius < _RELIABLE_M:
        return [
            f"Phones notice circles under {_RELIABLE_M:.0f} m late or never; 100 to 150 m work best."
        ]
    return []
