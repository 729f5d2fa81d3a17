"""The two shapes a fence can have, and how the API spells them."""

import struct
import zlib
from math import cos, isfinite, radians
from typing import Any, Protocol

import numpy as np
import shapely
from numpy.typing import NDArray

from domain.errors import Fault
from domain.values import Value
from geofence import rings
from geofence.distance import metres, within
from geofence.earth import Floats, Span, reach_of_span, span_of_circle

LEAST_RADIUS_M = 10.0
GREATEST_RADIUS_M = 100_000.0
ODD = (0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9)  # bits without a pattern
_DOUBLES = struct.Struct("<3d").pack
_AS_BITS = struct.Struct("<3Q").unpack


class Shape(Protocol):
    """What the index and the state machine ask of a fence. Positions are WGS-84 degrees, distances metres."""

    @property
    def span(self) -> Span:
        """A rectangle of degrees that holds the shape."""
        ...

    @property
    def reach(self) -> tuple[float, float, float]:
        """(lat, lon, metres): a position and a distance from it within which all of the shape lies."""
        ...

    @property
    def fingerprint(self) -> int:
        """32 bits that change with the shape, the same in every process."""
        ...

    def contains(self, lat: float, lon: float) -> bool:
        """Whether the position lies in the shape or on its edge."""
        ...

    def edge_m(self, lat: float, lon: float) -> float:
        """The distance to the edge, below 0 inside."""
        ...


class Circle(Value, kw_only=False):
    """Every position whose geodesic distance from the centre is at most `radius_m`."""

    lat: float
    lon: float
    radius_m: float

    def __post_init__(self) -> None:
        if not (-90 <= self.lat <= 90 and -180 <= self.lon <= 180):
            raise ValueError(
                "a centre is a latitude within ±90 and a longitude within ±180 degrees"
            )
        if not (self.radius_m > 0 and isfinite(self.radius_m)):
            raise ValueError("a radius is a finite number of metres above 0")

    @property
    def span(self) -> Span:
        return span_of_circle(self.lat, self.lon, self.radius_m)

    @property
    def reach(self) -> tuple[float, float, float]:
        return self.lat, self.lon, self.radius_m

    @property
    def fingerprint(self) -> int:
        bits: tuple[int, ...] = _AS_BITS(_DOUBLES(self.lat + 0.0, self.lon + 0.0, self.radius_m))
        mixed = (bits[0] * ODD[0]) ^ (bits[1] * ODD[1]) ^ (bits[2] * ODD[2])
        return mixed >> 32 & 0xFFFFFFFF

    def contains(self, lat: float, lon: float) -> bool:
        return within(self.lat, self.lon, lat, lon, self.radius_m)

    def edge_m(self, lat: float, lon: float) -> float:
        return metres(self.lat, self.lon, lat, lon) - self.radius_m


def fingerprints(lats: Floats, lons: Floats, radii: Floats) -> NDArray[np.uint32]:
    """The fingerprints of circles: their bits (−0 as 0), each number multiplied by its own odd constant."""
    mixed = np.zeros(len(lats), np.uint64)
    for column, odd in zip((lats, lons, radii), ODD, strict=True):
        mixed ^= (column + 0.0).view(np.uint64) * np.uint64(odd)
    return (mixed >> np.uint64(32)).astype(np.uint32)


class Polygon:
    """A polygon or multipolygon, with holes, from GeoJSON coordinates (the nesting tells which of them).

    Sides are straight in degrees, as RFC 7946 has it. Against the geodesic between the same corners a side of L metres
    strays by about L² · tan(latitude) / (8 · earth radius): 3 cm for 1 km at 60°, 3 m for 10 km, 340 m for 100 km.
    Raises `domain.errors.Invalid` where the coordinates are no such thing.
    """

    __slots__ = ("_sides", "fingerprint", "geometry", "span")

    def __init__(self, coordinates: object, *, at: str = "") -> None:
        self.geometry = rings.geometry(_as_lists(coordinates), at)
        shapely.prepare(self.geometry)
        west, south, east, north = self.geometry.bounds
        self.span = Span(south, north, west, east)
        self.fingerprint = zlib.crc32(shapely.to_wkb(self.geometry))
        self._sides = _sides(self.geometry)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Polygon) and bool(self.geometry == other.geometry)

    def __hash__(self) -> int:
        return self.fingerprint

    @property
    def reach(self) -> tuple[float, float, float]:
        south, north, west, east = self.span
        lon = ((west + east) / 2 + 180.0) % 360.0 - 180.0
        return (south + north) / 2, lon, reach_of_span(self.span)

    def contains(self, lat: float, lon: float) -> bool:
        return any(
            shapely.intersects_xy(self.geometry, x, lat)
            for x in (lon, lon + 360.0, lon - 360.0)
            if self.span.west <= x <= self.span.east
        )

    def contains_many(self, lats: Floats, lons: Floats) -> NDArray[np.bool_]:
        """`contains` for arrays of positions."""
        inside = np.zeros(len(lats), dtype=bool)
        for x in (lons, lons + 360.0, lons - 360.0):
            near = np.flatnonzero((self.span.west <= x) & (x <= self.span.east))
            inside[near] |= shapely.intersects_xy(self.geometry, x[near], lats[near])
        return inside

    def edge_m(self, lat: float, lon: float) -> float:
        """The geodesic to the nearest point of the outline or a hole, below 0 inside.

        That point is found in the plane that touches the earth at the position: within a thousandth for 100 km.
        """
        outside = metres(lat, lon, *self.nearest_on_edge(lat, lon))
        return -outside if self.contains(lat, lon) else outside

    def nearest_on_edge(self, lat: float, lon: float) -> tuple[float, float]:
        """(lat, lon) of the point of the outline or a hole that is nearest in the plane at the position."""
        middle = (self.span.west + self.span.east) / 2
        lon = min((lon, lon + 360.0, lon - 360.0), key=lambda x: abs(x - middle))
        scale = np.array([max(cos(radians(lat)), 1e-9), 1.0])
        start, end = self._sides[:, :2], self._sides[:, 2:]
        side = (end - start) * scale
        to_start = (np.array([lon, lat]) - start) * scale
        squared = np.maximum(np.einsum("ij,ij->i", side, side), 1e-300)
        along = np.clip(np.einsum("ij,ij->i", to_start, side) / squared, 0.0, 1.0)
        gap = to_start - along[:, None] * side
        best = int(np.argmin(np.einsum("ij,ij->i", gap, gap)))
        x, y = start[best] + along[best] * (end[best] - start[best])
        return float(y), (float(x) + 180.0) % 360.0 - 180.0


def _as_lists(value: object) -> object:
    return [_as_lists(v) for v in value] if isinstance(value, list | tuple) else value


def _sides(geometry: Any) -> Floats:
    """One row (lon, lat, lon, lat) per side of the outlines and holes."""
    lines = shapely.get_parts(shapely.boundary(geometry))
    points, line = shapely.get_coordinates(lines, return_index=True)
    sides: Floats = np.hstack([points[:-1], points[1:]])[line[1:] == line[:-1]]
    west, _, east, _ = geometry.bounds
    if east - west == 360:  # around a pole: the sides that run over it are no edge on the ground
        sides = sides[(np.abs(sides[:, 1]) < 90) & (np.abs(sides[:, 3]) < 90)]
    return sides


KEYS = {
    "circle": ("center", "radius_m"),
    "polygon": ("coordinates",),
    "multipolygon": ("coordinates",),
}


def parse_shape(json: object, *, at: str = "") -> Circle | Polygon:
    """The shape of the API's JSON: `{type: circle, center: [lon, lat], radius_m}` or `{type: polygon | multipolygon,
    coordinates}`. Raises Invalid; its pointers begin with `at`.
    """
    if not isinstance(json, dict):
        raise rings.refusal([Fault(pointer=at, detail="a shape is an object with a type")])
    kind = str(json.get("type")).lower()
    if kind not in KEYS:
        detail = "one of circle, polygon, multipolygon"
        raise rings.refusal([Fault(pointer=f"{at}/type", detail=detail)])
    faults = _faults_of_keys(json, kind, at)
    if faults:
        raise rings.refusal(faults)
    if kind == "circle":
        return _circle(json, at)
    _check_nesting(json["coordinates"], kind, f"{at}/coordinates")
    return Polygon(json["coordinates"], at=f"{at}/coordinates")


def _faults_of_keys(json: dict[str, object], kind: str, at: str) -> list[Fault]:
    needed = KEYS[kind]
    known = f"a {kind} has type, {', '.join(needed)}"
    missing = [
        Fault(pointer=f"{at}/{key}", detail="is missing") for key in needed if key not in json
    ]
    strange = set(json) - {"type", *needed}
    return missing + [
        Fault(pointer=f"{at}/{key}", detail=f"unknown; {known}") for key in sorted(strange)
    ]


def _circle(json: dict[str, object], at: str) -> Circle:
    faults: list[Fault] = []
    lon, lat = rings.position(json["center"], f"{at}/center", faults)
    where, least, most = f"{at}/radius_m", LEAST_RADIUS_M, GREATEST_RADIUS_M
    radius = rings.number(json["radius_m"], where, faults, "the radius in metres", least, most)
    if faults:
        raise rings.refusal(faults)
    return Circle(lat, lon, radius)


def _check_nesting(coordinates: object, kind: str, at: str) -> None:
    depth = {"polygon": 3, "multipolygon": 4}[kind]
    found = rings.depth(coordinates)
    if found in (3, 4) and found != depth:
        other = "multipolygon" if kind == "polygon" else "polygon"
        detail = f"nested as a {other}; set type to {other}"
        raise rings.refusal([Fault(pointer=at, detail=detail)])
