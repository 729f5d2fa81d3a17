"""Stores and people, clustered as they are: a world of made-up cities whose sizes follow a power law."""

from typing import NamedTuple

import numpy as np

from bench.walks import Array

CITIES = 235_000
LARGEST, SLOPE = 30e6, 0.8
LEAST_RADIUS_M, GREATEST_RADIUS_M = 50.0, 1000.0


class Stores(NamedTuple):
    """Circular fences as columns."""

    lats: Array
    lons: Array
    radii: Array


class World:
    """Cities to draw from. Everything follows from the seed."""

    def __init__(self, seed: int = 1) -> None:
        rng = np.random.default_rng(seed)
        self._population = LARGEST / np.arange(1, CITIES + 1) ** SLOPE
        self._share = self._population / self._population.sum()
        south, north = np.sin(np.radians([-45, 65]))
        self._lat = np.degrees(np.arcsin(rng.uniform(south, north, CITIES)))
        self._lon = rng.uniform(-180, 180, CITIES)

    def stores(self, count: int, seed: int = 2) -> Stores:
        """Stores where people live, with radii from 50 m to 1 km, half of them below 224 m."""
        rng = np.random.default_rng([seed, count])
        lats, lons = self._scatter(rng, count)
        radii = np.exp(rng.uniform(np.log(LEAST_RADIUS_M), np.log(GREATEST_RADIUS_M), count))
        return Stores(lats, lons, np.round(radii, 1))

    def people(self, count: int, seed: int = 3) -> tuple[Array, Array]:
        """Positions of people, anywhere in the same cities."""
        return self._scatter(np.random.default_rng([seed, count]), count)

    def _scatter(self, rng: np.random.Generator, count: int) -> tuple[Array, Array]:
        city = rng.choice(CITIES, count, p=self._share)
        spread = 400 + 2500 * np.sqrt(self._population[city] / 1e6)
        spread = np.where(rng.random(count) < 0.3, 3 * spread, spread) / 111_200
        lats = self._lat[city] + rng.normal(size=count) * spread
        lons = self._lon[city] + rng.normal(size=count) * spread / np.cos(np.radians(lats))
        return np.round(lats, 7), np.round((lons + 180) % 360 - 180, 7)


def shoppers(stores: Stores, count: int, seed: int = 4) -> tuple[Array, Array]:
    """Positions of people at stores: 20 m around the centre of one, in each direction."""
    rng = np.random.default_rng([seed, count])
    store = rng.integers(len(stores.lats), size=count)
    off = rng.normal(scale=20 / 111_200, size=(2, count))
    return stores.lats[store] + off[0], stores.lons[store] + off[1] / np.cos(
        np.radians(stores.lats[store])
    )
