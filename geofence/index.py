"""Which fences hold a position: exact, fast at a million fences, immutable, cheap to change."""

from collections import ChainMap
from collections.abc import Hashable, Iterable, Sequence
from math import fmod, isfinite
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from geofence.earth import HALF_MERIDIAN_M, Floats
from geofence.grid import Ints
from geofence.nearest import Nearby, by_edge, nearest_in
from geofence.packed import Fences, Match, Packed, Shape, id_array

CHUNK = 16_384  # positions whose candidates stay in the processor's cache together
MOST_FRESH = 256  # changes that are packed anew with each edit (half a millisecond)
SMALL = 20_000  # fences that are packed anew without a noticeable pause (ten milliseconds)


class Watch(NamedTuple):
    """Fences to monitor, nearest first, as (id, metres to its edge).

    Within `valid_m` of the position asked for, no fence that is left out can be entered.
    """

    fences: list[tuple[Any, float]]
    valid_m: float


class Layer(NamedTuple):
    """Fences packed together, and the ids whose older versions they replace or end (a shape, or None for removed)."""

    packed: Packed
    changes: dict[Any, Shape | None]

    @classmethod
    def of(cls, changes: dict[Any, Shape | None]) -> "Layer":
        there = [(name, shape) for name, shape in changes.items() if shape is not None]
        return cls(Packed(Fences.of(there)), changes)


UNCHANGED = Layer.of({})


class FenceIndex:
    """Fences by position. Ids are anything hashable; shapes are circles of any radius and polygons.

    For circles every answer equals `geopy.distance.geodesic(centre, position) <= radius`, poles and antimeridian
    included; for polygons see `Polygon`. Positions are degrees: a latitude beyond ±90 or a number that is not finite
    raises ValueError, a longitude beyond ±180 is wrapped.

    An index never changes. `with_changes` answers a new one that shares nearly everything with the old: changes lie in
    two small layers over the packed base, the younger hiding the older. A small base is packed anew in passing; for a
    large one `crowded` says when `merged` is worth its second per million fences, in the background (`LiveIndex`).
    """

    __slots__ = ("_base", "_over", "_size")

    def __init__(self, fences: Iterable[tuple[Hashable, Shape]] = ()) -> None:
        columns = Fences.of(fences)
        _refuse_repeats(columns.ids)
        self._base = Packed(columns)
        self._over: tuple[Layer, ...] = ()
        self._size = len(columns.ids)

    @classmethod
    def from_arrays(
        cls,
        ids: Sequence[Hashable] | NDArray[Any],
        lats: ArrayLike,
        lons: ArrayLike,
        radii_m: ArrayLike,
    ) -> "FenceIndex":
        """An index of circles from columns of equal length."""
        names = id_array(ids)
        _refuse_repeats(names)
        lats, lons, radii = (np.array(column, np.float64) for column in (lats, lons, radii_m))
        _refuse_bad_circles(len(names), lats, lons, radii)
        return cls._of(Packed(Fences(names, lats, lons, radii, {})), (), len(names))

    @classmethod
    def _of(cls, base: Packed, over: tuple[Layer, ...], size: int) -> "FenceIndex":
        index = cls.__new__(cls)
        index._base, index._over, index._size = base, over, size
        return index

    def __len__(self) -> int:
        return self._size

    def __contains__(self, name: Hashable) -> bool:
        return self.shape(name) is not None

    def shape(self, name: Any) -> Shape | None:
        """The shape of a fence, or None where there is no such fence."""
        for layer in reversed(self._over):
            if name in layer.changes:
                newer: Shape | None = layer.changes[name]
                return newer
        return self._base.shape(name)

    def containing(self, lat: float, lon: float) -> list[Any]:
        """The ids of the fences that hold the position."""
        if not (-90.0 <= lat <= 90.0 and -180.0 <= lon <= 180.0):
            lon = _wrapped(lat, lon)
        found = self._base.containing(lat, lon)
        for layer in self._over:
            found = [name for name in found if name not in layer.changes]
            found += layer.packed.containing(lat, lon)
        return found

    def matches(self, lat: float, lon: float) -> list[Match]:
        """The same fences with their shapes and distances."""
        if not (-90.0 <= lat <= 90.0 and -180.0 <= lon <= 180.0):
            lon = _wrapped(lat, lon)
        found = self._base.matches(lat, lon)
        for layer in self._over:
            found = [match for match in found if match.id not in layer.changes]
            found += layer.packed.matches(lat, lon)
        return found

    def containing_many(self, lats: ArrayLike, lons: ArrayLike) -> tuple[Ints, NDArray[Any]]:
        """(rows, ids): each pair of a position and a fence that holds it, in the order `containing` gives per row."""
        lat, lon = _checked(lats, lons)
        parts = [
            self._chunk(start, lat[start : start + CHUNK], lon[start : start + CHUNK])
            for start in range(0, max(len(lat), 1), CHUNK)
        ]
        return np.concatenate([rows for rows, _ in parts]), np.concatenate(
            [ids for _, ids in parts]
        )

    def _chunk(self, start: int, lats: Floats, lons: Floats) -> tuple[Ints, NDArray[Any]]:
        rows, ids = self._base.containing_many(lats, lons)
        for layer in self._over:
            stays = np.fromiter(
                (name not in layer.changes for name in ids.tolist()), bool, len(ids)
            )
            more_rows, more_ids = layer.packed.containing_many(lats, lons)
            rows = np.concatenate([rows[stays], more_rows])
            ids = np.concatenate([ids[stays], more_ids])
        if self._over:
            order = np.argsort(rows, kind="stable")
            rows, ids = rows[order], ids[order]
        return rows + start, ids

    def nearest(self, lat: float, lon: float, k: int) -> list[tuple[Any, float]]:
        """(id, metres to its edge, below 0 inside) of the `k` nearest fences by edge, in exact order."""
        if k < 1:
            return []
        lon = _wrapped(lat, lon)
        found: list[Nearby] = []
        for i, packed in enumerate((self._base, *(layer.packed for layer in self._over))):
            younger = ChainMap(*(layer.changes for layer in self._over[i:]))
            found += nearest_in(packed, lat, lon, k, younger if self._over[i:] else ())
        return [(near.id, near.edge_m) for near in sorted(found, key=by_edge)[:k]]

    def watch(self, lat: float, lon: float, k: int) -> Watch:
        """The `k` nearest fences for a phone to monitor, and how far it may move before it must ask again."""
        found = self.nearest(lat, lon, k + 1)
        beyond = found[k][1] if len(found) > k else HALF_MERIDIAN_M
        return Watch(found[:k], max(0.0, beyond))

    def with_changes(
        self,
        upserts: Iterable[tuple[Hashable, Shape]] = (),
        removals: Iterable[Hashable] = (),
    ) -> "FenceIndex":
        """The index after `removals`, then `upserts` (new fences, and new shapes of old ones). Unknown removals pass."""
        changes: dict[Any, Shape | None] = {**dict.fromkeys(removals), **dict(upserts)}
        size = self._size
        for name, shape in changes.items():
            size += (shape is not None) - (name in self)
        return self._of(*self._layered(changes), size)

    def _layered(self, changes: dict[Any, Shape | None]) -> tuple[Packed, tuple[Layer, ...]]:
        """Base and layers with `changes` on top: fresh while they are few, then in the middle, then in the base."""
        middle, fresh = (*self._over, UNCHANGED, UNCHANGED)[:2]
        changes = {**fresh.changes, **changes}
        if len(changes) <= MOST_FRESH < len(self._base):
            return self._base, (middle, Layer.of(changes))
        changes = {**middle.changes, **changes}
        if len(self._base) + len(changes) > SMALL and len(changes) < len(self._base) / 2:
            return self._base, (Layer.of(changes),)
        return _rebased(self._base, changes), ()

    @property
    def crowded(self) -> bool:
        """Whether the changes since the last merge are so many that `merged` would make look-ups faster."""
        changed = sum(len(layer.changes) for layer in self._over)
        return changed > max(MOST_FRESH, len(self._base) / 64)

    def merged(self) -> "FenceIndex":
        """The same fences packed as one: nothing an answer shows, only faster and smaller."""
        changes: dict[Any, Shape | None] = {}
        for layer in self._over:
            changes |= layer.changes
        return self._of(_rebased(self._base, changes), (), self._size)


def _rebased(base: Packed, changes: dict[Any, Shape | None]) -> Packed:
    gone = [row for name in changes if (row := base.row(name)) is not None]
    there = [(name, shape) for name, shape in changes.items() if shape is not None]
    return Packed(base.fences.without(gone).and_also(Fences.of(there)))


def _wrapped(lat: float, lon: float) -> float:
    """The longitude within ±180, wrapped as geopy does; raises ValueError for what is no position."""
    if not (-90.0 <= lat <= 90.0 and isfinite(lon)):
        raise ValueError(f"no position on earth: latitude {lat}, longitude {lon}")
    turned = fmod(lon, 360.0)
    return turned - 360.0 if turned > 180.0 else turned + 360.0 if turned < -180.0 else turned


def _checked(lats: ArrayLike, lons: ArrayLike) -> tuple[Floats, Floats]:
    lat = np.ascontiguousarray(lats, np.float64)
    lon = np.ascontiguousarray(lons, np.float64)
    if lat.shape != lon.shape or lat.ndim != 1:
        raise ValueError("latitudes and longitudes are two arrays of one length")
    wild = np.flatnonzero(~((np.abs(lat) <= 90.0) & (np.abs(lon) <= 180.0)))
    if len(wild):
        lon = lon.copy()
        lon[wild] = [_wrapped(lat.item(i), lon.item(i)) for i in wild]
    return lat, lon


def _refuse_repeats(ids: NDArray[Any]) -> None:
    distinct = len(np.unique(ids)) if ids.dtype == np.int64 else len(set(ids.tolist()))
    if distinct != len(ids):
        raise ValueError("an id stands for more than one fence; ids are unique in an index")


def _refuse_bad_circles(length: int, lats: Floats, lons: Floats, radii: Floats) -> None:
    if not length == len(lats) == len(lons) == len(radii):
        raise ValueError("ids, latitudes, longitudes and radii are columns of one length")
    good = (np.abs(lats) <= 90) & (np.abs(lons) <= 180) & (radii > 0) & np.isfinite(radii)
    if not good.all():
        raise ValueError(f"row {int(np.argmin(good))} is no circle on earth")
