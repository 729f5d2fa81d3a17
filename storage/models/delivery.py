from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from storage.models.base import Base, Id, Json


class LabelRow(Base):
    """A label under which a project's messages are counted by the push service, and the last day (UTC) it was used."""

    __tablename__ = "labels"
    __table_args__ = {"sqlite_with_rowid": False}

    project: Mapped[str] = mapped_column(sa.String(200), primary_key=True)
    label: Mapped[str] = mapped_column(sa.String(50), primary_key=True)
    last_day: Mapped[int] = mapped_column(sa.Integer)


class DeliveryReportRow(Base):
    """What the push service says became of one app's messages of one day and label, as it rounds it."""

    __tablename__ = "delivery_reports"

    brand_id: Mapped[str] = mapped_column(Id, primary_key=True)
    app: Mapped[str] = mapped_column(sa.String(200), primary_key=True)
    day: Mapped[int] = mapped_column(sa.Integer, primary_key=True)
    label: Mapped[str] = mapped_column(sa.String(50), primary_key=True)
    accepted: Mapped[int] = mapped_column(sa.BigInteger)
    # in per cent of the accepted, by what became of them: delivered, pending, droppedDeviceInactive, …
    shares: Mapped[dict[str, Any]] = mapped_column(Json)
