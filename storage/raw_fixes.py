"""Positions as they came, for the hours that a brand has asked for; of everybody else there are none."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import sqlalchemy as sa

from domain.places import Fix
from domain.policy import MOST_FIX_HOURS
from storage.engine import Transaction
from storage.models import BrandRow, RawFixRow
from storage.sql import insert

# A row goes before its time is up, since whoever deletes comes once a minute.
_EARLY = timedelta(minutes=2)
# A row received later than that from now was noted by a clock that was wrong.
_AHEAD = timedelta(minutes=5)

# As the hot path reads it too; brands that were saved before there was such a thing keep none.
KEPT_H = sa.func.coalesce(BrandRow.policy["keep_fixes_h"].as_integer(), 0)


def add(
    tx: Transaction,
    fixes: Sequence[Fix],
    *,
    device_id: str,
    customer_id: str,
    brand_id: str,
    now: datetime,
) -> None:
    """Keeps these fixes, received now. An id that is there already stays as it is."""
    rows = [
        {
            "device_id": device_id,
            "event_id": fix.event_id,
            "customer_id": customer_id,
            "brand_id": brand_id,
            "latitude": fix.latitude,
            "longitude": fix.longitude,
            "accuracy_m": fix.accuracy_m,
            "background": fix.background,
            "occurred_at": fix.occurred_at,
            "received_at": now,
        }
        for fix in fixes
    ]
    if rows:
        tx.execute(insert(tx, RawFixRow).on_conflict_do_nothing(), rows)


def purge(tx: Transaction, *, now: datetime, limit: int) -> int:
    """Deletes up to `limit` rows whose brand no longer keeps them; says how many.

    A row counts from its receipt, and goes at most two minutes early. One that claims to have been received later
    than now goes too: the clock was wrong then or is wrong now, and nobody can say how old it is.
    """
    gone = 0
    for row in tx.execute(_SPANS).all():
        kept = timedelta(hours=min(row.hours, MOST_FIX_HOURS))
        before = now - max(kept - _EARLY, timedelta(0)) if kept else now + _AHEAD
        if row.oldest is not None and (row.oldest <= before or row.newest > now + _AHEAD):
            gone += _delete(tx, row.id, before=before, after=now + _AHEAD, limit=limit - gone)
        if gone >= limit:
            break
    return gone


def _spans() -> sa.Select[str, int, datetime | None, datetime | None]:
    """Every brand with its hours and the receipts of its oldest and newest row: two steps into an index for each."""
    mine = RawFixRow.brand_id == BrandRow.id
    oldest = sa.select(sa.func.min(RawFixRow.received_at)).where(mine).scalar_subquery()
    newest = sa.select(sa.func.max(RawFixRow.received_at)).where(mine).scalar_subquery()
    return sa.select(
        BrandRow.id, KEPT_H.label("hours"), oldest.label("oldest"), newest.label("newest")
    )


_SPANS = _spans()


def _delete(
    tx: Transaction, brand_id: str, *, before: datetime, after: datetime, limit: int
) -> int:
    received = RawFixRow.received_at
    old = (
        sa.select(RawFixRow.device_id, RawFixRow.event_id)
        .where(RawFixRow.brand_id == brand_id, sa.or_(received <= before, received > after))
        .limit(limit)
    )
    which = sa.tuple_(RawFixRow.device_id, RawFixRow.event_id).in_(old)
    return tx.execute(sa.delete(RawFixRow).where(which)).rowcount
