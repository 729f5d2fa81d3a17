"""How fast pushes leave: `python -m bench.delivery [--json] [--quick] [--database URL] [--only PART]…`

The transports against a far end that answers at once or after 100 ms, beside what firebase-admin offers by itself, each
message with a text of its own; then the whole way from the outbox over the POST to the recorded outcome.
"""

import asyncio
import os
import resource
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

import firebase_admin
import sqlalchemy as sa
from firebase_admin import messaging
from google.auth.credentials import AnonymousCredentials

from bench.crowd import AWAY, move_in, settle
from bench.far_end import far_end
from bench.ingest import postgres
from bench.report import Table, arguments, progress, publish
from bench.tick import Statements, analyze
from domain.clock import SystemClock
from domain.decisions import Cause, Decision
from domain.decisions import Outcome as Choice
from domain.ids import new_id
from domain.messages import DeliveryStatus, Envelope, Message, Outcome, Push
from domain.people import Mode, Platform, Target, TargetKind
from domain.policy import Brand
from notifiers.base import Start
from notifiers.curl import CurlNotifier
from notifiers.encode import encode
from notifiers.firebase import FirebaseNotifier
from scheduler import recheck
from scheduler.dispatch import Dispatcher
from service import logs
from storage import decisions, messages, offers
from storage.engine import Database, Transaction
from storage.models import CustomerRow, MessageRow

PROJECT = "bench"
IN_FLIGHT = 1000
ADMIN_THREADS = 100
BATCH = 500  # what the SDK takes at once
RAMP = 5  # a fifth of the messages go before the clock starts
ACCOUNTS = {PROJECT: "anonymous"}
PARTS = ("curl_0ms", "curl_100ms", "admin_100ms", "send_each_100ms", "send_each_async_100ms")


class Found(NamedTuple):
    """What a sender came to after its ramp: messages a second, and its CPU for each in microseconds."""

    rate: float
    cpu_us: float


class Clock:
    """Rate and CPU between the end of the ramp and the last message."""

    def __init__(self, many: int) -> None:
        self._many, self._ramp = many, many // RAMP
        self._ended = 0
        self._lock = threading.Lock()
        self._began = (0.0, 0.0)
        self._after = (0.0, 0.0)
        self._measured = 0
        self.all = threading.Event()

    def ended(self, more: int = 1) -> None:
        with self._lock:
            before, self._ended = self._ended, self._ended + more
            if before < self._ramp <= self._ended:
                self._began, self._measured = _now(), self._many - self._ended
            if self._ended >= self._many:
                self._after = _now()
                self.all.set()

    @property
    def found(self) -> Found:
        (wall, cpu), (until, used) = self._began, self._after
        return Found(self._measured / (until - wall), (used - cpu) / self._measured * 1e6)


def main() -> None:
    parser = arguments("How fast pushes leave")
    parser.add_argument("--database", help="URL of an empty PostgreSQL database to use")
    parser.add_argument("--only", action="append", choices=[*PARTS, "whole"], help="these parts")
    chosen = parser.parse_args()
    logs.configure("warning")  # standard output is the document's
    wanted = chosen.only or [*PARTS, "whole"]
    found: dict[str, Found] = {}
    whole: list[tuple[object, ...]] = []
    with tempfile.TemporaryDirectory(prefix="whenabouts-bench-") as folder, ExitStack() as stack:
        far = {}
        for latency_ms in (0, 100):
            home = Path(folder) / str(latency_ms)
            home.mkdir()
            far[latency_ms] = stack.enter_context(far_end(home, latency_ms=latency_ms))
        for name in [part for part in PARTS if part in wanted]:
            progress(name)
            found[name] = run(name, *far[0 if name.endswith("_0ms") else 100], quick=chosen.quick)
        if "whole" in wanted:
            url = chosen.database or stack.enter_context(postgres(Path(folder) / "postgres"))
            whole.append(whole_way(url, *far[100], many=3_000 if chosen.quick else 20_000))
    publish(
        "delivery",
        [_table(found), _whole_table(whole)],
        as_json=chosen.json,
        quick=chosen.quick,
        rates={name: round(each.rate, 1) for name, each in found.items()},
        cpu_us={name: round(each.cpu_us, 1) for name, each in found.items()},
    )


def run(name: str, endpoint: str, ca_file: str, *, quick: bool) -> Found:
    """One sender against one far end."""
    os.environ["REQUESTS_CA_BUNDLE"] = os.environ["SSL_CERT_FILE"] = ca_file
    if name.startswith("curl"):
        return _curl(endpoint, ca_file, 5_000 if quick else 40_000)
    if name.startswith("admin"):
        return _admin(endpoint, ca_file, 600 if quick else 4_000)
    call = _async if "async" in name else _threads
    return _sdk(call, endpoint, BATCH * (2 if quick else 5))


def envelope(number: int) -> Envelope:
    """A message of the usual size with a text of its own."""
    now = SystemClock().now()
    return Envelope(
        delivery_id=f"delivery-{number}",
        message_id=new_id(),
        project=PROJECT,
        platform=Platform.ANDROID,
        target=Target(kind=TargetKind.TOKEN, value=f"{number:08}:{'x' * 130}"),
        push=push(number),
        ttl_s=1800,
        expires_at=now + timedelta(minutes=30),
    )


def push(number: int) -> Push:
    data = {"decision_id": new_id(), "offer": "soup", "deep_link": f"https://x.example/{number}"}
    body = f"Kallio is {number % 500} m away, and the soup of the day is on the house until two."
    return Push(title=f"Hot soup, number {number}?", body=body, data=data)


def _curl(endpoint: str, ca_file: str, many: int) -> Found:
    notifier = CurlNotifier(
        accounts=ACCOUNTS, endpoint=endpoint, ca_file=ca_file, connections=IN_FLIGHT
    )
    clock, places = Clock(many), threading.Semaphore(IN_FLIGHT)

    def done(outcome: Outcome | None) -> None:
        _accepted(outcome)
        clock.ended()
        places.release()

    envelopes = [envelope(number) for number in range(many)]
    while envelopes:
        places.acquire()
        free = 1
        while free < min(100, len(envelopes)) and places.acquire(blocking=False):
            free += 1
        notifier.start([Start(one, done) for one in envelopes[-free:]])
        del envelopes[-free:]
    clock.all.wait()
    notifier.close()
    return clock.found


def _admin(endpoint: str, ca_file: str, many: int) -> Found:
    notifier = FirebaseNotifier(
        accounts=ACCOUNTS, endpoint=endpoint, ca_file=ca_file, connections=ADMIN_THREADS
    )
    clock, left = Clock(many), iter([envelope(number) for number in range(many)])
    lock = threading.Lock()

    def work() -> None:
        while True:
            with lock:
                one = next(left, None)
            if one is None:
                return
            _accepted(notifier.send(one))
            clock.ended()

    threads = [threading.Thread(target=work) for _ in range(ADMIN_THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    notifier.close()
    return clock.found


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
    clock = Clock(many)
    for begin in range(0, many, BATCH):
        batch = [encode(envelope(number)) for number in range(begin, begin + BATCH)]
        answer = call(batch, app)
        if answer.failure_count:
            progress(f"  {answer.failure_count} of {BATCH} failed")
        clock.ended(BATCH)
    firebase_admin.delete_app(app)
    return clock.found


def _threads(batch: Sequence[messaging.Message], app: firebase_admin.App) -> Any:
    return messaging.send_each(list(batch), app=app)


_loop = asyncio.new_event_loop()  # the SDK's client dies with the loop it was first used in


def _async(batch: Sequence[messaging.Message], app: firebase_admin.App) -> Any:
    return _loop.run_until_complete(messaging.send_each_async(list(batch), app=app))


def whole_way(url: str, endpoint: str, ca_file: str, *, many: int) -> tuple[object, ...]:
    """From the outbox to the recorded outcome: many messages, one sender."""
    progress(f"whole way: {many} messages")
    database = Database(url)
    brand = settle(database)
    move_in(database, brand, [AWAY] * many)
    fill(database, brand)
    analyze(database)
    notifier = CurlNotifier(
        accounts=ACCOUNTS, endpoint=endpoint, ca_file=ca_file, connections=IN_FLIGHT
    )
    recorded = threading.Event()
    counted = Statements(database.engine)
    dispatcher = Dispatcher(
        database=database,
        clock=SystemClock(),
        check=recheck.reasons_against,
        route=lambda _brand, _mode: (PROJECT, notifier),
        concurrency=IN_FLIGHT,
        wake=recorded.set,
    )
    before, (wall, cpu) = _memory(), _now()
    sent = 0
    while sent < many:
        ticked = dispatcher.tick()
        sent += ticked
        if not ticked:
            recorded.wait(0.05)
            recorded.clear()
    if not dispatcher.close(within_s=60):
        raise RuntimeError("not all was answered")
    (until, used), statements = _now(), counted.count
    _check_all_sent(database, many)
    notifier.close()
    database.close()
    return (
        many,
        many / (until - wall),
        (used - cpu) / many * 1e6,
        round(statements / many * 1000),
        _memory() - before,
    )


def fill(database: Database, brand: Brand) -> None:
    """A decision and a queued message for everybody."""
    with database.read() as tx:
        people = list(tx.execute(sa.select(CustomerRow.id)).scalars())
        (offer,) = offers.active(tx, brand.id)
    for begin in range(0, len(people), 1000):
        chunk = people[begin : begin + 1000]
        database.write(lambda tx, chunk=chunk: _queue(tx, brand, offer.id, chunk))


def _queue(tx: Transaction, brand: Brand, offer_id: str, people: Sequence[str]) -> None:
    now = SystemClock().now()
    made = [_decision(brand, offer_id, customer_id) for customer_id in people]
    decisions.add_many(tx, made)
    queued = [
        Message(
            id=new_id(),
            brand_id=brand.id,
            mode=Mode.LIVE,
            customer_id=each.customer_id,
            decision_id=each.id,
            offer_id=offer_id,
            push=push(number),
            expires_at=now + timedelta(hours=1),
        )
        for number, each in enumerate(made)
    ]
    messages.add_many(tx, queued, now=now)


def _decision(brand: Brand, offer_id: str, customer_id: str) -> Decision:
    return Decision(
        id=new_id(),
        brand_id=brand.id,
        mode=Mode.LIVE,
        customer_id=customer_id,
        moment_id=new_id(),
        cause=Cause.ENTER,
        decided_at=SystemClock().now(),
        outcome=Choice.SEND,
        reasons=(),
        offer_id=offer_id,
        offer="soup",
        offer_revision=1,
    )


def _check_all_sent(database: Database, many: int) -> None:
    with database.read() as tx:
        found = tx.execute(
            sa.select(MessageRow.state, sa.func.count()).group_by(MessageRow.state)
        ).all()
    if [tuple(row) for row in found] != [("sent", many)]:
        raise RuntimeError(f"not all was sent: {found}")


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
        ),
        note="after a ramp of a fifth of the messages; the far end is on the same cores",
    )


def _whole_table(rows: Sequence[tuple[object, ...]]) -> Table:
    return Table(
        title="Outbox → POST → recorded outcome, PostgreSQL, one sender, answers after 100 ms",
        columns=("messages", "messages/s", "CPU µs each", "statements per 1,000", "grew by MB"),
        rows=tuple(rows),
        note="CPU of the sender's process; guards are checked again for each message",
    )


def _now() -> tuple[float, float]:
    return time.perf_counter(), time.process_time()


def _memory() -> float:
    """What this process holds now, in megabytes."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize() / 2**20


if __name__ == "__main__":
    main()
