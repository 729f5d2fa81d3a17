"""The one small row per brand that learning adds to, of a table with `brand_id`, `body` and `updated_at`."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from storage.engine import Transaction
from storage.sql import insert


def lock(
    tx: Transaction, table: type[Any], brand_id: str, *, empty: bytes, now: datetime
) -> bytes | None:
    """The row's body, to be added to, `empty` at first; None where another transaction is adding.

    Nobody waits for this one row: what is left out does not change what everybody does.
    """
    tx.execute(
        insert(tx, table)
        .values(brand_id=brand_id, body=empty, updated_at=now)
        .on_conflict_do_nothing()
    )
    query = sa.select(table.body).where(table.brand_id == brand_id)
    if tx.dialect.name == "postgresql":
        query = query.with_for_update(skip_locked=True, key_share=True)
    body: bytes | None = tx.execute(query).scalar_one_or_none()
    return body


def save(tx: Transaction, table: type[Any], brand_id: str, *, body: bytes, now: datetime) -> None:
    """Stores what became of a locked row's body."""
    tx.execute(sa.update(table).where(table.brand_id == brand_id).values(body=body, updated_at=now))
