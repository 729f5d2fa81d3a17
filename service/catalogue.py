"""Bodies of admins as values: the stores, fences and items of a brand, with what their coordinates tell."""

from typing import Any

from domain.errors import Fault, Invalid
from domain.items import Item
from domain.places import Geofence, Store
from geofence.shapes import Circle, parse_shape
from service.locating import require_position
from service.placing import on_land, placed
from service.schemas.base import value_of

_TAKEN = "nearby"  # GET /v1/geofences/nearby is another call


def store_of(body: dict[str, Any], *, brand_id: str, external_id: str) -> Store:
    """The store of a validated body, with what its coordinates tell; Invalid where it has none."""
    require_position(body)
    return value_of(placed(body), Store, id="", brand_id=brand_id, external_id=external_id)


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
    if isinstance(shape, Circle):
        spelled["center"] = spelled["center"][:2]  # an altitude would not survive an export
    known = {"brand_id": brand_id, "external_id": external_id, "shape": spelled}
    return value_of(body, Geofence, id="", **known)


def item_of(body: dict[str, Any], *, brand_id: str, sku: str) -> Item:
    """The item of a validated body."""
    return value_of(body, Item, id="", brand_id=brand_id, sku=sku)
