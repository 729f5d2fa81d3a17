"""What all of a brand's people choose together: one small row per brand, in msgpack."""

from datetime import datetime

import msgspec
import sqlalchemy as sa

from domain.tastes import Everybody
from storage import brand_rows
from storage.engine import Transaction
from storage.models import BrandTastesRow

_everybody = msgspec.msgpack.Decoder(Everybody)
_pack = msgspec.msgpack.Encoder()


def of_brand(tx: Transaction, brand_id: str) -> Everybody:
    """What everybody chose so far; nothing at a brand without orders."""
    body = tx.execute(
        sa.select(BrandTastesRow.body).where(BrandTastesRow.brand_id == brand_id)
    ).scalar_one_or_none()
    return Everybody() if body is None else _everybody.decode(body)


def lock(tx: Transaction, brand_id: str, *, now: datetime) -> Everybody | None:
    """What everybody chose, to be added to; None where another transaction is adding."""
    empty = _pack.encode(Everybody())
    body = brand_rows.lock(tx, BrandTastesRow, brand_id, empty=empty, now=now)
    return None if body is None else _everybody.decode(body)


def save(tx: Transaction, everybody: Everybody, *, brand_id: str, now: datetime) -> None:
    brand_rows.save(tx, BrandTastesRow, brand_id, body=_pack.encode(everybody), now=now)
