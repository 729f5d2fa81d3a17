"""What answers taught: evidence by term, of everybody and of each person, and the decisions whose answers are awaited.

Evidence fades with `MEMORY_DAYS`. It is stored as of a fixed day: what is learned later is added larger, and all is read
smaller by the same factor. So rows are only ever added to, and any number of processes may learn at once in any order.
"""

import math
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any

import msgspec
import sqlalchemy as sa

from domain.messages import MessageState
from domain.model import Evidence, TermName
from domain.values import Value
from storage.engine import Transaction
from storage.models import (
    EventRow,
    EvidenceRow,
    MessageRow,
    ModelRevisionRow,
    OpenDecisionRow,
    PersonEvidenceRow,
    SpreadRow,
    VisitRow,
)
from storage.models.base import Id
from storage.prepared import OfMany, Prepared
from storage.sql import add_rows, among, insert_all, inserts

MEMORY_DAYS = 365.0
_FIXED_DAY = (date(2026, 1, 1) - date(1970, 1, 1)).days
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LONGEST = 300  # characters of a term's value
_CAME = ("visit", "order", "beacon", "reservation")
_ANSWERED = ("redeemed", "dismissed", "not_for_me")
_UNSEEN = (
    MessageState.QUEUED,
    MessageState.CANCELLED,
    MessageState.EXPIRED,
    MessageState.FAILED,
)


class OpenDecision(Value):
    """A decision whose answer is awaited until `due_at`; a visit counts until `visit_until`, at one of `stores` (by id;
    none means at any).

    `odds`: the log-odds of the answer without the effects of `terms`, pairs of group and value. `anyway`: the chance that a
    yes would have come anyway, where the odds are of what only a push brings; `likely` that of a yes, as it was foretold.
    """

    decision_id: str
    brand_id: str
    customer_id: str
    pushed: bool
    opened_at: datetime
    visit_until: datetime
    due_at: datetime
    odds: float
    stores: tuple[str, ...]
    terms: tuple[tuple[str, str], ...]
    anyway: float = 0.0
    likely: float = 0.0


class Prompt(Value):
    """A push of late, and how probable it is that a visit which follows it, at one of `stores`, would have come anyway."""

    at: datetime
    stores: tuple[str, ...]
    anyway: float


class Moved(Value):
    """How far a group's ln τ² has moved from where its learning starts, and the precision gained."""

    moved: float = 0.0
    gained: float = 0.0


class Sign(Value):
    """That somebody came to a store (None: to none in particular) at this time, or said something of a decision."""

    at: datetime
    type: str
    store_id: str | None = None
    decision_id: str | None = None


def day_of(at: datetime) -> int:
    """Days since 1970, as evidence counts them."""
    return (at - _EPOCH).days


def open_many(tx: Transaction, awaited: Sequence[OpenDecision]) -> None:
    """Awaits the answers of these decisions, in one statement for any number."""
    if awaited:
        add_rows(tx, OpenDecisionRow, [msgspec.structs.asdict(each) for each in awaited])


def due(tx: Transaction, now: datetime, limit: int) -> list[OpenDecision]:
    """Up to `limit` of those that are due, oldest first, from an index. Nothing is locked or taken."""
    query = sa.select(OpenDecisionRow.__table__).where(OpenDecisionRow.due_at <= now)
    order = (OpenDecisionRow.due_at, OpenDecisionRow.decision_id)
    rows = tx.execute(query.order_by(*order).limit(limit))
    return [msgspec.convert(row._mapping, OpenDecision) for row in rows]


def take(tx: Transaction, decision_ids: Collection[str]) -> set[str]:
    """Ends the waiting for these; returns those that nobody else had ended."""
    gone = sa.delete(OpenDecisionRow).where(OpenDecisionRow.decision_id.in_(decision_ids))
    return set(tx.execute(gone.returning(OpenDecisionRow.decision_id)).scalars())


def prompts(
    tx: Transaction, customer_ids: Collection[str], *, since: datetime
) -> dict[str, list[Prompt]]:
    """The pushes to these people since then whose answers are awaited, oldest first, but for those that surely reached no phone;
    who has none is absent.
    """
    row = OpenDecisionRow
    lost = sa.exists().where(
        MessageRow.decision_id == row.decision_id, MessageRow.state.in_(_UNSEEN)
    )
    query = sa.select(row.customer_id, row.opened_at, row.stores, row.anyway, row.likely).where(
        among(tx, row.customer_id, customer_ids), row.pushed, row.opened_at >= since, ~lost
    )
    found: dict[str, list[Prompt]] = {}
    for each in tx.execute(query.order_by(row.opened_at, row.decision_id)):
        anyway = min(1.0, each.anyway / each.likely) if each.likely else 1.0
        prompt = Prompt(at=each.opened_at, stores=tuple(each.stores), anyway=anyway)
        found.setdefault(each.customer_id, []).append(prompt)
    return found


def unseen(tx: Transaction, decision_ids: Collection[str]) -> set[str]:
    """Those of these decisions whose push surely never reached a phone."""
    query = sa.select(MessageRow.decision_id).where(
        MessageRow.decision_id.in_(decision_ids), MessageRow.state.in_(_UNSEEN)
    )
    return set(tx.execute(query).scalars())


def signs(
    tx: Transaction, customer_ids: Collection[str], *, since: datetime
) -> dict[str, list[Sign]]:
    """What these people did since then that may answer a push: their visits, orders and words, by customer."""
    said = sa.select(
        EventRow.customer_id,
        EventRow.occurred_at,
        EventRow.type,
        EventRow.store_id,
        EventRow.decision_id,
    ).where(
        among(tx, EventRow.customer_id, customer_ids),
        EventRow.occurred_at >= since,
        EventRow.type.in_(_CAME + _ANSWERED),
    )
    stayed = sa.select(
        VisitRow.customer_id,
        VisitRow.dwelled_at,
        sa.literal("visit"),
        VisitRow.store_id,
        sa.null(),
    ).where(among(tx, VisitRow.customer_id, customer_ids), VisitRow.dwelled_at >= since)
    found: dict[str, list[Sign]] = {}
    for query in (said, stayed.where(VisitRow.store_id.is_not(None))):
        for whose, at, type_, store_id, decision_id in tx.execute(query):
            sign = Sign(at=at, type=type_, store_id=store_id, decision_id=decision_id)
            found.setdefault(whose, []).append(sign)
    return found


def shared(tx: Transaction, brand_id: str, *, day: int) -> dict[TermName, Evidence]:
    """What everybody of a brand taught, faded to `day`."""
    rows = tx.execute(sa.select(EvidenceRow.__table__).where(EvidenceRow.brand_id == brand_id))
    left = _left(day)
    return {
        TermName(row.term_group, row.term_value): Evidence(
            pull=row.pull * left, weight=row.weight * left, day=day
        )
        for row in rows
    }


_OF_PEOPLE = OfMany(
    sa.select(
        PersonEvidenceRow.customer_id,
        PersonEvidenceRow.term_group,
        PersonEvidenceRow.term_value,
        PersonEvidenceRow.pull,
        PersonEvidenceRow.weight,
    ),
    PersonEvidenceRow.customer_id,
)


def of_people(
    tx: Transaction, customer_ids: Collection[str], *, day: int
) -> dict[str, dict[TermName, Evidence]]:
    """What each of these people taught of their own terms, faded to `day`, by customer; in one statement."""
    left = _left(day)
    found: dict[str, dict[TermName, Evidence]] = {}
    for whose, group, value, pull, weight in _OF_PEOPLE.of(tx, customer_ids):
        evidence = Evidence(pull=pull * left, weight=weight * left, day=day)
        found.setdefault(whose, {})[TermName(group, value)] = evidence
    return found


def spreads(tx: Transaction, brand_id: str) -> dict[str, Moved]:
    """How far each group's spread has moved."""
    query = sa.select(SpreadRow.term_group, SpreadRow.moved, SpreadRow.gained)
    rows = tx.execute(query.where(SpreadRow.brand_id == brand_id))
    return {row.term_group: Moved(moved=row.moved, gained=row.gained) for row in rows}


_OF_BRAND = sa.select(ModelRevisionRow.revision).where(
    ModelRevisionRow.brand_id == sa.bindparam("brand", type_=Id)
)
_REVISION = Prepared(sqlite=_OF_BRAND, postgresql=_OF_BRAND)


def revision(tx: Transaction, brand_id: str) -> int:
    """How often what everybody of a brand taught, and the spreads, have changed. Read it before them: whoever keeps them by
    it then holds what was there at that revision, or newer."""
    found = _REVISION.rows(tx, brand=brand_id)
    return int(found[0][0]) if found else 0


def _raise_revision(tx: Transaction, brand_id: str) -> None:
    insert_all(tx, _RAISE, [{"brand_id": brand_id, "revision": 1}])


def add_shared(tx: Transaction, brand_id: str, more: Mapping[TermName, Evidence]) -> None:
    """Adds what was learned of everybody's terms; each is as of its own day."""
    if more:
        _raise_revision(tx, brand_id)
        count_shared(tx, brand_id, more)


def count_shared(tx: Transaction, brand_id: str, more: Mapping[TermName, Evidence]) -> None:
    """The same of what may be read a while later: whoever keeps everybody's terms by their revision reads it with the next change."""
    rows = [{"brand_id": brand_id, **_columns(term, more[term])} for term in sorted(more)]
    insert_all(tx, _ADD_SHARED, rows)


def add_own(tx: Transaction, more: Mapping[str, Mapping[TermName, Evidence]]) -> None:
    """The same of people's own terms, by customer. The caller has locked these people."""
    rows = [
        {"customer_id": whose, **_columns(term, more[whose][term])}
        for whose in sorted(more)
        for term in sorted(more[whose])
    ]
    insert_all(tx, _ADD_OWN, rows)


def move(tx: Transaction, brand_id: str, by: Mapping[str, Moved]) -> None:
    """Moves the spreads of these groups on."""
    rows = [
        {"brand_id": brand_id, "term_group": group, **msgspec.structs.asdict(by[group])}
        for group in sorted(by)
    ]
    if rows:
        _raise_revision(tx, brand_id)
        insert_all(tx, _MOVE, rows)


def forget(tx: Transaction, customer_id: str) -> int:
    """Deletes a person's own terms and stops awaiting answers of theirs; returns the rows of the former."""
    for table in (OpenDecisionRow, PersonEvidenceRow):
        gone = tx.execute(sa.delete(table).where(table.customer_id == customer_id)).rowcount
    return gone


def join(tx: Transaction, from_id: str, to_id: str) -> None:
    """Adds an anonymous person's terms to the known one's, whose answers are awaited from then on."""
    table = PersonEvidenceRow
    rows = tx.execute(sa.select(table.__table__).where(table.customer_id == from_id)).all()
    tx.execute(sa.delete(table).where(table.customer_id == from_id))
    insert_all(tx, _ADD_OWN, [{**row._mapping, "customer_id": to_id} for row in rows])
    tx.execute(
        sa.update(OpenDecisionRow)
        .where(OpenDecisionRow.customer_id == from_id)
        .values(customer_id=to_id)
    )


def _left(day: int) -> float:
    return math.exp((_FIXED_DAY - day) / MEMORY_DAYS)


def _columns(term: TermName, learned: Evidence) -> dict[str, Any]:
    grown = 1 / _left(learned.day)
    return {
        "term_group": term.group,
        "term_value": term.value[:_LONGEST],
        "pull": learned.pull * grown,
        "weight": learned.weight * grown,
        "day": learned.day,
    }


def _adding(row: Any, table: type[Any], *sums: str) -> Any:
    key = [column.name for column in table.__table__.primary_key]
    changed: dict[str, Any] = {name: getattr(table, name) + row.excluded[name] for name in sums}
    if "day" in table.__table__.columns:
        later = sa.case((table.day < row.excluded.day, row.excluded.day), else_=table.day)
        changed["day"] = later
    return row.on_conflict_do_update(index_elements=key, set_=changed)


def _for_both(table: type[Any], *sums: str) -> dict[str, Any]:
    return inserts(table, lambda row: _adding(row, table, *sums))


_ADD_SHARED = _for_both(EvidenceRow, "pull", "weight")
_ADD_OWN = _for_both(PersonEvidenceRow, "pull", "weight")
_MOVE = _for_both(SpreadRow, "moved", "gained")
_RAISE = _for_both(ModelRevisionRow, "revision")
