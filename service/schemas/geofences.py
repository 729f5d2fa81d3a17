import marshmallow as ma

from service.schemas import fields
from service.schemas.base import AdminSchema
from service.schemas.stores import warnings

_POSITION = {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2}
_RING = {"type": "array", "items": _POSITION, "minItems": 4}
_POLYGON = {"type": "array", "items": _RING, "minItems": 1}


def _with_coordinates(kind: str, coordinates: dict[str, object]) -> dict[str, object]:
    return {
        "type": "object",
        "required": ["type", "coordinates"],
        "properties": {"type": {"const": kind}, "coordinates": coordinates},
    }


_SHAPES = [
    {
        "type": "object",
        "required": ["type", "center", "radius_m"],
        "properties": {
            "type": {"const": "circle"},
            "center": {**_POSITION, "description": "longitude, latitude"},
            "radius_m": {"type": "number", "minimum": 10, "maximum": 100_000},
        },
    },
    _with_coordinates("polygon", _POLYGON),
    _with_coordinates("multipolygon", {"type": "array", "items": _POLYGON, "minItems": 1}),
]


class GeofenceSchema(AdminSchema):
    """An area around a store, or a free one. Positions are [longitude, latitude], as in GeoJSON."""

    external_id = ma.fields.Str(dump_only=True)
    name = fields.text(200, load_default=None, allow_none=True)
    store = fields.text(
        200, load_default=None, allow_none=True, metadata={"description": "its external id"}
    )
    shape = ma.fields.Dict(required=True, metadata={"oneOf": _SHAPES})
    dwell_s = ma.fields.Int(
        strict=True,
        load_default=None,
        allow_none=True,
        validate=ma.validate.Range(min=0, max=86_400),
        metadata={"description": "seconds inside that make a dwell; none: the fence has no dwell"},
    )
    active = fields.Flag(load_default=True)
    warnings = warnings()
