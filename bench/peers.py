"""Other ways to find the fences that hold a position, for comparison. Each is skipped where it is not installed.

Every peer decides exactly if it can: candidates from its index, then the chord bounds. Redis and PostGIS decide for
themselves.
"""

import importlib.util
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
import shapely
from geopy.distance import geodesic

from bench.towns import Stores
from bench.walks import Array
from geofence.earth import cartesian_many, chord_bounds_many, spans_of_circles

Pairs = tuple[Any, Any]


class Peer(Protocol):
    """(rows, fences) of all pairs, as `FenceIndex.containing_many` answers."""

    def many(self, lats: Array, lons: Array) -> Pairs: ...


class Exact:
    """Decides candidate pairs by the chord. The band of micrometres that only geopy can decide is counted as outside."""

    def __init__(self, stores: Stores) -> None:
        self._centres = cartesian_many(stores.lats, stores.lons)
        self._sure = chord_bounds_many(stores.radii)[0] ** 2

    def hold(self, lats: Array, lons: Array, rows: Any, fences: Any) -> Pairs:
        apart = cartesian_many(lats, lons)[rows] - self._centres[fences]
        inside = np.einsum("ij,ij->i", apart, apart) <= self._sure[fences]
        return rows[inside], fences[inside]


class Brute:
    """geopy on every fence."""

    def __init__(self, stores: Stores) -> None:
        self._stores = stores

    def many(self, lats: Array, lons: Array) -> Pairs:
        found = [
            (i, j)
            for i, here in enumerate(zip(lats.tolist(), lons.tolist(), strict=True))
            for j, (lat, lon, radius) in enumerate(
                zip(*(c.tolist() for c in self._stores), strict=True)
            )
            if geodesic((lat, lon), here).m <= radius
        ]
        return tuple(np.array(found, int).reshape(-1, 2).T)  # type: ignore[return-value]  # two columns


class Tree:
    """shapely's STRtree over boxes."""

    def __init__(self, stores: Stores) -> None:
        south, north, west, east = spans_of_circles(*stores)
        self._tree = shapely.STRtree(shapely.box(west, south, east, north))
        self._exact = Exact(stores)

    def many(self, lats: Array, lons: Array) -> Pairs:
        return self._exact.hold(lats, lons, *self._tree.query(shapely.points(lons, lats)))


class Ball:
    """scikit-learn's BallTree with the haversine metric; its 0.56 % is added to the search radius."""

    def __init__(self, stores: Stores) -> None:
        from sklearn.neighbors import BallTree  # noqa: PLC0415 - only where it is installed

        self._tree = BallTree(np.radians(np.column_stack(stores[:2])), metric="haversine")
        self._reach = stores.radii.max() * 1.006 / 6_371_008.8
        self._exact = Exact(stores)

    def many(self, lats: Array, lons: Array) -> Pairs:
        found = self._tree.query_radius(np.radians(np.column_stack([lats, lons])), self._reach)
        rows = np.repeat(np.arange(len(found)), [len(f) for f in found])
        return self._exact.hold(lats, lons, rows, np.concatenate(found).astype(int))


class Hexagons:
    """H3: each fence in a dict under the cells of resolution 8 within its reach."""

    def __init__(self, stores: Stores) -> None:
        import h3  # noqa: PLC0415 - only where it is installed

        self._cell_of = h3.latlng_to_cell
        self._fences: dict[str, list[int]] = {}
        for i, (lat, lon, radius) in enumerate(zip(*(c.tolist() for c in stores), strict=True)):
            # A ring of cells is at least half a kilometre wide; one more, for a centre anywhere in its cell.
            rings = int(radius / 500) + 1
            for cell in h3.grid_disk(h3.latlng_to_cell(lat, lon, 8), rings):
                self._fences.setdefault(cell, []).append(i)
        self._exact = Exact(stores)

    def many(self, lats: Array, lons: Array) -> Pairs:
        cells = [
            self._cell_of(lat, lon, 8)
            for lat, lon in zip(lats.tolist(), lons.tolist(), strict=True)
        ]
        found = [self._fences.get(cell, []) for cell in cells]
        rows = np.repeat(np.arange(len(found)), [len(f) for f in found])
        fences = np.array([j for f in found for j in f], int)
        return self._exact.hold(lats, lons, rows, fences)


class Redis:
    """GEOSEARCH with the greatest radius, a pipeline of queries at once, then each fence's own radius."""

    def __init__(self, stores: Stores, path: str) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.connect(path)
        self._answers = self._socket.makefile("rb", buffering=1 << 20)
        self._radii = stores.radii
        self._reach = str(stores.radii.max() * 1.006)
        members = list(
            zip(stores.lons.tolist(), stores.lats.tolist(), range(len(stores.lats)), strict=True)
        )
        for start in range(0, len(members), 1000):
            part = members[start : start + 1000]
            self._send([["GEOADD", "f", *(str(v) for member in part for v in member)]])
            self._read()

    def many(self, lats: Array, lons: Array) -> Pairs:
        ask = ["GEOSEARCH", "f", "FROMLONLAT", "", "", "BYRADIUS", self._reach, "m", "WITHDIST"]
        self._send(
            [
                [*ask[:3], repr(lon), repr(lat), *ask[5:]]
                for lat, lon in zip(lats.tolist(), lons.tolist(), strict=True)
            ]
        )
        radii = self._radii
        found = [
            (i, int(name))
            for i in range(len(lats))
            for name, away in self._read()
            if float(away) <= radii[int(name)]
        ]
        return tuple(np.array(found, int).reshape(-1, 2).T)  # type: ignore[return-value]  # two columns

    def _send(self, commands: list[list[str]]) -> None:
        parts = []
        for command in commands:
            parts.append(f"*{len(command)}\r\n")
            parts += [f"${len(word)}\r\n{word}\r\n" for word in command]
        self._socket.sendall("".join(parts).encode())

    def _read(self) -> Any:
        line = self._answers.readline()
        kind, rest = line[:1], line[1:-2]
        if kind == b"*":
            return [self._read() for _ in range(int(rest))]
        if kind == b"$":
            return self._answers.read(int(rest) + 2)[:-2]
        if kind == b"-":
            raise RuntimeError(rest.decode())
        return rest


class PostGis:
    """Each fence's own box in a GiST index, then ST_Distance on the spheroid; a thousand positions in one statement."""

    QUERY = """
        select p.n - 1, f.id from unnest(%s::float8[], %s::float8[]) with ordinality p(lat, lon, n)
        join fences f on f.box && st_setsrid(st_makepoint(p.lon, p.lat), 4326)
        and st_distance(f.centre, st_setsrid(st_makepoint(p.lon, p.lat), 4326)::geography) <= f.radius
    """

    def __init__(self, stores: Stores, url: str) -> None:
        import psycopg  # noqa: PLC0415 - only where there is a PostGIS

        self._connection = psycopg.connect(url, autocommit=True)
        run = self._connection.execute
        run("create extension if not exists postgis")
        run("drop table if exists fences")
        run(
            "create table fences (id int, radius float8, centre geography(point), box geometry(polygon, 4326))"
        )
        south, north, west, east = spans_of_circles(*stores)
        with self._connection.cursor().copy("copy fences from stdin") as copy:
            for i, (lat, lon, radius) in enumerate(zip(*(c.tolist() for c in stores), strict=True)):
                w, s, e, n = west.item(i), south.item(i), east.item(i), north.item(i)
                box = f"SRID=4326;POLYGON(({w} {s},{e} {s},{e} {n},{w} {n},{w} {s}))"
                copy.write_row((i, radius, f"SRID=4326;POINT({lon} {lat})", box))
        run("create index on fences using gist (box)")
        run("vacuum analyze fences")
        run("set max_parallel_workers_per_gather = 0")
        run("set jit = off")

    def many(self, lats: Array, lons: Array) -> Pairs:
        rows = self._connection.execute(
            self.QUERY, (lats.tolist(), lons.tolist()), prepare=True
        ).fetchall()
        return tuple(np.array(rows, int).reshape(-1, 2).T)  # type: ignore[return-value]  # two columns


class Contender(NamedTuple):
    """A peer with what it takes to build it; `most` fences, for those that would take all day."""

    name: str
    build: Callable[[Stores], Peer]
    most: int = 10**9  # fences
    batch: int = 1_000  # positions in one call


@contextmanager
def installed(
    postgis_url: str | None, debian: Path = Path("/")
) -> Iterator[tuple[list[Contender], list[str]]]:
    """The peers that can run here, and the names of those that are not installed.

    Servers are started, on sockets of their own, and stopped in the end. `debian` is where Debian's packages of Redis
    and PostGIS lie: the machine's root, or any folder into which `dpkg-deb -x` unpacked them and what they need.
    """
    found = [
        Contender("shapely STRtree, exact", Tree),
        Contender("geopy on every fence", Brute, most=10_000, batch=1),
    ]
    missing = []
    for module, contender in _LIBRARIES.items():
        if importlib.util.find_spec(module):
            found.append(contender)
        else:
            missing.append(contender.name)
    with ExitStack() as running:
        path = running.enter_context(_redis(debian))
        if path:
            found.append(Contender("Redis GEOSEARCH", lambda stores: Redis(stores, path)))
        else:
            missing.append("Redis GEOSEARCH")
        url = postgis_url or running.enter_context(_postgis(debian))
        if url:
            found.append(Contender("PostGIS, indexed boxes", lambda stores: PostGis(stores, url)))
        else:
            missing.append("PostGIS, indexed boxes")
        yield found, missing


_LIBRARIES = {
    "sklearn": Contender("scikit-learn BallTree, exact", Ball),
    "h3": Contender("H3 resolution 8, exact", Hexagons),
}


@contextmanager
def _redis(debian: Path) -> Iterator[str | None]:
    program = shutil.which("redis-server", path=f"{debian / 'usr/bin'}:{os.environ['PATH']}")
    if program is None:
        yield None
        return
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/redis.sock"
        command = [program, "--port", "0", "--unixsocket", path, "--save", "", "--dir", folder]
        server = subprocess.Popen(command, stdout=subprocess.DEVNULL, env=_libraries(debian))
        try:
            _wait(lambda: Path(path).exists())
            yield path
        finally:
            server.terminate()
            server.wait()


@contextmanager
def _postgis(debian: Path) -> Iterator[str | None]:
    """A PostgreSQL of its own, where the server and its PostGIS are installed; as another user, for root may not."""
    shares = sorted(debian.glob("usr/share/postgresql/*/extension/postgis.control"))
    binaries = shares and debian / "usr/lib/postgresql" / shares[-1].parts[-3] / "bin"
    if not binaries or not (binaries / "postgres").exists():
        yield None
        return
    as_user = ["runuser", "-u", "postgres", "--"] if os.getuid() == 0 else []
    with tempfile.TemporaryDirectory() as folder:
        if as_user:
            shutil.chown(folder, "postgres")
        data, env = f"{folder}/data", _libraries(debian)
        begin = [*as_user, str(binaries / "initdb"), "-D", data, "-A", "trust", "-U", "postgres"]
        subprocess.run(begin, check=True, stdout=subprocess.DEVNULL, env=env)
        options = ["-k", folder]
        for setting in ("listen_addresses=", "shared_buffers=1GB", "fsync=off"):
            options += ["-c", setting]
        command = [*as_user, str(binaries / "postgres"), "-D", data, *options]
        server = subprocess.Popen(command, stderr=subprocess.DEVNULL, env=env)
        try:
            _wait(lambda: Path(f"{folder}/.s.PGSQL.5432").exists())
            yield f"host={folder} user=postgres dbname=postgres"
        finally:
            server.terminate()
            server.wait()


def _libraries(debian: Path) -> dict[str, str]:
    """The environment in which unpacked programs find their libraries beside them."""
    if debian == Path("/"):
        return dict(os.environ)
    folders = [str(path) for path in debian.glob("usr/lib/*-linux-gnu*")]
    folders += [str(path.parent) for path in debian.glob("usr/lib/*-linux-gnu*/*/*.so.3")]
    return {**os.environ, "LD_LIBRARY_PATH": ":".join(dict.fromkeys(folders))}


def _wait(ready: Callable[[], bool], patience_s: float = 30.0) -> None:
    deadline = time.monotonic() + patience_s
    while not ready():
        if time.monotonic() > deadline:
            raise TimeoutError("a server did not start")
        time.sleep(0.05)
    time.sleep(0.5)
