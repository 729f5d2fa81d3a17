"""`/v1/geofences`"""

from typing import Any

import msgspec
from flask_smorest import Blueprint

from domain.access import Principal, Scope
from service import cautions
from service.auth import Authenticator
from service.catalogue import fence_of
from service.naming import named
from service.paging import after, page
from service.parts import Parts
from service.revisions import etag, expected, gone, saved
from service.schemas.base import PageQuery, page_of
from service.schemas.geofences import GeofenceSchema
from storage import geofences


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
        revision, now = expected(), parts.clock.now()
        fence, created = parts.database.write(
            lambda tx: geofences.put(tx, wanted, now=now, expected=revision)
        )
        with parts.database.read() as tx:
            warn = cautions.of_fences(tx, [fence], now)
        answer = {**msgspec.structs.asdict(fence), "warnings": warn()[0]}
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
