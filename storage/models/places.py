from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from storage.models.base import Base, Id, Json, UtcTime


class StoreRow(Base):
    __tablename__ = "stores"
    __table_args__ = (
        sa.UniqueConstraint("brand_id", "external_id"),
        sa.Index(None, "brand_id", "latitude"),
    )

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    brand_id: Mapped[str] = mapped_column(Id, sa.ForeignKey("brands.id"))
    external_id: Mapped[str] = mapped_column(sa.String(200))
    name: Mapped[str] = mapped_column(sa.String(200))
    latitude: Mapped[float] = mapped_column(sa.Float(53))
    longitude: Mapped[float] = mapped_column(sa.Float(53))
    time_zone: Mapped[str] = mapped_column(sa.String(64))
    address: Mapped[str | None] = mapped_column(sa.String(500))
    opening_hours: Mapped[str | None] = mapped_column(sa.String(2000))
    country: Mapped[str | None] = mapped_column(sa.String(2))
    revision: Mapped[int] = mapped_column(sa.Integer)
    updated_at: Mapped[datetime] = mapped_column(UtcTime)


class GeofenceRow(Base):
    __tablename__ = "geofences"
    __table_args__ = (sa.UniqueConstraint("brand_id", "external_id"),)

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    brand_id: Mapped[str] = mapped_column(Id, sa.ForeignKey("brands.id"))
    external_id: Mapped[str] = mapped_column(sa.String(200))
    store_id: Mapped[str | None] = mapped_column(Id, sa.ForeignKey("stores.id"), index=True)
    name: Mapped[str | None] = mapped_column(sa.String(200))
    shape: Mapped[dict[str, Any]] = mapped_column(Json)
    dwell_s: Mapped[int | None] = mapped_column(sa.Integer)
    active: Mapped[bool] = mapped_column(sa.Boolean)
    revision: Mapped[int] = mapped_column(sa.Integer)
    updated_at: Mapped[datetime] = mapped_column(UtcTime)


class FenceChangeRow(Base):
    """A counter per brand that grows with every change of its fences, so that indexes in memory know when to reload."""

    __tablename__ = "fence_changes"

    brand_id: Mapped[str] = mapped_column(Id, sa.ForeignKey("brands.id"), primary_key=True)
    revision: Mapped[int] = mapped_column(sa.Integer)


class FenceEditRow(Base):
    """Which fence the counter last moved for. A fence that was deleted leaves its row, and so is missed by no index."""

    __tablename__ = "fence_edits"
    __table_args__ = (sa.Index(None, "brand_id", "revision"),)

    geofence_id: Mapped[str] = mapped_column(Id, primary_key=True)
    brand_id: Mapped[str] = mapped_column(Id, sa.ForeignKey("brands.id"))
    revision: Mapped[int] = mapped_column(sa.Integer)


class PositionRow(Base):
    """The last fix of a device and its fence states; deleted with the location consent."""

    __tablename__ = "device_positions"
    __table_args__ = (sa.Index(None, "brand_id", "latitude"),)

    device_id: Mapped[str] = mapped_column(Id, sa.ForeignKey("devices.id"), primary_key=True)
    brand_id: Mapped[str] = mapped_column(Id)
    customer_id: Mapped[str] = mapped_column(Id, index=True)
    latitude: Mapped[float] = mapped_column(sa.Float(53))
    longitude: Mapped[float] = mapped_column(sa.Float(53))
    accuracy_m: Mapped[float] = mapped_column(sa.Float(53))
    occurred_at: Mapped[datetime] = mapped_column(UtcTime)
    state: Mapped[bytes] = mapped_column(sa.LargeBinary)
    # Where it has stayed since when; only with `habits` consent beside `location`.
    stay: Mapped[bytes | None] = mapped_column(sa.LargeBinary)
    # When time alone changes the state: a dwell falls due, or its visits have been silent too long. None: never.
    due_at: Mapped[datetime | None] = mapped_column(UtcTime, index=True)


class RawFixRow(Base):
    """A position as it came, only of brands that keep them; deleted after their hours and with the location consent."""

    __tablename__ = "raw_fixes"
    __table_args__ = (
        sa.Index(None, "brand_id", "received_at"),
        {"sqlite_with_rowid": False},
    )

    device_id: Mapped[str] = mapped_column(Id, primary_key=True)
    event_id: Mapped[str] = mapped_column(Id, primary_key=True)
    customer_id: Mapped[str] = mapped_column(Id, index=True)
    brand_id: Mapped[str] = mapped_column(Id)
    latitude: Mapped[float] = mapped_column(sa.Float(53))
    longitude: Mapped[float] = mapped_column(sa.Float(53))
    accuracy_m: Mapped[float] = mapped_column(sa.Float(53))
    background: Mapped[bool] = mapped_column(sa.Boolean)
    occurred_at: Mapped[datetime] = mapped_column(UtcTime)
    received_at: Mapped[datetime] = mapped_column(UtcTime)


class VisitRow(Base):
    """From enter to exit of one device at one fence."""

    __tablename__ = "visits"
    __table_args__ = (sa.Index(None, "customer_id", "entered_at"),)

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    brand_id: Mapped[str] = mapped_column(Id)
    customer_id: Mapped[str] = mapped_column(Id)
    device_id: Mapped[str] = mapped_column(Id, index=True)
    geofence_id: Mapped[str] = mapped_column(Id)
    store_id: Mapped[str | None] = mapped_column(Id)
    confidence: Mapped[int] = mapped_column(sa.Integer)
    entered_at: Mapped[datetime] = mapped_column(UtcTime)
    dwelled_at: Mapped[datetime | None] = mapped_column(UtcTime)
    exited_at: Mapped[datetime | None] = mapped_column(UtcTime)
    end_reason: Mapped[str | None] = mapped_column(sa.String(20))


class ReceivedRow(Base):
    """Event ids seen in the last 48 h, without anything else. `scope_id` is the device, or the brand for its backend."""

    __tablename__ = "received_ids"
    # Kept in the order of the key alone: a row has nothing else worth a second tree.
    __table_args__ = (sa.Index(None, "received_at"), {"sqlite_with_rowid": False})

    scope_id: Mapped[str] = mapped_column(Id, primary_key=True)
    event_id: Mapped[str] = mapped_column(Id, primary_key=True)
    received_at: Mapped[datetime] = mapped_column(UtcTime)
