"""A set of fences in the grids of their levels; answers for one position, for many, and by id. Immutable."""

import sys
from collections.abc import Hashable, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from domain.values import Value
from geofence.distance import metres
from geofence.earth import (
    ROUNDING_M,
    Floats,
    Span,
    cartesian_many,
    chord_bounds_many,
    spans_of_circles,
)
from geofence.grid import Grid, Ints, Members, level_for, search
from geofence.heap import give_back
from geofence.shapes import Circle, Polygon, fingerprints

NONE = np.empty(0, np.int64)
LARGE = 50_000  # fences whose packing takes memory worth giving back
OUTWARDS = (
    -1e-8,
    1e-8,
    -1e-8,
    1e-8,
)  # a millimetre around a polygon's span, for rounding at a cell's edge

Shape = Circle | Polygon


class Match(Value, kw_only=False, gc=False):
    """A fence that holds a position: its `chord_squared` (m²) is that to the centre of the circle of `radius_m`.

    A polygon is given as such; it has radius NaN.
    """

    id: Any
    fingerprint: int
    radius_m: float
    chord_squared: float
    polygon: Polygon | None


class Fences(NamedTuple):
    """Fences as columns. A polygon has radius NaN, is kept by its row, and lies where its `reach` is centred."""

    ids: NDArray[Any]
    lats: Floats
    lons: Floats
    radii: Floats
    polygons: dict[int, Polygon]

    @classmethod
    def of(cls, fences: Iterable[tuple[Hashable, Shape]]) -> "Fences":
        pairs = list(fences)
        reaches = np.array([shape.reach for _, shape in pairs], np.float64).reshape(-1, 3)
        polygons = {i: shape for i, (_, shape) in enumerate(pairs) if isinstance(shape, Polygon)}
        radii = reaches[:, 2].copy()
        radii[list(polygons)] = np.nan
        ids = id_array([name for name, _ in pairs])
        return cls(ids, reaches[:, 0].copy(), reaches[:, 1].copy(), radii, polygons)

    def without(self, rows: Iterable[int]) -> "Fences":
        """The same fences but those in `rows`."""
        keep = np.ones(len(self.ids), bool)
        keep[list(rows)] = False
        moved = np.cumsum(keep) - 1
        polygons = {int(moved[i]): shape for i, shape in self.polygons.items() if keep[i]}
        return Fences(self.ids[keep], self.lats[keep], self.lons[keep], self.radii[keep], polygons)

    def and_also(self, others: "Fences") -> "Fences":
        """These fences, then the others."""
        return Fences(
            np.concatenate([self.ids, others.ids]),
            np.concatenate([self.lats, others.lats]),
            np.concatenate([self.lons, others.lons]),
            np.concatenate([self.radii, others.radii]),
            self.polygons | {i + len(self.ids): shape for i, shape in others.polygons.items()},
        )

    def shape(self, row: int) -> Shape:
        """The shape in that row."""
        polygon = self.polygons.get(row)
        return polygon or Circle(self.lats.item(row), self.lons.item(row), self.radii.item(row))


def id_array(ids: Sequence[Hashable] | NDArray[Any]) -> NDArray[Any]:
    """Ids as a column: numbers that are their own hash packed, everything else as the objects they are."""
    if isinstance(ids, np.ndarray) and ids.dtype.kind == "i" and _own_hashes(ids):
        return ids.astype(np.int64)
    listed: Sequence[Hashable] = ids.tolist() if isinstance(ids, np.ndarray) else ids
    if all(type(name) is int and 0 <= name < sys.hash_info.modulus for name in listed):
        return np.array(listed, np.int64)
    return np.fromiter(listed, object, len(listed))


def _own_hashes(ids: NDArray[Any]) -> bool:
    return not len(ids) or bool(ids.min() >= 0 and ids.max() < sys.hash_info.modulus)


class Packed:
    """Fences, findable by position and by id."""

    def __init__(self, fences: Fences) -> None:
        self.fences = fences
        self._name = fences.ids.item
        self._mark = _marks(fences).item
        self._radius = fences.radii.item
        self._polygon = fences.polygons.get
        self._grids = _grids(fences)
        self._probes = [grid.probe for grid in self._grids]
        self._bucket_mask, self._starts, self._rows = _buckets(fences.ids)
        if len(fences.ids) >= LARGE:
            give_back()

    def __len__(self) -> int:
        return len(self.fences.ids)

    def containing(self, lat: float, lon: float) -> list[Any]:
        """The ids of the fences that hold the position."""
        found = search(self._probes, lat, lon, self._settle)
        return [self._name(row) for row, _ in found] if found else []

    def matches(self, lat: float, lon: float) -> list[Match]:
        """The same fences with what tells how deep inside the position lies."""
        found = search(self._probes, lat, lon, self._settle)
        if not found:
            return []
        name, mark, radius, polygon = self._name, self._mark, self._radius, self._polygon
        return [
            Match(name(row), mark(row), radius(row), chord_squared, polygon(row))
            for row, chord_squared in found
        ]

    def containing_many(self, lats: Floats, lons: Floats) -> tuple[Ints, NDArray[Any]]:
        """(rows, ids): every pair of a position and a fence that holds it, rows ascending."""
        found = [self._settled(*grid.search_many(lats, lons), lats, lons) for grid in self._grids]
        rows = np.concatenate([rows for rows, _ in found] or [NONE])
        fences = np.concatenate([fences for _, fences in found] or [NONE])
        if len(found) > 1:
            order = np.argsort(rows, kind="stable")
            rows, fences = rows[order], fences[order]
        return rows, self.fences.ids[fences]

    def touching(self, span: Span) -> Ints:
        """The rows of all fences that touch the span, and of some around it."""
        return np.concatenate([grid.touching(span) for grid in self._grids] or [NONE])

    def _settle(self, row: int, lat: float, lon: float) -> bool:
        polygon = self.fences.polygons.get(row)
        if polygon is not None:
            return polygon.contains(lat, lon)
        there = metres(self.fences.lats.item(row), self.fences.lons.item(row), lat, lon)
        return there <= self.fences.radii.item(row)

    def _settled(
        self, rows: Ints, fences: Ints, sure: NDArray[np.bool_], lats: Floats, lons: Floats
    ) -> tuple[Ints, Ints]:
        """The pairs that hold, once the doubtful ones are measured: polygons together, circles one by one."""
        doubtful = np.flatnonzero(~sure)
        if not len(doubtful):
            return rows, fences
        doubtful = doubtful[np.argsort(fences[doubtful], kind="stable")]
        fence, begins = np.unique(fences[doubtful], return_index=True)
        for number, pairs in zip(fence.tolist(), np.split(doubtful, begins[1:]), strict=True):
            polygon = self.fences.polygons.get(number)
            at = rows[pairs]
            if polygon is not None:
                sure[pairs] = polygon.contains_many(lats[at], lons[at])
            else:
                sure[pairs] = [self._settle(number, lats.item(i), lons.item(i)) for i in at]
        return rows[sure], fences[sure]

    def row(self, name: Hashable) -> int | None:
        """The row of an id, or None."""
        bucket = hash(name) & self._bucket_mask
        for row in self._rows[self._starts[bucket] : self._starts[bucket + 1]]:
            if self._name(row) == name:
                return row
        return None

    def shape(self, name: Hashable) -> Shape | None:
        """The shape of an id, or None."""
        row = self.row(name)
        return None if row is None else self.fences.shape(row)


def _buckets(ids: NDArray[Any]) -> tuple[int, memoryview, memoryview]:
    """(mask, starts, rows): rows by the low bits of their ids' hashes, in 8 bytes per fence instead of a dict's 80."""
    size = 1 << len(ids).bit_length()
    hashes = ids if ids.dtype == np.int64 else np.fromiter(map(hash, ids), np.int64, len(ids))
    bucket = hashes & (size - 1)
    starts = np.zeros(size + 1, np.uint32)
    np.cumsum(np.bincount(bucket, minlength=size), out=starts[1:])
    rows = np.argsort(bucket, kind="stable").astype(np.uint32)
    return size - 1, starts.data, rows.data


def _marks(fences: Fences) -> NDArray[np.uint32]:
    """The fingerprints of all shapes."""
    marks = fingerprints(fences.lats, fences.lons, fences.radii)
    for row, polygon in fences.polygons.items():
        marks[row] = polygon.fingerprint
    return marks


def _grids(fences: Fences) -> list[Grid]:
    """One grid per level that has fences, the finest first."""
    members, reaches = _members(fences)
    levels = level_for(reaches)
    return [
        Grid(level, Members(*(column[levels == level] for column in members)))
        for level in np.unique(levels).tolist()
    ]


def _members(fences: Fences) -> tuple[Members, Floats]:
    """The columns that the grids need, and how far each fence reaches from its centre."""
    reaches = fences.radii.copy()
    for row, polygon in fences.polygons.items():
        reaches[row] = polygon.reach[2]
    sure, reach = chord_bounds_many(reaches)
    spans = spans_of_circles(fences.lats, fences.lons, reaches)
    for row, polygon in fences.polygons.items():
        sure[row], reach[row] = -1.0, reaches[row] + ROUNDING_M
        for column, bound, margin in zip(spans, polygon.span, OUTWARDS, strict=True):
            column[row] = bound + margin
    south, north, west, east = spans
    numbers = np.arange(len(reaches))
    centres = cartesian_many(fences.lats, fences.lons)
    south, north = np.maximum(south, -90.0), np.minimum(north, 90.0)
    return Members(numbers, south, north, west, east, centres, sure, reach), reaches
