"""How many there were of what, by day: added up as things happen, so that reading costs days and not people."""

import os
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo, available_timezones

import sqlalchemy as sa

from domain.events import ANSWERS
from domain.messages import MessageState
from domain.people import Mode
from storage.engine import Transaction
from storage.models import BrandRow, CountRow, DecisionRow, EventRow, MessageRow, OfferRow
from storage.sql import insert_all, inserts

ACCEPTED = "accepted"  # of messages that are gone with their person
_PARTS = 8


class Key(NamedTuple):
    """What is counted: `what` is an outcome or an answer, `code` the first reason of a decision, `day` an ordinal."""

    brand_id: str
    mode: str
    day: int
    what: str
    cause: str
    code: str
    offer: str


class Answered(NamedTuple):
    """The first answer of a type to a decision."""

    type: str
    brand_id: str
    mode: str
    cause: str
    offer: str | None
    decided_at: datetime


def _adding(row: Any) -> Any:
    names = [column.name for column in CountRow.__table__.primary_key]
    return row.on_conflict_do_update(
        index_elements=names, set_={"count": CountRow.count + row.excluded.count}
    )


_ADD = inserts(CountRow, _adding)


def add(tx: Transaction, keys: Iterable[Key]) -> None:
    """Counts one for each key given. Call it last in a transaction: others of this process wait for its rows."""
    part = os.getpid() % _PARTS
    rows = [
        {**key._asdict(), "part": part, "count": count}
        for key, count in sorted(Counter(keys).items())
    ]
    insert_all(tx, _ADD, rows)


def first_answers(tx: Transaction, given: Sequence[tuple[str, str, str]]) -> list[Answered]:
    """Which of these stored answers (customer, decision, type) are the first of their type to their decision."""
    here = Counter((decision_id, type_) for _, decision_id, type_ in given)
    query = (
        sa.select(EventRow.decision_id, EventRow.type, sa.func.count())
        .where(
            EventRow.customer_id.in_({customer_id for customer_id, _, _ in given}),
            EventRow.decision_id.in_({decision_id for _, decision_id, _ in given}),
            EventRow.type.in_(ANSWERS),
        )
        .group_by(EventRow.decision_id, EventRow.type)
    )
    first = [
        (row[0], row[1]) for row in tx.execute(query) if row[0] and row[2] == here[row[0], row[1]]
    ]
    found = {
        row.id: row
        for row in tx.execute(
            sa.select(
                DecisionRow.id,
                DecisionRow.brand_id,
                DecisionRow.mode,
                DecisionRow.cause,
                DecisionRow.offer,
                DecisionRow.decided_at,
            ).where(DecisionRow.id.in_({decision_id for decision_id, _ in first}))
        )
    }
    return [
        Answered(type_, row.brand_id, row.mode, row.cause, row.offer, row.decided_at)
        for decision_id, type_ in first
        if (row := found.get(decision_id))
    ]


def read(
    tx: Transaction, brand_id: str, mode: Mode, *, first: int, last: int
) -> list[tuple[Key, int]]:
    """The counts of these days, in the order of their keys."""
    columns = [getattr(CountRow, name) for name in Key._fields]
    query = (
        sa.select(*columns, sa.func.sum(CountRow.count))
        .where(
            CountRow.brand_id == brand_id,
            CountRow.mode == mode,
            CountRow.day.between(first, last),
        )
        .group_by(*columns)
        .order_by(*columns)
    )
    return [(Key(*row[:-1]), int(row[-1])) for row in tx.execute(query)]


def messages(
    tx: Transaction, brand_id: str, mode: Mode, *, since: datetime, until: datetime
) -> dict[tuple[str, str], int]:
    """How many messages made in this time are in which state, by offer (external id) and state."""
    rows = tx.execute(
        sa.select(OfferRow.external_id, MessageRow.state, sa.func.count())
        .join(OfferRow, OfferRow.id == MessageRow.offer_id)
        .where(
            MessageRow.brand_id == brand_id,
            MessageRow.mode == mode,
            MessageRow.created_at >= since,
            MessageRow.created_at < until,
        )
        .group_by(OfferRow.external_id, MessageRow.state)
    )
    return {(row[0], row[1]): int(row[2]) for row in rows}


def fold(tx: Transaction, customer_id: str) -> None:
    """Counts the accepted messages of a person who is about to be erased, whose rows will be gone."""
    rows = tx.execute(
        sa.select(
            MessageRow.brand_id,
            MessageRow.mode,
            MessageRow.created_at,
            DecisionRow.cause,
            OfferRow.external_id,
            BrandRow.time_zone,
        )
        .join(BrandRow, BrandRow.id == MessageRow.brand_id)
        .join(OfferRow, OfferRow.id == MessageRow.offer_id)
        .join(DecisionRow, DecisionRow.id == MessageRow.decision_id)
        .where(MessageRow.customer_id == customer_id, MessageRow.state == MessageState.SENT)
    )
    add(tx, [_accepted(row) for row in rows])


def _accepted(row: Any) -> Key:
    zone = ZoneInfo(row.time_zone) if row.time_zone in available_timezones() else UTC
    return Key(
        brand_id=row.brand_id,
        mode=row.mode,
        day=row.created_at.astimezone(zone).toordinal(),
        what=ACCEPTED,
        cause=row.cause,
        code="",
        offer=row.external_id,
    )
