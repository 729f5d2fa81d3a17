"""Who takes part in the measuring of effects, since when and by which share; and whom an offer has won so far."""

from collections.abc import Collection, Sequence
from datetime import datetime

import sqlalchemy as sa

from domain.holdout import PRE_DAYS, Member, Share
from domain.values import Value
from storage.engine import Transaction
from storage.models import MemberRow, OutcomeRow, ShareRow
from storage.prepared import OfMany
from storage.sql import add_rows, among, insert


class Newcomer(Value):
    """A live person who could be spoken to for the first time. `day` is an ordinal of the brand's zone."""

    customer_id: str
    brand_id: str
    draw: float
    day: int


class Won(Value):
    """An offer won at a moment of this person, whether it was said or kept as a ghost."""

    customer_id: str
    offer_id: str
    day: int


_MEMBERS = OfMany(
    sa.select(MemberRow.customer_id, MemberRow.draw, MemberRow.said_day), MemberRow.customer_id
)


def members(tx: Transaction, customer_ids: Sequence[str]) -> dict[str, Member]:
    """Those of these people who are enrolled."""
    return {
        whose: Member(draw=draw, enrolled=True, said=said_day is not None)
        for whose, draw, said_day in _MEMBERS.of(tx, customer_ids)
    }


def enrol(tx: Transaction, newcomers: Sequence[Newcomer], *, now: datetime) -> None:
    """Enrols people with what they brought in the days before; who is enrolled already stays as they are."""
    if not newcomers:
        return
    before = _before(tx, newcomers)
    rows = [
        {
            "customer_id": each.customer_id,
            "brand_id": each.brand_id,
            "draw": each.draw,
            "enrolled_at": now,
            "enrolled_day": each.day,
            "pre_visits": before.get(each.customer_id, (0, 0.0))[0],
            "pre_value": before.get(each.customer_id, (0, 0.0))[1],
            "mixed": False,
        }
        for each in newcomers
    ]
    add_rows(tx, MemberRow, rows, returning="customer_id")


def note_won(tx: Transaction, won: Sequence[Won]) -> None:
    """Notes the first offer that won for each of these people; later ones change nothing."""
    people: dict[tuple[int, str], list[str]] = {}
    for each in won:
        people.setdefault((each.day, each.offer_id), []).append(each.customer_id)
    for (day, offer_id), whom in sorted(people.items()):
        theirs = among(tx, MemberRow.customer_id, whom), MemberRow.said_day.is_(None)
        first = {"said_day": day, "said_offer_id": offer_id}
        tx.execute(sa.update(MemberRow).where(*theirs).values(**first))


def shares(tx: Transaction, brand_id: str) -> list[Share]:
    """Every share there has been, oldest first."""
    rows = tx.execute(
        sa.select(ShareRow.since, ShareRow.share)
        .where(ShareRow.brand_id == brand_id)
        .order_by(ShareRow.since)
    )
    return [Share(since=row.since, share=row.share) for row in rows]


def set_share(tx: Transaction, brand_id: str, share: float, *, now: datetime | None) -> None:
    """Notes that this share holds from now on, or without `now` in place of the last; the same again is no change."""
    known = shares(tx, brand_id)
    last = known[-1] if known else None
    if (last and last.share == share) or (last is None and now is None):
        return
    since = max(each for each in (now, last and last.since) if each)
    row = insert(tx, ShareRow).values(brand_id=brand_id, since=since, share=share)
    tx.execute(
        row.on_conflict_do_update(index_elements=["brand_id", "since"], set_={"share": share})
    )


def join(tx: Transaction, from_id: str, to_id: str) -> None:
    """What becomes of an anonymous person's membership who turned out to be a known one.

    It goes over with its draw, so that nobody changes sides by signing in. Where both are enrolled already, one may
    have been held out and the other not, and they count in neither arm from then on.
    """
    mine = sa.select(MemberRow.customer_id).where(MemberRow.customer_id == from_id)
    if tx.execute(mine).one_or_none() is None:
        return
    theirs = sa.update(MemberRow).where(MemberRow.customer_id == to_id).values(mixed=True)
    if tx.execute(theirs).rowcount:
        tx.execute(sa.delete(MemberRow).where(MemberRow.customer_id == from_id))
    else:
        tx.execute(
            sa.update(MemberRow).where(MemberRow.customer_id == from_id).values(customer_id=to_id)
        )


def _before(tx: Transaction, newcomers: Collection[Newcomer]) -> dict[str, tuple[int, float]]:
    """Days with a visit and money of each person's own 56 days before they are enrolled."""
    days = {each.customer_id: each.day for each in newcomers}
    query = sa.select(
        OutcomeRow.customer_id, OutcomeRow.day, OutcomeRow.signs, OutcomeRow.value
    ).where(
        among(tx, OutcomeRow.customer_id, days), OutcomeRow.day >= min(days.values()) - PRE_DAYS
    )
    found: dict[str, tuple[int, float]] = {}
    for row in tx.execute(query):
        if days[row.customer_id] - PRE_DAYS <= row.day < days[row.customer_id]:
            visits, value = found.get(row.customer_id, (0, 0.0))
            found[row.customer_id] = (visits + (row.signs > 0), value + row.value)
    return found
