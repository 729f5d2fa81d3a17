"""Targets as a whole: how fresh they are, which are in doubt, and which nobody should be sent to any more."""

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from domain.messages import DeliveryStatus
from domain.people import STALE_AFTER, Mode, Permission
from domain.values import Value
from storage.engine import Transaction
from storage.models import DeliveryRow, DeviceRow, PositionRow

NOT_SEEN = "not_seen"
_LIVE = DeviceRow.retired_at.is_(None)
_HAS_TARGET = DeviceRow.target_value.is_not(None)
_SUSPECT = sa.text("suspect_at IS NOT NULL")  # word for word the index's, or SQLite does not use it


class Health(Value):
    """The targets of a brand's live devices of one mode, by platform and kind of target.

    `stale` were not seen for a month, `denied` have pushes turned off, `suspect` would have been forgotten, `lost` are
    devices whose target is forgotten and that brought no new one. A target may be several of these.
    """

    mode: Mode
    platform: str
    kind: str
    devices: int = 0
    stale: int = 0
    denied: int = 0
    suspect: int = 0
    lost: int = 0


class Suspect(Value):
    """A device whose target would have been forgotten, without the target."""

    device_id: str
    platform: str
    reason: str
    since: datetime
    last_seen_at: datetime


def doubt(tx: Transaction, delivery_ids: Iterable[str], *, reason: str, now: datetime) -> None:
    """Keeps the evidence against the targets of these deliveries, and the targets."""
    tx.execute(_answered(tx, delivery_ids).values(suspect_at=now, suspect_reason=reason[:40]))


def forget(tx: Transaction, delivery_ids: Iterable[str], *, reason: str, now: datetime) -> None:
    """Forgets the targets that these deliveries prove dead. The apps keep their credentials: they may bring new ones."""
    tx.execute(_answered(tx, delivery_ids).values(**_forgotten(reason, now)))


def suspects(tx: Transaction, brand_id: str, *, limit: int) -> list[Suspect]:
    """The brand's suspect targets, the newest suspicion first."""
    query = _suspects(brand_id).order_by(DeviceRow.suspect_at.desc(), DeviceRow.id).limit(limit)
    return [
        Suspect(
            device_id=row.id,
            platform=row.platform,
            reason=row.suspect_reason,
            since=row.suspect_at,
            last_seen_at=row.last_seen_at,
        )
        for row in tx.execute(query)
    ]


def confirm(tx: Transaction, brand_id: str, *, now: datetime) -> int:
    """Forgets the brand's suspect targets, save those that took a message since; returns how many it forgot."""
    took = (
        sa.exists()
        .where(DeliveryRow.device_id == DeviceRow.id)
        .where(DeliveryRow.status == DeliveryStatus.ACCEPTED)
        .where(DeliveryRow.attempted_at > DeviceRow.suspect_at)
    )
    ids = _suspects(brand_id).where(~took).with_only_columns(DeviceRow.id)
    gone = tx.execute(
        sa.update(DeviceRow)
        .where(DeviceRow.id.in_(ids))
        .values(
            target_value=None,
            fid=None,
            target_dead_at=now,
            target_dead_reason=DeviceRow.suspect_reason,
            suspect_at=None,
            suspect_reason=None,
        )
    ).rowcount
    spare(tx, brand_id)
    return gone


def spare(tx: Transaction, brand_id: str) -> int:
    """Clears the brand's targets of suspicion; returns how many there were."""
    ids = _suspects(brand_id).with_only_columns(DeviceRow.id)
    return tx.execute(
        sa.update(DeviceRow)
        .where(DeviceRow.id.in_(ids))
        .values(suspect_at=None, suspect_reason=None)
    ).rowcount


def suspected(tx: Transaction) -> int:
    """How many targets are in doubt, of all brands."""
    return tx.execute(
        sa.select(sa.func.count()).select_from(DeviceRow).where(_SUSPECT)
    ).scalar_one()


def prune(tx: Transaction, *, before: datetime, now: datetime, limit: int) -> int:
    """Forgets up to `limit` targets of devices that were neither heard of nor positioned since; returns how many."""
    ids = (
        sa.select(DeviceRow.id).where(sa.text("target_value IS NOT NULL"), _silent(before))
    ).limit(limit)
    return tx.execute(
        sa.update(DeviceRow).where(DeviceRow.id.in_(ids)).values(**_forgotten(NOT_SEEN, now))
    ).rowcount


def newest_fixes(tx: Transaction, device_ids: Collection[str]) -> dict[str, datetime]:
    """When each of these devices was last positioned; absent where it is not known."""
    query = sa.select(PositionRow.device_id, PositionRow.occurred_at)
    rows = tx.execute(query.where(PositionRow.device_id.in_(list(device_ids))))
    return {row.device_id: row.occurred_at for row in rows}


def health(tx: Transaction, brand_id: str, *, now: datetime) -> list[Health]:
    """The brand's live devices, counted."""
    stale = sa.and_(_silent(now - STALE_AFTER), _HAS_TARGET)
    counted = {
        "devices": sa.true(),
        "stale": stale,
        "denied": DeviceRow.push_permission == Permission.DENIED,
        "suspect": DeviceRow.suspect_at.is_not(None),
        "lost": ~_HAS_TARGET,
    }
    by = (DeviceRow.mode, DeviceRow.platform, DeviceRow.target_kind)
    rows = tx.execute(
        sa.select(*by, *(_how_many(what).label(name) for name, what in counted.items()))
        .where(DeviceRow.brand_id == brand_id, _LIVE)
        .group_by(*by)
        .order_by(*by)
    )
    return [
        Health(
            mode=Mode(row.mode),
            platform=row.platform,
            kind=row.target_kind,
            **{name: int(getattr(row, name)) for name in counted},
        )
        for row in rows
    ]


def _silent(since: datetime) -> sa.ColumnElement[bool]:
    """Whether a device was neither heard of nor positioned since then."""
    moved = sa.exists().where(
        PositionRow.device_id == DeviceRow.id, PositionRow.occurred_at >= since
    )
    return sa.and_(DeviceRow.last_seen_at < since, ~moved)


def _how_many(what: sa.ColumnElement[bool]) -> sa.ColumnElement[Any]:
    return sa.func.sum(sa.case((what, 1), else_=0))


def _suspects(brand_id: str) -> sa.Select[Any]:
    return sa.select(DeviceRow.__table__).where(DeviceRow.brand_id == brand_id, _SUSPECT)


def _answered(tx: Transaction, delivery_ids: Iterable[str]) -> sa.Update:
    """The devices of these deliveries; not one that checked in after its POST, since it may have brought a new target."""
    query = (
        sa.select(DeviceRow.id)
        .join(DeliveryRow, DeliveryRow.device_id == DeviceRow.id)
        .where(DeliveryRow.id.in_(list(delivery_ids)))
        .where(DeliveryRow.attempted_at >= DeviceRow.last_seen_at)
        .order_by(DeviceRow.id)
    )
    if tx.dialect.name == "postgresql":
        query = query.with_for_update(of=DeviceRow)
    return sa.update(DeviceRow).where(DeviceRow.id.in_(list(tx.execute(query).scalars())))


def _forgotten(reason: str, now: datetime) -> dict[str, Any]:
    return {
        "target_value": None,
        "fid": None,
        "target_dead_at": now,
        "target_dead_reason": reason[:40],
        "suspect_at": None,
        "suspect_reason": None,
    }
