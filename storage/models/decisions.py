from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from storage.models.base import Base, Id, Json, UtcTime

_SEND = sa.text("outcome = 'send'")
_OPEN = sa.text("decided_at IS NULL")
# Of a rhythm, whose keys begin with their date; those of a home or workplace begin with that word.
_OPEN_HABIT = sa.text("cause = 'habit' AND decided_at IS NULL AND key < 'a'")
_SENDING = sa.text("status = 'sending'")
_KEPT = sa.text("record IS NOT NULL OR inputs IS NOT NULL")
_BACKLOG = sa.text("state IN ('queued', 'sending', 'unknown')")


class MomentRow(Base):
    """Open until it is decided. The partial index makes a tick cost what is due, never the population."""

    __tablename__ = "moments"
    __table_args__ = (
        sa.UniqueConstraint("customer_id", "cause", "key"),
        sa.Index("ix_moments_open", "due_at", sqlite_where=_OPEN, postgresql_where=_OPEN),
        sa.Index(
            "uq_moments_open_habit",
            "customer_id",
            unique=True,
            sqlite_where=_OPEN_HABIT,
            postgresql_where=_OPEN_HABIT,
        ),
    )

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    brand_id: Mapped[str] = mapped_column(Id)
    mode: Mapped[str] = mapped_column(sa.String(4))
    customer_id: Mapped[str] = mapped_column(Id)
    device_id: Mapped[str | None] = mapped_column(Id)
    cause: Mapped[str] = mapped_column(sa.String(10))
    key: Mapped[str] = mapped_column(sa.String(100))
    store_id: Mapped[str | None] = mapped_column(Id)
    geofence_id: Mapped[str | None] = mapped_column(Id)
    visit_id: Mapped[str | None] = mapped_column(Id)
    due_at: Mapped[datetime] = mapped_column(UtcTime)
    expires_at: Mapped[datetime] = mapped_column(UtcTime)
    decided_at: Mapped[datetime | None] = mapped_column(UtcTime)
    fences_revision: Mapped[int | None] = mapped_column(sa.Integer)


class DecisionRow(Base):
    """What was chosen at a moment. After an erasure only what says nothing of the person is left."""

    __tablename__ = "decisions"
    __table_args__ = (
        sa.Index(None, "customer_id", "decided_at"),
        sa.Index(
            "ix_decisions_kept", "decided_at", sqlite_where=_KEPT, postgresql_where=_KEPT
        ),  # what retention has to look at
        sa.Index(
            "uq_decisions_send",
            "customer_id",
            "offer_id",
            "local_date",
            "daypart",
            unique=True,
            sqlite_where=_SEND,
            postgresql_where=_SEND,
        ),
    )

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    brand_id: Mapped[str] = mapped_column(Id, sa.ForeignKey("brands.id"))
    mode: Mapped[str] = mapped_column(sa.String(4))
    customer_id: Mapped[str | None] = mapped_column(Id)
    moment_id: Mapped[str] = mapped_column(Id, unique=True)
    cause: Mapped[str] = mapped_column(sa.String(10))
    decided_at: Mapped[datetime] = mapped_column(UtcTime)
    outcome: Mapped[str] = mapped_column(sa.String(10))
    reasons: Mapped[list[dict[str, Any]]] = mapped_column(Json)
    offer_id: Mapped[str | None] = mapped_column(Id)
    offer: Mapped[str | None] = mapped_column(sa.String(200))
    offer_revision: Mapped[int | None] = mapped_column(sa.Integer)
    store_id: Mapped[str | None] = mapped_column(Id)
    consent_entry_id: Mapped[str | None] = mapped_column(Id)
    terms: Mapped[list[dict[str, Any]]] = mapped_column(Json)
    propensity: Mapped[float] = mapped_column(sa.Float(53))
    seed: Mapped[int] = mapped_column(sa.BigInteger)
    local_date: Mapped[str | None] = mapped_column(sa.String(10))
    daypart: Mapped[int | None] = mapped_column(sa.Integer)
    inputs: Mapped[dict[str, Any] | None] = mapped_column(Json)  # of rows from before `record`
    redacted_at: Mapped[datetime | None] = mapped_column(UtcTime)
    record: Mapped[bytes | None] = mapped_column(sa.LargeBinary)
    pruned_at: Mapped[datetime | None] = mapped_column(UtcTime)


class MessageRow(Base):
    """The outbox: written with its decision, finished exactly once."""

    __tablename__ = "messages"
    __table_args__ = (
        sa.Index(
            "ix_messages_backlog",
            "state",
            "brand_id",
            "mode",
            "bulk",
            "due_at",
            sqlite_where=_BACKLOG,
            postgresql_where=_BACKLOG,
        ),
        sa.Index(None, "customer_id"),
        sa.Index(None, "brand_id", "created_at"),
    )

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    brand_id: Mapped[str] = mapped_column(Id, sa.ForeignKey("brands.id"))
    mode: Mapped[str] = mapped_column(sa.String(4))
    customer_id: Mapped[str] = mapped_column(Id)
    decision_id: Mapped[str] = mapped_column(Id, unique=True)
    offer_id: Mapped[str] = mapped_column(Id)
    push: Mapped[dict[str, Any] | None] = mapped_column(Json)  # None once redacted
    state: Mapped[str] = mapped_column(sa.String(10))
    reason: Mapped[str | None] = mapped_column(sa.String(40))  # why it was cancelled or expired
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    due_at: Mapped[datetime] = mapped_column(UtcTime)
    expires_at: Mapped[datetime] = mapped_column(UtcTime)
    finished_at: Mapped[datetime | None] = mapped_column(UtcTime)
    bulk: Mapped[bool] = mapped_column(sa.Boolean, server_default=sa.false())  # nobody waits for it
    resends: Mapped[int] = mapped_column(sa.Integer, server_default="0")  # after lost answers


class DeliveryRow(Base):
    """One attempt at one device. `sending` is the committed intent."""

    __tablename__ = "deliveries"
    __table_args__ = (
        sa.UniqueConstraint("message_id", "device_id"),
        sa.Index(
            "ix_deliveries_sending", "lease_until", sqlite_where=_SENDING, postgresql_where=_SENDING
        ),
    )

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    brand_id: Mapped[str] = mapped_column(Id)
    message_id: Mapped[str] = mapped_column(Id, sa.ForeignKey("messages.id"))
    device_id: Mapped[str] = mapped_column(Id, index=True)
    status: Mapped[str] = mapped_column(sa.String(12))
    simulated: Mapped[bool] = mapped_column(sa.Boolean)
    provider_id: Mapped[str | None] = mapped_column(sa.String(300))
    error_code: Mapped[str | None] = mapped_column(sa.String(64))
    detail: Mapped[str | None] = mapped_column(sa.String(300))
    attempted_at: Mapped[datetime] = mapped_column(UtcTime)
    finished_at: Mapped[datetime | None] = mapped_column(UtcTime)
    # The sender that holds it and until when, by the database's clock; a late owner's outcome is refused.
    owner: Mapped[str] = mapped_column(Id)
    lease_until: Mapped[datetime] = mapped_column(UtcTime)
