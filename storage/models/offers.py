from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from storage.models.base import Base, Id, Json, UtcTime


class ItemRow(Base):
    """The catalogue that tastes and traits rest on."""

    __tablename__ = "items"
    __table_args__ = (sa.UniqueConstraint("brand_id", "sku"),)

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    brand_id: Mapped[str] = mapped_column(Id, sa.ForeignKey("brands.id"))
    sku: Mapped[str] = mapped_column(sa.String(200))
    name: Mapped[str] = mapped_column(sa.String(200))
    category: Mapped[str] = mapped_column(sa.String(200))
    tags: Mapped[list[str]] = mapped_column(Json)
    services: Mapped[list[str]] = mapped_column(Json)
    price: Mapped[float | None] = mapped_column(sa.Float(53))
    revision: Mapped[int] = mapped_column(sa.Integer)
    updated_at: Mapped[datetime] = mapped_column(UtcTime)


class OfferRow(Base):
    """The newest revision of an offer. A deleted one stays, so that its decisions can be explained."""

    __tablename__ = "offers"
    __table_args__ = (sa.UniqueConstraint("brand_id", "external_id"),)

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    brand_id: Mapped[str] = mapped_column(Id, sa.ForeignKey("brands.id"))
    external_id: Mapped[str] = mapped_column(sa.String(200))
    revision: Mapped[int] = mapped_column(sa.Integer)
    body: Mapped[dict[str, Any]] = mapped_column(Json)
    updated_at: Mapped[datetime] = mapped_column(UtcTime)
    deleted_at: Mapped[datetime | None] = mapped_column(UtcTime)


class OfferRevisionRow(Base):
    """Every revision ever saved, for explaining and replaying."""

    __tablename__ = "offer_revisions"

    offer_id: Mapped[str] = mapped_column(Id, sa.ForeignKey("offers.id"), primary_key=True)
    revision: Mapped[int] = mapped_column(sa.Integer, primary_key=True)
    brand_id: Mapped[str] = mapped_column(Id)
    body: Mapped[dict[str, Any]] = mapped_column(Json)
    saved_at: Mapped[datetime] = mapped_column(UtcTime)


class OfferCounterRow(Base):
    """Sends of an offer: in all (`day` is empty) and per day of the brand's zone."""

    __tablename__ = "offer_counters"

    offer_id: Mapped[str] = mapped_column(Id, sa.ForeignKey("offers.id"), primary_key=True)
    mode: Mapped[str] = mapped_column(sa.String(4), primary_key=True)
    day: Mapped[str] = mapped_column(sa.String(10), primary_key=True)
    sends: Mapped[int] = mapped_column(sa.Integer)


class OfferCheckRow(Base):
    """What the push service said of the first message of a revision, by project and platform, before anything was sent."""

    __tablename__ = "offer_checks"

    offer_id: Mapped[str] = mapped_column(Id, primary_key=True)
    revision: Mapped[int] = mapped_column(sa.Integer, primary_key=True)
    project: Mapped[str] = mapped_column(sa.String(200), primary_key=True)
    platform: Mapped[str] = mapped_column(sa.String(10), primary_key=True)
    refusal: Mapped[str | None] = mapped_column(sa.String(300))  # None where it was taken
    checked_at: Mapped[datetime] = mapped_column(UtcTime)
