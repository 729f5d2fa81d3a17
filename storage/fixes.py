"""The last fix of each device with its fence states, and the ids of what was received in the last 48 hours.

Here positions are never kept beyond the last one, and ids are kept without positions. What a brand has asked to keep
of them for some hours is in `raw_fixes`.
"""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from domain.people import Consent, Consents, Mode, Purpose
from domain.values import Value
from storage.engine import Transaction
from storage.models import (
    BrandRow,
    ConsentRow,
    CustomerRow,
    DeviceRow,
    FenceChangeRow,
    PositionRow,
    ReceivedRow,
)
from storage.models.base import Id, UtcTime
from storage.prepared import Prepared
from storage.raw_fixes import KEPT_H

REMEMBERED = timedelta(hours=48)
_WHEREABOUTS = (Purpose.LOCATION, Purpose.BACKGROUND_LOCATION, Purpose.HABITS)


class Position(Value):
    """Where a device was last. `state` is the matcher's memory of it, opaque here.

    `due_at` is when time alone changes that state (a dwell, a silence); None where it never does. `stay` is where it has
    stayed since when, opaque too; None without `habits` consent.
    """

    device_id: str
    brand_id: str
    customer_id: str
    latitude: float
    longitude: float
    accuracy_m: float
    occurred_at: datetime
    state: bytes
    due_at: datetime | None = None
    stay: bytes | None = None


class Tracked(Value):
    """A live device as its next fixes find it: whose it is, what they allow, and where it was."""

    device_id: str
    customer_id: str
    brand_id: str
    mode: Mode
    consents: Consents  # of the two location purposes and of habits
    fences: int  # the newest revision of its brand's fences
    keep_fixes_h: int  # how long its brand keeps positions as they came; 0: not at all
    position: Position | None


_DIGEST = sa.bindparam("digest", type_=sa.String())
# Locks the person against a withdrawal or an erasure, which lock them for update, and the device against its other
# fixes; in this order, as an erasure does. The engine's claims of the person's moments are not disturbed.
_LOCK = Prepared(
    postgresql=sa.text(
        "SELECT 1 FROM customers JOIN devices ON devices.customer_id = customers.id "
        "WHERE devices.credential_hash = :digest "
        "FOR KEY SHARE OF customers FOR NO KEY UPDATE OF devices"
    ).bindparams(_DIGEST)
)
_POSITION = (
    PositionRow.latitude,
    PositionRow.longitude,
    PositionRow.accuracy_m,
    PositionRow.occurred_at,
    PositionRow.state,
    PositionRow.due_at,
    PositionRow.stay,
)
_BY_CREDENTIAL = (
    sa.select(
        DeviceRow.id,
        DeviceRow.customer_id,
        DeviceRow.brand_id,
        DeviceRow.mode,
        sa.func.coalesce(FenceChangeRow.revision, 0),
        KEPT_H,
        ConsentRow.purpose,
        ConsentRow.granted,
        ConsentRow.entry_id,
        ConsentRow.since,
        *_POSITION,
    )
    .join(BrandRow, BrandRow.id == DeviceRow.brand_id)
    .outerjoin(FenceChangeRow, FenceChangeRow.brand_id == DeviceRow.brand_id)
    .outerjoin(
        ConsentRow,
        sa.and_(
            ConsentRow.customer_id == DeviceRow.customer_id,
            sa.or_(*(ConsentRow.purpose == purpose.value for purpose in _WHEREABOUTS)),
        ),
    )
    .outerjoin(
        PositionRow,
        sa.and_(
            PositionRow.device_id == DeviceRow.id, PositionRow.customer_id == DeviceRow.customer_id
        ),
    )
    .where(DeviceRow.credential_hash == _DIGEST, DeviceRow.retired_at.is_(None))
)
_TRACKED = Prepared(sqlite=_BY_CREDENTIAL, postgresql=_BY_CREDENTIAL)


def track(tx: Transaction, digest: str) -> Tracked | None:
    """The live device with this credential (as `domain.access.digest` gives it) and what its next fixes need.

    Serialised against every other use of the device until the commit. None where nobody holds such a credential. The
    position of a former owner of the device is not shown.
    """
    if tx.dialect.name == "postgresql":
        _lock(tx, digest)
    rows = _TRACKED.rows(tx, digest=digest)
    if not rows:
        return None
    device_id, customer_id, brand_id, mode, fences, keep_fixes_h = rows[0][:6]
    return Tracked(
        device_id=device_id,
        customer_id=customer_id,
        brand_id=brand_id,
        mode=Mode(mode),
        consents=Consents(
            of={consent.purpose: consent for consent in map(_consent, rows) if consent}
        ),
        fences=fences,
        keep_fixes_h=keep_fixes_h,
        position=_position(rows[0]),
    )


def _consent(row: tuple[Any, ...]) -> Consent | None:
    purpose, granted, entry_id, since = row[6:10]
    if purpose is None:
        return None
    return Consent(purpose=Purpose(purpose), granted=granted, entry_id=entry_id, since=since)


def _position(row: tuple[Any, ...]) -> Position | None:
    latitude, longitude, accuracy_m, occurred_at, state, due_at, stay = row[10:]
    if state is None:
        return None
    return Position(
        device_id=row[0],
        customer_id=row[1],
        brand_id=row[2],
        latitude=latitude,
        longitude=longitude,
        accuracy_m=accuracy_m,
        occurred_at=occurred_at,
        state=state,
        due_at=due_at,
        stay=stay,
    )


def _lock(tx: Transaction, digest: str) -> None:
    """A merge may have given the device away while this waited for its person: the second look finds the new one."""
    if not _LOCK.rows(tx, digest=digest):
        _LOCK.rows(tx, digest=digest)


_SCOPE = sa.bindparam("scope", type_=Id)
_NOW = sa.bindparam("now", type_=UtcTime)
_RECEIVED = ["scope_id", "event_id", "received_at"]
_pg_id = sa.func.unnest(sa.bindparam("ids", type_=postgresql.ARRAY(Id))).column_valued("event_id")
_lite_id = sa.func.json_each(sa.bindparam("ids", type_=sa.JSON)).table_valued("value").c.value
_REMEMBER = Prepared(
    postgresql=postgresql.insert(ReceivedRow)
    .from_select(_RECEIVED, sa.select(_SCOPE, _pg_id, _NOW))
    .on_conflict_do_nothing()
    .returning(ReceivedRow.event_id),
    sqlite=sqlite.insert(ReceivedRow)
    .prefix_with("OR IGNORE")
    .from_select(_RECEIVED, sa.select(_SCOPE, _lite_id, _NOW))
    .returning(ReceivedRow.event_id),
)
_KNOWN = sa.select(ReceivedRow.event_id).where(
    ReceivedRow.scope_id == _SCOPE, ReceivedRow.event_id.in_(sa.bindparam("ids", expanding=True))
)


def remember(tx: Transaction, *, scope_id: str, ids: Collection[str], now: datetime) -> set[str]:
    """Notes these event ids as received by `scope_id` (a device, or a brand's backend); returns those that are new.

    A transaction that notes the same ids at the same time waits for the other's outcome.
    """
    if not ids:
        return set()
    rows = _REMEMBER.rows(tx, scope=scope_id, ids=sorted(ids), now=now)
    return {event_id for (event_id,) in rows}


def known(tx: Transaction, *, scope_id: str, ids: Collection[str]) -> set[str]:
    """Those of these event ids that were received before."""
    if not ids:
        return set()
    return set(tx.execute(_KNOWN, {"scope": scope_id, "ids": list(ids)}).scalars())


def forget(tx: Transaction, *, now: datetime, limit: int = 10_000) -> int:
    """Drops up to `limit` event ids received more than 48 hours ago; says how many."""
    old = (
        sa.select(ReceivedRow.scope_id, ReceivedRow.event_id)
        .where(ReceivedRow.received_at <= now - REMEMBERED)
        .limit(limit)
    )
    which = sa.tuple_(ReceivedRow.scope_id, ReceivedRow.event_id).in_(old)
    return tx.execute(sa.delete(ReceivedRow).where(which)).rowcount


def save(tx: Transaction, position: Position) -> None:
    """Replaces the last position of a device."""
    _SAVE.rows(tx, **msgspec.structs.asdict(position))


def _upsert(insert: Any) -> Any:
    statement = insert(PositionRow)
    columns = [name for name in Position.__struct_fields__ if name != "device_id"]
    return statement.on_conflict_do_update(
        index_elements=["device_id"], set_={name: statement.excluded[name] for name in columns}
    )


_SAVE = Prepared(postgresql=_upsert(postgresql.insert), sqlite=_upsert(sqlite.insert))
_IS_DUE = PositionRow.due_at <= sa.bindparam("now", type_=UtcTime)
# Of the first ones due: told to name every brand once, SQLite reads all positions in the order of their brands.
_DUE_BRANDS = sa.select(PositionRow.brand_id).where(_IS_DUE).order_by(PositionRow.due_at).limit(500)
_DUE = (
    sa.select(PositionRow.__table__, DeviceRow.mode)
    .join(DeviceRow, DeviceRow.id == PositionRow.device_id)
    .join(CustomerRow, CustomerRow.id == PositionRow.customer_id)
    .where(_IS_DUE, PositionRow.brand_id.in_(sa.bindparam("brands", expanding=True)))
    .order_by(PositionRow.due_at)
    .limit(sa.bindparam("most"))
)


def due_brands(tx: Transaction, now: datetime) -> list[str]:
    """The brands of the devices whose state time alone changes now; of the longest overdue, where those are many."""
    return list(dict.fromkeys(tx.execute(_DUE_BRANDS, {"now": now}).scalars()))


def claim_due(
    tx: Transaction, *, brand_ids: Collection[str], now: datetime, limit: int
) -> list[tuple[Position, Mode]]:
    """Up to `limit` such devices of these brands, longest overdue first, locked with their people.

    What others hold is left for the next time: nobody waits here, so nobody can deadlock.
    """
    query = _DUE
    if tx.dialect.name == "postgresql":
        held = [CustomerRow, DeviceRow, PositionRow]
        query = query.with_for_update(of=held, skip_locked=True, key_share=True)
    rows = tx.execute(query, {"now": now, "brands": list(brand_ids), "most": limit})
    return [(msgspec.convert(row._mapping, Position), Mode(row.mode)) for row in rows]
