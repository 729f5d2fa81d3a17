"""Which shapes share ground. For warnings, so touching is not sharing."""

from collections.abc import Iterator, Sequence

import numpy as np
import shapely
from shapely import affinity

from geofence.distance import within
from geofence.shapes import Circle, Polygon

_TURNS = (0.0, 360.0, -360.0)  # a shape over the antimeridian runs beyond 180°


def overlap(one: Circle | Polygon, other: Circle | Polygon) -> bool:
    """Whether the two shapes have more than an edge in common.

    Circles by the geodesic between their centres, polygons as RFC 7946 draws them, a circle and a polygon by the
    distance from the centre to the polygon's edge (see `Polygon.edge_m`).
    """
    if isinstance(one, Circle) and isinstance(other, Circle):
        return within(one.lat, one.lon, other.lat, other.lon, one.radius_m + other.radius_m)
    if isinstance(one, Circle):
        assert isinstance(other, Polygon), "the case of two circles is above"
        return other.edge_m(one.lat, one.lon) < one.radius_m
    if isinstance(other, Circle):
        return one.edge_m(other.lat, other.lon) < other.radius_m
    return any(_share(one, other, turn) for turn in _TURNS)


def overlapping(shapes: Sequence[Circle | Polygon]) -> Iterator[tuple[int, int]]:
    """Every pair of positions in `shapes`, the lower first, whose shapes overlap.

    Only shapes whose rectangles meet are compared, so many that lie apart cost little.
    """
    spans = np.array([shape.span for shape in shapes]).reshape(-1, 4)
    south, north, west, east = spans.T
    tree = shapely.STRtree(shapely.box(west, south, east, north))
    pairs = [tree.query(shapely.box(west + turn, south, east + turn, north)) for turn in _TURNS]
    found = np.unique(np.hstack(pairs), axis=1).T
    for one, other in found[found[:, 0] < found[:, 1]].tolist():
        if overlap(shapes[one], shapes[other]):
            yield one, other


def _share(one: Polygon, other: Polygon, turn: float) -> bool:
    moved = affinity.translate(other.geometry, xoff=turn) if turn else other.geometry
    met = bool(shapely.intersects(one.geometry, moved))
    return met and not shapely.touches(one.geometry, moved)
