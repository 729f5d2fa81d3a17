from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from storage.models.base import Base, Id, UtcTime


class BrandTastesRow(Base):
    """What all of a brand's people choose together, as msgpack; tells of nobody."""

    __tablename__ = "brand_tastes"

    brand_id: Mapped[str] = mapped_column(Id, sa.ForeignKey("brands.id"), primary_key=True)
    body: Mapped[bytes] = mapped_column(sa.LargeBinary)
    updated_at: Mapped[datetime] = mapped_column(UtcTime)
