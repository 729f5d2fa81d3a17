"""What edits of fences cost whoever matches meanwhile: single PUTs and an import, in this process and seen by another.

`python -m bench.fence_edits [--json] [--quick] [--postgres URL] [--fences N]`. An editor puts single fences through the
store's own functions as fast as it is told to, or imports many at once; beside it one thread follows a brand's fences as
every request does (`FenceCache.newest`, then one look-up), as another process would: with a cache of its own.
"""

import random
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import numpy as np

from bench.report import Table, arguments, progress, publish
from bench.towns import World
from domain.places import Geofence
from scheduler.fences import FenceCache
from storage import brands, geofences, migrate
from storage.engine import Database

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
EDITS_PER_S = 400


class Town:
    """A brand with many fences in a database."""

    def __init__(self, database: Database, fences: int) -> None:
        self.database = database
        self.brand = database.write(
            lambda tx: brands.create(tx, slug="soup", name="soup", time_zone="UTC", now=NOW)
        )
        self._stores = [column.tolist() for column in World().stores(fences)]
        self._count = fences
        self.put_many("fence", fences)

    def put_many(self, prefix: str, count: int) -> None:
        """Imports fences in portions, as the API does."""
        many = [self._fence(f"{prefix}-{n}", n) for n in range(count)]
        for start in range(0, count, 50_000):
            part = many[start : start + 50_000]
            self.database.write(partial(geofences.put_many, fences=part, now=NOW))

    def put(self, n: int) -> None:
        """Moves one fence."""
        fence = self._fence(f"fence-{n % self._count}", n + 1)
        self.database.write(lambda tx: geofences.put(tx, fence, now=NOW))

    def _fence(self, name: str, n: int) -> Geofence:
        lat, lon, radius = (column[n % self._count] for column in self._stores)
        shape = {"type": "circle", "center": [lon, lat], "radius_m": radius}
        return Geofence(id="", brand_id=self.brand.id, external_id=name, shape=shape)

    def places(self) -> Iterator[tuple[float, float]]:
        """Positions at stores, again and again."""
        rng = random.Random(5)
        while True:
            n = rng.randrange(self._count)
            yield self._stores[0][n], self._stores[1][n]


def looks(town: Town, over: Callable[[], bool]) -> list[float]:
    """Seconds that each follow-up and look-up took, until it is over; a thousandth of a second lies between two."""
    cache, taken = FenceCache(town.database), list[float]()
    cache.newest(town.brand.id)
    for place in town.places():
        if over():
            return taken
        start = time.perf_counter()
        cache.newest(town.brand.id).fences.index.containing(*place)
        taken.append(time.perf_counter() - start)
        time.sleep(0.001)
    return taken


def beside(town: Town, what: str, edit: Callable[[], int]) -> tuple[object, ...]:
    """A row: what was done meanwhile, how much of it a second, and how long the looks beside it took."""
    progress(what)
    taken: list[float] = []
    done = threading.Event()
    ready = threading.Event()

    def match() -> None:
        FenceCache(town.database).newest(town.brand.id)
        ready.set()
        taken.extend(looks(town, done.is_set))

    matcher = threading.Thread(target=match)
    matcher.start()
    ready.wait()
    time.sleep(0.5)
    start = time.perf_counter()
    edits = edit()
    seconds = time.perf_counter() - start
    done.set()
    matcher.join()
    quantiles = [float(np.percentile(taken, q)) * 1e3 for q in (50, 99, 100)]
    return (what, edits / seconds, len(taken) / seconds, *quantiles)


def puts(town: Town, seconds: float, per_second: int) -> int:
    """Single PUTs at this rate, or as fast as they go; how many there were."""
    start, done = time.perf_counter(), 0
    while (now := time.perf_counter() - start) < seconds:
        if done < now * per_second:
            town.put(done)
            done += 1
        else:
            time.sleep(0.0005)
    return done


def imports(town: Town, count: int, seconds: float) -> int:
    """One import, and the seconds after it in which everybody reads it."""
    start = time.perf_counter()
    town.put_many("import", count)
    time.sleep(max(0.0, seconds - (time.perf_counter() - start)))
    return count


def measure(town: Town, fences: int, name: str, quick: bool) -> Table:
    seconds = 3.0 if quick else 10.0
    many = 5_000 if quick else 50_000
    rows = (
        beside(town, "nothing", lambda: puts(town, seconds / 2, 0)),
        beside(town, f"{EDITS_PER_S} PUTs/s", lambda: puts(town, seconds, EDITS_PER_S)),
        beside(town, f"an import of {many:,}", lambda: imports(town, many, seconds)),
    )
    return Table(
        title=f"matching beside edits, {fences:,} fences, {name}",
        columns=("beside", "edits /s", "looks /s", "median ms", "p99 ms", "longest ms"),
        rows=rows,
    )


@contextmanager
def sqlite() -> Iterator[Database]:
    """A database in a folder of its own."""
    with tempfile.TemporaryDirectory() as folder:
        database = Database(f"sqlite:///{Path(folder) / 'fences.db'}")
        migrate.upgrade(database)
        yield database
        database.close()


def main() -> None:
    parser = arguments(__doc__ or "")
    parser.add_argument("--fences", type=int, default=30_000)
    parser.add_argument("--postgres", help="URL of an empty database, measured besides SQLite")
    asked = parser.parse_args()
    tables = []
    with sqlite() as database:
        tables.append(measure(Town(database, asked.fences), asked.fences, "SQLite", asked.quick))
    if asked.postgres:
        database = Database(asked.postgres)
        migrate.upgrade(database)
        tables.append(
            measure(Town(database, asked.fences), asked.fences, "PostgreSQL", asked.quick)
        )
        database.close()
    publish("fence_edits", tables, as_json=asked.json, quick=asked.quick)


if __name__ == "__main__":
    main()
