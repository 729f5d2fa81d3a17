"""What decisions cost: `python -m bench.engine [--json] [--quick] [--database URL]… [--people N…] [--engines N]`

Every person is near the store with a moment that is due, and ten offers could be said to them. Measured are the pure parts,
what is stored of a decision, and the engine end to end: claim, load, decide, write; in stores that grow.
"""

import logging
import multiprocessing
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from random import Random
from statistics import median
from typing import NamedTuple

import msgspec
import sqlalchemy as sa
import structlog

from bench.crowd import AWAY, SOUP, look_on, move_in, settle
from bench.ingest import both
from bench.report import Table, arguments, progress, publish
from bench.tick import Statements, analyze
from domain.clock import SystemClock
from domain.context import Context
from domain.decisions import Cause, Decision, Moment
from domain.ids import new_id
from domain.model import Evidence, TermName
from domain.offers import OfferBody, OfferKind, WeatherCondition, WeatherWord, When
from domain.people import Mode
from domain.policy import Brand
from scheduler.context import build
from scheduler.context.build import Scene
from scheduler.decide.choose import Verdict, decide
from scheduler.decide.score import Model
from scheduler.drafts import Choice, Draft, made_of
from scheduler.engine import Engine
from scheduler.learn.terms import Terms, is_own
from scheduler.learned import believing
from scheduler.loading import scenes
from service.collecting import settle_down
from storage import brands, learning, moments, offers, records
from storage.engine import Database, Transaction
from storage.models import CustomerRow

SIZES = (10_000, 100_000)
QUICK = (1_000,)
DUE = 3_000
SAMPLE = 200  # people of whom the pure parts are measured
IDLE = 100  # ticks with nothing due
MAX_AGE = timedelta(minutes=45)
COLUMNS = (
    "store",
    "engines",
    "customers",
    "decisions",
    "sends",
    "per second",
    "CPU µs each",
    "statements",
    "tick with nothing due, µs",
)
_RAINY = When(weather=WeatherCondition(any=(WeatherWord.RAIN,)))


class Found(NamedTuple):
    """The rows of the three tables."""

    whole: list[tuple[object, ...]]
    pure: list[tuple[object, ...]]
    stored: list[tuple[object, ...]]


def main() -> None:
    parser = arguments("What decisions cost")
    parser.add_argument("--database", action="append", help="URL of an empty database to use")
    parser.add_argument("--people", type=int, nargs="+", help="how many customers, growing")
    parser.add_argument("--engines", type=int, default=2, help="side by side, on PostgreSQL")
    chosen = parser.parse_args()
    _be_as_served()
    sizes = tuple(chosen.people or (QUICK if chosen.quick else SIZES))
    found = Found([], [], [])
    with tempfile.TemporaryDirectory(prefix="whenabouts-bench-") as folder, ExitStack() as stack:
        for url in chosen.database or both(Path(folder), stack):
            measure(url, sizes, chosen.engines, found)
    publish("engine", _tables(found), as_json=chosen.json, quick=chosen.quick)


def _be_as_served() -> None:
    """As a process is that serves, but quiet: a line for each batch would drown the progress."""
    settle_down()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))


def _tables(found: Found) -> list[Table]:
    return [
        Table(
            title="Moment → decision and message, ten offers each",
            columns=COLUMNS,
            rows=tuple(found.whole),
            note="CPU of the engines' processes, mean; statements per 1,000 decisions, without BEGIN and COMMIT",
        ),
        Table(
            title=f"The pure parts, median of {SAMPLE} people",
            columns=("store", "offers that fit", "learned", "context µs", "decide µs"),
            rows=tuple(found.pure),
        ),
        Table(
            title="What is stored of a decision, bytes",
            columns=("store", "offers that fit", "learned", "median", "largest", "as plain JSON"),
            rows=tuple(found.stored),
            note="the record: inputs, terms, alternatives; beside it lie the columns and reasons",
        ),
    ]


def measure(url: str, sizes: Sequence[int], engines: int, found: Found) -> None:
    """Adds a row for each size, the store growing from one to the next, and those about the parts."""
    store = "SQLite" if url.startswith("sqlite") else "PostgreSQL"
    database = Database(url)
    counted = Statements(database.engine)
    brand = settle(database)
    database.write(lambda tx: _more_offers(tx, brand))
    engine = Engine(database=database, clock=SystemClock(), weather_max_age=MAX_AGE)
    settled = 0
    for size in sizes:
        progress(f"{store}: {size} customers")
        due = min(DUE, size - settled)
        move_in(database, brand, [AWAY] * due, stays=True)
        look_on(database, brand, size - settled - due)
        settled = size
        people = _newest(database, due)
        analyze(database)
        _open(database, brand, people)
        found.whole.append((store, 1, size, *_timed(engine, database, counted), _idle(engine)))
    if store == "PostgreSQL" and engines > 1:
        move_in(database, brand, [AWAY] * due, stays=True)
        people = _newest(database, due)
        _open(database, brand, people)
        found.whole.append((store, engines, size, *_side_by_side(url, engines)))
    _parts(database, brand, people, store, found)
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
    """Those who moved in last."""
    with database.read() as tx:
        return list(
            tx.execute(
                sa.select(CustomerRow.id)
                .where(CustomerRow.first_name.is_(None))
                .order_by(CustomerRow.id.desc())
                .limit(many)
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


def _timed(engine: Engine, database: Database, counted: Statements) -> tuple[object, ...]:
    sent, before = _sends(database), counted.count
    busy, began = time.process_time(), time.perf_counter()
    decided = 0
    while ticked := engine.tick():
        decided += ticked
    took, cpu = time.perf_counter() - began, time.process_time() - busy
    statements = round((counted.count - before) / decided * 1000)
    sends = _sends(database) - sent
    return decided, sends, decided / took, cpu / decided * 1e6, statements


def _idle(engine: Engine) -> float:
    """Median microseconds of a tick with nothing due."""
    times = []
    for _ in range(IDLE):
        began = time.perf_counter()
        engine.tick()
        times.append(time.perf_counter() - began)
    return median(times) * 1e6


def _side_by_side(url: str, engines: int) -> tuple[object, ...]:
    """The same by several processes at once."""
    began = time.perf_counter()
    with multiprocessing.get_context("spawn").Pool(engines) as pool:
        shares = pool.map(_drain, [url] * engines, chunksize=1)
    decided = sum(share[0] for share in shares)
    took = max(share[2] for share in shares) - min(share[1] for share in shares)
    cpu = sum(share[3] for share in shares)
    progress(f"{engines} engines in {time.perf_counter() - began:.0f} s, with their starts")
    return decided, None, decided / took, cpu / decided * 1e6, None, None


def _drain(url: str) -> tuple[int, float, float, float]:
    """One engine's share: how many it decided, from when until when, and its processor time."""
    _be_as_served()
    database = Database(url)
    engine = Engine(database=database, clock=SystemClock(), weather_max_age=MAX_AGE)
    with database.read() as tx:
        tx.execute(sa.text("SELECT 1"))
    busy, began, decided = time.process_time(), time.time(), 0
    while ticked := engine.tick():
        decided += ticked
    share = decided, began, time.time(), time.process_time() - busy
    database.close()
    return share


def _parts(
    database: Database, brand: Brand, people: Sequence[str], store: str, found: Found
) -> None:
    """The pure parts and the records: as it was, then where all ten offers fit, then with everything learned and sampled."""
    _open(database, brand, people[:SAMPLE])
    _part(database, store, (4, "nothing"), found)
    database.write(lambda tx: _all_fit(tx, brand))
    met = _part(database, store, (10, "nothing"), found)
    database.write(lambda tx: _taught(tx, brand, met))
    _part(database, store, (10, "everything"), found)


def _part(
    database: Database, store: str, what: tuple[int, str], found: Found
) -> list[tuple[Scene, Context]]:
    """Adds the median microseconds of building a context, with its part of what is reckoned for all at once, and of deciding
    by it; and the sizes of the records. Returns who was decided about."""
    with database.read() as tx:
        now = SystemClock().now()
        due = moments.claim_due(tx, now, SAMPLE)
        loaded = believing(tx, scenes(tx, due, now=now, weather_max_age=MAX_AGE), now=now)
    began, model = time.perf_counter(), Model()
    loaded = build.foretold(loaded)
    foretelling = (time.perf_counter() - began) / len(loaded)
    building, deciding, made = [], [], []
    for at in loaded:
        began = time.perf_counter()
        context = build.with_offers(build.person(at), at)
        built = time.perf_counter()
        verdict = decide(context, at.ground.offers, at.ground.brand.policy, model)
        deciding.append(time.perf_counter() - built)
        building.append(built - began + foretelling)
        made.append(_made(at, context, verdict))
    found.pure.append((store, *what, median(building) * 1e6, median(deciding) * 1e6))
    sizes = [len(records.packed(each) or b"") for each in made]
    plain = median(len(msgspec.json.encode([each.inputs, each.terms])) for each in made)
    found.stored.append((store, *what, round(median(sizes)), max(sizes), round(plain)))
    return [(at, build.context(at)) for at in loaded]


def _made(at: Scene, context: Context, verdict: Verdict) -> Decision:
    draft = Draft(at.moment, at, Choice(context, verdict, None))
    return made_of(draft, now=at.now, model=1, explain_url=lambda _brand, _id: None).decision


def _all_fit(tx: Transaction, brand: Brand) -> None:
    """Ten offers of three kinds that can be said to anybody anywhere, by a brand that explores."""
    kinds, now = list(OfferKind)[:3], SystemClock().now()
    for n, name in enumerate(["soup", *(f"offer-{n}" for n in range(9))]):
        body: OfferBody = msgspec.structs.replace(SOUP, kind=kinds[n % 3], when=When())
        offers.put(tx, brand_id=brand.id, external_id=name, body=body, now=now)
    policy = msgspec.structs.replace(
        brands.by_id(tx, brand.id).policy, exploration=0.02, interruption_price=0.05
    )
    brands.save_policy(tx, brand.id, policy, expected=None)


def _taught(tx: Transaction, brand: Brand, met: Sequence[tuple[Scene, Context]]) -> None:
    """Evidence of every term that is active for these people."""
    random, day = Random(1), learning.day_of(SystemClock().now())
    active: set[TermName] = set()
    for at, context in met[:3]:
        terms = Terms(context)
        active.update(terms.shared, terms.anyway)
        for offer, candidate in zip(at.ground.offers, context.candidates, strict=True):
            active.update(terms.of(offer, candidate))
    known = {
        term: Evidence(pull=random.gauss(0, 5), weight=random.uniform(1, 40), day=day)
        for term in sorted(active)
    }
    learning.add_shared(
        tx, brand.id, {term: each for term, each in known.items() if not is_own(term)}
    )
    own = {term: each for term, each in known.items() if is_own(term)}
    learning.add_own(tx, {at.known.customer.id: own for at, _ in met})


def _sends(database: Database) -> int:
    with database.read() as tx:
        return int(tx.execute(sa.text("SELECT count(*) FROM messages")).scalar_one())


if __name__ == "__main__":
    main()
