"""Where things are: positions, fixes, stores, fences, transitions and visits. WGS-84 degrees, metres."""

from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from domain.values import Value


class LatLon(NamedTuple):
    """A position. Always passed by name: libraries disagree on the order."""

    latitude: float
    longitude: float


class Fix(Value):
    """One GNSS reading. `accuracy_m` is the radius that holds the true position with 68 % probability."""

    event_id: str
    latitude: float
    longitude: float
    accuracy_m: float
    occurred_at: datetime
    speed_mps: float | None = None
    background: bool = False
    is_mock: bool = False


class TransitionType(StrEnum):
    ENTER = "enter"
    DWELL = "dwell"
    EXIT = "exit"


class OpeningHours(Value):
    """OSM opening hours with the place they hold for (`country` for public holidays)."""

    expression: str
    time_zone: str
    country: str | None = None


class Store(Value):
    id: str
    brand_id: str
    external_id: str
    name: str
    latitude: float
    longitude: float
    time_zone: str
    address: str | None = None
    opening_hours: str | None = None
    country: str | None = None
    revision: int = 1

    @property
    def position(self) -> LatLon:
        return LatLon(latitude=self.latitude, longitude=self.longitude)


class Geofence(Value):
    """A fence of a brand. `shape` is the API's JSON: a circle, a polygon or a multipolygon."""

    id: str
    brand_id: str
    external_id: str
    shape: dict[str, object]
    name: str | None = None
    store_id: str | None = None
    store: str | None = None  # its external id
    dwell_s: int | None = None
    active: bool = True
    revision: int = 1
