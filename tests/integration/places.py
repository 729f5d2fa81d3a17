"""Stores and fences to walk into, and the fixes of such walks."""

from datetime import datetime
from typing import Any

from geopy.distance import geodesic

from domain.ids import new_id
from tests.integration.conftest import World

KALLIO = {"name": "Kallio", "latitude": 60.1841, "longitude": 24.9499}


def add_store(world: World, name: str = "kallio", **more: Any) -> None:
    assert world.admin.put(f"/v1/stores/{name}", {**KALLIO, **more}).status_code in (200, 201)


def add_fence(
    world: World, name: str = "kallio-door", *, radius_m: float = 100, **more: Any
) -> None:
    """A circle around Kallio; `more` is the API's (`store`, `dwell_s`, …)."""
    centre = [KALLIO["longitude"], KALLIO["latitude"]]
    shape = {"type": "circle", "center": centre, "radius_m": radius_m}
    answer = world.admin.put(f"/v1/geofences/{name}", {"shape": shape, **more})
    assert answer.status_code in (200, 201), answer.json


def fix(at: datetime, *, away_m: float = 0.0, **more: Any) -> dict[str, Any]:
    """A fix `away_m` north of Kallio."""
    start = (KALLIO["latitude"], KALLIO["longitude"])
    place = geodesic(meters=away_m).destination(start, bearing=0)
    return {
        "event_id": new_id(),
        "latitude": place.latitude,
        "longitude": place.longitude,
        "accuracy_m": 8.0,
        "occurred_at": at.isoformat(),
        **more,
    }
