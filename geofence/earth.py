"""WGS-84 in Cartesian metres, and the chord of a geodesic: the arithmetic that replaces trigonometry per fence.

A straight chord through the earth is cheap to measure and bounds the geodesic above it from both sides: along a
geodesic the curvature stays between 1/FLATTEST and 1/ROUNDEST, and of two arcs of the same length the more curved one
has the shorter chord (Schur's comparison theorem). So for almost every pair the chord alone decides `distance ≤ radius`.
"""

from math import asin, cos, dist, radians, sin, sqrt
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

MAJOR_M = 6_378_137.0
FLATTENING = 1 / 298.257223563
ECCENTRICITY_SQUARED = FLATTENING * (2 - FLATTENING)

ROUNDEST_M = (
    6_335_439.3  # least radius of curvature: along the meridian at the equator, rounded down
)
FLATTEST_M = 6_399_593.7  # greatest radius of curvature: at the poles, rounded up
MEAN_M = 6_371_008.8
HALF_MERIDIAN_M = 20_003_931.5  # no two points lie farther apart, rounded up

LONGEST_BOUNDED_M = 200_000.0  # farther than this the bounds are not needed and have not been tried
ROUNDING_M = 1e-6  # a thousand times what double precision loses in Cartesian coordinates

Floats = NDArray[np.float64]


class Span(NamedTuple):
    """A rectangle of degrees that holds a shape. `east` exceeds 180 where the shape crosses the antimeridian."""

    south: float
    north: float
    west: float
    east: float


def cartesian(lat: float, lon: float) -> tuple[float, float, float]:
    """The position on the ellipsoid in metres from the earth's centre."""
    phi, lam = radians(lat), radians(lon)
    sine = sin(phi)
    normal = MAJOR_M / sqrt(1 - ECCENTRICITY_SQUARED * sine * sine)
    across = normal * cos(phi)
    return across * cos(lam), across * sin(lam), normal * (1 - ECCENTRICITY_SQUARED) * sine


def cartesian_many(lats: Floats, lons: Floats) -> Floats:
    """The same for arrays; one row (x, y, z) per position."""
    phi, lam = np.radians(lats), np.radians(lons)
    sine = np.sin(phi)
    normal = MAJOR_M / np.sqrt(1 - ECCENTRICITY_SQUARED * sine * sine)
    across = normal * np.cos(phi)
    out = np.empty((len(lats), 3))
    out[:, 0] = across * np.cos(lam)
    out[:, 1] = across * np.sin(lam)
    out[:, 2] = normal * (1 - ECCENTRICITY_SQUARED) * sine
    return out


def chord_bounds(radius_m: float) -> tuple[float, float]:
    """(sure, reach): a chord up to `sure` lies within the radius for certain, one above `reach` outside.

    `sure` is −1 where no chord can prove it: beyond 200 km everything up to `reach` is measured.
    """
    if radius_m > LONGEST_BOUNDED_M:
        return -1.0, radius_m + ROUNDING_M  # a chord is never longer than its geodesic
    sure = 2 * ROUNDEST_M * sin(radius_m / (2 * ROUNDEST_M))
    reach = 2 * FLATTEST_M * sin(radius_m / (2 * FLATTEST_M))
    slack = ROUNDING_M + 0.02 * (reach - sure)
    return sure - slack, reach + slack


def chord_bounds_many(radii: Floats) -> tuple[Floats, Floats]:
    """The same for an array of radii."""
    sure = 2 * ROUNDEST_M * np.sin(radii / (2 * ROUNDEST_M))
    reach = 2 * FLATTEST_M * np.sin(radii / (2 * FLATTEST_M))
    slack = ROUNDING_M + 0.02 * (reach - sure)
    far = radii > LONGEST_BOUNDED_M
    return np.where(far, -1.0, sure - slack), np.where(far, radii + ROUNDING_M, reach + slack)


def arc(chord_m: float) -> float:
    """The length over ground of a chord, taken on the mean sphere: off by at most a hundred-thousandth up to 500 km."""
    return 2 * MEAN_M * asin(min(1.0, chord_m / (2 * MEAN_M)))


def chord(a_lat: float, a_lon: float, b_lat: float, b_lon: float) -> float:
    """The straight line between two positions, through the earth, in metres."""
    return dist(cartesian(a_lat, a_lon), cartesian(b_lat, b_lon))


def apart(a_lat: float, a_lon: float, b_lat: float, b_lon: float) -> float:
    """Metres between two positions as `arc` tells them: fast, and close enough wherever GPS noise is in play."""
    return arc(chord(a_lat, a_lon, b_lat, b_lon))


def span_of_circle(lat: float, lon: float, radius_m: float) -> Span:
    """A rectangle of degrees around every point within `radius_m`; all longitudes where the circle reaches a pole."""
    spans = spans_of_circles(
        *(np.array([value], dtype=np.float64) for value in (lat, lon, radius_m))
    )
    south, north, west, east = (float(bound[0]) for bound in spans)
    return Span(south, north, west, east)


def spans_of_circles(
    lats: Floats, lons: Floats, radii: Floats
) -> tuple[Floats, Floats, Floats, Floats]:
    """South, north, west and east of each circle.

    A degree of latitude is at least 110,574 m of any geodesic; and a point within r of a place that lies p from the
    earth's axis is seen from the axis at most asin(r / p) aside of it. Both hold exactly; 1e-8° (1 mm) covers rounding.
    """
    p = np.hypot(*cartesian_many(lats, lons).T[:2])
    tall = radii / 110_574.0 + 1e-8
    wide = np.degrees(np.arcsin(np.minimum(1.0, radii / np.maximum(p, 1e-3)))) + 1e-8
    wide = np.where(radii >= p, 180.0, wide)
    return np.maximum(lats - tall, -90.0), np.minimum(lats + tall, 90.0), lons - wide, lons + wide


def reach_of_span(span: Span) -> float:
    """A distance from the middle of `span` within which all of it lies, in metres; at most twice too large."""
    widest = 0.0 if span.south <= 0 <= span.north else min(abs(span.south), abs(span.north))
    tall = (span.north - span.south) / 2 * 111_695.0
    wide = min(180.0, (span.east - span.west) / 2) * 111_695.0 * cos(radians(widest))
    return min(tall + wide + 1e-3, HALF_MERIDIAN_M)
