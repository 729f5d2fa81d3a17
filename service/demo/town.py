"""The demo's ground: a piece of central Helsinki with store sites and the streets between them.

`town.json` is derived from OpenStreetMap by `make_town.py`; its credit travels inside it.
"""

import heapq
import math
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import msgspec

from domain.places import LatLon
from domain.values import Value

TOWN_FILE = Path(__file__).with_name("town.json")
METRES_PER_DEGREE = 111_195.0  # of latitude, on a sphere of 6,371 km

Line = tuple[LatLon, ...]


class Site(Value):
    """A place for a store: `opening_hours` in OSM syntax, `category` as OSM's `amenity`."""

    external_id: str
    name: str
    latitude: float
    longitude: float
    category: str
    opening_hours: str

    @property
    def position(self) -> LatLon:
        return LatLon(latitude=self.latitude, longitude=self.longitude)


class Street(Value, array_like=True):
    """A way between two junctions, named by their place in `Town.junctions`; `bends` lie between, from tail to head."""

    tail: int
    head: int
    bends: Line


class Town(Value):
    name: str
    credit: str
    country: str
    time_zone: str
    sites: tuple[Site, ...]
    junctions: tuple[LatLon, ...]
    streets: tuple[Street, ...]


def load_town(path: Path = TOWN_FILE) -> Town:
    """The town of `path`, checked against the types above."""
    return msgspec.json.decode(path.read_bytes(), type=Town)


def metres(a: LatLon, b: LatLon) -> float:
    """The equirectangular distance: within 0.3 % of the true one across a town, and cheap."""
    shrink = math.cos(math.radians((a.latitude + b.latitude) / 2))
    return METRES_PER_DEGREE * math.hypot(
        b.latitude - a.latitude, (b.longitude - a.longitude) * shrink
    )


class StreetGraph:
    """The town's streets as a graph to find ways in. Junctions are named by their number."""

    def __init__(self, town: Town) -> None:
        self._junctions = town.junctions
        self._onward: list[list[tuple[float, int, Line]]] = [[] for _ in town.junctions]
        for street in town.streets:
            self._add(street.tail, street.head, street.bends)
            self._add(street.head, street.tail, street.bends[::-1])

    def _add(self, tail: int, head: int, bends: Line) -> None:
        line = (self._junctions[tail], *bends, self._junctions[head])
        length = sum(metres(a, b) for a, b in pairwise(line))
        self._onward[tail].append((length, head, line[1:]))

    def nearest(self, position: LatLon) -> int:
        """The junction nearest to `position`."""
        return min(
            range(len(self._junctions)), key=lambda node: metres(self._junctions[node], position)
        )

    def route(self, from_node: int, to_node: int) -> list[LatLon]:
        """The shortest way on foot, both ends included; ValueError where none leads there."""
        reached: dict[int, tuple[int | None, Line]] = {}
        rim: list[tuple[float, int, int | None, Line]] = [
            (0.0, from_node, None, (self._junctions[from_node],))
        ]
        while rim and to_node not in reached:
            so_far, node, came_from, line = heapq.heappop(rim)
            if node in reached:
                continue
            reached[node] = (came_from, line)
            for length, onward, further in self._onward[node]:
                if onward not in reached:
                    heapq.heappush(rim, (so_far + length, onward, node, further))
        if to_node not in reached:
            raise ValueError(f"no way on foot leads from junction {from_node} to {to_node}")
        return _unwound(reached, to_node)


def _unwound(reached: dict[int, tuple[int | None, Line]], to_node: int) -> list[LatLon]:
    lines: list[Line] = []
    node: int | None = to_node
    while node is not None:
        node, line = reached[node]
        lines.append(line)
    return [point for line in reversed(lines) for point in line]


def walk(
    route: Sequence[LatLon], *, speed_mps: float, sample_s: float
) -> Iterator[tuple[float, LatLon]]:
    """Seconds since the start and position, every `sample_s` seconds at a steady pace, and at the arrival."""
    if speed_mps <= 0 or sample_s <= 0:
        raise ValueError("speed_mps and sample_s must be above 0")
    passed, due = 0.0, 0.0
    for start, end in pairwise(route):
        seconds = metres(start, end) / speed_mps
        while due < passed + seconds:
            yield due, _between(start, end, (due - passed) / seconds)
            due += sample_s
        passed += seconds
    if route:
        yield passed, route[-1]


def _between(a: LatLon, b: LatLon, share: float) -> LatLon:
    return LatLon(
        latitude=a.latitude + (b.latitude - a.latitude) * share,
        longitude=a.longitude + (b.longitude - a.longitude) * share,
    )
