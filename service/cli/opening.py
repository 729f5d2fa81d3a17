"""Opens the database that the settings name, for commands that work beside a running service."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from domain.errors import Invalid, Refusal
from domain.policy import Brand
from domain.settings import Settings
from service import environment
from storage import brands, migrate
from storage.engine import Database, Transaction


def settings() -> Settings:
    """The process's settings; WrongSettings where one is wrong."""
    return environment.read(os.environ)


def connect(chosen: Settings, *, pool_size: int = 5) -> Database:
    """The database, with the folder of an SQLite file made where it is missing."""
    try:
        database = Database(chosen.database_url, pool_size=pool_size)
    except Exception as error:
        raise Invalid(
            "WHENABOUTS_DATABASE_URL is not a database address; use sqlite:///FILE or postgresql://…"
        ) from error
    if database.is_sqlite and database.url.database:
        Path(database.url.database).parent.mkdir(parents=True, exist_ok=True)
    return database


@contextmanager
def opened() -> Iterator[Database]:
    """The migrated database. A fresh SQLite file is made ready; a PostgreSQL that lags behind is refused."""
    database = connect(settings())
    try:
        if database.is_sqlite:
            migrate.upgrade(database)
        elif migrate.current(database) != migrate.head():
            raise Refusal(
                "The database's schema is not this version's; run `whenabouts migrate` first."
            )
        yield database
    finally:
        database.close()


def the_brand(tx: Transaction, slug: str | None) -> Brand:
    """The brand named by `slug`, or the only one there is."""
    if slug:
        return brands.by_slug(tx, slug)
    everyone = brands.everyone(tx)
    if len(everyone) == 1:
        return everyone[0]
    names = ", ".join(brand.slug for brand in everyone) or "none yet"
    raise Refusal(f"Say which brand with --brand; there are: {names}.")
