"""The same roles as separate processes over PostgreSQL: who dies or freezes is replaced, and nobody does a thing twice."""

import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.acceptance.processes import PATIENCE_S, Fcm, House, Running, until, url_of
from tests.acceptance.shop import Shop, command, walk_in

Start = Callable[[Running], Running]
TIMEOUT_S = 3
LEASE_S = TIMEOUT_S + 15
TAKEOVER_S = (
    10 + 1
)  # PostgreSQL ends a transaction that idles for ten seconds; the next tick comes within one
SLACK_S = 5  # for two cores that have other things to do


class Estate(House):
    """A house over a PostgreSQL database of its own, into which the stories look from outside."""

    def __init__(self, folder: Path, fcm: Fcm, database: sa.Engine) -> None:
        super().__init__(
            folder,
            fcm,
            DATABASE_URL=database.url.set(drivername="postgresql").render_as_string(
                hide_password=False
            ),
            THREADS="8",
            FCM_TIMEOUT_S=str(TIMEOUT_S),
            FCM_CONCURRENCY="4",
            REGISTER_PER_MINUTE="6000",
        )
        self.database = database

    def rows(self, query: str) -> list[tuple[object, ...]]:
        with self.database.connect() as connection:
            return [tuple(row) for row in connection.exec_driver_sql(query)]

    def states(self) -> Counter[object]:
        """How many messages are in each state."""
        return Counter(row[0] for row in self.rows("SELECT state FROM messages"))

    def lost(self) -> int:
        """How many deliveries were given up because their sender was."""
        query = "SELECT 1 FROM deliveries WHERE status = 'unknown' AND error_code = 'sender_lost'"
        return len(self.rows(query))

    def open_moments(self) -> int:
        return len(self.rows("SELECT 1 FROM moments WHERE decided_at IS NULL"))

    def held_moments(self) -> int:
        """How many undecided moments are locked by somebody's transaction."""
        free = "SELECT 1 FROM moments WHERE decided_at IS NULL FOR UPDATE SKIP LOCKED"
        return self.open_moments() - len(self.rows(free))


@contextmanager
def a_database(server: str, template: str) -> Iterator[sa.Engine]:
    name = f"roles_{os.urandom(6).hex()}"
    url = sa.make_url(server).set(drivername="postgresql+psycopg")
    admin = sa.create_engine(url, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name} TEMPLATE {template}")
    engine = sa.create_engine(url.set(database=name), poolclass=sa.pool.NullPool)
    yield engine
    with admin.connect() as connection:
        connection.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")
    admin.dispose()


@pytest.fixture
def estate(postgres_url: str, fcm: Fcm, tmp_path: Path) -> Iterator[Estate]:
    with a_database(postgres_url, "whenabouts_template") as database:
        yield Estate(tmp_path, fcm, database)


def posts_to(fcm: Fcm, targets: Sequence[str]) -> Counter[str]:
    return Counter({target: count for target, count in fcm.posts().items() if target in targets})


def test_two_engines_and_three_senders_do_everything_once_though_senders_die_and_freeze(
    estate: Estate, fcm: Fcm, started: Start
) -> None:
    api = started(estate.start("api"))
    engines = [started(estate.start("engine")) for _ in range(2)]
    senders = [started(estate.start("sender")) for _ in range(3)]
    shop = Shop(estate, url_of(api)).furnish()
    for each in (*engines, *senders):
        each.started()

    # A burst that all of them wait for.
    for each in engines:
        each.signal(signal.SIGSTOP)
    crowd = [f"slow-60-crowd-{n}" for n in range(40)]
    walk_in(shop.phones(crowd))
    for each in engines:
        each.signal(signal.SIGCONT)
    until(lambda: estate.states()["sent"] == len(crowd), within_s=PATIENCE_S, what="all sent")
    assert posts_to(fcm, crowd) == Counter(crowd)
    assert len(estate.rows("SELECT 1 FROM decisions")) == len(crowd)
    assert len(estate.rows("SELECT DISTINCT moment_id FROM decisions")) == len(crowd)
    assert all('"event": "delivered"' in each.log for each in senders)

    # One sender freezes and one dies in mid-POST; the third has the rest.
    dead, frozen, alive = senders
    slow = [f"slow-2000-slow-{n}" for n in range(16)]
    walk_in(shop.phones(slow))
    until(
        lambda: len(posts_to(fcm, slow)) >= 12,
        within_s=PATIENCE_S,
        what="POSTs under way everywhere",
    )
    frozen.signal(signal.SIGSTOP)
    dead.kill()
    fell = time.monotonic()
    until(
        lambda: estate.states().keys() <= {"sent", "unknown"},
        within_s=LEASE_S + 1 + SLACK_S,
        what="a final state for each message",
    )
    took_s = time.monotonic() - fell
    unknown = estate.states()["unknown"]
    assert 4 <= unknown <= 8, "those under way at the two, no more"
    assert took_s > TIMEOUT_S, "nobody may call them lost while they could still be answered"
    frozen.signal(signal.SIGCONT)
    time.sleep(2)  # its late outcomes are refused
    assert estate.lost() == unknown
    assert estate.states() == Counter(sent=len(crowd) + len(slow) - unknown, unknown=unknown)

    # Who was frozen works on, alone now.
    alive.kill()
    last = ["after-the-frost-1", "after-the-frost-2"]
    walk_in(shop.phones(last))
    until(
        lambda: set(last) <= set(fcm.posts()),
        within_s=PATIENCE_S,
        what="pushes by the thawed sender",
    )
    everybody = [*crowd, *slow, *last]
    assert posts_to(fcm, everybody) == Counter(everybody)
    for each in (api, *engines, frozen):
        each.signal(signal.SIGTERM)
    assert [each.wait(PATIENCE_S) for each in (api, *engines, frozen)] == [0, 0, 0, 0]


def test_a_frozen_engines_moments_are_decided_by_another_and_once(
    estate: Estate, fcm: Fcm, started: Start
) -> None:
    api = started(estate.start("api"))
    sender = started(estate.start("sender"))
    first = started(estate.start("engine"))
    shop = Shop(estate, url_of(api)).furnish()
    first.started()
    sender.started()
    crowd = [f"frost-{n}" for n in range(40)]
    phones = shop.phones(crowd)

    first.signal(signal.SIGSTOP)
    walk_in(phones)
    frozen_at = freeze_in_transaction(first, estate)
    second = started(estate.start("engine")).started()

    until(
        lambda: not estate.open_moments(),
        within_s=frozen_at + TAKEOVER_S + SLACK_S - time.monotonic(),
        what="the frozen engine's moments decided by the other",
    )
    first.signal(signal.SIGCONT)
    until(lambda: estate.states()["sent"] == len(crowd), within_s=PATIENCE_S, what="all sent")
    assert len(estate.rows("SELECT 1 FROM decisions")) == len(crowd)
    assert posts_to(fcm, crowd) == Counter(crowd)

    second.kill()
    late = shop.phone("frost-late")
    late.walk_in()
    assert late.delivered() == ["accepted"]  # by the engine that was frozen and cut off


def freeze_in_transaction(engine: Running, estate: Estate) -> float:
    """Lets a frozen engine run for moments until it is frozen with moments claimed; when that was."""
    while estate.open_moments():
        engine.signal(signal.SIGCONT)
        time.sleep(0.01)
        engine.signal(signal.SIGSTOP)
        frozen_at = time.monotonic()
        time.sleep(0.2)  # the statement under way ends
        if estate.held_moments():
            return frozen_at
    raise AssertionError("it decided everything before it could be frozen in between")


def test_an_api_needs_a_migrated_database_and_two_migrations_at_once_make_one(
    postgres_url: str, fcm: Fcm, tmp_path: Path
) -> None:
    with a_database(postgres_url, "template1") as database:
        estate = Estate(tmp_path, fcm, database)

        refused = estate.run("api")
        assert refused.code == 1
        assert "whenabouts migrate" in refused.err

        with ThreadPoolExecutor(2) as pool:
            both = list(pool.map(lambda _: estate.run("migrate", "--json"), range(2)))
        assert [each.code for each in both] == [0, 0], both
        assert len({each.json["after"] for each in both}) == 1
        again = command(estate, "migrate")
        assert again["before"] == again["after"]
        assert estate.rows("SELECT count(*) FROM brands") == [(0,)]
