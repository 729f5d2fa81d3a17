from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from storage.models.base import Base, Id, UtcTime


class ShareRow(Base):
    """Which share of a brand's people has been held out since when; with a member's draw, their whole membership."""

    __tablename__ = "holdout_shares"

    brand_id: Mapped[str] = mapped_column(Id, sa.ForeignKey("brands.id"), primary_key=True)
    since: Mapped[datetime] = mapped_column(UtcTime, primary_key=True)
    share: Mapped[float] = mapped_column(sa.Float(53))


class MemberRow(Base):
    """A live person since the first moment at which they could have been spoken to. Days are ordinals of the brand's zone.

    `pre_visits` and `pre_value` are of the 56 days before; the `said_` columns tell when an offer won for the first
    time, whether it was said or, for the held-out, kept as a ghost.
    """

    __tablename__ = "holdout_members"
    __table_args__ = (sa.Index(None, "brand_id"),)

    customer_id: Mapped[str] = mapped_column(Id, sa.ForeignKey("customers.id"), primary_key=True)
    brand_id: Mapped[str] = mapped_column(Id)
    draw: Mapped[float] = mapped_column(sa.Float(53))
    enrolled_at: Mapped[datetime] = mapped_column(UtcTime)
    enrolled_day: Mapped[int] = mapped_column(sa.Integer)
    pre_visits: Mapped[int] = mapped_column(sa.Integer)
    pre_value: Mapped[float] = mapped_column(sa.Float(53))
    said_day: Mapped[int | None] = mapped_column(sa.Integer)
    said_offer_id: Mapped[str | None] = mapped_column(Id)
    # Belongs to both groups, as two people who turned out to be one may; counts in neither.
    mixed: Mapped[bool] = mapped_column(sa.Boolean)


class OutcomeRow(Base):
    """What a live person brought on one day: that they came, by which kinds of signs (bits), and what they spent."""

    __tablename__ = "outcome_days"
    # Read by the days of a brand, so kept in their order.
    __table_args__ = (sa.Index(None, "customer_id"), {"sqlite_with_rowid": False})

    brand_id: Mapped[str] = mapped_column(Id, primary_key=True)
    day: Mapped[int] = mapped_column(sa.Integer, primary_key=True)
    customer_id: Mapped[str] = mapped_column(Id, primary_key=True)
    signs: Mapped[int] = mapped_column(sa.Integer)
    value: Mapped[float] = mapped_column(sa.Float(53))


class RemainRow(Base):
    """What stays of people who were erased, or withdrew what their days rest on: sums of many, and nobody's.

    `scope` is `all`, or of those for whom an offer won `said`, or that offer's id. `people`, `pre_visits` and
    `pre_value` stand at the day on which they began to count in that scope, `visits` and `value` at their own.
    """

    __tablename__ = "outcome_remains"

    brand_id: Mapped[str] = mapped_column(Id, sa.ForeignKey("brands.id"), primary_key=True)
    scope: Mapped[str] = mapped_column(sa.String(36), primary_key=True)
    epoch: Mapped[int] = mapped_column(sa.Integer, primary_key=True)
    held: Mapped[bool] = mapped_column(sa.Boolean, primary_key=True)
    day: Mapped[int] = mapped_column(sa.Integer, primary_key=True)
    people: Mapped[int] = mapped_column(sa.Integer)
    pre_visits: Mapped[int] = mapped_column(sa.Integer)
    pre_value: Mapped[float] = mapped_column(sa.Float(53))
    visits: Mapped[int] = mapped_column(sa.Integer)
    value: Mapped[float] = mapped_column(sa.Float(53))


class CountRow(Base):
    """How many decisions and answers there were on a day of the brand's zone; written with them, kept for good.

    Each process adds to a `part` of its own, so that no two wait for each other.
    """

    __tablename__ = "daily_counts"
    __table_args__ = ({"sqlite_with_rowid": False},)

    brand_id: Mapped[str] = mapped_column(Id, sa.ForeignKey("brands.id"), primary_key=True)
    mode: Mapped[str] = mapped_column(sa.String(4), primary_key=True)
    day: Mapped[int] = mapped_column(sa.Integer, primary_key=True)
    what: Mapped[str] = mapped_column(sa.String(12), primary_key=True)
    cause: Mapped[str] = mapped_column(sa.String(10), primary_key=True)
    code: Mapped[str] = mapped_column(sa.String(64), primary_key=True)
    offer: Mapped[str] = mapped_column(sa.String(200), primary_key=True)
    part: Mapped[int] = mapped_column(sa.Integer, primary_key=True)
    count: Mapped[int] = mapped_column(sa.Integer)
