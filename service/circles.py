"""A fence as a table has it: a circle is three columns instead of a shape."""

from collections.abc import Mapping
from typing import Any

import marshmallow as ma

from service.schemas.geofences import GeofenceSchema

COLUMNS = {name: ma.fields.Float() for name in ("latitude", "longitude", "radius_m")}
_HELD_BY = {
    "/shape/center": "/latitude",
    "/shape/center/0": "/longitude",
    "/shape/center/1": "/latitude",
    "/shape/radius_m": "/radius_m",
}


def column(row: Mapping[str, object], pointer: str) -> str:
    """Where the row itself holds what is wrong at `pointer` of its body."""
    return pointer if "shape" in row else _HELD_BY.get(pointer, pointer)


class FenceRow(GeofenceSchema):
    """A fence whose circle may stand in columns of its own."""

    @ma.pre_load
    def _as_shape(self, body: dict[str, Any], **_: Any) -> dict[str, Any]:
        circle = {name: body.pop(name) for name in COLUMNS if name in body}
        if circle and "shape" not in body:
            center = [_number(circle.get("longitude")), _number(circle.get("latitude"))]
            radius = _number(circle.get("radius_m"))
            body["shape"] = {"type": "circle", "center": center, "radius_m": radius}
        return body


def _number(value: Any) -> Any:
    """A cell of text as the number it spells; what spells none stays for the shape to refuse."""
    try:
        return float(value) if isinstance(value, str) else value
    except ValueError:
        return value
