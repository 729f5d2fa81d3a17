from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from storage.models.base import Base, Id, UtcTime

_ASKING = sa.text("next_wave_at IS NOT NULL")


class SlotRow(Base):
    """A time at a store at which there is room for some people. `next_wave_at` is None while nobody is looked for."""

    __tablename__ = "slots"
    __table_args__ = (
        sa.UniqueConstraint("brand_id", "mode", "external_id"),
        sa.Index("ix_slots_asking", "next_wave_at", sqlite_where=_ASKING, postgresql_where=_ASKING),
        sa.Index(None, "ends_at"),
    )

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    brand_id: Mapped[str] = mapped_column(Id, sa.ForeignKey("brands.id"))
    mode: Mapped[str] = mapped_column(sa.String(4))
    external_id: Mapped[str] = mapped_column(sa.String(200))
    store_id: Mapped[str] = mapped_column(Id)
    service: Mapped[str] = mapped_column(sa.String(200))
    starts_at: Mapped[datetime] = mapped_column(UtcTime)
    ends_at: Mapped[datetime] = mapped_column(UtcTime)
    capacity: Mapped[int] = mapped_column(sa.Integer)
    price: Mapped[float | None] = mapped_column(sa.Float(53))
    filled: Mapped[int] = mapped_column(sa.Integer)
    next_wave_at: Mapped[datetime | None] = mapped_column(UtcTime)
    updated_at: Mapped[datetime] = mapped_column(UtcTime)


class PromiseRow(Base):
    """A place of a slot that was offered to somebody, and until when it is kept for them."""

    __tablename__ = "slot_promises"

    slot_id: Mapped[str] = mapped_column(Id, sa.ForeignKey("slots.id"), primary_key=True)
    customer_id: Mapped[str] = mapped_column(Id, primary_key=True, index=True)
    until: Mapped[datetime] = mapped_column(UtcTime)


class BookingRow(Base):
    """How many places of a slot somebody has reserved."""

    __tablename__ = "slot_bookings"

    slot_id: Mapped[str] = mapped_column(Id, sa.ForeignKey("slots.id"), primary_key=True)
    customer_id: Mapped[str] = mapped_column(Id, primary_key=True, index=True)
    places: Mapped[int] = mapped_column(sa.Integer)


class PatronRow(Base):
    """Who comes to a store, and for which service there: on how many days, and when last. `service` is empty for all.

    Exists only with `habits` consent. Its indexes bring the most regular and the latest without reading the others.
    """

    __tablename__ = "patrons"
    __table_args__ = (
        sa.Index(None, "customer_id"),
        sa.Index(None, "brand_id", "service", "times"),
        sa.Index(None, "store_id", "service", "times"),
        sa.Index(None, "store_id", "service", "last_day"),
        {"sqlite_with_rowid": False},
    )

    store_id: Mapped[str] = mapped_column(Id, primary_key=True)
    service: Mapped[str] = mapped_column(sa.String(200), primary_key=True)
    customer_id: Mapped[str] = mapped_column(Id, primary_key=True)
    brand_id: Mapped[str] = mapped_column(Id)
    times: Mapped[int] = mapped_column(sa.Integer)
    last_day: Mapped[int] = mapped_column(sa.Integer)
