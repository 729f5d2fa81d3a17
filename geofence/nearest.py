"""The fences nearest to a position by distance to their edge, in exact order."""

from collections.abc import Container
from operator import attrgetter
from typing import Any, NamedTuple

import numpy as np

from geofence.earth import (
    FLATTEST_M,
    HALF_MERIDIAN_M,
    ROUNDEST_M,
    ROUNDING_M,
    Floats,
    cartesian,
    cartesian_many,
    span_of_circle,
)
from geofence.grid import Ints
from geofence.packed import Packed

FIRST_REACH_M = 2_000.0
GROWTH = 8.0
EVERYWHERE_M = 2_000_000.0  # from here on all fences are looked at: arrays are faster than windows
TWIST = 1e-4  # of a distance: far above what the twist of a geodesic and rounding do to a bound


class Nearby(NamedTuple):
    """A fence and the distance to its edge in metres, below 0 inside."""

    edge_m: float
    id: Any


by_edge = attrgetter("edge_m")


def nearest_in(
    packed: Packed, lat: float, lon: float, k: int, hidden: Container[Any] = ()
) -> list[Nearby]:
    """The `k` nearest fences that are not `hidden`, nearest first; all, where there are fewer.

    Looks around the position as far as needed. Bounds from the chord name the few that can be among the nearest, and
    only those are measured.
    """
    reach = FIRST_REACH_M
    while True:
        rows = _visible(packed, _around(packed, lat, lon, reach), hidden)
        least, most = _edge_bounds(packed, rows, lat, lon)
        kth = float(np.partition(most, k - 1)[k - 1]) if len(rows) >= k else np.inf
        if kth <= reach or reach > EVERYWHERE_M:
            break
        reach = kth + ROUNDING_M if len(rows) >= k else reach * GROWTH
    candidates = rows[least <= kth].tolist()
    ids = packed.fences.ids
    found = [Nearby(packed.fences.shape(row).edge_m(lat, lon), ids.item(row)) for row in candidates]
    return sorted(found, key=by_edge)[:k]


def _around(packed: Packed, lat: float, lon: float, reach: float) -> Ints:
    """The rows of at least all fences whose edge or inside lies within `reach`."""
    if reach > EVERYWHERE_M:
        return np.arange(len(packed))
    return packed.touching(span_of_circle(lat, lon, reach))


def _visible(packed: Packed, rows: Ints, hidden: Container[Any]) -> Ints:
    if not hidden:
        return rows
    ids = packed.fences.ids[rows].tolist()
    seen = np.fromiter((name not in hidden for name in ids), bool, len(ids))
    return rows.compress(seen)


def _edge_bounds(packed: Packed, rows: Ints, lat: float, lon: float) -> tuple[Floats, Floats]:
    """Two distances between which that to each fence's edge lies."""
    fences = packed.fences
    centres = cartesian_many(fences.lats[rows], fences.lons[rows])
    chord = np.sqrt(((centres - cartesian(lat, lon)) ** 2).sum(axis=1))
    nearer = 2 * FLATTEST_M * np.arcsin(chord / (2 * FLATTEST_M)) * (1 - TWIST)
    farther = 2 * ROUNDEST_M * np.arcsin(np.minimum(1.0, chord / (2 * ROUNDEST_M)))
    farther = np.where(chord > 1.5 * ROUNDEST_M, HALF_MERIDIAN_M, farther)
    reach, inwards = fences.radii[rows], -fences.radii[rows]
    for i in np.flatnonzero(np.isnan(reach)).tolist():
        reach[i] = inwards[i] = fences.polygons[int(rows[i])].reach[2]
    return nearer - reach - ROUNDING_M, farther + inwards + ROUNDING_M
