"""Leases over real databases, jobs that one process does, and what is thrown away."""

import threading
from datetime import timedelta

import sqlalchemy as sa

from domain.clock import ManualClock
from domain.ids import new_id
from domain.offers import WeatherWord
from domain.weather import Observation
from scheduler.housekeeping import WEATHER_KEPT, Housekeeping, Single
from storage import leases, weather
from storage.engine import Database
from storage.models import LeaseRow, ObservationRow, ReceivedRow

MINUTE = timedelta(minutes=1)
A, B = new_id(), new_id()


def acquire(database: Database, owner: str, length: timedelta = MINUTE) -> int | None:
    return database.write(lambda tx: leases.acquire(tx, name="job", owner=owner, length=length))


def lapse(database: Database) -> None:
    past = sa.update(LeaseRow).values(until=sa.select(LeaseRow.until).scalar_subquery())
    with database.read() as tx:
        until = tx.execute(sa.select(LeaseRow.until)).scalar_one()
    database.write(lambda tx: tx.execute(past.values(until=until - timedelta(hours=1))))


def test_a_lease_has_one_owner_who_may_prolong_it(database: Database) -> None:
    assert acquire(database, A) == 1
    assert acquire(database, B) is None
    assert acquire(database, A) == 1


def test_a_lapsed_lease_changes_hands_and_its_old_owner_is_fenced(database: Database) -> None:
    assert acquire(database, A) == 1
    lapse(database)
    assert acquire(database, B) == 2
    assert acquire(database, A) is None
    holds = leases.holds
    assert not database.write(lambda tx: holds(tx, name="job", owner=A, epoch=1))
    assert database.write(lambda tx: holds(tx, name="job", owner=B, epoch=2))
    lapse(database)
    assert not database.write(lambda tx: holds(tx, name="job", owner=B, epoch=2))


def test_a_lease_given_back_is_free_at_once(database: Database) -> None:
    acquire(database, A)
    database.write(lambda tx: leases.release(tx, name="job", owner=B))
    assert acquire(database, B) is None
    database.write(lambda tx: leases.release(tx, name="job", owner=A))
    assert acquire(database, B) == 2


def test_of_many_who_ask_at_once_one_gets_it(database: Database) -> None:
    got: list[int | None] = []
    threads = [
        threading.Thread(target=lambda: got.append(acquire(database, new_id()))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(got, key=bool) == [None] * 7 + [1]


def test_a_job_for_one_process_runs_in_one(postgres_database: Database) -> None:
    done: list[str] = []
    first, second = (
        Single(lambda who=who: done.append(who), name="job", owner=who, database=postgres_database)  # type: ignore[misc]  # bound per owner
        for who in (A, B)
    )
    for job in (first, second, first, second):
        job()
    assert done == [A, A]
    first.release()
    second()
    assert done == [A, A, B]


def test_on_sqlite_the_lock_of_the_file_is_enough(sqlite_database: Database) -> None:
    done: list[int] = []
    job = Single(lambda: done.append(1), name="job", owner=A, database=sqlite_database)
    job()
    job.release()
    assert done == [1]


def test_what_has_served_its_time_is_thrown_away(database: Database, clock: ManualClock) -> None:
    now = clock.now()
    seen = Observation(
        cell="60.2,24.9",
        provider="recorded",
        observed_at=now,
        fetched_at=now,
        word=WeatherWord.RAIN,
    )
    database.write(lambda tx: weather.add(tx, [seen]))
    received = {"scope_id": A, "event_id": B, "received_at": now}
    database.write(lambda tx: tx.execute(sa.insert(ReceivedRow).values(received)))
    keeper = Housekeeping(database=database, clock=clock)
    clock.advance(hours=47)
    assert keeper.tick() == 0
    clock.advance(hours=2)
    assert keeper.tick() == 1
    clock.advance(seconds=WEATHER_KEPT.total_seconds())
    assert keeper.tick() == 1
    with database.read() as tx:
        assert tx.execute(sa.select(ObservationRow.id)).all() == []
        assert tx.execute(sa.select(ReceivedRow.scope_id)).all() == []
