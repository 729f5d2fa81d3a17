from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from storage.models.base import Base, Id, Json, UtcTime


class BrandRow(Base):
    __tablename__ = "brands"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    slug: Mapped[str] = mapped_column(sa.String(64), unique=True)
    name: Mapped[str] = mapped_column(sa.String(200))
    time_zone: Mapped[str] = mapped_column(sa.String(64))
    signing_secret: Mapped[str] = mapped_column(sa.String(100))
    # Keys the hash that stays in the ledger after an erasure; it outlives rotations of the signing secret.
    ledger_key: Mapped[str] = mapped_column(sa.String(100))
    fcm_project: Mapped[str | None] = mapped_column(sa.String(200))
    fcm_credentials: Mapped[str | None] = mapped_column(sa.String(1000))
    policy: Mapped[dict[str, Any]] = mapped_column(Json)
    created_at: Mapped[datetime] = mapped_column(UtcTime)


class KeyRow(Base):
    """Publishable and secret keys. Device credentials are in `devices`."""

    __tablename__ = "api_keys"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    brand_id: Mapped[str] = mapped_column(Id, sa.ForeignKey("brands.id"), index=True)
    kind: Mapped[str] = mapped_column(sa.String(2))
    mode: Mapped[str] = mapped_column(sa.String(4))
    token_hash: Mapped[str] = mapped_column(sa.String(64), unique=True)
    scopes: Mapped[list[str]] = mapped_column(Json)
    label: Mapped[str | None] = mapped_column(sa.String(200))
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    expires_at: Mapped[datetime | None] = mapped_column(UtcTime)
    revoked_at: Mapped[datetime | None] = mapped_column(UtcTime)
