"""Whatever happens on the way to FCM: one POST, and one final state of the message in the store.

The whole path over real HTTP/2 and TLS: the outbox, the dispatcher, the `curl` transport and the emulator.
"""

import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

import msgspec
import pytest
import sqlalchemy as sa

from domain.clock import ManualClock, SystemClock
from domain.messages import MOST_RESENDS, DeliveryStatus
from notifiers.curl import CurlNotifier
from notifiers.emulator.certificate import tls
from notifiers.emulator.server import Emulator
from scheduler import recheck
from scheduler.dispatch import Dispatcher
from scheduler.engine import Engine
from scheduler.manners import Pace
from storage.engine import Database
from storage.models import DeliveryRow
from tests.acceptance import outbox
from tests.acceptance.certificates import server_side
from tests.acceptance.processes import PATIENCE_S, until
from tests.acceptance.raw_server import Line
from tests.unit.notifiers.samples import envelope

TIMEOUT_S = 3.0  # also on a machine that is busy with other things


class Sending(NamedTuple):
    """A sender, its far end, and the store they share."""

    database: Database
    emulator: Emulator
    dispatcher: Dispatcher
    clock: ManualClock
    notifier: CurlNotifier

    def settled(self) -> bool:
        self.dispatcher.sweep()
        self.dispatcher.tick()
        return not outbox.to_come(self.database) and "sending" not in self.states.values()

    @property
    def states(self) -> dict[str, str]:
        return outbox.states(self.database)

    @property
    def ends(self) -> list[tuple[str, str | None]]:
        """Of each delivery: its status and code."""
        with self.database.read() as tx:
            rows = tx.execute(sa.select(DeliveryRow.status, DeliveryRow.error_code))
            return [(row.status, row.error_code) for row in rows]

    def posts(self, target: str) -> int:
        return len(self.emulator.requests(kind="send", target=target))

    def pass_time(self) -> None:
        """Enough for whatever is ever to be sent again."""
        for _ in range(4):
            self.clock.advance(minutes=2)
            until(self.settled, within_s=PATIENCE_S, what="what was queued again")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, str]:
    file = tmp_path_factory.mktemp("tls") / "emulator.pem"
    return tls(file), str(file)


@pytest.fixture
def emulator(certificate: tuple[ssl.SSLContext, str]) -> Iterator[Emulator]:
    with Emulator(tls=certificate[0]) as running:
        yield running


class Far(NamedTuple):
    """Where messages are posted to, and what is trusted there."""

    endpoint: str
    ca_file: str


@pytest.fixture
def far(emulator: Emulator, certificate: tuple[ssl.SSLContext, str]) -> Far:
    return Far(emulator.url, certificate[1])


@contextmanager
def sending(database: Database, emulator: Emulator, far: Far, target: str) -> Iterator[Sending]:
    """One person's message, decided and waiting."""
    outbox.fill(database, [target])
    clock = ManualClock(SystemClock().now())
    notifier = CurlNotifier(
        accounts={"town": "anonymous"},
        endpoint=far.endpoint,
        ca_file=far.ca_file,
        timeout_s=TIMEOUT_S,
    )
    dispatcher = Dispatcher(
        database=database,
        clock=clock,
        check=recheck.reasons_against,
        route=lambda _brand, _mode: ("town", notifier),
        pace=Pace(validates=False),
    )
    engine = Engine(database=database, clock=clock, weather_max_age=timedelta(hours=1))
    assert engine.tick() == 1
    yield Sending(database, emulator, dispatcher, clock, notifier)
    assert dispatcher.close(within_s=PATIENCE_S)
    notifier.close()


@pytest.mark.parametrize(
    ("target", "state", "end"),
    [
        pytest.param("phone-1", "sent", ("accepted", None), id="accepted"),
        pytest.param("hang-1", "unknown", ("unknown", "TIMEOUT"), id="hang"),
        pytest.param("trickle-1", "unknown", ("unknown", "TIMEOUT"), id="slow trickle"),
        pytest.param("reset-1", "unknown", ("unknown", "CONNECTION_LOST"), id="reset"),
        pytest.param("lost-1", "unknown", ("unknown", "CONNECTION_LOST"), id="cut"),
        pytest.param("garbage-1", "unknown", ("unknown", "UNREADABLE_ANSWER"), id="wrong JSON"),
        pytest.param("huge-1", "unknown", ("unknown", "UNREADABLE_ANSWER"), id="huge body"),
        pytest.param("badgateway-1", "failed", ("unavailable", "HTTP_502"), id="502 in HTML"),
        pytest.param("unregistered-1", "failed", ("unregistered", "UNREGISTERED"), id="gone"),
    ],
)
def test_one_post_and_one_final_state_whatever_comes_back(
    sqlite_database: Database,
    emulator: Emulator,
    far: Far,
    target: str,
    state: str,
    end: tuple[str, str | None],
) -> None:
    with sending(sqlite_database, emulator, far, target) as at:
        until(at.settled, within_s=PATIENCE_S, what="a final state")
        at.pass_time()

        assert outbox.messages(at.database) == [state]
        assert at.ends == [end]
        assert at.posts(target) == 1, "neither libcurl nor the dispatcher says it twice"


@pytest.mark.parametrize("target", ["goaway-1", "refused-1"])
def test_what_the_far_end_did_not_look_at_is_posted_again_and_accepted_once(
    sqlite_database: Database, emulator: Emulator, far: Far, target: str
) -> None:
    with sending(sqlite_database, emulator, far, target) as at:
        until(at.settled, within_s=PATIENCE_S, what="a final state")
        at.pass_time()

        accepted = [r for r in emulator.requests(kind="send", target=target) if r["message_id"]]
        assert (outbox.messages(at.database), len(accepted)) in [(["sent"], 1), (["unknown"], 0)]


def test_where_nobody_can_have_seen_it_the_message_failed_for_certain(
    sqlite_database: Database, emulator: Emulator, far: Far, unreachable: Far
) -> None:
    with sending(sqlite_database, emulator, unreachable, "phone-1") as at:
        until(at.settled, within_s=PATIENCE_S, what="a final state")
        at.pass_time()

        assert outbox.messages(at.database) == ["failed"]
        assert at.ends == [("unavailable", "NOT_REACHED")]
        assert at.posts("phone-1") == 0


@pytest.fixture(params=["DNS failure", "TLS failure", "closed port"])
def unreachable(
    request: pytest.FixtureRequest, emulator: Emulator, far: Far, tmp_path: Path
) -> Far:
    if request.param == "DNS failure":
        return far._replace(endpoint="https://nowhere.invalid")
    if request.param == "TLS failure":
        return far._replace(ca_file=server_side(tmp_path)[1])
    with socket.create_server(("127.0.0.1", 0)) as held:
        return far._replace(endpoint=f"https://127.0.0.1:{held.getsockname()[1]}")


def test_a_connection_gone_silent_costs_its_message_alone(
    sqlite_database: Database, emulator: Emulator, far: Far
) -> None:
    with Line(emulator.url) as line:
        silent = far._replace(endpoint=line.url.replace("http:", "https:"))
        with sending(sqlite_database, emulator, silent, "phone-1") as at:
            first = msgspec.structs.replace(envelope("before"), project="town")
            assert at.notifier.send(first).status is DeliveryStatus.ACCEPTED
            line.go_silent()
            until(at.settled, within_s=PATIENCE_S, what="a final state")
            at.pass_time()

    assert outbox.messages(at.database) == ["unknown"], "half a connection takes what is sent"
    assert at.ends == [("unknown", "TIMEOUT")]
    assert at.posts("phone-1") == 0


def test_at_least_once_posts_a_lost_message_again_under_the_same_collapse_id(
    sqlite_database: Database, emulator: Emulator, far: Far
) -> None:
    with sending(sqlite_database, emulator, far, "lost-1") as at:
        at.database.write(outbox.choose_at_least_once)
        until(at.settled, within_s=PATIENCE_S, what="a final state")
        at.pass_time()

        assert outbox.messages(at.database) == ["unknown"], "the last answer was lost too"
        sent = emulator.inbox(target="lost-1")
        assert len(sent) == 1, "on the phone each copy replaced the one before"
        assert at.posts("lost-1") == 1 + MOST_RESENDS
