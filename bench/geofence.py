"""The fence index and the state machine: exactness, speed, memory, edits, nearest; beside the peers that are installed.

`python -m bench.geofence [--json] [--quick] [--only PART] [--postgis URL] [--debian FOLDER] [--pairs N]`.
One thread, medians of repeats, the peers on the same stores and people in the same run.
"""

import statistics
import subprocess
import sys
import time
from argparse import Namespace
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from bench.edges import at_the_edge, wrong_at
from bench.peers import Contender, Peer, installed
from bench.report import Rate, Table, arguments, progress, publish, rate
from bench.towns import Stores, World, shoppers
from bench.walks import Array
from domain.places import Fix
from geofence.index import FenceIndex
from geofence.live import LiveIndex
from geofence.shapes import Circle
from geofence.transitions import DeviceState, Fences, step

BATCH = 1_000
PEOPLE = 200_000
AT_ONCE = 50_000  # pairs at the edge in one index


def index_of(stores: Stores) -> FenceIndex:
    return FenceIndex.from_arrays(np.arange(len(stores.lats)), *stores)


def exactness(pairs: int) -> Table:
    """Pairs of a fence and a position on its edge, or off it by a nanometre to a metre, against geopy."""
    wrong = done = 0
    for n in range(-(-pairs // AT_ONCE)):
        part = min(AT_ONCE, pairs - done)
        wrong += len(wrong_at(at_the_edge(part, 5, n)))
        done += part
        if done % (10 * AT_ONCE) == 0 or done == pairs:
            progress(f"{done:,} of {pairs:,} pairs at the edge, {wrong} decided otherwise")
    return Table(
        title="exactness at the edge",
        columns=("pairs", "decided otherwise than geopy"),
        rows=((done, wrong),),
        note="radii 10 m to 100 km, all over the earth, poles and antimeridian included; geopy measures every pair",
    )


CLOCKS = ("/s (wall, median)", "/s (own processor time, median)", "/s (the same, best)")


def matching(
    world: World, sizes: list[int], postgis: str | None, debian: Path, repeats: int
) -> Iterator[Table]:
    """Look-ups per second, ours and the peers'."""
    lats, lons = world.people(PEOPLE)
    with installed(postgis, debian) as (peers, missing):
        for size in sizes:
            stores = world.stores(size)
            ours = _ours(stores, lats, lons, repeats)
            yield Table(
                title=f"ours, {size:,} fences",
                columns=("what", *CLOCKS),
                rows=tuple((what, *each) for what, each in ours.items()),
                note="one thread; where others use the machine, its own processor time is what counts",
            )
            singly, batched = ours["singly"].wall, ours["batches of 1,000"].wall
            rows: list[tuple[Any, ...]] = [("ours", 1 / ours["builds"].wall, singly, batched, 0)]
            truth = _pair_set(*index_of(stores).containing_many(lats, lons))
            for peer in peers:
                if size <= peer.most:
                    progress(f"{peer.name}, {size:,} fences")
                    rows.append(_theirs(peer, stores, lats, lons, truth))
            absent = [(f"{name}: not installed", None, None, None, None) for name in missing]
            yield Table(
                title=f"{size:,} fences",
                columns=(
                    "method",
                    "build s",
                    "singly /s",
                    "batched /s",
                    "ours batched is × as fast",
                    "wrong",
                ),
                rows=tuple(
                    (*row[:4], (row[3] or row[2]) and batched / (row[3] or row[2]), row[4])
                    for row in (*rows, *absent)
                ),
                note=f"wall time, since peers that are servers compute elsewhere; {len(truth) / len(lats):.3f} matches per "
                "position; wrong: pairs not as geopy decides, in those asked",
            )


def _ours(stores: Stores, lats: Array, lons: Array, repeats: int) -> dict[str, Rate]:
    progress(f"ours, {len(stores.lats):,} fences")
    index = index_of(stores)
    points = list(zip(lats.tolist(), lons.tolist(), strict=True))

    def singly() -> None:
        for lat, lon in points:
            index.containing(lat, lon)

    def batched() -> None:
        for start in range(0, len(lats), BATCH):
            index.containing_many(lats[start : start + BATCH], lons[start : start + BATCH])

    return {
        "singly": rate(singly, len(lats), repeats=repeats),
        "batches of 1,000": rate(batched, len(lats), repeats=repeats),
        "all at once": rate(lambda: index.containing_many(lats, lons), len(lats), repeats=repeats),
        "builds": rate(lambda: index_of(stores), 1, repeats=min(repeats, 3)),
    }


def _theirs(
    contender: Contender, stores: Stores, lats: Array, lons: Array, truth: set[tuple[int, int]]
) -> tuple[Any, ...]:
    start = time.perf_counter()
    peer = contender.build(stores)
    built = time.perf_counter() - start
    single, found = _rate(peer, lats, lons, 1, budget_s=1.0)
    batched = None
    if contender.batch > 1:
        batched, found = _rate(peer, lats, lons, contender.batch, budget_s=4.0)
    asked = 1 + max((row for row, _ in found), default=0)
    wrong = len(found ^ {pair for pair in truth if pair[0] < asked})
    return (contender.name, built, single, batched, wrong)


def _rate(
    peer: Peer, lats: Array, lons: Array, size: int, budget_s: float
) -> tuple[float, set[tuple[int, int]]]:
    """Positions per second within the budget, and the pairs found."""
    found: set[tuple[int, int]] = set()
    done, spent = 0, 0.0
    while done < len(lats) and spent < budget_s:
        start = time.perf_counter()
        rows, fences = peer.many(lats[done : done + size], lons[done : done + size])
        spent += time.perf_counter() - start
        found |= _pair_set(rows + done, fences)
        done += size
    return done / spent, found


def _pair_set(rows: Any, fences: Any) -> set[tuple[int, int]]:
    return set(zip(rows.tolist(), fences.tolist(), strict=True))


MEMORY = """
import gc, sys
import numpy as np
from bench.towns import World
from geofence.index import FenceIndex
def resident():
    return int(open("/proc/self/statm").read().split()[1]) * 4096 / 1e6
before, count = resident(), int(sys.argv[1])
columns = World().stores(count)
ids = [f"018f3a2b-7c4d-7e8f-9a0b-{i:012x}" for i in range(count)]
index = FenceIndex.from_arrays(ids, *columns)
del ids, columns
gc.collect()
print(before, resident())
"""


def memory(sizes: list[int]) -> Table:
    """Resident memory of a fresh process that built an index and freed what it was built from."""
    rows = []
    for size in sizes:
        answer = subprocess.run(
            [sys.executable, "-c", MEMORY, str(size)], check=True, capture_output=True, text=True
        )
        before, after = (float(word) for word in answer.stdout.split())
        rows.append((size, after - before, after))
    return Table(
        title="memory",
        columns=("fences", "index MB", "whole process MB"),
        rows=tuple(rows),
        note="ids are UUIDs as text, 85 bytes each, and counted; the process includes Python, numpy and shapely",
    )


def walking(world: World, sizes: list[int], repeats: int) -> Table:
    """Matching and transitions together, one fix at a time: 3 of 10 devices at a store, a fix a minute."""
    rows = []
    for size in sizes:
        progress(f"matching and transitions, {size:,} fences")
        stores = world.stores(size)
        fences = Fences(index_of(stores))
        rounds = _rounds(world, stores, devices=10_000, rounds=5)
        told, inside = _walk(fences, rounds)
        fixes = sum(len(each) for _, each in rounds)
        spent = rate(partial(_walk, fences, rounds), fixes, repeats=repeats)
        rows.append((size, *spent, told, inside))
    return Table(
        title="matching and transitions, fixes",
        columns=("fences", *CLOCKS, "transitions", "fences inside per device"),
        rows=tuple(rows),
    )


def _rounds(
    world: World, stores: Stores, devices: int, rounds: int
) -> list[tuple[datetime, list[Fix]]]:
    rng = np.random.default_rng(6)
    lats, lons = world.people(devices)
    at_stores = rng.random(devices) < 0.3
    near = shoppers(stores, devices)
    lats, lons = np.where(at_stores, near[0], lats), np.where(at_stores, near[1], lons)
    made = []
    for i in range(rounds):
        when = datetime(2026, 3, 2, 12, tzinfo=UTC) + timedelta(minutes=i)
        here = (
            lats + rng.normal(scale=1e-4, size=devices),
            lons + rng.normal(scale=1e-4, size=devices),
        )
        positions = zip(*(column.tolist() for column in here), strict=True)
        made.append(
            (
                when,
                [
                    Fix(event_id="", latitude=lat, longitude=lon, accuracy_m=15.0, occurred_at=when)
                    for lat, lon in positions
                ],
            )
        )
    return made


def _walk(fences: Fences, rounds: list[tuple[datetime, list[Fix]]]) -> tuple[int, float]:
    states = [DeviceState()] * len(rounds[0][1])
    told = 0
    for now, fixes in rounds:
        for device, fix in enumerate(fixes):
            states[device], said, _ = step(states[device], fix, fences, now=now)
            told += len(said)
    return told, statistics.fmean(len(state.presences) for state in states)


def editing(world: World, size: int, seconds: float) -> Table:
    """400 edits a second while one thread looks up positions as fast as it can."""
    progress(f"edits, {size:,} fences")
    live = LiveIndex(index_of(world.stores(size)))
    points = list(zip(*(column.tolist() for column in world.people(PEOPLE)), strict=True))
    edits, looks, done = list[float](), list[float](), 0
    end = time.perf_counter() + seconds
    started = time.perf_counter()
    while (now := time.perf_counter()) < end:
        if done < (now - started) * 400:
            lat, lon = points[done % len(points)]
            live.change([(f"new {done}", Circle(lat, lon, 100.0))], [done % size])
            edits.append(time.perf_counter() - now)
            done += 1
        else:
            live.current.containing(*points[len(looks) % len(points)])
            looks.append(time.perf_counter() - now)
    live.settle()
    quantiles = [float(np.percentile(edits, q)) * 1e3 for q in (50, 99, 100)]
    return Table(
        title=f"edits on {size:,} fences",
        columns=("edits /s", "median ms", "p99 ms", "longest ms", "look-ups /s beside them"),
        rows=((len(edits) / seconds, *quantiles, len(looks) / (seconds - sum(edits))),),
    )


def nearby(world: World, sizes: list[int]) -> Table:
    """Nearest fences for a phone to watch."""
    lats, lons = (column.tolist() for column in world.people(300))
    rows = []
    for size in sizes:
        index = index_of(world.stores(size))
        for k in (20, 100):
            times = []
            for lat, lon in zip(lats, lons, strict=True):
                start = time.perf_counter()
                index.watch(lat, lon, k)
                times.append(time.perf_counter() - start)
            rows.append(
                (size, k, statistics.median(times) * 1e3, float(np.percentile(times, 99)) * 1e3)
            )
    return Table(
        title="nearest by edge", columns=("fences", "k", "median ms", "p99 ms"), rows=tuple(rows)
    )


def _sizes(asked: Namespace) -> list[int]:
    return [10_000, 100_000] if asked.quick else [10_000, 100_000, 1_000_000]


def _repeats(asked: Namespace) -> int:
    return 3 if asked.quick else 7


PARTS: dict[str, Callable[[Namespace, World], Iterable[Table]]] = {
    "matching": lambda asked, world: matching(
        world, _sizes(asked), asked.postgis, asked.debian, _repeats(asked)
    ),
    "walking": lambda asked, world: [
        walking(world, [_sizes(asked)[0], _sizes(asked)[-1]], _repeats(asked))
    ],
    "edits": lambda asked, world: [editing(world, _sizes(asked)[-1], 3 if asked.quick else 15)],
    "nearby": lambda asked, world: [nearby(world, [_sizes(asked)[-1]])],
    "memory": lambda asked, _: [memory([_sizes(asked)[-1]])],
    "exactness": lambda asked, _: [
        exactness(asked.pairs or (50_000 if asked.quick else 10_000_000))
    ],
}


def main() -> None:
    parser = arguments(__doc__ or "")
    parser.add_argument("--postgis", help="URL of a database to use instead of starting one")
    parser.add_argument(
        "--debian", type=Path, default=Path("/"), help="where Redis and PostGIS were unpacked"
    )
    parser.add_argument("--pairs", type=int, help="pairs at the edge to compare with geopy")
    parser.add_argument("--only", choices=list(PARTS), help="this part alone")
    asked = parser.parse_args()
    parts = [asked.only] if asked.only else list(PARTS)
    tables = [table for part in parts for table in PARTS[part](asked, World())]
    publish("geofence", tables, as_json=asked.json, quick=asked.quick)


if __name__ == "__main__":
    main()
