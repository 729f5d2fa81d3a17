"""Who fits a free hour, and what pushes brought: `python -m bench.slots [--json] [--quick] [--database URL]… [--people N…]`

Everybody comes to the one store, half of them for the service that is free, all with phones, consents and profiles: the
worst case of the search. For the uplift everybody is enrolled and came on every tenth day of four weeks.
"""

import random
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from bench.crowd import AWAY, move_in, settle
from bench.ingest import both
from bench.report import Table, arguments, median_time, progress, publish
from bench.tick import analyze
from domain.clock import SystemClock
from domain.holdout import draw_of
from domain.people import Mode
from domain.policy import Brand
from domain.slots import Slot, Wanted
from scheduler import slots as waves
from scheduler.learn import effect
from scheduler.learn.effect import Window
from storage import brands, slots, stores
from storage.engine import Database, Transaction
from storage.models import CustomerRow, MemberRow, OutcomeRow, PatronRow

SIZES = (10_000, 100_000)
QUICK = (1_000,)
SERVICE = "haircut"
DAYS = 28
_CHUNK = 10_000


def main() -> None:
    parser = arguments("Who fits a free hour, and what pushes brought")
    parser.add_argument("--database", action="append", help="URL of an empty database to use")
    parser.add_argument("--people", type=int, nargs="+", help="how many customers, growing")
    chosen = parser.parse_args()
    sizes = tuple(chosen.people or (QUICK if chosen.quick else SIZES))
    rows: list[tuple[object, ...]] = []
    with tempfile.TemporaryDirectory(prefix="whenabouts-bench-") as folder, ExitStack() as stack:
        for url in chosen.database or both(Path(folder), stack):
            rows += measure(url, sizes)
    table = Table(
        title="A free hour finds its people; the effect of pushes over four weeks",
        columns=("store", "customers", "ranked", "search ms", "whom to ask ms", "uplift ms"),
        rows=tuple(rows),
        note="medians of five; the search is all of it: index, consents, profiles, ranking",
    )
    publish("slots", [table], as_json=chosen.json, quick=chosen.quick)


def measure(url: str, sizes: Sequence[int]) -> Iterator[tuple[object, ...]]:
    """A row for each size, the store growing from one to the next."""
    name = "SQLite" if url.startswith("sqlite") else "PostgreSQL"
    database, now = Database(url), SystemClock().now()
    brand = settle(database)
    slot = database.write(lambda tx: _slot(tx, brand))
    settled = 0
    for size in sizes:
        progress(f"{name}: {size} customers")
        move_in(database, brand, [AWAY] * (size - settled), stays=True)
        _come(database, brand, slot, size - settled)
        settled = size
        analyze(database)
        with database.read() as tx:
            yield name, size, *_timed(tx, brand.id, slot, now)
    database.close()


def _timed(tx: Transaction, brand_id: str, slot: Slot, now: Any) -> tuple[object, ...]:
    [store] = stores.of_brand(tx, brand_id)
    brand = brands.by_id(tx, brand_id)
    today = now.date()
    window = Window(first=today - timedelta(days=DAYS - 1), last=today)
    found = len(waves.search(tx, slot, store, now=now))
    times = (
        median_time(lambda: waves.search(tx, slot, store, now=now)),
        median_time(lambda: waves.whom_to_ask(tx, slot, now=now)),
        median_time(lambda: effect.report(tx, brand, window, offer=None, now=now)),
    )
    return found, *(each * 1000 for each in times)


def _slot(tx: Transaction, brand: Brand) -> Slot:
    now = SystemClock().now()
    wanted = Wanted(
        id="chair",
        store="kallio",
        service=SERVICE,
        starts_at=now + timedelta(hours=3),
        ends_at=now + timedelta(hours=4),
        capacity=3,
    )
    [slot] = slots.put_many(tx, [wanted], brand_id=brand.id, mode=Mode.LIVE, now=now)
    return slot


def _come(database: Database, brand: Brand, slot: Slot, many: int) -> None:
    """A past at the store, a membership and days for the newest `many` customers; the same at every run."""
    chance, now = random.Random(7), SystemClock().now()
    today = now.date().toordinal()
    with database.read() as tx:
        newest = sa.select(CustomerRow.id).order_by(CustomerRow.id.desc()).limit(many)
        people = list(tx.execute(newest).scalars())
    for begin in range(0, many, _CHUNK):
        some = people[begin : begin + _CHUNK]
        patrons, members, days = [], [], []
        for n, id_ in enumerate(some):
            whose = {"brand_id": brand.id, "customer_id": id_}
            came = {
                **whose,
                "store_id": slot.store_id,
                "times": chance.randint(1, 40),
                "last_day": today - chance.randint(1, 300),
            }
            patrons += [{**came, "service": service} for service in ("", SERVICE)[: 1 + n % 2]]
            members.append(
                {
                    **whose,
                    "draw": draw_of(brand.id, id_),
                    "enrolled_at": now,
                    "enrolled_day": today - DAYS,
                    "pre_visits": chance.randint(0, 9),
                    "pre_value": 0.0,
                    "mixed": False,
                }
            )
            days += [
                {**whose, "day": today - day, "signs": 1, "value": 9.5}
                for day in range(n % 10, DAYS, 10)
            ]
        database.write(partial(_insert, patrons=patrons, members=members, days=days))


def _insert(tx: Transaction, patrons: list[Any], members: list[Any], days: list[Any]) -> None:
    tx.execute(sa.insert(PatronRow), patrons)
    tx.execute(sa.insert(MemberRow), members)
    tx.execute(sa.insert(OutcomeRow), days)


if __name__ == "__main__":
    main()
