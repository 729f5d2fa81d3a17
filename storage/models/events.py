from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from storage.models.base import Base, Id, Json, UtcTime


class EventRow(Base):
    __tablename__ = "events"
    __table_args__ = (sa.Index(None, "customer_id", "occurred_at"),)

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    brand_id: Mapped[str] = mapped_column(Id, sa.ForeignKey("brands.id"))
    mode: Mapped[str] = mapped_column(sa.String(4))
    customer_id: Mapped[str] = mapped_column(Id)
    device_id: Mapped[str | None] = mapped_column(Id)
    event_id: Mapped[str] = mapped_column(
        Id
    )  # the sender's own; unique per scope in `received_ids`
    type: Mapped[str] = mapped_column(sa.String(64))
    store_id: Mapped[str | None] = mapped_column(Id)
    decision_id: Mapped[str | None] = mapped_column(Id)
    occurred_at: Mapped[datetime] = mapped_column(UtcTime)
    received_at: Mapped[datetime] = mapped_column(UtcTime)
    body: Mapped[dict[str, Any]] = mapped_column(Json)


class ProfileRow(Base):
    """A person's habits as msgpack; exists only with `habits` consent."""

    __tablename__ = "profiles"

    customer_id: Mapped[str] = mapped_column(Id, sa.ForeignKey("customers.id"), primary_key=True)
    brand_id: Mapped[str] = mapped_column(Id, index=True)
    body: Mapped[bytes] = mapped_column(sa.LargeBinary)
    updated_at: Mapped[datetime] = mapped_column(UtcTime)


class PlacesRow(Base):
    """Where a person keeps staying, as coarse cells with evidence in msgpack; deleted with either consent it rests on."""

    __tablename__ = "places"
    __table_args__ = (sa.Index(None, "updated_at"),)

    customer_id: Mapped[str] = mapped_column(Id, sa.ForeignKey("customers.id"), primary_key=True)
    brand_id: Mapped[str] = mapped_column(Id)
    body: Mapped[bytes] = mapped_column(sa.LargeBinary)
    updated_at: Mapped[datetime] = mapped_column(UtcTime)


class BrandProfileRow(Base):
    """The brand's own wheel: what everybody does together, to which a person's is shrunk."""

    __tablename__ = "brand_profiles"

    brand_id: Mapped[str] = mapped_column(Id, sa.ForeignKey("brands.id"), primary_key=True)
    body: Mapped[bytes] = mapped_column(sa.LargeBinary)
    updated_at: Mapped[datetime] = mapped_column(UtcTime)


class ObservationRow(Base):
    """Weather: the cache, the evidence and the source of replays."""

    __tablename__ = "weather_observations"
    __table_args__ = (sa.Index(None, "cell", "observed_at"),)

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    provider: Mapped[str] = mapped_column(sa.String(20))
    cell: Mapped[str] = mapped_column(sa.String(20))
    observed_at: Mapped[datetime] = mapped_column(UtcTime)
    fetched_at: Mapped[datetime] = mapped_column(UtcTime)
    word: Mapped[str] = mapped_column(sa.String(10))
    temperature: Mapped[float | None] = mapped_column(sa.Float(53))
    wind: Mapped[float | None] = mapped_column(sa.Float(53))
    precipitation: Mapped[float | None] = mapped_column(sa.Float(53))
