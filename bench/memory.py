"""What the embedded process holds in memory: `python -m bench.memory [--json] [--quick]`

Customers with devices, consents, profiles and habit moments are laid into a SQLite file with a thousand fences; then the
process starts, loads the fences, and takes a fix from every phone over 32 connections.
"""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from random import Random

from bench.crowd import move_in, settle
from bench.ingest import CLIENTS, FENCES, running
from bench.load import Client, load
from bench.report import Table, arguments, progress, publish
from domain.clock import SystemClock
from domain.places import Geofence
from domain.policy import Brand
from storage import geofences
from storage.engine import Database

SIZES = (10_000, 100_000)
QUICK = (1_000,)
CITY = (60.17, 24.94)
MIB = 1024


def main() -> None:
    parser = arguments("Memory of the embedded process")
    parser.add_argument("--sizes", type=int, nargs="+", help="how many customers")
    chosen = parser.parse_args()
    sizes = chosen.sizes or (QUICK if chosen.quick else SIZES)
    seconds = 3.0 if chosen.quick else 20.0
    rows = []
    for size in sizes:
        with tempfile.TemporaryDirectory(prefix="whenabouts-bench-") as folder:
            rows.append(measure(Path(folder), size, seconds))
    table = Table(
        title=f"`whenabouts up` on SQLite, {FENCES} fences, {CLIENTS} connections",
        columns=("customers", "file MiB", "RSS started MiB", "RSS worked MiB", "peak MiB", "fixes"),
        rows=tuple(rows),
        note=f"worked: after taking fixes of all phones in turn for {seconds:g} s",
    )
    publish("memory", [table], as_json=chosen.json, quick=chosen.quick)


def measure(folder: Path, size: int, seconds: float) -> tuple[object, ...]:
    file = folder / "bench.sqlite3"
    url, random = f"sqlite:///{file}", Random(1)
    progress(f"{size} customers")
    database = Database(url)
    brand = settle(database)
    now = SystemClock().now()
    fences = [_fence(brand, number, random) for number in range(FENCES)]
    database.write(lambda tx: geofences.put_many(tx, fences, now=now))
    residents = move_in(database, brand, [_somewhere(random) for _ in range(size)])
    database.close()
    with running(url, folder, ("up",)) as ((process,), (address,)):
        phones = [each.phone for each in residents]
        clients = [Client(address, phones[n::CLIENTS], 1) for n in range(CLIENTS)]
        started = memory_kib(process)["VmRSS"]
        found = load(clients, seconds, [process])
        worked = memory_kib(process)
    return (
        size,
        file.stat().st_size / MIB**2,
        started / MIB,
        worked["VmRSS"] / MIB,
        worked["VmHWM"] / MIB,
        found.requests,
    )


def memory_kib(process: int) -> dict[str, int]:
    """What Linux tells of a process's memory."""
    lines = Path(f"/proc/{process}/status").read_text(encoding="ascii").splitlines()
    return dict(_sizes(lines))


def _sizes(lines: list[str]) -> Iterator[tuple[str, int]]:
    for line in lines:
        name, _, value = line.partition(":")
        if value.endswith(" kB"):
            yield name, int(value.removesuffix(" kB"))


def _somewhere(random: Random) -> tuple[float, float]:
    return CITY[0] + random.gauss(0, 0.03), CITY[1] + random.gauss(0, 0.06)


def _fence(brand: Brand, number: int, random: Random) -> Geofence:
    latitude, longitude = _somewhere(random)
    shape = {"type": "circle", "center": [longitude, latitude], "radius_m": random.uniform(50, 300)}
    return Geofence(
        id="", brand_id=brand.id, external_id=f"fence-{number}", shape=shape, dwell_s=300
    )


if __name__ == "__main__":
    main()
