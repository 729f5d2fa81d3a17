"""Reads GeoJSON rings: checks them, says what is wrong and where, and lays them out without a seam at ±180°."""

from collections.abc import Iterator
from itertools import pairwise
from math import copysign

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from domain.errors import Fault, Invalid

MOST_VERTICES = 2000
MOST_FAULTS = 20
FEWEST_POSITIONS = 4  # a triangle and its first corner again

Ring = list[tuple[float, float]]

TOO_FLAT = "the outline encloses no area; draw at least three corners that are not on one line"
REMEDIES = {
    "Self-intersection": "the outline crosses itself near {place}; draw its corners in order around the area",
    "Ring Self-intersection": "the outline touches itself near {place}; split it there into two polygons",
    "Hole lies outside shell": "a hole near {place} lies outside the outline; move it inside or remove it",
    "Holes are nested": "a hole near {place} lies inside another hole; remove the inner one",
    "Interior is disconnected": "a hole cuts the area in two near {place}; send two polygons instead",
}


def geometry(coordinates: object, at: str) -> BaseGeometry:
    """The polygon or multipolygon of GeoJSON coordinates; which of them, the nesting tells.

    Longitudes run on past 180 where a shape crosses the antimeridian (a side of more than 180° of longitude is read as
    the short way round), and a ring around a pole is closed over it. Members of a multipolygon may touch or overlap.
    Raises Invalid with a pointer below `at` to each wrong place.
    """
    faults: list[Fault] = []
    members = list(_members(coordinates, at, faults))
    if faults:
        raise refusal(faults)
    if sum(len(ring) for _, rings in members for ring in rings) > MOST_VERTICES:
        detail = f"more than {MOST_VERTICES} vertices; simplify the outline (10 m are enough for a store)"
        raise refusal([Fault(pointer=at, detail=detail)])
    return _united([_area(rings, pointer) for pointer, rings in members])


def _members(coordinates: object, at: str, faults: list[Fault]) -> Iterator[tuple[str, list[Ring]]]:
    if not isinstance(coordinates, list) or not coordinates:
        faults.append(Fault(pointer=at, detail="a list of rings, each a list of [lon, lat]"))
    elif depth(coordinates) == 4:
        for i, member in enumerate(coordinates):
            yield f"{at}/{i}", _rings(member, f"{at}/{i}", faults)
    else:
        yield at, _rings(coordinates, at, faults)


def depth(coordinates: object) -> int:
    """How deeply the first number is nested; 5 is enough to know that it is too deep."""
    levels = 0
    while isinstance(coordinates, list) and coordinates and levels < 5:
        coordinates, levels = coordinates[0], levels + 1
    return levels


def _rings(member: object, at: str, faults: list[Fault]) -> list[Ring]:
    if not isinstance(member, list) or not member:
        faults.append(Fault(pointer=at, detail="a list of rings: the outline, then its holes"))
        return []
    return [_ring(ring, f"{at}/{i}", faults) for i, ring in enumerate(member)]


def _ring(ring: object, at: str, faults: list[Fault]) -> Ring:
    if not isinstance(ring, list) or len(ring) < FEWEST_POSITIONS:
        detail = "a ring has at least four positions [lon, lat], the last one equal to the first"
        faults.append(Fault(pointer=at, detail=detail))
        return []
    before = len(faults)
    points = [position(p, f"{at}/{i}", faults) for i, p in enumerate(ring)]
    if len(faults) == before and points[0] != points[-1]:
        detail = f"the ring is not closed; repeat its first position {ring[0]} at the end"
        faults.append(Fault(pointer=f"{at}/{len(ring) - 1}", detail=detail))
    return points


def position(value: object, at: str, faults: list[Fault]) -> tuple[float, float]:
    """(lon, lat) of a GeoJSON position; adds a fault, and answers (0, 0), where it is none. A third number is ignored."""
    if not isinstance(value, list) or len(value) not in (2, 3):
        faults.append(Fault(pointer=at, detail="a position is [lon, lat]"))
        return 0.0, 0.0
    lon = number(value[0], f"{at}/0", faults, "longitude", -180.0, 180.0)
    lat = number(value[1], f"{at}/1", faults, "latitude", -90.0, 90.0)
    return lon, lat


def number(
    value: object, at: str, faults: list[Fault], name: str, least: float, most: float
) -> float:
    """`value` as a number between the bounds; adds a fault, and answers 0, where it is none."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < 1e300:
        faults.append(Fault(pointer=at, detail=f"{name} must be a number"))
        return 0.0
    if not least <= value <= most:
        detail = f"{name} must lie between {least:g} and {most:g}, not {value:g}"
        faults.append(Fault(pointer=at, detail=detail))
    return float(value)


def _area(rings: list[Ring], at: str) -> BaseGeometry:
    laid = [_seamless(ring) for ring in rings]
    laid[1:] = [_beside(laid[0], hole) for hole in laid[1:]]
    area = shapely.Polygon(laid[0], laid[1:])
    reason = shapely.is_valid_reason(area)
    if not area.convex_hull.area:
        raise refusal([Fault(pointer=at, detail=TOO_FLAT)])
    if reason != "Valid Geometry":
        raise refusal([Fault(pointer=at, detail=_remedy(reason))])
    return area


def _seamless(ring: Ring) -> Ring:
    """The ring with each longitude next to the one before; around a pole, closed along the pole's line."""
    laid, turn = [ring[0]], 0.0
    for (before, _), (lon, lat) in pairwise(ring):
        step = abs(lon - before)
        if 180 < step < 360:  # exactly 360 is a side that follows a whole parallel
            turn += 360.0 if lon < before else -360.0
        laid.append((lon + turn, lat))
    if turn:
        pole = copysign(90.0, sum(lat for _, lat in ring))
        laid += [(laid[-1][0], pole), (laid[0][0], pole), laid[0]]
    return laid


def _beside(outline: Ring, hole: Ring) -> Ring:
    """The hole moved by a whole turn to where the outline lies."""
    gap = min(lon for lon, _ in hole) - min(lon for lon, _ in outline)
    turn = -360.0 if gap >= 360 else 360.0 if gap < 0 else 0.0
    return [(lon + turn, lat) for lon, lat in hole]


def _united(members: list[BaseGeometry]) -> BaseGeometry:
    """One geometry that begins between −180 and 180, its members moved beside the first one."""
    near = [_turned(member, members[0].bounds[0]) for member in members]
    return _turned(near[0] if len(near) == 1 else shapely.union_all(near), 0.0)


def _turned(area: BaseGeometry, towards: float) -> BaseGeometry:
    """The area moved by a whole turn where it begins more than half a turn from `towards`."""
    gap = area.bounds[0] - towards
    if -180 <= gap < 180:
        return area
    turn = -360.0 if gap > 0 else 360.0
    return shapely.transform(area, lambda points: points + np.array([turn, 0.0]))


def _remedy(reason: str) -> str:
    """shapely's reason (`Self-intersection[24.9 60.1]`) in words that say what to do."""
    kind, _, rest = reason.partition("[")
    try:
        lon, lat = (float(part) for part in rest.rstrip("]").split())
    except ValueError:
        return f"not a valid polygon: {reason}"
    place = f"lon {(lon + 180) % 360 - 180:.7g}, lat {lat:.7g}"
    return REMEDIES.get(kind, "not a valid polygon near {place}: " + kind).format(place=place)


def refusal(faults: list[Fault]) -> Invalid:
    """The error for a shape with these faults; it names the first few, for a long outline can have thousands."""
    shown = tuple(faults[:MOST_FAULTS])
    return Invalid("The shape cannot be used as a fence.", faults=shown)
