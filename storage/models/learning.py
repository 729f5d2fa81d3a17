from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from storage.models.base import Base, Id, Json, UtcTime


class EvidenceRow(Base):
    """What a brand's people together told of a term. Pull and weight are as of a fixed day, so that they only ever add up."""

    __tablename__ = "model_evidence"
    __table_args__ = ({"sqlite_with_rowid": False},)

    brand_id: Mapped[str] = mapped_column(Id, sa.ForeignKey("brands.id"), primary_key=True)
    term_group: Mapped[str] = mapped_column(sa.String(20), primary_key=True)
    term_value: Mapped[str] = mapped_column(sa.String(300), primary_key=True)
    pull: Mapped[float] = mapped_column(sa.Float(53))
    weight: Mapped[float] = mapped_column(sa.Float(53))
    day: Mapped[int] = mapped_column(sa.Integer)


class PersonEvidenceRow(Base):
    """The same of one person's own terms. Exists only with `habits` consent."""

    __tablename__ = "person_evidence"
    __table_args__ = ({"sqlite_with_rowid": False},)

    customer_id: Mapped[str] = mapped_column(Id, primary_key=True)
    term_group: Mapped[str] = mapped_column(sa.String(20), primary_key=True)
    term_value: Mapped[str] = mapped_column(sa.String(300), primary_key=True)
    pull: Mapped[float] = mapped_column(sa.Float(53))
    weight: Mapped[float] = mapped_column(sa.Float(53))
    day: Mapped[int] = mapped_column(sa.Integer)


class SpreadRow(Base):
    """How far a group's ln τ² has moved from where its learning starts, and the precision gained."""

    __tablename__ = "model_spreads"

    brand_id: Mapped[str] = mapped_column(Id, sa.ForeignKey("brands.id"), primary_key=True)
    term_group: Mapped[str] = mapped_column(sa.String(20), primary_key=True)
    moved: Mapped[float] = mapped_column(sa.Float(53))
    gained: Mapped[float] = mapped_column(sa.Float(53))


class ModelRevisionRow(Base):
    """How often what everybody of a brand taught has changed; whoever changes it raises this in the same transaction."""

    __tablename__ = "model_revisions"

    brand_id: Mapped[str] = mapped_column(Id, sa.ForeignKey("brands.id"), primary_key=True)
    revision: Mapped[int] = mapped_column(sa.Integer)


class OpenDecisionRow(Base):
    """A decision whose answer is still awaited. It is deleted as it teaches, so none teaches twice."""

    __tablename__ = "open_decisions"
    __table_args__ = (sa.Index(None, "due_at"), sa.Index(None, "customer_id"))

    decision_id: Mapped[str] = mapped_column(Id, primary_key=True)
    brand_id: Mapped[str] = mapped_column(Id, sa.ForeignKey("brands.id"))
    customer_id: Mapped[str] = mapped_column(Id)
    pushed: Mapped[bool] = mapped_column(sa.Boolean)
    opened_at: Mapped[datetime] = mapped_column(UtcTime)
    visit_until: Mapped[datetime] = mapped_column(UtcTime)
    due_at: Mapped[datetime] = mapped_column(UtcTime)
    odds: Mapped[float] = mapped_column(sa.Float(53))
    anyway: Mapped[float] = mapped_column(sa.Float(53), server_default="0")
    likely: Mapped[float] = mapped_column(sa.Float(53), server_default="0")
    stores: Mapped[list[Any]] = mapped_column(Json)
    terms: Mapped[list[Any]] = mapped_column(Json)
