"""What SQLite leaves behind of rows that it moved and deleted, and that a shred leaves none of it."""

import random
import sqlite3
import threading
import time
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from storage.engine import Database
from storage.scrub import scrub

NAMES = [f"a-name-that-is-sought-{number:03d}" for number in range(150)]


def _churn(path: Path, seed: int) -> sqlite3.Connection:
    """Rows that grow, shrink and move between pages; then every third name is deleted."""
    chance = random.Random(seed)
    db = sqlite3.connect(path, isolation_level=None)
    for pragma in ("journal_mode=WAL", "synchronous=OFF", "secure_delete=ON"):
        db.execute(f"PRAGMA {pragma}")
    db.execute("CREATE TABLE people (id TEXT PRIMARY KEY, name TEXT UNIQUE, text TEXT)")
    for name in NAMES:
        db.execute(
            "INSERT INTO people VALUES (?, ?, ?)",
            (f"{chance.getrandbits(64):016x}", name, name * chance.randint(0, 9)),
        )
    for _ in range(6 * len(NAMES)):
        name = chance.choice(NAMES)
        text = name * chance.choice((0, 1, 5, 20, 60, 300))
        db.execute("UPDATE people SET text = ? WHERE name = ?", (text, name))
    db.executemany("DELETE FROM people WHERE name = ?", [(name,) for name in NAMES[::3]])
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return db


def _remaining(path: Path) -> set[str]:
    """Those of the deleted names that are still somewhere in the file or its log."""
    held = b"".join(file.read_bytes() for file in path.parent.glob(f"{path.name}*"))
    return {name for name in NAMES[::3] if name.encode() in held}


def test_sqlite_alone_leaves_copies_of_deleted_rows(tmp_path: Path) -> None:
    """Should this fail one day, SQLite has learned to do it, and the scrubbing may go."""
    left = 0
    for seed in range(8):
        path = tmp_path / f"{seed}.sqlite3"
        _churn(path, seed).close()
        left += len(_remaining(path))
    assert left > 0


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_a_scrubbed_file_means_the_same_and_holds_nothing_deleted(
    tmp_path_factory: pytest.TempPathFactory, seed: int
) -> None:
    path = tmp_path_factory.mktemp("scrub") / "people.sqlite3"
    db = _churn(path, seed)
    before = db.execute("SELECT * FROM people ORDER BY id").fetchall()
    db.close()
    with path.open("r+b", buffering=0) as file:
        scrub(file)
        assert scrub(file) == 0
    assert _remaining(path) == set()
    db = sqlite3.connect(path)
    assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert db.execute("SELECT * FROM people ORDER BY id").fetchall() == before
    db.close()


def test_a_file_that_the_rules_do_not_cover_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "other.sqlite3"
    db = sqlite3.connect(path)
    db.execute("PRAGMA auto_vacuum = FULL")
    db.execute("CREATE TABLE t (x)")
    db.close()
    before = path.read_bytes()
    with path.open("r+b", buffering=0) as file, pytest.raises(ValueError, match="VACUUM"):
        scrub(file)
    assert path.read_bytes() == before


def _churned(database: Database) -> Path:
    """The same churn, through the store."""
    chance = random.Random(1)
    path = Path(database.url.database or "")
    database.write(
        lambda tx: tx.execute(sa.text("CREATE TABLE people (name TEXT PRIMARY KEY, text TEXT)"))
    )
    for name in NAMES:
        database.write(
            lambda tx, name=name: tx.execute(
                sa.text("INSERT INTO people VALUES (:name, '')"), {"name": name}
            )
        )
    for _ in range(4):
        for name in NAMES:
            text = name * chance.choice((0, 1, 5, 20, 60))
            database.write(
                lambda tx, name=name, text=text: tx.execute(
                    sa.text("UPDATE people SET text = :text WHERE name = :name"),
                    {"name": name, "text": text},
                )
            )
    gone = [{"name": name} for name in NAMES[::3]]
    database.write(lambda tx: tx.execute(sa.text("DELETE FROM people WHERE name = :name"), gone))
    return path


def test_the_writer_never_brings_back_what_was_scrubbed(sqlite_database: Database) -> None:
    """Its memory of the pages still holds the old bytes; it must not write them again."""
    path = _churned(sqlite_database)
    assert sqlite_database.shred()
    assert _remaining(path) == set()
    for _ in range(3):
        sqlite_database.write(
            lambda tx: tx.execute(sa.text("UPDATE people SET text = substr(text || 'x', 2)"))
        )
    assert _remaining(path) == set()
    assert sqlite_database.shred()
    with sqlite_database.read() as tx:
        assert tx.execute(sa.text("PRAGMA integrity_check")).scalar_one() == "ok"


def test_a_shred_that_a_reader_holds_up_is_made_up_for(sqlite_database: Database) -> None:
    with sqlite_database.read() as tx:
        tx.execute(sa.text("SELECT count(*) FROM brands")).scalar_one()
        path = _churned(sqlite_database)
        assert not sqlite_database.shred()
        sqlite_database.write(lambda tx: tx.execute(sa.text("UPDATE people SET text = ''")))
    deadline = time.monotonic() + 30
    while _remaining(path) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert _remaining(path) == set()


def test_what_a_killed_process_left_is_scrubbed_after_the_next_start(tmp_path: Path) -> None:
    paths = [tmp_path / f"{seed}.sqlite3" for seed in range(20)]
    for seed, path in enumerate(paths):
        _churn(path, seed).close()
    path = next(path for path in paths if _remaining(path))
    database = Database(f"sqlite:///{path}")
    database.write(lambda tx: tx.execute(sa.text("CREATE TABLE any_write (x)")))
    deadline = time.monotonic() + 30
    while _remaining(path) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert _remaining(path) == set()
    database.close()


def test_many_may_shred_at_once(sqlite_database: Database) -> None:
    answers: list[bool] = []
    threads = [
        threading.Thread(target=lambda: answers.append(sqlite_database.shred())) for _ in range(20)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [True] * 20


def test_two_writers_of_one_file_scrub_beside_each_other(sqlite_database: Database) -> None:
    """As the command line does beside a running service."""
    path = _churned(sqlite_database)
    other = Database(str(sqlite_database.url))

    def churn(database: Database, names: list[str]) -> None:
        for name in names:
            for text in (name * 40, name):
                database.write(
                    lambda tx, name=name, text=text: tx.execute(
                        sa.text("UPDATE people SET text = :text WHERE name = :name"),
                        {"name": name, "text": text},
                    )
                )
            database.shred()

    threads = [
        threading.Thread(target=churn, args=(sqlite_database, NAMES[1::3])),
        threading.Thread(target=churn, args=(other, NAMES[2::3])),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    other.close()
    assert sqlite_database.shred()
    assert _remaining(path) == set()
    with sqlite_database.read() as tx:
        assert tx.execute(sa.text("PRAGMA integrity_check")).scalar_one() == "ok"
        rows = tx.execute(sa.text("SELECT name, text FROM people"))
        texts = {row.name: row.text for row in rows}
    assert {name: texts[name] for name in NAMES[1::3]} == {name: name for name in NAMES[1::3]}
