"""What all of a brand's people choose together: one small row per brand, in msgpack."""

from datetime import datetime

import msgspec
import sqlalchemy as sa

from domain.tastes import Everybody
from storage.engine import Transaction
from storage.models import BrandTastesRow
from storage.sql import insert

_everybody = msgspec.msgpack.Decoder(Everybody)
_pack = msgspec.msgpack.Encoder()


def of_brand(tx: Transaction, brand_id: str) -> Everybody:
    """What everybody chose so far; nothing at a brand without orders."""
    body = tx.execute(
        sa.select(BrandTastesRow.body).where(BrandTastesRow.brand_id == brand_id)
    ).scalar_one_or_none()
    return Everybody() if body is None else _everybody.decode(body)


def lock(tx: Transaction, brand_id: str, *, now: datetime) -> Everybody | None:
    """What everybody chose, to be added to; None where another transaction is adding.

    Nobody waits for this one row per brand: an order that is left out does not change what everybody likes.
    """
    tx.execute(
        insert(tx, BrandTastesRow)
        .values(brand_id=brand_id, body=_pack.encode(Everybody()), updated_at=now)
        .on_conflict_do_nothing()
    )
    query = sa.select(BrandTastesRow.body).where(BrandTastesRow.brand_id == brand_id)
    if tx.dialect.name == "postgresql":
        query = query.with_for_update(skip_locked=True, key_share=True)
    body = tx.execute(query).scalar_one_or_none()
    return None if body is None else _everybody.decode(body)


def save(tx: Transaction, everybody: Everybody, *, brand_id: str, now: datetime) -> None:
    tx.execute(
        sa.update(BrandTastesRow)
        .where(BrandTastesRow.brand_id == brand_id)
        .values(body=_pack.encode(everybody), updated_at=now)
    )
