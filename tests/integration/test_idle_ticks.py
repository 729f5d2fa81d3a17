"""A tick with nothing due looks at what is due, never at everybody: no statement of one reads a whole table."""

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from domain.clock import SystemClock
from scheduler import recheck
from scheduler.closing import Closing
from scheduler.dispatch import Dispatcher
from scheduler.engine import Engine
from scheduler.fences import FenceCache
from scheduler.ingest import Ingest
from scheduler.slots import Waves
from storage import messages
from storage.engine import Database, Transaction
from storage.models import DeviceRow, PositionRow, metadata
from tests.acceptance import outbox

PEOPLE = 300


class Plans:
    """How SQLite finds the rows of each statement that was executed."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._executed: list[tuple[str, Any]] = []
        sa.event.listen(database.engine, "before_cursor_execute", self._note)

    def _note(self, _connection: Any, _cursor: Any, statement: str, given: Any, *_: Any) -> None:
        if statement.startswith(("SELECT", "UPDATE", "DELETE")):
            self._executed.append((statement, given))

    def steps(self) -> list[str]:
        executed, self._executed = self._executed, []
        with self._database.read() as tx:
            return [
                row[3]
                for statement, given in executed
                for row in tx.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", given)
            ]


class Ticks:
    """The jobs of a process, over one store; nobody has a project to send through."""

    def __init__(self, database: Database) -> None:
        clock = SystemClock()
        self.engine = Engine(database=database, clock=clock, weather_max_age=timedelta(minutes=45))
        self.dispatcher = Dispatcher(
            database=database,
            clock=clock,
            check=recheck.reasons_against,
            route=lambda _brand, _mode: None,
        )
        self.waves = Waves(database=database, clock=clock)
        self.closing = Closing(database=database, clock=clock)
        self.ingest = Ingest(clock=clock, fences=FenceCache(database), database=database)

    def all(self) -> list[object]:
        """One round of each; what each had to do."""
        return [
            self.engine.tick(),
            self.dispatcher.tick(),
            self.dispatcher.sweep(),
            self.ingest.pass_time(),
            self.waves.waiting(),
            self.waves.tick(),
            self.closing.waiting(),
            self.closing.tick(),
        ]


@pytest.fixture(params=["as it grew", "analyzed"])
def lived_in(request: pytest.FixtureRequest, sqlite_database: Database) -> Database:
    """A store in which everybody has a past, and a dwell to come tomorrow."""
    database = sqlite_database
    outbox.fill(database, [f"phone-{n}" for n in range(PEOPLE)])
    ticks = Ticks(database)
    assert ticks.engine.tick() == PEOPLE
    while outbox.to_come(database):
        ticks.dispatcher.tick()
    database.write(_be_somewhere)
    if request.param == "analyzed":
        database.write(lambda tx: tx.exec_driver_sql("ANALYZE") and None)
        database.engine.dispose()  # a connection knows the statistics from its beginning
    return database


def _be_somewhere(tx: Transaction) -> None:
    now = SystemClock().now()
    columns = {
        "latitude": 60.2,
        "longitude": 24.9,
        "accuracy_m": 10.0,
        "occurred_at": now,
        "state": b"",
        "due_at": now + timedelta(days=1),
    }
    people = sa.select(DeviceRow.id, DeviceRow.brand_id, DeviceRow.customer_id)
    rows = [
        {"device_id": id_, "brand_id": brand_id, "customer_id": customer_id, **columns}
        for id_, brand_id, customer_id in tx.execute(people)
    ]
    tx.execute(sa.insert(PositionRow), rows)


def test_no_statement_of_an_idle_tick_reads_a_whole_table(lived_in: Database) -> None:
    ticks, plans = Ticks(lived_in), Plans(lived_in)

    assert ticks.all() == [0, 0, 0, False, False, 0, False, 0]

    steps = plans.steps()
    assert len(steps) >= 4
    assert not [step for step in steps if reads_everything(step)]


def test_the_backlog_is_counted_without_reading_every_message(lived_in: Database) -> None:
    plans = Plans(lived_in)

    with lived_in.read() as tx:
        assert messages.backlog(tx) == {"queued": 0, "sending": 0, "unknown": 0}

    assert not [step for step in plans.steps() if reads_everything(step)]


def reads_everything(step: str) -> bool:
    """Whether a step of a plan goes through a table that grows with the people or with their past."""
    return step.startswith("SCAN ") and step.split()[1] in metadata.tables and "backlog" not in step
