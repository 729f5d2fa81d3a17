from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from storage.models.base import Base, Id, Json, UtcTime


def _where(name: str, *columns: str, where: str) -> sa.Index:
    condition = sa.text(where)
    return sa.Index(name, *columns, sqlite_where=condition, postgresql_where=condition)


class CustomerRow(Base):
    __tablename__ = "customers"
    __table_args__ = (sa.UniqueConstraint("brand_id", "mode", "external_id"),)

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    brand_id: Mapped[str] = mapped_column(Id, sa.ForeignKey("brands.id"))
    mode: Mapped[str] = mapped_column(sa.String(4))
    external_id: Mapped[str | None] = mapped_column(sa.String(200))
    first_name: Mapped[str | None] = mapped_column(sa.String(200))
    locale: Mapped[str | None] = mapped_column(sa.String(35))
    time_zone: Mapped[str | None] = mapped_column(sa.String(64))
    # occasions, traits, interests, segments and attributes, as the admin wrote them
    details: Mapped[dict[str, Any]] = mapped_column(Json)
    # quiet hours, weekly maximum, pause, muted kinds, traits and interests, as the person set them
    preferences: Mapped[dict[str, Any] | None] = mapped_column(Json)
    revision: Mapped[int] = mapped_column(sa.Integer)
    created_at: Mapped[datetime] = mapped_column(UtcTime)


class DeviceRow(Base):
    __tablename__ = "devices"
    __table_args__ = (
        sa.Index(
            "uq_devices_live_target",
            "brand_id",
            "mode",
            "target_value",
            unique=True,
            sqlite_where=sa.text("retired_at IS NULL"),
            postgresql_where=sa.text("retired_at IS NULL"),
        ),
        _where("ix_devices_fid", "brand_id", "mode", "fid", where="retired_at IS NULL"),
        _where("ix_devices_suspect", "brand_id", where="suspect_at IS NOT NULL"),
        _where("ix_devices_seen", "last_seen_at", where="target_value IS NOT NULL"),
    )

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    brand_id: Mapped[str] = mapped_column(Id, sa.ForeignKey("brands.id"))
    mode: Mapped[str] = mapped_column(sa.String(4))
    customer_id: Mapped[str] = mapped_column(Id, sa.ForeignKey("customers.id"), index=True)
    platform: Mapped[str] = mapped_column(sa.String(10))
    target_kind: Mapped[str] = mapped_column(sa.String(5))
    # None once the push service has proved it dead: the app lives on and may bring a new one.
    target_value: Mapped[str | None] = mapped_column(sa.String(4096))
    target_dead_at: Mapped[datetime | None] = mapped_column(UtcTime)
    target_dead_reason: Mapped[str | None] = mapped_column(sa.String(40))
    # The install behind the target, as far as the target tells it; of two targets of one install the newer one counts.
    fid: Mapped[str | None] = mapped_column(sa.String(22))
    # When the target would have been forgotten, had not so many been at once that somebody should look first.
    suspect_at: Mapped[datetime | None] = mapped_column(UtcTime)
    suspect_reason: Mapped[str | None] = mapped_column(sa.String(40))
    credential_hash: Mapped[str | None] = mapped_column(sa.String(64), unique=True)
    locale: Mapped[str | None] = mapped_column(sa.String(35))
    time_zone: Mapped[str | None] = mapped_column(sa.String(64))
    app_version: Mapped[str | None] = mapped_column(sa.String(64))
    push_permission: Mapped[str] = mapped_column(sa.String(10))
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    last_seen_at: Mapped[datetime] = mapped_column(UtcTime)
    retired_at: Mapped[datetime | None] = mapped_column(UtcTime)
    retired_reason: Mapped[str | None] = mapped_column(sa.String(40))


class ConsentEntryRow(Base):
    """The ledger: rows are only ever added. An erasure replaces the person by a keyed hash."""

    __tablename__ = "consent_entries"
    __table_args__ = (sa.Index(None, "customer_id", "purpose", "recorded_at"),)

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    brand_id: Mapped[str] = mapped_column(Id, sa.ForeignKey("brands.id"))
    mode: Mapped[str] = mapped_column(sa.String(4))
    customer_id: Mapped[str | None] = mapped_column(Id)
    subject_hash: Mapped[str | None] = mapped_column(sa.String(64), index=True)
    device_id: Mapped[str | None] = mapped_column(Id)
    purpose: Mapped[str] = mapped_column(sa.String(20))
    granted: Mapped[bool] = mapped_column(sa.Boolean)
    counts: Mapped[bool] = mapped_column(
        sa.Boolean
    )  # a grant older than a withdrawal is kept but does not count
    wording: Mapped[str] = mapped_column(sa.Text)
    wording_version: Mapped[str] = mapped_column(sa.String(64))
    locale: Mapped[str | None] = mapped_column(sa.String(35))
    source: Mapped[str] = mapped_column(sa.String(64))
    evidence: Mapped[str | None] = mapped_column(sa.Text)
    occurred_at: Mapped[datetime] = mapped_column(UtcTime)
    recorded_at: Mapped[datetime] = mapped_column(UtcTime)
    receipt: Mapped[dict[str, Any] | None] = mapped_column(Json)


class ConsentRow(Base):
    """The state that follows from the ledger, one row per person and purpose."""

    __tablename__ = "consents"

    customer_id: Mapped[str] = mapped_column(Id, sa.ForeignKey("customers.id"), primary_key=True)
    purpose: Mapped[str] = mapped_column(sa.String(20), primary_key=True)
    brand_id: Mapped[str] = mapped_column(Id)
    granted: Mapped[bool] = mapped_column(sa.Boolean)
    entry_id: Mapped[str] = mapped_column(Id)
    since: Mapped[datetime] = mapped_column(UtcTime)
    withdrawn_at: Mapped[datetime | None] = mapped_column(
        UtcTime
    )  # the last withdrawal, by receipt
