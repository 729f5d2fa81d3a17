"""What the push service said of offers before they were sent: once per revision, project and platform."""

from collections.abc import Collection, Mapping
from datetime import datetime

import sqlalchemy as sa

from domain.values import Value
from storage.engine import Transaction
from storage.models import OfferCheckRow, OfferRow
from storage.sql import among, insert

_LONGEST = 300


class Question(Value):
    """One question to the push service: would it take this revision's messages, on this platform of this project?"""

    offer_id: str
    revision: int
    project: str
    platform: str


class Suspension(Value):
    """Why an offer is not said any more, in the push service's words, and since when. An edit ends it."""

    reason: str
    since: datetime


def known(tx: Transaction, offer_ids: Collection[str]) -> dict[Question, str | None]:
    """All answers for these offers: None where their messages are taken, else what was said against them."""
    rows = tx.execute(
        sa.select(OfferCheckRow.__table__).where(among(tx, OfferCheckRow.offer_id, offer_ids))
    )
    return {
        Question(
            offer_id=row.offer_id,
            revision=row.revision,
            project=row.project,
            platform=row.platform,
        ): row.refusal
        for row in rows
    }


def save(tx: Transaction, answers: Mapping[Question, str | None], *, now: datetime) -> None:
    """Keeps answers; the first one to a question stays."""
    rows = [
        {
            "offer_id": question.offer_id,
            "revision": question.revision,
            "project": question.project,
            "platform": question.platform,
            "refusal": refusal and _without_values(refusal),
            "checked_at": now,
        }
        for question, refusal in answers.items()
    ]
    if rows:
        tx.execute(insert(tx, OfferCheckRow).on_conflict_do_nothing(), rows)


def suspended(tx: Transaction, offer_ids: Collection[str]) -> dict[str, Suspension]:
    """Of these offers those whose newest revision was refused on any platform."""
    rows = tx.execute(
        sa.select(OfferCheckRow.offer_id, OfferCheckRow.refusal, OfferCheckRow.checked_at)
        .join(OfferRow, OfferRow.id == OfferCheckRow.offer_id)
        .where(among(tx, OfferRow.id, offer_ids), *_REFUSED)
        .order_by(OfferCheckRow.checked_at)
    )
    return {row.offer_id: Suspension(reason=row.refusal, since=row.checked_at) for row in rows}


def suspended_count(tx: Transaction) -> int:
    """How many offers are suspended now, of all brands."""
    query = (
        sa.select(sa.func.count(sa.distinct(OfferCheckRow.offer_id)))
        .join(OfferRow, OfferRow.id == OfferCheckRow.offer_id)
        .where(*_REFUSED, OfferRow.deleted_at.is_(None))
    )
    return int(tx.execute(query).scalar_one())


_REFUSED = (OfferCheckRow.revision == OfferRow.revision, OfferCheckRow.refusal.is_not(None))
UNSUSPENDED = ~sa.exists().where(OfferCheckRow.offer_id == OfferRow.id, *_REFUSED)
"""For queries of offers: those that the push service has not refused."""


def _without_values(text: str) -> str:
    """What is refused may be quoted, and a person's name with it."""
    return text.partition('"')[0].rstrip(" ,:")[:_LONGEST] or "refused"
