"""What is prepared behaves as what is not, only faster."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError, OperationalError

from domain.ids import new_id
from storage.engine import Database
from storage.models import LeaseRow, ReceivedRow
from storage.models.base import Id, UtcTime
from storage.prepared import Prepared
from tests.conftest import NOON

HELSINKI = timezone(timedelta(hours=3))
_ADD = sa.insert(ReceivedRow).values(
    scope_id=sa.bindparam("scope", type_=Id),
    event_id=sa.bindparam("event", type_=Id),
    received_at=sa.bindparam("at", type_=UtcTime),
)
ADD = Prepared(sqlite=_ADD, postgresql=_ADD)
_FIND = sa.select(ReceivedRow.event_id, ReceivedRow.received_at, sa.literal("seen")).where(
    ReceivedRow.scope_id == sa.bindparam("scope", type_=Id)
)
FIND = Prepared(sqlite=_FIND, postgresql=_FIND)


def test_values_come_back_as_they_went_in(database: Database) -> None:
    scope, event = new_id(), new_id()
    at = datetime(2026, 5, 6, 12, 0, 0, 123456, tzinfo=HELSINKI)
    assert database.write(lambda tx: ADD.rows(tx, scope=scope, event=event, at=at)) == []
    with database.read() as tx:
        assert FIND.rows(tx, scope=scope) == [(event, at.astimezone(UTC), "seen")]
        assert tx.execute(sa.select(ReceivedRow.received_at)).scalar_one() == at
        assert FIND.rows(tx, scope=new_id()) == []


def test_a_refused_row_is_refused_in_the_usual_words(database: Database) -> None:
    row = {"scope": new_id(), "event": new_id(), "at": NOON}
    database.write(lambda tx: ADD.rows(tx, **row))
    with pytest.raises(IntegrityError) as refused:
        database.write(lambda tx: ADD.rows(tx, **row))
    assert row["event"] not in str(refused.value).partition("DETAIL")[0]


def test_what_is_written_is_undone_with_its_transaction(database: Database) -> None:
    row = {"scope": new_id(), "event": new_id(), "at": NOON}

    def fail(tx: sa.Connection) -> None:
        ADD.rows(tx, **row)
        raise LookupError("no")

    with pytest.raises(LookupError):
        database.write(fail)
    with database.read() as tx:
        assert FIND.rows(tx, scope=row["scope"]) == []


def test_a_deadlock_is_retried_like_any_other(postgres_database: Database) -> None:
    """What the driver raises carries its SQLSTATE, which the write path looks for."""
    tries = []
    _raise = sa.text("DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '40P01'; END $$")

    def work(tx: sa.Connection) -> int:
        tries.append(1)
        if len(tries) < 3:
            Prepared(postgresql=_raise).rows(tx)
        return len(tries)

    assert postgres_database.write(work) == 3


def test_a_statement_for_the_other_database_is_named(sqlite_database: Database) -> None:
    with sqlite_database.read() as tx, pytest.raises(LookupError, match="sqlite"):
        Prepared(postgresql=_FIND).rows(tx, scope=new_id())


def test_a_lost_table_is_a_fault_of_the_store(database: Database) -> None:
    broken = sa.select(sa.column("nothing")).select_from(LeaseRow)
    with database.read() as tx, pytest.raises((OperationalError, sa.exc.ProgrammingError)):
        Prepared(sqlite=broken, postgresql=broken).rows(tx)
