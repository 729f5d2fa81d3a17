"""What coordinates tell: a store's time zone and country, and whether they make sense at all."""

from typing import Any, NoReturn
from zoneinfo import available_timezones

import tzfpy
from babel.core import get_global

from domain.errors import Fault, Invalid

_ZONES = frozenset(available_timezones())
_COUNTRIES = {  # 001 is the world, ZZ is nowhere
    zone: country
    for zone, country in get_global("zone_territories").items()
    if country not in ("001", "ZZ")
}


def placed(body: dict[str, Any]) -> dict[str, Any]:
    """The body with its time zone and country; Invalid where the point lies in the sea or the zone is unknown."""
    zone = body["time_zone"] or on_land(
        latitude=body["latitude"], longitude=body["longitude"], pointer="/latitude"
    )
    if zone not in _ZONES:
        _refuse("/time_zone", "Give an IANA zone such as Europe/Helsinki.")
    return {**body, "time_zone": zone, "country": body["country"] or _COUNTRIES.get(zone)}


def on_land(*, latitude: float, longitude: float, pointer: str) -> str:
    """The time zone of a position; Invalid in the open sea, where nearly always the two numbers are swapped."""
    zone: str = tzfpy.get_tz(longitude, latitude)
    if not zone or zone.startswith("Etc/"):
        _refuse(pointer, "This point is in the sea: are latitude and longitude swapped?")
    return zone


def _refuse(pointer: str, detail: str) -> NoReturn:
    raise Invalid(detail, faults=(Fault(pointer=pointer, detail=detail),))
