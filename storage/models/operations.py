from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from storage.models.base import Base, Id, UtcTime


class IdempotencyRow(Base):
    """The answer to a creating POST, kept for 24 h under the caller's key."""

    __tablename__ = "idempotency_keys"
    __table_args__ = (sa.Index(None, "created_at"),)

    scope_id: Mapped[str] = mapped_column(Id, primary_key=True)  # the credential that sent it
    key: Mapped[str] = mapped_column(sa.String(255), primary_key=True)
    brand_id: Mapped[str] = mapped_column(Id)
    customer_id: Mapped[str | None] = mapped_column(Id, index=True)
    request_hash: Mapped[str] = mapped_column(sa.String(64))
    status: Mapped[int] = mapped_column(sa.Integer)
    body: Mapped[bytes] = mapped_column(sa.LargeBinary)
    created_at: Mapped[datetime] = mapped_column(UtcTime)


class LeaseRow(Base):
    """Who does a job that only one process should do; `epoch` fences an owner that froze and woke up."""

    __tablename__ = "leases"

    name: Mapped[str] = mapped_column(sa.String(64), primary_key=True)
    owner: Mapped[str] = mapped_column(Id)
    epoch: Mapped[int] = mapped_column(sa.Integer)
    until: Mapped[datetime] = mapped_column(UtcTime)


class HeartbeatRow(Base):
    """When each role last completed a round, for readiness and the doctor."""

    __tablename__ = "heartbeats"

    role: Mapped[str] = mapped_column(sa.String(20), primary_key=True)
    process_id: Mapped[str] = mapped_column(Id, primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcTime)
