"""What the loop's ticks cost where nothing is due: `python -m bench.tick [--json] [--quick] [--database URL]…`

Every customer has a habit moment and a dwell that are due tomorrow, so the tables a tick looks into are full.
"""

import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from bench.crowd import AWAY, move_in, settle
from bench.ingest import both
from bench.report import Table, arguments, progress, publish
from domain.clock import SystemClock
from scheduler import recheck
from scheduler.dispatch import Dispatcher
from scheduler.engine import Engine
from scheduler.fences import FenceCache
from scheduler.ingest import Ingest
from storage.engine import Database, Transaction
from storage.prepared import Prepared

SIZES = (10_000, 100_000)
QUICK = (1_000, 10_000)
ROUNDS = 300


def main() -> None:
    parser = arguments("A tick with nothing due")
    parser.add_argument("--database", action="append", help="URL of an empty database to use")
    parser.add_argument("--sizes", type=int, nargs="+", help="how many customers, growing")
    chosen = parser.parse_args()
    sizes = chosen.sizes or (QUICK if chosen.quick else SIZES)
    rows: list[tuple[object, ...]] = []
    with tempfile.TemporaryDirectory(prefix="whenabouts-bench-") as folder, ExitStack() as stack:
        for url in chosen.database or both(Path(folder), stack):
            rows += measure(url, sizes)
    table = Table(
        title=f"A tick with nothing due, {ROUNDS} rounds",
        columns=("tick", "store", "customers", "median µs", "p99 µs", "CPU µs", "statements"),
        rows=tuple(rows),
        note="CPU of this process, mean; statements without BEGIN and COMMIT; every customer has a moment and a "
        "dwell due tomorrow",
    )
    publish("tick", [table], as_json=chosen.json, quick=chosen.quick)


def measure(url: str, sizes: tuple[int, ...]) -> Iterator[tuple[object, ...]]:
    """Rows for each tick at each size, the store growing from one to the next."""
    store = "SQLite" if url.startswith("sqlite") else "PostgreSQL"
    database = Database(url)
    brand = settle(database)
    counted = Statements(database.engine)
    settled = 0
    for size in sizes:
        progress(f"{store}: {size} customers")
        move_in(database, brand, [AWAY] * (size - settled), stays=True)
        settled = size
        analyze(database)
        for name, tick in ticks(database).items():
            yield name, store, size, *timed(tick, counted)
    database.close()


def ticks(database: Database) -> dict[str, Callable[[], object]]:
    """What `whenabouts up` calls again and again, by the names of its jobs."""
    clock = SystemClock()
    engine = Engine(database=database, clock=clock, weather_max_age=timedelta(minutes=45))
    dispatcher = Dispatcher(
        database=database,
        clock=clock,
        check=recheck.reasons_against,
        route=lambda _brand, _mode: None,
    )
    ingest = Ingest(clock=clock, fences=FenceCache(database), database=database)
    return {
        "decide": engine.tick,
        "dispatch": dispatcher.tick,
        "sweep": dispatcher.sweep,
        "dwell": ingest.pass_time,
    }


class Statements:
    """Counts what is executed on an engine, and what goes past it to the driver."""

    def __init__(self, engine: sa.Engine) -> None:
        self.count = 0
        sa.event.listen(engine, "before_cursor_execute", self._add)
        rows = Prepared.rows

        def counted(prepared: Prepared, tx: Transaction, **values: Any) -> list[tuple[Any, ...]]:
            self.count += 1
            return rows(prepared, tx, **values)

        Prepared.rows = counted  # type: ignore[method-assign,assignment]  # it tells no events

    def _add(self, _connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if not statement.startswith(("BEGIN", "SAVEPOINT", "RELEASE")):
            self.count += 1


def timed(tick: Callable[[], object], counted: Statements) -> tuple[float, float, float, int]:
    """Median and p99 of a round, its processor time, all in microseconds, and its statements.

    RuntimeError where there was something to do after all.
    """
    for _ in range(20):
        tick()
    times = []
    before, busy = counted.count, time.process_time()
    for _ in range(ROUNDS):
        began = time.perf_counter()
        if tick():
            raise RuntimeError("something was due")
        times.append((time.perf_counter() - began) * 1e6)
    cpu_us = (time.process_time() - busy) / ROUNDS * 1e6
    cuts = statistics.quantiles(times, n=100, method="inclusive")
    return cuts[49], cuts[98], cpu_us, round((counted.count - before) / ROUNDS)


def analyze(database: Database) -> None:
    """As autovacuum would have done by the time there are so many customers."""
    with database.engine.begin() as connection:
        connection.exec_driver_sql("ANALYZE")


if __name__ == "__main__":
    main()
