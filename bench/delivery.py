"""How fast pushes leave: `python -m bench.delivery [--json] [--quick] [--database URL] [--only PART]… [--messages N]`

The transports against a far end that answers at once or after 100 ms, beside what firebase-admin offers by itself, each
message with a text of its own; then the whole path from the outbox over the POST to the recorded outcome, on PostgreSQL
and SQLite. With `--messages` instead: the memory of a process that sends so many over `curl`.
"""

import argparse
import asyncio
import os
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from typing import Any

import firebase_admin
from firebase_admin import messaging
from google.auth.credentials import AnonymousCredentials

from bench import whole_path
from bench.far_end import far_end
from bench.ingest import postgres
from bench.report import Table, arguments, progress, publish
from bench.sending import (
    ACCOUNTS,
    IN_FLIGHT,
    PROJECT,
    Found,
    Stopwatch,
    envelope,
    resident_mb,
)
from domain.ids import new_id
from domain.messages import DeliveryStatus, Envelope, Outcome
from notifiers.base import Start
from notifiers.curl import CurlNotifier
from notifiers.encode import encode
from notifiers.firebase import FirebaseNotifier
from service import logs

ADMIN_THREADS = 100
BATCH = 500  # what the SDK takes at once
TRANSPORTS = ("curl_0ms", "curl_100ms", "admin_100ms", "send_each_100ms", "send_each_async_100ms")
PATHS = ("path_postgresql", "path_postgresql_100ms", "path_sqlite")
PARTS = (*TRANSPORTS, *PATHS)


def main() -> None:
    chosen = _arguments().parse_args()
    logs.configure("warning")  # standard output is the document's
    with tempfile.TemporaryDirectory(prefix="whenabouts-bench-") as folder, ExitStack() as stack:
        far: dict[int, tuple[str, str]] = {}
        for latency_ms in (0,) if chosen.messages else (0, 100):
            home = Path(folder) / str(latency_ms)
            home.mkdir()
            far[latency_ms] = stack.enter_context(far_end(home, latency_ms=latency_ms))
        if chosen.messages:
            _publish_memory(chosen, memory(*far[0], many=chosen.messages))
            return
        wanted = [part for part in PARTS if part in (chosen.only or PARTS)]
        found: dict[str, Found] = {}
        paths: dict[str, whole_path.Path] = {}
        for name in wanted:
            progress(name)
            there = far[100 if name.endswith("_100ms") else 0]
            if name in PATHS:
                paths[name] = _path(name, chosen, Path(folder), stack, there)
                found[name] = paths[name].found
            else:
                found[name] = run(name, *there, quick=chosen.quick)
    publish(
        "delivery",
        [_table(found), *([_paths_table(paths)] if paths else [])],
        as_json=chosen.json,
        quick=chosen.quick,
        rates={name: round(each.rate, 1) for name, each in found.items()},
        cpu_us={name: round(each.cpu_us, 1) for name, each in found.items()},
    )


def _arguments() -> argparse.ArgumentParser:
    parser = arguments("How fast pushes leave")
    parser.add_argument(
        "--database", action="append", help="URL of an empty PostgreSQL database, one for each path"
    )
    parser.add_argument("--only", action="append", choices=PARTS, help="these parts")
    parser.add_argument("--messages", type=int, help="tell the memory of so many, and no more")
    return parser


def run(name: str, endpoint: str, ca_file: str, *, quick: bool) -> Found:
    """One transport against one far end."""
    os.environ["REQUESTS_CA_BUNDLE"] = os.environ["SSL_CERT_FILE"] = ca_file
    if name.startswith("curl"):
        return _curl(endpoint, ca_file, 5_000 if quick else 40_000)
    if name.startswith("admin"):
        return _admin(endpoint, ca_file, 600 if quick else 4_000)
    call = _async if "async" in name else _threads
    return _sdk(call, endpoint, BATCH * (2 if quick else 5))


def _path(
    name: str, chosen: Any, folder: Path, stack: ExitStack, far: tuple[str, str]
) -> whole_path.Path:
    if name == "path_sqlite":
        url = f"sqlite:///{folder / 'outbox.db'}"
    elif chosen.database:
        url = chosen.database.pop(0)
    else:
        url = stack.enter_context(postgres(folder / name))
    return whole_path.measure(url, *far, many=3_000 if chosen.quick else 20_000)


def _curl(endpoint: str, ca_file: str, many: int) -> Found:
    notifier = CurlNotifier(
        accounts=ACCOUNTS, endpoint=endpoint, ca_file=ca_file, connections=IN_FLIGHT
    )
    watch = Stopwatch(many)
    _flood(notifier, [envelope(number) for number in range(many)], watch)
    notifier.close()
    return watch.found


def _flood(notifier: CurlNotifier, envelopes: Iterable[Envelope], watch: Stopwatch) -> None:
    """Starts all of these, with IN_FLIGHT under way at most, and returns when all were accepted."""
    places = threading.Semaphore(IN_FLIGHT)
    waiting = iter(envelopes)

    def done(outcome: Outcome | None) -> None:
        _accepted(outcome)
        watch.ended()
        places.release()

    while True:
        places.acquire()
        free = 1
        while free < 100 and places.acquire(blocking=False):
            free += 1
        batch = [Start(one, done) for one in islice(waiting, free)]
        if not batch:
            break
        notifier.start(batch)
    watch.all.wait()


def memory(endpoint: str, ca_file: str, *, many: int) -> dict[int, float]:
    """Megabytes that this process holds after 10,000, 100,000 … and `many` messages over `curl`."""
    notifier = CurlNotifier(
        accounts=ACCOUNTS, endpoint=endpoint, ca_file=ca_file, connections=IN_FLIGHT
    )
    held: dict[int, float] = {}
    _flood(notifier, _noting(many, held), Stopwatch(many))
    held[many] = resident_mb()
    notifier.close()
    return held


def _noting(many: int, held: dict[int, float]) -> Iterator[Envelope]:
    """Messages one by one, and the memory on the way."""
    marks = {10**power for power in range(4, 12)}
    for number in range(many):
        if number in marks or (number and number % 250_000 == 0):
            held[number] = resident_mb()
            progress(f"{number:,} messages: {held[number]:.1f} MB")
        yield envelope(number)


def _admin(endpoint: str, ca_file: str, many: int) -> Found:
    notifier = FirebaseNotifier(
        accounts=ACCOUNTS, endpoint=endpoint, ca_file=ca_file, connections=ADMIN_THREADS
    )
    watch, left = Stopwatch(many), iter([envelope(number) for number in range(many)])
    lock = threading.Lock()

    def work() -> None:
        while True:
            with lock:
                one = next(left, None)
            if one is None:
                return
            _accepted(notifier.send(one))
            watch.ended()

    threads = [threading.Thread(target=work) for _ in range(ADMIN_THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    notifier.close()
    return watch.found


def _sdk(
    call: Callable[[Sequence[messaging.Message], firebase_admin.App], Any],
    endpoint: str,
    many: int,
) -> Found:
    """The SDK as it is, its address apart; the first batch opens its connections."""
    app = firebase_admin.initialize_app(
        AnonymousCredentials(),  # type: ignore[no-untyped-call]  # google-auth's own code is untyped
        {"projectId": PROJECT},
        name=new_id(),
    )
    service: Any = messaging._get_messaging_service(
        app
    )  # the SDK has no public way to another address
    service._fcm_url = f"{endpoint}/v1/projects/{PROJECT}/messages:send"
    session = service._client.session  # its hundred connections are for Google's address alone
    session.mount(endpoint, session.get_adapter("https://fcm.googleapis.com"))
    watch = Stopwatch(many)
    for begin in range(0, many, BATCH):
        batch = [encode(envelope(number)) for number in range(begin, begin + BATCH)]
        answer = call(batch, app)
        if answer.failure_count:
            progress(f"  {answer.failure_count} of {BATCH} failed")
        watch.ended(BATCH)
    firebase_admin.delete_app(app)
    return watch.found


def _threads(batch: Sequence[messaging.Message], app: firebase_admin.App) -> Any:
    return messaging.send_each(list(batch), app=app)


_loop = asyncio.new_event_loop()  # the SDK's client dies with the loop it was first used in


def _async(batch: Sequence[messaging.Message], app: firebase_admin.App) -> Any:
    return _loop.run_until_complete(messaging.send_each_async(list(batch), app=app))


def _accepted(outcome: Outcome | None) -> None:
    if outcome is None or outcome.status is not DeliveryStatus.ACCEPTED:
        raise RuntimeError(f"the far end is to accept everything, and did not: {outcome}")


def _table(found: dict[str, Found]) -> Table:
    best = found.get("curl_100ms")
    return Table(
        title=f"Transports, a text for each message, {IN_FLIGHT} in flight ({ADMIN_THREADS} threads for admin)",
        columns=("sender and answer's time", "messages/s", "CPU µs each", "curl at 100 ms is"),
        rows=tuple(
            (
                name,
                each.rate,
                each.cpu_us,
                f"{best.rate / each.rate:.1f} × as fast" if best and best != each else None,
            )
            for name, each in found.items()
            if name in TRANSPORTS
        ),
        note="after a ramp of a fifth of the messages; the far end is on the same cores",
    )


def _paths_table(paths: dict[str, whole_path.Path]) -> Table:
    return Table(
        title="Outbox → POST → recorded outcome, one sender over curl, answers at once or after 100 ms",
        columns=("path", "messages/s", "CPU µs each", "statements per 1,000", "grew by MB"),
        rows=tuple(
            (name, each.found.rate, each.found.cpu_us, each.statements, each.grew_mb)
            for name, each in paths.items()
        ),
        note="after a ramp of a fifth; CPU of the sender's process, the database's and the far end's come on top; guards "
        "are checked again for each message, the governor's quota is out of reach",
    )


def _publish_memory(chosen: Any, held: dict[int, float]) -> None:
    counts = sorted(held)
    first, last = counts[min(1, len(counts) - 1)], counts[-1]
    slope = (held[last] - held[first]) / max(1, last - first) * 1e6
    table = Table(
        title="Memory of a process that sends over curl, answers at once",
        columns=("messages", "resident MB"),
        rows=tuple((count, held[count]) for count in counts),
        note=f"{slope:+.2f} MB for a million messages, from message {first:,} on",
    )
    publish(
        "delivery",
        [table],
        as_json=chosen.json,
        quick=chosen.quick,
        memory_mb={str(count): round(held[count], 1) for count in counts},
        slope_mb_per_million=round(slope, 2),
    )


if __name__ == "__main__":
    main()
