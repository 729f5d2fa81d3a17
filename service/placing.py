"""What a store's coordinates tell: its time zone, and whether they make sense at all."""

from typing import Any
from zoneinfo import available_timezones

import tzfpy

from domain.errors import Fault, Invalid


def placed(body: dict[str, Any]) -> dict[str, Any]:
    """The body with its time zone; Invalid where the point lies in the sea or the zone is unknown."""
    zone = body["time_zone"] or tzfpy.get_tz(body["longitude"], body["latitude"])
    if not body["time_zone"] and (not zone or zone.startswith("Etc/")):
        _refuse("/latitude", "This point is in the sea: are latitude and longitude swapped?")
    if zone not in available_timezones():
        _refuse("/time_zone", "Give an IANA zone such as Europe/Helsinki.")
    return {**body, "time_zone": zone}


def _refuse(pointer: str, detail: str) -> None:
    raise Invalid(detail, faults=(Fault(pointer=pointer, detail=detail),))
