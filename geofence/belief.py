"""How likely a person is inside a fence, given one fix: a fix is a cloud of possible positions, not a point."""

from math import cos, erfc, log, pi, radians, sin, sqrt

import numpy as np

from domain.values import Value
from geofence.earth import apart, arc, chord
from geofence.shapes import Circle, Polygon

PER_SIGMA = 1.5096  # the radius that holds 68 % of a round normal cloud, in standard deviations: √(−2 ln 0.32)
CERTAIN_SIGMAS = 6.0  # beyond this the edge is out of the cloud's reach (one in a thousand million)
FLAT_M = 20_000.0  # up to here a chord is as long as its arc, but for a centimetre
FAR_SIGMAS = 4.9  # outside by this much: P(inside) < 1e-6, whatever the shape
METRES_PER_DEGREE = 111_195.0


class Belief(Value, kw_only=False, gc=False):
    """`inside`: P(the person is inside). `edge_m`: distance to the edge, below 0 inside. `sigma_m`: of the cloud."""

    inside: float
    edge_m: float
    sigma_m: float

    @property
    def far_outside(self) -> bool:
        """Whether P(inside) is below 1e-6, whatever the shape."""
        return self.edge_m > FAR_SIGMAS * self.sigma_m


def believe(shape: Circle | Polygon, lat: float, lon: float, accuracy_m: float) -> Belief:
    """What a fix of that accuracy (radius that holds the person with 68 %) says about being inside the shape."""
    if isinstance(shape, Polygon):
        return believe_polygon(shape, lat, lon, accuracy_m)
    return believe_circle(chord(shape.lat, shape.lon, lat, lon), shape.radius_m, accuracy_m)


def believe_circle(chord_m: float, radius_m: float, accuracy_m: float) -> Belief:
    """The same for a circle, from the chord to its centre."""
    sigma = accuracy_m / PER_SIGMA
    centre_m = chord_m if chord_m < FLAT_M else arc(chord_m)
    edge = centre_m - radius_m
    if abs(edge) > CERTAIN_SIGMAS * sigma:
        return Belief(0.0 if edge > 0 else 1.0, edge, sigma)
    return Belief(within_circle(centre_m, radius_m, sigma), edge, sigma)


def within_circle(centre_m: float, radius_m: float, sigma_m: float) -> float:
    """P(a round normal cloud with deviation `sigma_m` around a point `centre_m` away falls within `radius_m`).

    The noncentral χ² distribution with two degrees of freedom in Sankaran's closed form (Biometrika 1963, second
    approximation): at most 0.015 off the integral.
    """
    lam = (centre_m / sigma_m) ** 2
    x = (radius_m / sigma_m) ** 2
    a, b = 2.0 + lam, 2.0 + 2.0 * lam
    h = 1.0 - 2.0 * a * (2.0 + 3.0 * lam) / (3.0 * b * b)
    p = b / (a * a)
    m = (h - 1.0) * (1.0 - 3.0 * h)
    shift = 1.0 + h * p * (h - 1.0 - 0.5 * (2.0 - h) * m * p)
    z = ((x / a) ** h - shift) / (h * sqrt(2.0 * p) * (1.0 + 0.5 * m * p))
    return 0.5 * erfc(-z / 1.4142135623730951)


def _cloud(points: int) -> "np.ndarray[tuple[int, int], np.dtype[np.float64]]":
    """Points that stand for equal shares of the unit cloud, in sunflower order; (east, north) in deviations."""
    golden = pi * (3.0 - sqrt(5.0))
    radii = [sqrt(-2.0 * log(1.0 - (i + 0.5) / points)) for i in range(points)]
    return np.array([(r * cos(i * golden), r * sin(i * golden)) for i, r in enumerate(radii)])


_CLOUD = _cloud(64)


def believe_polygon(shape: Polygon, lat: float, lon: float, accuracy_m: float) -> Belief:
    """The same for a polygon: the share of 64 evenly drawn points of the cloud that fall inside."""
    sigma = accuracy_m / PER_SIGMA
    inside = shape.contains(lat, lon)
    edge = apart(lat, lon, *shape.nearest_on_edge(lat, lon))
    if edge > CERTAIN_SIGMAS * sigma:
        return Belief(float(inside), -edge if inside else edge, sigma)
    east, north = (_CLOUD * (sigma / METRES_PER_DEGREE)).T
    lats = np.clip(lat + north, -90.0, 90.0)
    lons = (lon + east / max(cos(radians(lat)), 1e-6) + 180.0) % 360.0 - 180.0
    share = float(shape.contains_many(lats, lons).mean())
    return Belief(share, -edge if inside else edge, sigma)
