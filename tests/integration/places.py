"""Stores and fences to walk into, and the fixes of such walks."""

from datetime import datetime
from typing import Any

from geopy.distance import geodesic

from domain.ids import new_id
from domain.places import Geofence
from storage import geofences
from tests.integration.conftest import World

KALLIO = {"name": "Kallio", "latitude": 60.1841, "longitude": 24.9499}


def add_store(world: World, name: str = "kallio", **more: Any) -> None:
    assert world.admin.put(f"/v1/stores/{name}", {**KALLIO, **more}).status_code in (200, 201)


def add_fence(
    world: World,
    name: str = "kallio-door",
    *,
    away_m: float = 0.0,
    radius_m: float = 100.0,
    store: str | None = None,
    dwell_s: int | None = None,
    active: bool = True,
) -> None:
    """A circle `away_m` north of Kallio."""
    latitude, longitude = north_of_kallio(away_m)
    shape = {"type": "circle", "center": [longitude, latitude], "radius_m": radius_m}
    fence = Geofence(
        id="",
        brand_id=world.brand.id,
        external_id=name,
        shape=shape,
        store=store,
        dwell_s=dwell_s,
        active=active,
    )
    now = world.clock.now()
    world.database.write(lambda tx: geofences.put(tx, fence, now=now))


def remove_fence(world: World, name: str = "kallio-door") -> None:
    brand_id = world.brand.id
    world.database.write(lambda tx: geofences.delete(tx, brand_id=brand_id, external_id=name))


def north_of_kallio(metres: float) -> tuple[float, float]:
    place = geodesic(meters=metres).destination(
        (KALLIO["latitude"], KALLIO["longitude"]), bearing=0
    )
    return place.latitude, place.longitude


def fix(at: datetime, *, away_m: float = 0.0, **more: Any) -> dict[str, Any]:
    """A fix `away_m` north of Kallio."""
    latitude, longitude = north_of_kallio(away_m)
    return {
        "event_id": new_id(),
        "latitude": latitude,
        "longitude": longitude,
        "accuracy_m": 8.0,
        "occurred_at": at.isoformat(),
        **more,
    }
