"""Brings a database to the newest schema; safe to run by several processes at once."""

from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from storage.engine import Database
from storage.models import metadata

_LOCK = 0x57414254  # any number that only our migrations use


def _config(connection: sa.Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config


def upgrade(database: Database, revision: str = "head") -> None:
    """Applies every missing migration in one transaction."""
    _run(database, lambda config: command.upgrade(config, revision))


def downgrade(database: Database, revision: str) -> None:
    _run(database, lambda config: command.downgrade(config, revision))


def head() -> str:
    """The newest revision that this code knows."""
    return ScriptDirectory.from_config(_config()).get_current_head() or ""


def current(database: Database) -> str | None:
    """The revision the database is at; None where it is empty."""
    with database.read() as tx:
        return MigrationContext.configure(tx).get_current_revision()


def differences(database: Database) -> list[object]:
    """What the tables lack or have too much against the models; empty where they agree."""
    with database.read() as tx:
        context = MigrationContext.configure(tx, opts={"compare_type": True})
        return list(compare_metadata(context, metadata))


def _run(database: Database, step: object) -> None:
    with database.engine.execution_options(immediate=True).begin() as connection:
        if not database.is_sqlite:
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
        step(_config(connection))  # type: ignore[operator]  # one of the two lambdas above
