"""`/v1/geofences/nearby`: the fences a phone should monitor. The position is neither stored nor logged."""

from typing import Any

from flask_smorest import Blueprint

from domain.access import Principal
from geofence.shapes import Shape
from service.auth import Authenticator
from service.parts import Parts
from service.schemas.nearby import NearbyQuery, NearbySchema
from storage import fences

PATIENCE_S = 1.0  # for fences that were just imported


def blueprint(parts: Parts, auth: Authenticator) -> Blueprint:
    blp = Blueprint(
        "nearby", __name__, url_prefix="/v1/geofences", description="Fences around a phone"
    )

    @blp.get("/nearby")
    @auth.device
    @blp.arguments(NearbyQuery, location="query")
    @blp.response(200, NearbySchema)
    @blp.doc(operationId="nearby_geofences")
    def nearby(query: dict[str, Any], principal: Principal) -> dict[str, Any]:
        snapshot, current = parts.fences.complete(principal.brand_id, within_s=PATIENCE_S)
        index = snapshot.fences.index
        watch = index.watch(query["latitude"], query["longitude"], query["limit"])
        with parts.database.read() as tx:
            named = fences.named(tx, [id_ for id_, _ in watch.fences])
        return {
            "data": [
                {
                    "geofence": named[id_].external_id,
                    "shape": named[id_].shape,
                    "circle": _circle(shape),
                    "distance_m": max(0.0, round(edge_m, 1)),
                    "dwell_s": named[id_].dwell_s,
                }
                for id_, edge_m in watch.fences
                if id_ in named  # else it was deleted between the two looks
                and (shape := index.shape(id_))
            ],
            "valid_within_m": watch.valid_m if current else 0.0,
        }

    return blp


def _circle(shape: Shape) -> dict[str, float]:
    """Phones monitor circles only, so each fence comes with one around it."""
    latitude, longitude, radius_m = shape.reach
    return {"latitude": latitude, "longitude": longitude, "radius_m": radius_m}
