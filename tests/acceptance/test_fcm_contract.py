"""What every transport promises, against the emulator over real HTTP: one attempt, one outcome, in time.

The emulator counts the POSTs. A transport that joins (see TRANSPORTS) has to pass the whole of it, over each way in WAYS.
"""

import base64
import io
import json
import os
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import pytest
from firebase_admin import messaging

from domain.clock import ManualClock, SystemClock
from domain.messages import DeliveryStatus, Outcome
from domain.people import Mode, TargetKind
from domain.webhooks import Webhook
from notifiers.address_guard import AddressGuard, networks
from notifiers.base import Notifier, Start, TimedMultiplexed
from notifiers.console import ConsoleNotifier
from notifiers.curl import CurlNotifier
from notifiers.emulator.account import service_account, write_service_account
from notifiers.emulator.certificate import tls
from notifiers.emulator.scenario import Scenario
from notifiers.emulator.server import Emulator
from notifiers.firebase import AccountUnusable, FirebaseNotifier, SdkChanged
from notifiers.memory import MemoryNotifier
from notifiers.webhook import WebhookNotifier
from tests.acceptance.certificates import server_side
from tests.acceptance.processes import until
from tests.acceptance.raw_server import Line, RawServer, Script, saying
from tests.receiver import Receiver
from tests.unit.notifiers.samples import MESSAGE_ID, envelope, push
from tests.unit.notifiers.test_style import FULL, styled

ACCEPTED, REJECTED = DeliveryStatus.ACCEPTED, DeliveryStatus.REJECTED
UNAVAILABLE, UNKNOWN = DeliveryStatus.UNAVAILABLE, DeliveryStatus.UNKNOWN
UNREGISTERED = DeliveryStatus.UNREGISTERED
ROOT = Path(__file__).parents[2]

TRANSPORTS: dict[str, Callable[..., Notifier]] = {
    "admin": FirebaseNotifier,
    "curl": CurlNotifier,
}
"""Those that speak HTTP. Each is made with accounts, endpoint, timeout_s and ca_file."""


class Way(NamedTuple):
    """A transport, and what it speaks with FCM."""

    transport: str
    tls: bool
    http2: bool

    def __str__(self) -> str:
        return f"{self.transport}-{'h2' if self.http2 else 'h1'}-{'tls' if self.tls else 'plain'}"


PLAIN = [Way(name, tls=False, http2=False) for name in TRANSPORTS]
WAYS = [
    *PLAIN,
    *(Way(name, tls=True, http2=False) for name in TRANSPORTS),
    Way("curl", tls=True, http2=True),
]
"""HTTP/2 without TLS is none that FCM offers, and `admin` has none at all: see TestTheAdminTransport."""


@pytest.fixture(params=WAYS, ids=str)
def way(request: pytest.FixtureRequest) -> Way:
    found: Way = request.param
    return found


@pytest.fixture
def transport(way: Way) -> Callable[..., Notifier]:
    return TRANSPORTS[way.transport]


@pytest.fixture
def open_notifier(
    transport: Callable[..., Notifier], authority: tuple[ssl.SSLContext, str]
) -> Iterator[Callable[..., Notifier]]:
    """Makes notifiers that are closed when the test ends. They trust the emulator's certificate unless told another."""
    opened: list[Notifier] = []

    def make(**options: Any) -> Notifier:
        given = {"accounts": {"demo": "anonymous"}, "timeout_s": 5.0, "ca_file": authority[1]}
        notifier = transport(**{**given, **options})
        opened.append(notifier)
        return notifier

    yield make
    for notifier in opened:
        notifier.close()


@pytest.fixture
def listen(way: Way, authority: tuple[ssl.SSLContext, str]) -> Callable[..., Emulator]:
    """Starts emulators that speak as the way says."""
    context = authority[0] if way.tls else None
    return lambda *bind, **options: Emulator(*bind, tls=context, http2=way.http2, **options)


@pytest.fixture
def emulator(listen: Callable[..., Emulator]) -> Iterator[Emulator]:
    with listen() as running:
        yield running


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, str]:
    """The emulator's side of TLS, and the file to trust."""
    certificate = tmp_path_factory.mktemp("tls") / "emulator.pem"
    return tls(certificate), str(certificate)


@pytest.fixture
def notifier(open_notifier: Callable[..., Notifier], emulator: Emulator) -> Notifier:
    return open_notifier(endpoint=emulator.url)


def posts(emulator: Emulator, **filters: Any) -> int:
    return len(emulator.requests(kind="send", **filters))


def timed(notifier: Notifier, target: str) -> tuple[Outcome, float]:
    started = time.monotonic()
    outcome = notifier.send(envelope(target))
    return outcome, time.monotonic() - started


class TestAsking:
    def test_a_message_that_only_asks_reaches_no_phone(
        self, notifier: Notifier, emulator: Emulator
    ) -> None:
        outcome = notifier.send(envelope("phone-1", validate_only=True))

        assert (outcome.status, emulator.inbox()) == (ACCEPTED, [])
        (asked,) = emulator.requests()
        assert (asked["kind"], asked["target"]) == ("validate", "phone-1")
        assert notifier.send(envelope("phone-1")).status is ACCEPTED
        assert len(emulator.inbox()) == posts(emulator) == 1

    @pytest.mark.parametrize(
        ("changes", "retire"),
        [
            pytest.param({"push": push(data={"from": "us"})}, False, id="a bad text"),
            pytest.param({"target": "invalid-1"}, True, id="a bad token"),
        ],
    )
    def test_what_would_be_refused_is_refused(
        self, notifier: Notifier, emulator: Emulator, changes: dict[str, Any], retire: bool
    ) -> None:
        outcome = notifier.send(envelope(**changes, validate_only=True))

        told = (outcome.status, outcome.error_code, outcome.retire)
        assert told == (REJECTED, "INVALID_ARGUMENT", retire)
        assert [each["kind"] for each in emulator.requests()] == ["validate"]

    def test_only_what_is_sent_is_watched(self, emulator: Emulator) -> None:
        seen: list[Outcome] = []
        inner = CurlNotifier(accounts={"demo": "anonymous"}, endpoint=emulator.url)
        watched = TimedMultiplexed(inner, observe=lambda outcome, _: seen.append(outcome))
        assert watched.validates
        try:
            watched.send(envelope(validate_only=True))
            watched.send(envelope())
            ended = threading.Event()
            watched.start(
                [
                    Start(envelope(validate_only=True), lambda _: ended.set()),
                    Start(envelope(), lambda _: None),
                ]
            )
            assert ended.wait(60)
            assert until(lambda: len(seen) == 2, within_s=60, what="the second")
        finally:
            watched.close()


class TestOneAttempt:
    @pytest.mark.parametrize(
        ("target", "status", "code", "retire"),
        [
            ("phone-1", ACCEPTED, None, False),
            ("unregistered-1", UNREGISTERED, "UNREGISTERED", True),
            ("invalid-1", REJECTED, "INVALID_ARGUMENT", True),
            ("mismatch-1", REJECTED, "SENDER_ID_MISMATCH", True),
            ("quota-1-x", UNAVAILABLE, "QUOTA_EXCEEDED", False),
            ("unavailable-1-x", UNAVAILABLE, "UNAVAILABLE", False),
            ("internal-1", UNAVAILABLE, "INTERNAL", False),
            ("badgateway-1", UNAVAILABLE, "HTTP_502", False),
            ("thirdparty-1", REJECTED, "THIRD_PARTY_AUTH_ERROR", False),
            ("unauthenticated-1", REJECTED, "UNAUTHENTICATED", False),
            ("reset-1", UNKNOWN, "CONNECTION_LOST", False),
            ("lost-1", UNKNOWN, "CONNECTION_LOST", False),
            ("garbage-1", UNKNOWN, "UNREADABLE_ANSWER", False),
        ],
    )
    def test_every_answer_comes_from_exactly_one_post_and_at_once(
        self,
        notifier: Notifier,
        emulator: Emulator,
        target: str,
        status: DeliveryStatus,
        code: str | None,
        retire: bool,
    ) -> None:
        outcome, elapsed = timed(notifier, target)

        assert (outcome.status, outcome.error_code, outcome.retire) == (status, code, retire)
        assert posts(emulator) == 1
        assert elapsed < 3  # a hidden back-off takes 4 s at the least
        assert bool(outcome.provider_id) is (status is ACCEPTED)

    @pytest.mark.parametrize(
        ("target", "seconds"), [("quota-x", 60.0), ("quota-7-x", 7.0), ("unavailable-x", 30.0)]
    )
    def test_retry_after_is_reported_not_waited_for(
        self, notifier: Notifier, target: str, seconds: float
    ) -> None:
        outcome, elapsed = timed(notifier, target)

        assert outcome.retry_after_s == seconds
        assert elapsed < 5

    @pytest.mark.parametrize("target", ["hang-1", "slow-60000-x", "trickle-1"])
    def test_no_answer_in_time_is_unknown_within_the_time_out_and_one_post(
        self, open_notifier: Callable[..., Notifier], emulator: Emulator, target: str
    ) -> None:
        notifier = open_notifier(endpoint=emulator.url, timeout_s=1.0)

        outcome, elapsed = timed(notifier, target)

        assert (outcome.status, outcome.error_code) == (UNKNOWN, "TIMEOUT")
        assert 0.9 < elapsed < 5
        assert posts(emulator) == 1

    def test_the_same_notifier_is_healthy_after_time_outs_and_resets(
        self, open_notifier: Callable[..., Notifier], emulator: Emulator
    ) -> None:
        notifier = open_notifier(endpoint=emulator.url, timeout_s=1.0)
        for target in ("hang-1", "reset-1", "lost-1", "trickle-1"):
            notifier.send(envelope(target))

        assert {notifier.send(envelope(f"phone-{n}")).status for n in range(20)} == {ACCEPTED}

    def test_other_sends_go_on_while_some_hang(
        self, open_notifier: Callable[..., Notifier], emulator: Emulator
    ) -> None:
        notifier = open_notifier(endpoint=emulator.url, timeout_s=4.0)
        # By its first answer `curl` knows whether many requests share a connection.
        assert notifier.send(envelope()).status is ACCEPTED
        with ThreadPoolExecutor(24) as pool:
            stuck = [pool.submit(notifier.send, envelope(f"hang-{n}")) for n in range(16)]
            sent = list(pool.map(lambda n: notifier.send(envelope(f"phone-{n}")).status, range(40)))
            still_stuck = sum(not future.done() for future in stuck)
            assert {future.result().status for future in stuck} == {UNKNOWN}

        assert sent == [ACCEPTED] * 40
        assert still_stuck == 16
        assert posts(emulator) == 57

    def test_many_threads_share_one_notifier(self, notifier: Notifier, emulator: Emulator) -> None:
        targets = [f"{kind}-{n}" for n in range(50) for kind in ("phone", "unregistered")]
        with ThreadPoolExecutor(16) as pool:
            statuses = list(pool.map(lambda name: notifier.send(envelope(name)).status, targets))

        assert statuses == [ACCEPTED, UNREGISTERED] * 50
        assert posts(emulator) == 100

    def test_a_connection_the_server_closed_while_idle_costs_no_message(
        self, open_notifier: Callable[..., Notifier], listen: Callable[..., Emulator]
    ) -> None:
        with listen() as first:
            notifier = open_notifier(endpoint=first.url)
            assert notifier.send(envelope()).status is ACCEPTED
            bind = urlsplit(first.url).netloc
        with listen(bind) as second:
            assert notifier.send(envelope()).status is ACCEPTED
            assert posts(second) == 1

    def test_a_connection_gone_silent_costs_one_message(
        self, open_notifier: Callable[..., Notifier], emulator: Emulator
    ) -> None:
        with Line(emulator.url) as line:
            notifier = open_notifier(endpoint=line.url, timeout_s=1.5)
            assert notifier.send(envelope("before")).status is ACCEPTED
            line.go_silent()

            assert notifier.send(envelope("into-the-void")).error_code == "TIMEOUT"
            assert [notifier.send(envelope(f"after-{n}")).status for n in range(3)] == [
                ACCEPTED
            ] * 3
        assert [r["target"] for r in emulator.requests()] == [
            "before", "after-0", "after-1", "after-2",
        ]  # fmt: skip


class TestHttp2:
    """What HTTP/2 alone can say: that a request was not looked at, so that it may be made again."""

    @pytest.fixture
    def emulator(self, authority: tuple[ssl.SSLContext, str]) -> Iterator[Emulator]:
        with Emulator(tls=authority[0]) as running:
            yield running

    @pytest.fixture
    def notifier(
        self, emulator: Emulator, authority: tuple[ssl.SSLContext, str]
    ) -> Iterator[CurlNotifier]:
        opened = CurlNotifier(
            accounts={"demo": "anonymous"},
            endpoint=emulator.url,
            timeout_s=3.0,
            ca_file=authority[1],
        )
        assert (
            opened.send(envelope("first")).status is ACCEPTED
        )  # it knows by now that this is HTTP/2
        yield opened
        opened.close()

    @pytest.mark.parametrize("target", ["refused-1", "refused-3-x", "goaway-1"])
    def test_a_request_refused_unseen_is_made_again(
        self, notifier: CurlNotifier, emulator: Emulator, target: str
    ) -> None:
        assert notifier.send(envelope(target)).status is ACCEPTED
        assert len(emulator.inbox(target=target)) == 1
        made = [r["outcome"] for r in emulator.requests(target=target)]
        assert made[-1] == "accepted"
        assert {"accepted"}.isdisjoint(made[:-1])

    def test_who_refuses_for_ever_is_not_asked_for_ever(
        self, notifier: CurlNotifier, emulator: Emulator
    ) -> None:
        outcome = notifier.send(envelope("refused-999-x"))

        assert (outcome.status, outcome.error_code) == (UNAVAILABLE, "NOT_REACHED")
        assert 1 < posts(emulator, target="refused-999-x") < 20

    def test_connections_that_end_in_good_order_cost_no_message(
        self, notifier: CurlNotifier, emulator: Emulator
    ) -> None:
        emulator.follow(Scenario(goaway_every=40, latency_ms=10))
        with ThreadPoolExecutor(30) as pool:
            outcomes = list(pool.map(lambda n: notifier.send(envelope(f"p-{n}")), range(300)))

        assert {outcome.status for outcome in outcomes} == {ACCEPTED}
        accepted = Counter(r["target"] for r in emulator.requests() if r["message_id"])
        assert set(accepted.values()) == {1}

    def test_a_connection_that_breaks_is_unknown_to_all_it_carried(
        self, notifier: CurlNotifier, emulator: Emulator
    ) -> None:
        with ThreadPoolExecutor(12) as pool:
            waiting = [pool.submit(notifier.send, envelope(f"hang-{n}")) for n in range(10)]
            until(lambda: posts(emulator) == 11, within_s=60, what="ten that hang")
            broken = notifier.send(envelope("reset-1"))
            outcomes = [broken, *(each.result() for each in waiting)]

        assert {outcome.status for outcome in outcomes} == {UNKNOWN}
        assert posts(emulator) == 12
        assert notifier.send(envelope("phone-1")).status is ACCEPTED

    def test_an_answer_without_end_is_cut(self, notifier: CurlNotifier) -> None:
        outcome = notifier.send(envelope("huge-1"))

        assert (outcome.status, outcome.error_code) == (UNKNOWN, "UNREADABLE_ANSWER")

    def test_hundreds_are_under_way_at_once(
        self, notifier: CurlNotifier, emulator: Emulator
    ) -> None:
        ended: list[Outcome | None] = []
        began = time.monotonic()
        notifier.start([Start(envelope(f"slow-500-{n}"), ended.append) for n in range(300)])
        returned = time.monotonic() - began
        until(lambda: len(ended) == 300, within_s=60, what="300 answers")

        assert returned < 0.5
        assert {outcome.status for outcome in ended if outcome} == {ACCEPTED}
        assert posts(emulator) == 301

    def test_what_cannot_start_in_time_is_not_sent(
        self, notifier: CurlNotifier, emulator: Emulator
    ) -> None:
        ended: list[Outcome | None] = []
        late, timely = time.monotonic() - 0.001, time.monotonic() + 60
        notifier.start(
            [
                Start(envelope("late"), ended.append, late),
                Start(envelope("timely"), ended.append, timely),
            ]
        )
        until(lambda: len(ended) == 2, within_s=60, what="both ends")

        assert [outcome and outcome.status for outcome in ended if outcome is None] == [None]
        assert [r["target"] for r in emulator.requests()] == ["first", "timely"]

    def test_one_who_speaks_only_http_1_is_spoken_to_in_it(
        self, authority: tuple[ssl.SSLContext, str]
    ) -> None:
        with Emulator(tls=authority[0], http2=False) as older:
            notifier = CurlNotifier(
                accounts={"demo": "anonymous"}, endpoint=older.url, ca_file=authority[1]
            )
            with ThreadPoolExecutor(24) as pool:
                targets = [f"slow-200-{n}" for n in range(48)]
                statuses = list(pool.map(lambda one: notifier.send(envelope(one)).status, targets))
            lost = notifier.send(envelope("lost-1"))
            notifier.close()

            assert statuses == [ACCEPTED] * 48
            assert (lost.status, posts(older, target="lost-1")) == (UNKNOWN, 1)


@pytest.mark.parametrize("way", PLAIN, ids=str)
class TestNeverSent:
    def test_a_closed_port_is_unavailable(self, open_notifier: Callable[..., Notifier]) -> None:
        with socket.create_server(("127.0.0.1", 0)) as held:
            port = held.getsockname()[1]

        outcome = open_notifier(endpoint=f"http://127.0.0.1:{port}").send(envelope())

        assert (outcome.status, outcome.error_code) == (UNAVAILABLE, "NOT_REACHED")

    @pytest.mark.parametrize("host", ["nowhere.invalid", f"{'a' * 64}.invalid"])
    def test_a_name_that_is_not_known_is_unavailable(
        self, open_notifier: Callable[..., Notifier], host: str
    ) -> None:
        outcome = open_notifier(endpoint=f"http://{host}").send(envelope())

        assert (outcome.status, outcome.error_code) == (UNAVAILABLE, "NOT_REACHED")

    def test_a_server_without_tls_is_unavailable(
        self, open_notifier: Callable[..., Notifier], emulator: Emulator
    ) -> None:
        notifier = open_notifier(endpoint=emulator.url.replace("http:", "https:"))

        assert notifier.send(envelope()).error_code == "NOT_REACHED"
        assert posts(emulator) == 0

    def test_only_a_certificate_that_is_trusted_gets_the_message(
        self, open_notifier: Callable[..., Notifier], tmp_path: Path
    ) -> None:
        context, ca_file = server_side(tmp_path)
        with Emulator(tls=context) as emulator:
            distrusted = open_notifier(endpoint=emulator.url).send(envelope())
            assert (distrusted.status, distrusted.error_code) == (UNAVAILABLE, "NOT_REACHED")
            assert posts(emulator) == 0

            trusting = open_notifier(endpoint=emulator.url, ca_file=ca_file)
            assert [trusting.send(envelope()).status for _ in range(3)] == [ACCEPTED] * 3
            assert posts(emulator) == 3

    def test_a_reset_under_tls_is_unknown_for_the_message_may_have_arrived(
        self, open_notifier: Callable[..., Notifier], tmp_path: Path
    ) -> None:
        context, ca_file = server_side(tmp_path)
        with Emulator(tls=context) as emulator:
            notifier = open_notifier(endpoint=emulator.url, ca_file=ca_file, timeout_s=1.0)

            for target in ("reset-1", "hang-1", "lost-1", "trickle-1"):
                outcome, elapsed = timed(notifier, target)
                assert outcome.status is UNKNOWN
                assert elapsed < 5
            assert notifier.send(envelope()).status is ACCEPTED
            assert posts(emulator) == 5


def trickling_head(connection: socket.socket) -> None:
    for byte in b"HTTP/1.1 200 OK\r\nX-Slow: " + b"x" * 200:
        connection.sendall(bytes([byte]))
        time.sleep(0.1)


def cut_in_the_body(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")


HUGE = b'{"name": "good so far"}' + b" " * 3_000_000


@pytest.mark.parametrize("way", PLAIN, ids=str)
class TestOddAnswers:
    @pytest.mark.parametrize(
        ("script", "status"),
        [
            pytest.param(saying("200 OK", b"[]"), UNKNOWN, id="200 with a list"),
            pytest.param(saying("200 OK", b"{}"), UNKNOWN, id="200 without a name"),
            pytest.param(saying("200 OK", b""), UNKNOWN, id="200 with nothing"),
            pytest.param(
                saying("200 OK", b'{"n":' + b"1" * 5000 + b"}"), UNKNOWN, id="200, big int"
            ),
            pytest.param(saying("200 OK", HUGE), UNKNOWN, id="200, huge"),
            pytest.param(saying("200 OK", b"x", "Content-Encoding: gzip"), UNKNOWN, id="no gzip"),
            pytest.param(saying("400 Bad", b'{"error": "plain"}'), REJECTED, id="400 with text"),
            pytest.param(
                saying("403 No", b'{"error": {"details": 5}}'), REJECTED, id="403 with odd details"
            ),
            pytest.param(
                saying("502 Bad Gateway", "<p>Störung</p>".encode("latin-1")),
                UNAVAILABLE,
                id="502 in Latin-1",
            ),
            pytest.param(saying("500 Oops", b"\xff\xfe\x00"), UNAVAILABLE, id="500 with bytes"),
            pytest.param(saying("504 Gateway Timeout", b""), UNKNOWN, id="504"),
            pytest.param(lambda c: c.sendall(b"SSH-2.0-x\r\n"), UNKNOWN, id="not HTTP"),
            pytest.param(lambda c: c.sendall(b""), UNKNOWN, id="hang-up"),
            pytest.param(cut_in_the_body, UNKNOWN, id="cut in the body"),
            pytest.param(trickling_head, UNKNOWN, id="a head that trickles"),
        ],
    )
    def test_every_odd_answer_is_an_outcome_of_one_request(
        self, open_notifier: Callable[..., Notifier], script: Script, status: DeliveryStatus
    ) -> None:
        with RawServer(script) as server:
            outcome, elapsed = timed(open_notifier(endpoint=server.url, timeout_s=1.5), "phone-1")

            assert (outcome.status, outcome.retire) == (status, False)
            assert server.requests == 1
            assert elapsed < 5

    @pytest.mark.parametrize(
        ("status", "form", "seconds"),
        [
            pytest.param("503 Later", "%a, %d %b %Y %H:%M:%S GMT", 90, id="503"),
            pytest.param("429 Too Many", "%a, %d %b %Y %H:%M:%S GMT", 90, id="429"),
            pytest.param("503 Later", "%A, %d-%b-%y %H:%M:%S GMT", 90, id="RFC 850"),
            pytest.param("503 Later", "%a %b %d %H:%M:%S %Y", 90, id="asctime"),
            pytest.param("503 Later", "%a, %d %b %Y %H:%M:%S GMT", -90, id="over"),
            pytest.param("503 Later", "soon", 0, id="none"),
        ],
    )
    def test_retry_after_may_be_a_date(
        self, open_notifier: Callable[..., Notifier], status: str, form: str, seconds: int
    ) -> None:
        now = SystemClock().now()
        headers = (
            f"Date: {now.strftime('%a, %d %b %Y %H:%M:%S GMT')}",
            f"Retry-After: {(now + timedelta(seconds=seconds)).strftime(form)}",
        )
        with RawServer(saying(status, b"{}", *headers)) as server:
            outcome = open_notifier(endpoint=server.url).send(envelope())

        assert outcome.status is UNAVAILABLE
        assert (outcome.retry_after_s or 0) == pytest.approx(max(0, seconds), abs=5)
        assert server.requests == 1

    @pytest.mark.parametrize("status", ["301 Moved", "302 Found", "307 Again", "308 There"])
    def test_a_redirection_is_not_followed(
        self, open_notifier: Callable[..., Notifier], emulator: Emulator, status: str
    ) -> None:
        there = f"Location: {emulator.url}/v1/projects/demo/messages:send"
        with RawServer(saying(status, b"", there)) as server:
            outcome = open_notifier(endpoint=server.url).send(envelope())

        assert outcome.status is UNAVAILABLE
        assert posts(emulator) == 0


class TestTheMessage:
    def test_the_phone_shows_the_push(self, notifier: Notifier, emulator: Emulator) -> None:
        outcome = notifier.send(
            envelope(
                "phone-1", push=push(data={"offer": "soup", "deep_link": "https://x.example/"})
            )
        )

        [shown] = emulator.inbox(target="phone-1", project="demo")
        assert shown["id"] == outcome.provider_id
        assert (shown["title"], shown["body"]) == ("Hot soup, Aino?", "Kallio is 120 m away.")
        assert shown["data"] == {"offer": "soup", "deep_link": "https://x.example/"}
        assert (shown["collapse"], shown["priority"]) == (MESSAGE_ID, "high")
        assert shown["message"]["apns"]["headers"]["apns-collapse-id"] == MESSAGE_ID

    def test_how_an_offer_asks_to_be_shown_reaches_the_phone(
        self, notifier: Notifier, emulator: Emulator
    ) -> None:
        one = envelope(push=push(style=FULL, data={"offer": "soup"}), label="soup")
        assert notifier.send(one).status is ACCEPTED

        [shown] = emulator.inbox()
        assert shown["image"] == FULL.image
        target = {"token": one.target.value}
        assert shown["message"] == target | styled(FULL, label="soup", data={"offer": "soup"})

    def test_an_installation_id_is_addressed_as_one(
        self, notifier: Notifier, emulator: Emulator
    ) -> None:
        notifier.send(envelope("fid-1", kind=TargetKind.FID))

        assert emulator.inbox()[0]["target_kind"] == "fid"

    def test_the_same_message_twice_is_shown_once(
        self, notifier: Notifier, emulator: Emulator
    ) -> None:
        notifier.send(envelope())
        notifier.send(envelope())

        assert (len(emulator.inbox()), posts(emulator)) == (1, 2)

    def test_a_message_fcm_cannot_take_is_not_sent(
        self, notifier: Notifier, emulator: Emulator
    ) -> None:
        outcome = notifier.send(envelope(push=push(data={"n": 5})))

        assert (outcome.status, outcome.error_code) == (REJECTED, "UNSENDABLE")
        assert posts(emulator) == 0

    @pytest.mark.parametrize("project", ["two words", "a/b?c#d", "ünïcode", "example.com:shop"])
    def test_a_projects_name_cannot_change_the_address(
        self, open_notifier: Callable[..., Notifier], emulator: Emulator, project: str
    ) -> None:
        notifier = open_notifier(endpoint=emulator.url, accounts={project: "anonymous"})

        notifier.send(envelope(project=project))

        assert posts(emulator) in (0, 1)
        assert {r["project"] for r in emulator.requests()} <= {project}


class TestAccounts:
    @pytest.fixture
    def account(self, emulator: Emulator, tmp_path: Path) -> str:
        return str(write_service_account(tmp_path / "demo.json", url=emulator.url, project="demo"))

    def test_a_service_account_is_used_through_oauth_with_one_token_for_all_threads(
        self,
        open_notifier: Callable[..., Notifier],
        listen: Callable[..., Emulator],
        account: str,
    ) -> None:
        with listen(allow_anonymous=False, latency_ms=20) as strict:
            notifier = open_notifier(
                endpoint=strict.url, accounts={"demo": self.moved(account, strict)}
            )
            with ThreadPoolExecutor(16) as pool:
                statuses = list(pool.map(lambda n: notifier.send(envelope()).status, range(64)))

            assert set(statuses) == {ACCEPTED}
            assert all(request["authorized"] for request in strict.requests(kind="send"))
            assert len(strict.requests(kind="token")) == 1

    def moved(self, account: str, emulator: Emulator) -> str:
        info = json.loads(Path(account).read_text())
        Path(account).write_text(json.dumps({**info, "token_uri": f"{emulator.url}/token"}))
        return account

    def test_a_token_that_fcm_no_longer_takes_costs_one_message_and_is_replaced(
        self,
        open_notifier: Callable[..., Notifier],
        listen: Callable[..., Emulator],
        account: str,
    ) -> None:
        clock = ManualClock(SystemClock().now())
        with listen(clock=clock) as emulator:
            notifier = open_notifier(
                endpoint=emulator.url, accounts={"demo": self.moved(account, emulator)}
            )
            assert notifier.send(envelope()).status is ACCEPTED
            clock.advance(hours=2)
            assert notifier.send(envelope()).error_code == "UNAUTHENTICATED"
            clock.advance(hours=-2)

            assert notifier.send(envelope()).status is ACCEPTED
            assert (posts(emulator), len(emulator.requests(kind="token"))) == (3, 2)

    def test_each_brand_sends_with_its_own_account(
        self, open_notifier: Callable[..., Notifier], emulator: Emulator, tmp_path: Path
    ) -> None:
        paths = {
            project: str(
                write_service_account(
                    tmp_path / f"{project}.json", url=emulator.url, project=project
                )
            )
            for project in ("bakery", "salon")
        }
        notifier = open_notifier(endpoint=emulator.url, accounts=paths)

        assert notifier.send(envelope(project="bakery")).status is ACCEPTED
        assert notifier.send(envelope(project="salon")).status is ACCEPTED
        assert [r["project"] for r in emulator.requests(kind="send")] == ["bakery", "salon"]

    def test_an_account_of_another_project_is_refused_and_retires_nobody(
        self, open_notifier: Callable[..., Notifier], emulator: Emulator, account: str
    ) -> None:
        notifier = open_notifier(endpoint=emulator.url, accounts={"other": account})

        outcome = notifier.send(envelope(project="other"))

        assert (outcome.status, outcome.error_code) == (REJECTED, "PERMISSION_DENIED")
        assert not outcome.retire

    @pytest.mark.parametrize(
        "script",
        [
            saying("500 Oops", b"{}"),
            saying("503 Later", b'{"error": "temporarily_unavailable"}'),
            saying("400 Bad", b'{"error": "invalid_grant", "error_description": "no"}'),
            saying("200 OK", b"[]"),
            saying("200 OK", b'"text"'),
            saying("200 OK", b'{"access_token": "x", "expires_in": "soon"}'),
            lambda connection: connection.sendall(b""),
            lambda connection: time.sleep(1.5),
        ],
        ids=["500", "503", "400", "list", "text", "odd life", "hang-up", "hang"],
    )
    def test_without_an_access_token_nothing_is_sent_and_the_endpoint_is_asked_once(
        self,
        open_notifier: Callable[..., Notifier],
        emulator: Emulator,
        account: str,
        script: Script,
    ) -> None:
        with RawServer(script) as tokens:
            info = json.loads(Path(account).read_text())
            Path(account).write_text(json.dumps({**info, "token_uri": f"{tokens.url}/token"}))
            notifier = open_notifier(
                endpoint=emulator.url, accounts={"demo": account}, timeout_s=1.0
            )

            outcome, elapsed = timed(notifier, "phone-1")

            assert (outcome.status, outcome.error_code) == (UNAVAILABLE, "NO_ACCESS_TOKEN")
            assert tokens.requests == 1
            assert elapsed < 5
        assert posts(emulator) == 0

    def test_credentials_are_looked_up_at_each_send(
        self, open_notifier: Callable[..., Notifier], emulator: Emulator, account: str
    ) -> None:
        brands: dict[str, str] = {}
        notifier = open_notifier(endpoint=emulator.url, accounts=brands.get)

        before = notifier.send(envelope())
        brands["demo"] = "anonymous"
        anonymous = notifier.send(envelope())
        brands["demo"] = account
        authorized = notifier.send(envelope())

        assert (before.status, before.error_code) == (UNAVAILABLE, "ACCOUNT_UNUSABLE")
        assert (anonymous.status, authorized.status) == (ACCEPTED, ACCEPTED)
        assert [r["authorized"] for r in emulator.requests(kind="send")] == [False, True]

    @pytest.mark.parametrize("content", [None, "", "{}", "[]", '{"type": "authorized_user"}'])
    def test_an_unreadable_account_is_named_and_mending_it_is_enough(
        self,
        open_notifier: Callable[..., Notifier],
        emulator: Emulator,
        tmp_path: Path,
        content: str | None,
    ) -> None:
        path = tmp_path / "account.json"
        if content is not None:
            path.write_text(content)
        notifier = open_notifier(endpoint=emulator.url, accounts={"demo": str(path)})

        outcome = notifier.send(envelope())
        assert (outcome.status, outcome.error_code) == (UNAVAILABLE, "ACCOUNT_UNUSABLE")
        assert str(path) in (outcome.detail or "")

        path.write_text(json.dumps(service_account(emulator.url, "demo")))
        assert notifier.send(envelope()).status is ACCEPTED

    def test_a_netrc_does_not_replace_our_credentials(
        self,
        open_notifier: Callable[..., Notifier],
        emulator: Emulator,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        netrc = tmp_path / "netrc"
        netrc.write_text("machine 127.0.0.1 login someone password else\n")
        monkeypatch.setenv("NETRC", str(netrc))

        assert open_notifier(endpoint=emulator.url).send(envelope()).status is ACCEPTED
        assert not emulator.requests()[0]["authorized"]

    @pytest.mark.parametrize("way", PLAIN, ids=str)
    def test_the_environments_proxy_is_used_and_its_refusal_means_never_sent(
        self,
        open_notifier: Callable[..., Notifier],
        emulator: Emulator,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setenv("http_proxy", emulator.url)
        monkeypatch.setenv("https_proxy", emulator.url)
        monkeypatch.setenv("no_proxy", "")

        plain = open_notifier(endpoint="http://fcm.invalid").send(envelope())
        tunnel = open_notifier(endpoint="https://fcm.invalid").send(envelope())

        assert plain.status is ACCEPTED  # the emulator takes an absolute address as a proxy would
        assert (tunnel.status, tunnel.error_code) == (UNAVAILABLE, "NOT_REACHED")
        assert posts(emulator) == 1

    def test_nothing_is_sent_after_close(
        self, open_notifier: Callable[..., Notifier], emulator: Emulator
    ) -> None:
        notifier = open_notifier(endpoint=emulator.url)
        notifier.close()
        notifier.close()

        assert notifier.send(envelope()).status is UNAVAILABLE
        assert posts(emulator) == 0


WATCHED = """
import json, sys, threading, time
contacted = set()
def watch(event, args):
    if event == "socket.connect" and isinstance(args[1], tuple):
        contacted.add(f"{args[1][0]}:{args[1][1]}")
    if event == "socket.getaddrinfo":
        contacted.add(f"{args[0]}:{args[1]}")
sys.addaudithook(watch)
from notifiers.firebase import FirebaseNotifier
from tests.unit.notifiers.samples import envelope
notifier = FirebaseNotifier(accounts={"demo": sys.argv[2]}, endpoint=sys.argv[1])
statuses = [notifier.send(envelope(t)).status for t in ("phone-1", "unauthenticated-1", "phone-2")]
time.sleep(0.5)  # for anything that runs in the background
notifier.close()
print(json.dumps({"contacted": sorted(contacted), "statuses": statuses}))
"""


class TestTheAdminTransport:
    """What belongs to firebase-admin alone."""

    def test_no_other_host_is_contacted(self, tmp_path: Path) -> None:
        with Emulator(allow_anonymous=False) as emulator:
            account = write_service_account(tmp_path / "a.json", url=emulator.url, project="demo")
            run = subprocess.run(
                [sys.executable, "-c", WATCHED, emulator.url, str(account)],
                cwd=ROOT,
                env={**os.environ, "PYTHONWARNINGS": "error"},
                capture_output=True,
                text=True,
                timeout=60,
                check=False,
            )
            address = emulator.url.removeprefix("http://")

        assert run.stderr == ""
        assert json.loads(run.stdout) == {
            "contacted": [address],
            "statuses": ["accepted", "rejected", "accepted"],
        }

    @pytest.mark.parametrize("way", [Way("admin", tls=True, http2=True)], ids=str)
    def test_it_speaks_http_1_with_who_offers_both(
        self, notifier: Notifier, emulator: Emulator
    ) -> None:
        """The suite has no HTTP/2 for it: `send` goes over requests. A request refused unseen, as HTTP/2 can say, is lost."""
        accepted = notifier.send(envelope())
        refused = notifier.send(envelope("refused-1"))

        assert (accepted.status, refused.status) == (ACCEPTED, UNKNOWN)
        assert posts(emulator) == 2

    def test_an_sdk_without_its_inner_parts_stops_the_start(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delattr(messaging, "_get_messaging_service")

        with pytest.raises(SdkChanged, match="locked version"):
            FirebaseNotifier(accounts={})

    def test_an_sdk_with_another_address_stops_the_start(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(messaging._MessagingService, "FCM_URL", "https://x.example/{0}")

        with pytest.raises(SdkChanged, match="_fcm_url"):
            FirebaseNotifier(accounts={})

    def test_an_sdk_whose_client_takes_no_session_stops_the_start(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        class Client:
            def __init__(self, credential: Any = None, timeout: Any = None) -> None:
                self.session = self

            def mount(self, prefix: str, adapter: Any) -> None:
                """As requests' sessions do."""

        from firebase_admin import _http_client

        monkeypatch.setattr(_http_client, "JsonHttpClient", Client)

        with pytest.raises(SdkChanged, match="session"):
            FirebaseNotifier(accounts={})

    @pytest.mark.parametrize(
        ("options", "text"),
        [
            ({"endpoint": "fcm.googleapis.com"}, "web address"),
            ({"endpoint": "ftp://x.example"}, "web address"),
            ({"endpoint": "http://x.example/?a=b"}, "web address"),
            ({"timeout_s": 0}, "above 0"),
            ({"timeout_s": float("nan")}, "above 0"),
            ({"ca_file": "/nowhere/ca.pem"}, "PEM"),
        ],
    )
    def test_a_wrong_option_stops_the_start_and_says_which(
        self, options: dict[str, Any], text: str
    ) -> None:
        with pytest.raises(ValueError, match=text):
            FirebaseNotifier(accounts={}, **options)

    @pytest.mark.parametrize("way", PLAIN[:1], ids=str)
    def test_a_real_account_never_sends_its_token_unencrypted(
        self, tmp_path: Path, emulator: Emulator
    ) -> None:
        path = tmp_path / "google.json"
        info = {
            **service_account(emulator.url, "demo"),
            "token_uri": "https://oauth2.googleapis.com/token",
        }
        path.write_text(json.dumps(info))
        notifier = FirebaseNotifier(accounts={"demo": str(path)}, endpoint=emulator.url)

        with pytest.raises(AccountUnusable, match="unencrypted"):
            notifier.check("demo")
        assert notifier.send(envelope()).error_code == "ACCOUNT_UNUSABLE"
        notifier.close()


@pytest.fixture(params=["memory", "console", "webhook"])
def small(request: pytest.FixtureRequest) -> Iterator[Notifier]:
    """The ways out that are not FCM; tests/acceptance/test_webhooks.py has what belongs to webhooks alone."""
    with Receiver() as receiver:
        yield {
            "memory": MemoryNotifier,
            "console": lambda: ConsoleNotifier(io.StringIO()),
            "webhook": lambda: to_webhook(f"{receiver.url}/take"),
        }[request.param]()


def to_webhook(url: str) -> WebhookNotifier:
    secret = "whsec_" + base64.b64encode(b"0123456789abcdef0123456789abcdef").decode()
    webhook = Webhook(
        id="w", brand_id="b", mode=Mode.LIVE, external_id="mail", url=url, secret=secret
    )
    return WebhookNotifier(
        webhooks=lambda _: webhook,
        guard=AddressGuard(networks("127.0.0.0/8")),
        clock=SystemClock(),
    )


def test_the_other_ways_out_keep_the_same_contract(small: Notifier) -> None:
    targets = [f"{kind}-{n}" for n in range(20) for kind in ("hang", "unregistered", "phone")]
    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(lambda name: small.send(envelope(name)), targets))

    assert {outcome.status for outcome in outcomes} == {ACCEPTED}
    assert all(outcome.provider_id for outcome in outcomes)
    small.close()
    small.close()
