"""What a dry run costs: `python -m bench.dry_run [--json] [--quick] [--database URL]… [--people N]`

Everybody is at the store, with a profile and a consent to everything; ten offers could be said. Rehearsed are one that fits
everybody, so that all ten are weighed for each, and one that waits for rain and fits nobody; then a window of the past.
"""

import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

from bench.crowd import AWAY, move_in, settle
from bench.engine import MAX_AGE, _more_offers, _newest, _open
from bench.ingest import both
from bench.report import Table, arguments, progress, publish
from bench.tick import analyze
from domain.clock import SystemClock
from domain.policy import Brand
from scheduler.engine import Engine
from scheduler.rehearsing.dry_run import Asked, DryRun, Rehearsal
from storage.engine import Database

PEOPLE, QUICK = 100_000, 2_000
DECIDED = 5_000
COLUMNS = ("store", "rehearsed", "customers", "moments", "seconds", "µs each", "CPU µs each")


def main() -> None:
    parser = arguments("What a dry run costs")
    parser.add_argument("--database", action="append", help="URL of an empty database to use")
    parser.add_argument("--people", type=int, help="how many customers")
    chosen = parser.parse_args()
    people = chosen.people or (QUICK if chosen.quick else PEOPLE)
    rows: list[tuple[object, ...]] = []
    with tempfile.TemporaryDirectory(prefix="whenabouts-bench-") as folder, ExitStack() as stack:
        for url in chosen.database or both(Path(folder), stack):
            rows += measured(url, people)
    table = Table(
        title="A dry run over everybody, ten offers each",
        columns=COLUMNS,
        rows=tuple(rows),
        note="each: per customer, or per moment of the past",
    )
    publish("dry_run", [table], as_json=chosen.json, quick=chosen.quick)


def measured(url: str, people: int) -> Iterator[tuple[object, ...]]:
    store = "SQLite" if url.startswith("sqlite") else "PostgreSQL"
    database = Database(url)
    brand = settle(database)
    database.write(lambda tx: _more_offers(tx, brand))
    progress(f"{store}: {people} customers")
    move_in(database, brand, [AWAY] * people, stays=True)
    analyze(database)
    for name, offer in (("fits all", "offer-1"), ("fits nobody", "offer-0")):
        progress(f"{store}: {name}")
        yield store, name, *_timed(database, brand, Asked(external_id=offer))
    progress(f"{store}: the past")
    began = SystemClock().now()
    _open(database, brand, _newest(database, min(DECIDED, people)))
    Engine(database=database, clock=SystemClock(), weather_max_age=MAX_AGE).tick()
    window = Asked(external_id="offer-1", since=began, until=began + timedelta(days=1))
    yield store, "past", *_timed(database, brand, window)
    database.close()


def _timed(database: Database, brand: Brand, asked: Asked) -> tuple[object, ...]:
    busy, began = time.process_time(), time.perf_counter()
    rehearsal = Rehearsal(database, brand, asked, now=SystemClock().now(), weather_max_age=MAX_AGE)
    *_, result = rehearsal.run()
    took, cpu = time.perf_counter() - began, time.process_time() - busy
    assert isinstance(result, DryRun)
    many = result.moments.all if result.moments else result.people
    moments = result.moments.all if result.moments else None
    return result.people, moments, took, took / many * 1e6, cpu / many * 1e6


if __name__ == "__main__":
    main()
