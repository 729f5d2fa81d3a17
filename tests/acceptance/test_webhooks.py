"""What the webhook transport promises, over real HTTP and TLS: one signed POST, one outcome, and only where it may go."""

import base64
import hashlib
import hmac
import json
import ssl
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from standardwebhooks.webhooks import Webhook as Verifier
from standardwebhooks.webhooks import WebhookVerificationError

from domain.clock import ManualClock, SystemClock
from domain.messages import DeliveryStatus, Envelope, Push
from domain.people import Mode
from domain.webhooks import Webhook
from notifiers.address_guard import AddressGuard, Resolve, networks
from notifiers.emulator.certificate import tls
from notifiers.webhook import WebhookNotifier
from tests.receiver import Received, Receiver
from tests.unit.notifiers.samples import EXPIRES_AT, MESSAGE_ID, envelope

ACCEPTED, REJECTED = DeliveryStatus.ACCEPTED, DeliveryStatus.REJECTED
UNAVAILABLE, UNKNOWN = DeliveryStatus.UNAVAILABLE, DeliveryStatus.UNKNOWN
SECRET = "whsec_" + base64.b64encode(b"0123456789abcdef0123456789abcdef").decode()
OLDER = "whsec_" + base64.b64encode(b"fedcba9876543210fedcba9876543210").decode()
LOOPBACK = "127.0.0.0/8"

Make = Callable[..., WebhookNotifier]


def webhook(url: str, **more: object) -> Webhook:
    given = {"id": "w", "brand_id": "b", "mode": Mode.LIVE, "external_id": "mail", "secret": SECRET}
    return Webhook(**{**given, "url": url, **more})  # type: ignore[arg-type]  # each as the class names it


def letter(target: str = "w") -> Envelope:
    data = {
        "decision_id": "decision-1",
        "message_id": MESSAGE_ID,
        "offer": "soup",
        "deep_link": "brand://soup",
    }
    push = Push(title="Hot soup, Aino?", body="Kallio ☕", data=data)
    return envelope(target, push=push, customer="aino-7")


def always(*addresses: str) -> Resolve:
    return lambda host, port: addresses


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, str]:
    """A receiver's side of TLS as `localhost`, and the file to trust."""
    certificate = tmp_path_factory.mktemp("tls") / "receiver.pem"
    return tls(certificate), str(certificate)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as listening:
        yield listening


@pytest.fixture
def make() -> Iterator[Make]:
    """Makes notifiers to one webhook that are closed when the test ends."""
    opened: list[WebhookNotifier] = []

    def build(
        to: Webhook, *, allowed: str = LOOPBACK, resolve: Resolve | None = None, **more: object
    ) -> WebhookNotifier:
        given = {"clock": SystemClock(), "timeout_s": 3.0, **more}
        notifier = WebhookNotifier(
            webhooks=lambda _: to,
            guard=AddressGuard(networks(allowed), resolve=resolve),
            **given,  # type: ignore[arg-type]  # each as the class names it
        )
        opened.append(notifier)
        return notifier

    yield build
    for notifier in opened:
        notifier.close()


def test_a_message_arrives_with_what_a_receiver_needs_and_nothing_else(
    receiver: Receiver, make: Make
) -> None:
    outcome = make(webhook(f"{receiver.url}/take?shop=1")).send(letter())

    [got] = receiver.received
    event = json.loads(got.body)
    assert outcome.status is ACCEPTED
    assert outcome.provider_id
    assert got.path == "/take?shop=1"
    assert got.headers["content-type"] == "application/json"
    assert got.headers["host"] == receiver.url.removeprefix("http://")
    assert got.headers["webhook-id"] == MESSAGE_ID
    assert event.pop("timestamp").endswith("Z")
    assert event == {
        "type": "message",
        "data": {
            "message_id": MESSAGE_ID,
            "decision_id": "decision-1",
            "mode": "live",
            "customer": "aino-7",
            "offer": "soup",
            "title": "Hot soup, Aino?",
            "body": "Kallio ☕",
            "data": {"deep_link": "brand://soup"},
            "expires_at": EXPIRES_AT.isoformat().replace("+00:00", "Z"),
        },
    }


class TestSignature:
    def verified(self, got: Received, secret: str) -> bool:
        try:
            Verifier(secret).verify(got.body, got.headers)
        except WebhookVerificationError:
            return False
        return True

    def test_proves_who_sent_it_to_any_library_of_standard_webhooks(
        self, receiver: Receiver, make: Make
    ) -> None:
        make(webhook(receiver.url)).send(letter())

        [got] = receiver.received
        assert self.verified(got, SECRET)
        assert not self.verified(got, OLDER)
        assert not self.verified(got._replace(body=got.body + b" "), SECRET)

    def test_is_what_plain_hmac_says(self, receiver: Receiver, make: Make) -> None:
        make(webhook(receiver.url)).send(letter())

        [got] = receiver.received
        named = f"{got.headers['webhook-id']}.{got.headers['webhook-timestamp']}.".encode()
        key = base64.b64decode(SECRET.removeprefix("whsec_"))
        digest = hmac.new(key, named + got.body, hashlib.sha256).digest()
        assert got.headers["webhook-signature"] == f"v1,{base64.b64encode(digest).decode()}"

    def test_is_made_with_both_secrets_while_one_replaces_the_other(
        self, receiver: Receiver, make: Make
    ) -> None:
        clock = ManualClock(SystemClock().now())
        rotated = webhook(
            receiver.url, previous_secret=OLDER, previous_until=clock.now() + timedelta(minutes=1)
        )
        notifier = make(rotated, clock=clock)
        notifier.send(letter())
        clock.advance(minutes=1)
        notifier.send(letter())

        during, after = receiver.received
        assert [self.verified(during, each) for each in (SECRET, OLDER)] == [True, True]
        assert [self.verified(after, each) for each in (SECRET, OLDER)] == [True, False]


@pytest.mark.parametrize(
    ("path", "status", "code", "retire", "retry_after_s"),
    [
        ("200", ACCEPTED, None, False, None),
        ("202", ACCEPTED, None, False, None),
        ("204", ACCEPTED, None, False, None),
        ("410", REJECTED, "HTTP_410", True, None),
        ("400", REJECTED, "HTTP_400", False, None),
        ("401", REJECTED, "HTTP_401", False, None),
        ("404", REJECTED, "HTTP_404", False, None),
        ("429", UNAVAILABLE, "HTTP_429", False, None),
        ("429?7", UNAVAILABLE, "HTTP_429", False, 7.0),
        ("503?30", UNAVAILABLE, "HTTP_503", False, 30.0),
        ("500", UNAVAILABLE, "HTTP_500", False, None),
        ("504", UNKNOWN, "HTTP_504", False, None),
        ("redirect", UNAVAILABLE, "HTTP_307", False, None),
        ("lost", UNKNOWN, "CONNECTION_LOST", False, None),
        ("huge", UNKNOWN, "CONNECTION_LOST", False, None),
    ],
)
def test_every_answer_comes_from_exactly_one_post_and_at_once(
    receiver: Receiver,
    make: Make,
    path: str,
    status: DeliveryStatus,
    code: str | None,
    retire: bool,
    retry_after_s: float | None,
) -> None:
    notifier = make(webhook(f"{receiver.url}/{path}"))
    notifier.send(letter())
    started = time.monotonic()

    outcome = notifier.send(letter())

    assert (outcome.status, outcome.error_code) == (status, code)
    assert (outcome.retire, outcome.retry_after_s) == (retire, retry_after_s)
    assert len(receiver.received) == 2  # also over a connection that is used again
    assert time.monotonic() - started < 2


def test_retry_after_may_be_a_date(receiver: Receiver, make: Make) -> None:
    later = SystemClock().now() + timedelta(seconds=90)
    date = later.strftime("%a,+%d+%b+%Y+%H:%M:%S+GMT")

    outcome = make(webhook(f"{receiver.url}/503?{date}")).send(letter())

    assert outcome.retry_after_s == pytest.approx(90, abs=3)


@pytest.mark.parametrize("path", ["hang", "trickle"])
def test_no_answer_in_time_is_unknown_within_the_time_out_and_one_post(
    receiver: Receiver, make: Make, path: str
) -> None:
    started = time.monotonic()

    outcome = make(webhook(f"{receiver.url}/{path}"), timeout_s=0.6).send(letter())

    assert (outcome.status, outcome.error_code) == (UNKNOWN, "TIMEOUT")
    assert time.monotonic() - started < 3
    assert len(receiver.received) == 1


def test_no_cookie_of_one_receiver_is_kept(receiver: Receiver, make: Make) -> None:
    notifier = make(webhook(receiver.url))
    for _ in range(2):
        notifier.send(letter())

    assert all("cookie" not in got.headers for got in receiver.received)


def test_many_threads_share_one_notifier(receiver: Receiver, make: Make) -> None:
    notifier = make(webhook(receiver.url))
    with ThreadPoolExecutor(16) as pool:
        outcomes = list(pool.map(lambda _: notifier.send(letter()).status, range(100)))

    assert outcomes == [ACCEPTED] * 100
    assert len(receiver.received) == 100


def test_neither_the_environments_proxy_nor_a_netrc_has_a_say(
    receiver: Receiver, make: Make, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login someone password else\n")
    monkeypatch.setenv("NETRC", str(netrc))
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setenv("no_proxy", "")

    assert make(webhook(receiver.url)).send(letter()).status is ACCEPTED
    assert "authorization" not in receiver.received[0].headers


class TestWhereItMayGo:
    @pytest.mark.parametrize(
        "url", ["http://localhost:{port}/", "http://127.0.0.1:{port}/", "http://0x7f.1:{port}/"]
    )
    def test_this_machine_is_out_of_bounds_unless_the_operator_says_otherwise(
        self, receiver: Receiver, make: Make, url: str
    ) -> None:
        notifier = make(webhook(url.format(port=receiver.port)), allowed="")

        outcome = notifier.send(letter())

        assert (outcome.status, outcome.error_code) == (UNAVAILABLE, "ADDRESS_REFUSED")
        assert receiver.received == []

    def test_a_redirection_into_the_house_is_not_followed(
        self, receiver: Receiver, make: Make
    ) -> None:
        make(webhook(f"{receiver.url}/redirect")).send(letter())

        assert [got.path for got in receiver.received] == ["/redirect"]

    def test_the_address_that_was_checked_is_the_one_that_is_reached(
        self, authority: tuple[ssl.SSLContext, str], make: Make
    ) -> None:
        """The system's resolver knows no such name: were it looked up again to connect, nothing would be reached."""
        asked: list[str] = []

        def resolve(host: str, port: int) -> Sequence[str]:
            asked.append(host)
            return ["127.0.0.1"] if len(asked) == 1 else ["10.0.0.1"]

        with Receiver() as receiver:
            url = f"http://hooks.invalid:{receiver.port}/"
            notifier = make(webhook(url), resolve=resolve)
            first, second = notifier.send(letter()), notifier.send(letter())

            assert first.status is ACCEPTED
            assert receiver.received[0].headers["host"] == f"hooks.invalid:{receiver.port}"
            assert second.error_code == "ADDRESS_REFUSED"  # not even over the open connection
            assert asked == ["hooks.invalid"] * 2

    def test_tls_proves_the_name_though_the_address_is_given(
        self, authority: tuple[ssl.SSLContext, str], make: Make
    ) -> None:
        context, trusted = authority
        with Receiver(context) as receiver:
            ours, others = (
                make(
                    webhook(f"https://{name}:{receiver.port}/"),
                    resolve=always("127.0.0.1"),
                    ca_file=trusted,
                ).send(letter())
                for name in ("localhost", "other.example")
            )

            assert ours.status is ACCEPTED
            assert (others.status, others.error_code) == (UNAVAILABLE, "NOT_REACHED")
            assert len(receiver.received) == 1

    def test_a_certificate_nobody_vouches_for_is_refused(
        self, authority: tuple[ssl.SSLContext, str], make: Make
    ) -> None:
        with Receiver(authority[0]) as receiver:
            outcome = make(webhook(f"https://localhost:{receiver.port}/")).send(letter())

            assert (outcome.status, outcome.error_code) == (UNAVAILABLE, "NOT_REACHED")
            assert receiver.received == []

    def test_a_name_without_meaning_is_not_reached(self, make: Make) -> None:
        outcome = make(webhook("https://hooks.invalid/")).send(letter())

        assert (outcome.status, outcome.error_code) == (UNAVAILABLE, "NOT_REACHED")


def test_a_webhook_that_is_gone_is_sent_nothing() -> None:
    notifier = WebhookNotifier(
        webhooks=lambda _: None, guard=AddressGuard(), clock=SystemClock(), timeout_s=1.0
    )
    assert notifier.send(letter()).error_code == "WEBHOOK_GONE"
    notifier.close()
    notifier.close()


def test_nothing_is_sent_after_close(receiver: Receiver, make: Make) -> None:
    notifier = make(webhook(receiver.url))
    notifier.close()

    assert notifier.send(letter()).status is UNAVAILABLE
    assert receiver.received == []


def test_a_test_event_is_signed_and_about_nobody(receiver: Receiver, make: Make) -> None:
    to = webhook(receiver.url)

    assert make(to).test(to).status is ACCEPTED

    [got] = receiver.received
    event = Verifier(SECRET).verify(got.body, got.headers)
    assert (event["type"], event["data"]) == ("webhook.test", {"webhook": "mail"})
