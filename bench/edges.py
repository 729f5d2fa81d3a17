"""Pairs of a fence and a position at its very edge, with geopy's own verdict."""

from typing import NamedTuple

import numpy as np
from geopy.distance import geodesic
from numpy.typing import NDArray

from bench.walks import Array
from geofence.index import FenceIndex

OFFSETS_M = (0, 1e-9, 1e-8, 1e-6, 1e-4, 0.01, 0.02, 0.05, 0.1, 0.5, 1)


class Edges(NamedTuple):
    """Circles of 10 m to 100 km all over the earth, and for each one a position on its edge or beside it."""

    lats: Array
    lons: Array
    radii: Array
    there_lats: Array
    there_lons: Array
    inside: NDArray[np.bool_]


def at_the_edge(count: int, *seed: int) -> Edges:
    """Everything follows from the seed. The radius is made from geopy's distance, so that one measurement tells the truth
    and the offset, from nothing to a metre, is exact. A few lie at the poles, some at the antimeridian.
    """
    rng = np.random.default_rng(seed)
    lats, lons = _centres(rng, count)
    away, bearing = 10 ** rng.uniform(1, 5, count) / 111_200, rng.uniform(0, 2 * np.pi, count)
    there_lats = np.clip(lats + away * np.cos(bearing), -90, 90)
    wide = np.maximum(np.cos(np.radians(lats)), 1e-4)
    there_lons = (lons + away * np.sin(bearing) / wide + 180) % 360 - 180
    columns = (lats, lons, there_lats, there_lons)
    exact = np.array(
        [
            geodesic((a, b), (c, d)).m
            for a, b, c, d in zip(*(x.tolist() for x in columns), strict=True)
        ]
    )
    radii = exact + rng.choice(OFFSETS_M, count) * rng.choice([-1, 1], count)
    radii = np.where(radii > 0, radii, exact + 1)
    return Edges(lats, lons, radii, there_lats, there_lons, exact <= radii)


def _centres(rng: np.random.Generator, count: int) -> tuple[Array, Array]:
    lats = np.degrees(np.arcsin(rng.uniform(-1, 1, count)))
    lons = rng.uniform(-180, 180, count)
    special = rng.random(count)
    lats = np.where(special < 0.003, rng.choice([90.0, -90.0, 89.999], count), lats)
    return lats, np.where(special > 0.95, rng.choice([180.0, -180.0, 179.9999], count), lons)


def wrong_at(edges: Edges) -> list[int]:
    """The pairs that an index of all the circles decides otherwise than geopy."""
    count = len(edges.lats)
    index = FenceIndex.from_arrays(np.arange(count), edges.lats, edges.lons, edges.radii)
    rows, ids = index.containing_many(edges.there_lats, edges.there_lons)
    own = np.zeros(count, bool)
    own[rows[rows == ids]] = True
    wrong: list[int] = np.flatnonzero(own != edges.inside).tolist()
    return wrong
