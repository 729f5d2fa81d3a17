"""From the fix that enters a fence to the POST that reaches FCM: `python -m bench.latency [--json] [--quick] [--rate N]`

Everything in one process over SQLite, with the FCM emulator as a second one. Phones send one fix a request, as many a
second as asked for whatever the answers take; every twentieth is the first of somebody who walks into a fence with an
offer. The time runs from when that fix was due to be sent to the arrival of its POST.
"""

import selectors
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from bench.crowd import AWAY, DOOR, Resident, move_in, settle
from bench.ingest import running
from bench.load import Client, Phone
from bench.report import Table, arguments, progress, publish
from service.cli import far_ends
from service.cli.client import Client as Caller
from storage.engine import Database

CONNECTIONS = 16
PASSERS_BY = 400
ONE_IN = 20  # fixes is an enter
WARM_UP_S = 3.0
PATIENCE_S = 10.0


class Story(NamedTuple):
    """The phones in the order in which they send, and whose fix enters the fence."""

    turns: list[Phone]
    walkers: dict[int, str]  # turn → target


class Timed(NamedTuple):
    """When each turn was due, by the wall clock, and how long its answer took in milliseconds."""

    due: list[float]
    answered_ms: list[float]


def main() -> None:
    parser = arguments("From a fix in a fence to the POST")
    parser.add_argument("--rate", type=int, default=200, help="fixes per second")
    chosen = parser.parse_args()
    seconds = 5.0 if chosen.quick else 30.0
    with tempfile.TemporaryDirectory(prefix="whenabouts-bench-") as folder:
        row = measure(Path(folder), rate=chosen.rate, seconds=seconds)
    columns = ("fixes/s", "enters", "answer p50 ms", "answer p99 ms")
    table = Table(
        title=f"One process on SQLite, {seconds:g} s, one enter in {ONE_IN} fixes",
        columns=(*columns, "POST p50 ms", "POST p99 ms", "POST max ms", "no POST"),
        rows=(row,),
        note="POST: from when the entering fix was due to its message's arrival at the emulator",
    )
    publish("latency", [table], as_json=chosen.json, quick=chosen.quick)


def measure(folder: Path, *, rate: int, seconds: float) -> tuple[object, ...]:
    url = f"sqlite:///{folder / 'bench.sqlite3'}"
    progress("people move in")
    warm, story = _stories(url, int(rate * WARM_UP_S), int(rate * seconds))
    fcm = {"FCM_TRANSPORT": "admin", "FCM_PROJECT": "bench", "FCM_CREDENTIALS": "anonymous"}
    with (
        far_ends.emulator(lambda _push: None) as fcm_url,
        running(url, folder, ("up",), FCM_ENDPOINT=fcm_url, **fcm) as (_, (address,)),
    ):
        progress(f"{rate} fixes a second")
        play(address, warm, rate)
        timed = play(address, story, rate)
        arrived = arrivals(fcm_url, set(story.walkers.values()))
    waits = [
        (arrived[target] - timed.due[turn]) * 1000
        for turn, target in story.walkers.items()
        if target in arrived
    ]
    answers, posts = _cuts(timed.answered_ms), _cuts(waits)
    missing = len(story.walkers) - len(waits)
    return (rate, len(story.walkers), *answers, *posts, max(waits), missing)


def _cuts(values: Sequence[float]) -> tuple[float, float]:
    cuts = statistics.quantiles(values, n=100, method="inclusive")
    return cuts[49], cuts[98]


def _stories(url: str, *lengths: int) -> Iterator[Story]:
    """A story of each length; the passers-by are the same, the walkers never."""
    database = Database(url)
    brand = settle(database)
    passers_by = move_in(database, brand, [AWAY] * PASSERS_BY)
    for length in lengths:
        walkers = move_in(database, brand, [DOOR] * (length // ONE_IN))
        yield _story(length, passers_by, walkers)
    database.close()


def _story(length: int, passers_by: Sequence[Resident], walkers: Sequence[Resident]) -> Story:
    turns = [passers_by[turn % len(passers_by)].phone for turn in range(length)]
    entering = {number * ONE_IN: walker for number, walker in enumerate(walkers)}
    for turn, walker in entering.items():
        turns[turn] = walker.phone
    return Story(turns, {turn: walker.target for turn, walker in entering.items()})


def play(address: str, story: Story, rate: int) -> Timed:
    """Sends every turn when it is due, or as soon as its connection has its last answer; ends with all answers."""
    clients = [
        Client(address, story.turns[number::CONNECTIONS], 1) for number in range(CONNECTIONS)
    ]
    lines = [_Line(client, number, len(story.turns)) for number, client in enumerate(clients)]
    wall, began = time.time(), time.perf_counter()
    with selectors.DefaultSelector() as selector:
        for line in lines:
            selector.register(line.client.socket, selectors.EVENT_READ, line)
        while any(not line.done for line in lines):
            now = time.perf_counter() - began
            for line in lines:
                line.send_if_due(now, rate)
            for key, _ in selector.select(0.001):
                key.data.receive(time.perf_counter() - began, rate)
    for client in clients:
        client.socket.close()
    answered_ms = {turn: took for line in lines for turn, took in line.answered_ms.items()}
    turns = range(len(story.turns))
    return Timed([wall + turn / rate for turn in turns], [answered_ms[turn] for turn in turns])


class _Line:
    """One connection with its turns: every CONNECTIONS-th of the story."""

    def __init__(self, client: Client, first: int, turns: int) -> None:
        self.client = client
        self.answered_ms: dict[int, float] = {}
        self._turn = first
        self._turns = turns
        self._waits = False

    @property
    def done(self) -> bool:
        return self._turn >= self._turns

    def send_if_due(self, now: float, rate: int) -> None:
        if not (self._waits or self.done) and now >= self._turn / rate:
            self.client.send()
            self._waits = True

    def receive(self, now: float, rate: int) -> None:
        if self.client.receive() is not None:
            self.answered_ms[self._turn] = (now - self._turn / rate) * 1000
            self._turn += CONNECTIONS
            self._waits = False


def arrivals(fcm_url: str, targets: set[str]) -> dict[str, float]:
    """When the POST to each of these targets arrived, by the wall clock; waits a while for the last of them."""
    caller, deadline = Caller(fcm_url), time.monotonic() + PATIENCE_S
    while True:
        posts = caller.call("GET", "/requests", kind="send")["data"]
        found = {
            post["target"]: datetime.fromisoformat(post["arrived_at"]).timestamp() for post in posts
        }
        if targets <= found.keys() or time.monotonic() > deadline:
            return {target: at for target, at in found.items() if target in targets}
        time.sleep(0.2)


if __name__ == "__main__":
    main()
