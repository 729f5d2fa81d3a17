import threading
from pathlib import Path

import pytest
import sqlalchemy as sa

from domain.errors import Busy
from domain.ids import new_id
from storage import migrate
from storage.engine import Database, Transaction
from storage.models import LeaseRow
from storage.sql import insert, lease_now


def _add(tx: Transaction, name: str) -> None:
    tx.execute(insert(tx, LeaseRow).values(name=name, owner=new_id(), epoch=1, until=lease_now(tx)))


def _names(database: Database) -> set[str]:
    with database.read() as tx:
        return set(tx.execute(sa.select(LeaseRow.name)).scalars())


def test_a_write_is_visible_once_it_returned(database: Database) -> None:
    database.write(lambda tx: _add(tx, "a"))
    assert _names(database) == {"a"}


def test_a_failing_write_keeps_nothing_and_spares_its_neighbours(database: Database) -> None:
    def fail(tx: Transaction) -> None:
        _add(tx, "lost")
        raise LookupError("no")

    def try_to_fail() -> None:
        with pytest.raises(LookupError):
            database.write(fail)

    threads = [threading.Thread(target=try_to_fail) for _ in range(4)]
    threads += [
        threading.Thread(target=database.write, args=(lambda tx, n=n: _add(tx, f"kept{n}"),))
        for n in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert _names(database) == {f"kept{n}" for n in range(8)}


def test_a_read_keeps_nothing(database: Database) -> None:
    with database.read() as tx:
        _add(tx, "gone")
    assert _names(database) == set()


def test_a_closed_store_refuses_writes(sqlite_database: Database) -> None:
    sqlite_database.close()
    with pytest.raises(Busy):
        sqlite_database.write(lambda tx: _add(tx, "late"))


def test_a_write_inside_a_write_is_refused_instead_of_waiting_for_ever(
    sqlite_database: Database,
) -> None:
    with pytest.raises(RuntimeError, match="pass the transaction on"):
        sqlite_database.write(lambda _: sqlite_database.write(lambda tx: _add(tx, "inner")))


def test_shredding_leaves_no_deleted_row_in_the_files(sqlite_database: Database) -> None:
    sqlite_database.write(lambda tx: _add(tx, "a-secret-name"))
    path = Path(sqlite_database.url.database or "")
    sqlite_database.write(lambda tx: tx.execute(sa.delete(LeaseRow)))
    assert sqlite_database.shred()
    files = [file for file in path.parent.iterdir() if file.name.startswith(path.name)]
    assert not any(b"a-secret-name" in file.read_bytes() for file in files)


def test_the_migrated_schema_equals_the_models(database: Database) -> None:
    assert migrate.differences(database) == []
    assert migrate.current(database) == migrate.head()


def test_the_last_migration_can_be_undone_and_redone(database: Database) -> None:
    migrate.downgrade(database, "-1")
    migrate.upgrade(database)
    assert migrate.differences(database) == []


def test_two_processes_may_migrate_at_once(postgres_database: Database) -> None:
    migrate.downgrade(postgres_database, "base")
    threads = [
        threading.Thread(target=migrate.upgrade, args=(postgres_database,)) for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert migrate.differences(postgres_database) == []


def test_a_row_that_was_there_already_counts_as_none_added(database: Database) -> None:
    lease = {"name": "a", "owner": new_id(), "epoch": 1}

    def added(tx: Transaction) -> int:
        row = insert(tx, LeaseRow).values(**lease, until=lease_now(tx))
        return tx.execute(row.on_conflict_do_nothing()).rowcount

    assert [database.write(added) for _ in range(2)] == [1, 0]
