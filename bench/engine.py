"""What decisions cost: `python -m bench.engine [--json] [--quick] [--database URL]… [--people N…]`

Every person is near the store with a moment that is due, and ten offers could be said to them. Measured are the pure
`decide`, and the engine end to end: claim, load, decide, write.
"""

import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from statistics import median

import msgspec
import sqlalchemy as sa

from bench.crowd import AWAY, SOUP, move_in, settle
from bench.ingest import both
from bench.report import Table, arguments, progress, publish
from bench.tick import Statements, analyze
from domain.clock import SystemClock
from domain.decisions import Cause, Moment
from domain.ids import new_id
from domain.offers import OfferBody, WeatherCondition, WeatherWord, When
from domain.people import Mode
from domain.policy import Brand
from scheduler.context import build
from scheduler.decide.choose import decide
from scheduler.decide.score import Model
from scheduler.engine import Engine
from scheduler.loading import scenes
from storage import moments, offers
from storage.engine import Database, Transaction
from storage.models import CustomerRow

SIZES = (10_000, 100_000)
QUICK = (1_000,)
DUE = 5_000
SAMPLE = 200  # people of whom the pure parts are measured
MAX_AGE = timedelta(minutes=45)
COLUMNS = ("store", "customers", "decisions", "sends", "per second", "CPU µs each", "statements")
_RAINY = When(weather=WeatherCondition(any=(WeatherWord.RAIN,)))


def main() -> None:
    parser = arguments("What decisions cost")
    parser.add_argument("--database", action="append", help="URL of an empty database to use")
    parser.add_argument("--people", type=int, nargs="+", help="how many customers, growing")
    chosen = parser.parse_args()
    sizes = tuple(chosen.people or (QUICK if chosen.quick else SIZES))
    whole: list[tuple[object, ...]] = []
    pure: list[tuple[object, ...]] = []
    with tempfile.TemporaryDirectory(prefix="whenabouts-bench-") as folder, ExitStack() as stack:
        for url in chosen.database or both(Path(folder), stack):
            whole += end_to_end(url, sizes, pure)
    tables = [
        Table(
            title="Moment → decision and message, ten offers each, one engine",
            columns=COLUMNS,
            rows=tuple(whole),
            note="CPU of the engine's process, mean; statements per 1,000 decisions, without BEGIN and COMMIT",
        ),
        Table(
            title=f"The pure parts, median of {SAMPLE} people",
            columns=("store", "context µs", "decide µs"),
            rows=tuple(pure),
        ),
    ]
    publish("engine", tables, as_json=chosen.json, quick=chosen.quick)


def end_to_end(
    url: str, sizes: Sequence[int], pure: list[tuple[object, ...]]
) -> Iterator[tuple[object, ...]]:
    """A row for each size, the store growing from one to the next; adds a row about the pure parts."""
    store = "SQLite" if url.startswith("sqlite") else "PostgreSQL"
    database = Database(url)
    brand = settle(database)
    database.write(lambda tx: _more_offers(tx, brand))
    counted = Statements(database.engine)
    engine = Engine(database=database, clock=SystemClock(), weather_max_age=MAX_AGE)
    settled = 0
    for size in sizes:
        progress(f"{store}: {size} customers")
        move_in(database, brand, [AWAY] * (size - settled), stays=True)
        people = _newest(database, min(DUE, size - settled))
        settled = size
        analyze(database)
        _open(database, brand, people)
        if size == sizes[0]:
            pure.append((store, *_pure(database, SAMPLE)))
        yield store, size, *_timed(engine, database, counted)
    database.close()


def _more_offers(tx: Transaction, brand: Brand) -> None:
    """Nine beside the soup: half of them can be said to anybody anywhere, half wait for rain."""
    for n in range(9):
        when = When() if n % 2 else _RAINY
        body: OfferBody = msgspec.structs.replace(SOUP, when=when)
        offers.put(
            tx, brand_id=brand.id, external_id=f"offer-{n}", body=body, now=SystemClock().now()
        )


def _newest(database: Database, many: int) -> list[str]:
    with database.read() as tx:
        return list(
            tx.execute(
                sa.select(CustomerRow.id).order_by(CustomerRow.id.desc()).limit(many)
            ).scalars()
        )


def _open(database: Database, brand: Brand, people: Sequence[str]) -> None:
    now = SystemClock().now()
    due = [
        Moment(
            id=new_id(),
            brand_id=brand.id,
            mode=Mode.LIVE,
            customer_id=customer_id,
            cause=Cause.ENTER,
            key=new_id(),
            due_at=now,
            expires_at=now + timedelta(hours=1),
        )
        for customer_id in people
    ]
    database.write(lambda tx: moments.open_many(tx, due))


def _pure(database: Database, many: int) -> tuple[float, float]:
    """Median microseconds of building a context, with its part of what is reckoned for all at once, and of deciding by it."""
    now, model = SystemClock().now(), Model()
    due = database.write(lambda tx: moments.claim_due(tx, now, many))
    with database.read() as tx:
        loaded = scenes(tx, due, now=now, weather_max_age=MAX_AGE)
    began = time.perf_counter()
    loaded = build.foretold(loaded)
    foretelling = (time.perf_counter() - began) / len(loaded)
    building, deciding = [], []
    for at in loaded:
        began = time.perf_counter()
        context = build.with_offers(build.person(at), at)
        built = time.perf_counter()
        decide(context, at.ground.offers, at.ground.brand.policy, model)
        building.append(built - began + foretelling)
        deciding.append(time.perf_counter() - built)
    return median(building) * 1e6, median(deciding) * 1e6


def _timed(engine: Engine, database: Database, counted: Statements) -> tuple[object, ...]:
    before, busy, began = counted.count, time.process_time(), time.perf_counter()
    decided = 0
    while ticked := engine.tick():
        decided += ticked
    took, cpu = time.perf_counter() - began, time.process_time() - busy
    statements = round((counted.count - before) / decided * 1000)
    return decided, _sends(database), decided / took, cpu / decided * 1e6, statements


def _sends(database: Database) -> int:
    with database.read() as tx:
        return int(tx.execute(sa.text("SELECT count(*) FROM messages")).scalar_one())


if __name__ == "__main__":
    main()
