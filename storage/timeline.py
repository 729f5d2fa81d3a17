"""One person's timeline: events, visits, decisions, consents and messages in the order of their times."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple

import msgspec
import sqlalchemy as sa

from domain.values import Value
from storage.engine import Transaction
from storage.history import Key
from storage.models import (
    ConsentEntryRow,
    DecisionRow,
    EventRow,
    GeofenceRow,
    MessageRow,
    StoreRow,
    VisitRow,
)


class Kind(StrEnum):
    EVENT = "event"
    VISIT = "visit"
    DECISION = "decision"
    CONSENT = "consent"
    MESSAGE = "message"


class Entry(Value):
    """One thing that happened. `what` holds the fields of its kind; stores, fences and offers by external id."""

    kind: Kind
    id: str
    at: datetime
    what: dict[str, Any]


class _Source(NamedTuple):
    """Where the entries of a kind come from: the rows' table and time, and the query of their fields."""

    table: type[Any]
    at: Any
    fields: sa.Select[*tuple[Any, ...]]


_SOURCES = {
    Kind.EVENT: _Source(
        EventRow,
        EventRow.occurred_at,
        sa.select(
            EventRow.id,
            EventRow.type,
            StoreRow.external_id.label("store"),
            EventRow.decision_id,
            EventRow.received_at,
            EventRow.body,
        )
        .select_from(EventRow)
        .outerjoin(StoreRow, StoreRow.id == EventRow.store_id),
    ),
    Kind.VISIT: _Source(
        VisitRow,
        VisitRow.entered_at,
        sa.select(
            VisitRow.id,
            StoreRow.external_id.label("store"),
            GeofenceRow.external_id.label("geofence"),
            VisitRow.confidence,
            VisitRow.entered_at,
            VisitRow.dwelled_at,
            VisitRow.exited_at,
            VisitRow.end_reason,
        )
        .select_from(VisitRow)
        .outerjoin(StoreRow, StoreRow.id == VisitRow.store_id)
        .outerjoin(GeofenceRow, GeofenceRow.id == VisitRow.geofence_id),
    ),
    Kind.DECISION: _Source(
        DecisionRow,
        DecisionRow.decided_at,
        sa.select(
            DecisionRow.id,
            DecisionRow.cause,
            DecisionRow.outcome,
            DecisionRow.offer,
            DecisionRow.reasons,
        ),
    ),
    Kind.CONSENT: _Source(
        ConsentEntryRow,
        ConsentEntryRow.recorded_at,
        sa.select(
            ConsentEntryRow.id,
            ConsentEntryRow.purpose,
            ConsentEntryRow.granted,
            ConsentEntryRow.counts,
            ConsentEntryRow.wording_version,
            ConsentEntryRow.locale,
            ConsentEntryRow.source,
            ConsentEntryRow.occurred_at,
        ),
    ),
    Kind.MESSAGE: _Source(
        MessageRow,
        MessageRow.created_at,
        sa.select(
            MessageRow.id,
            MessageRow.decision_id,
            DecisionRow.offer,
            MessageRow.push,
            MessageRow.state,
            MessageRow.reason,
            MessageRow.expires_at,
            MessageRow.finished_at,
        )
        .select_from(MessageRow)
        .outerjoin(DecisionRow, DecisionRow.id == MessageRow.decision_id),
    ),
}


def page(
    tx: Transaction, customer_id: str, *, after: Key | None = None, limit: int = 50
) -> list[Entry]:
    """The newest `limit` entries from behind `after`; one query for the order, one more per kind on the page."""
    ranked = sa.union_all(
        *(_newest(kind, source, customer_id, after, limit) for kind, source in _SOURCES.items())
    ).subquery()
    newest_first = (ranked.c.at.desc(), ranked.c.id.desc())
    rows = tx.execute(sa.select(ranked).order_by(*newest_first).limit(limit)).all()
    found = _fields(tx, rows)
    return [Entry(kind=Kind(row.kind), id=row.id, at=row.at, what=found[row.id]) for row in rows]


def _newest(
    kind: Kind, source: _Source, customer_id: str, after: Key | None, limit: int
) -> sa.Select[*tuple[Any, ...]]:
    """The newest rows of one kind; each kind is cut to a page before they are put together."""
    table, at = source.table, source.at
    query = sa.select(
        sa.literal(kind.value).label("kind"), table.id.label("id"), at.label("at")
    ).where(table.customer_id == customer_id)
    if after:
        query = query.where(after.behind(at, table.id))
    return sa.select(query.order_by(at.desc(), table.id.desc()).limit(limit).subquery())


def _fields(tx: Transaction, rows: Sequence[sa.Row[Any]]) -> dict[str, dict[str, Any]]:
    """The fields of the entries on a page, by id."""
    wanted: dict[Kind, list[str]] = {}
    for row in rows:
        wanted.setdefault(Kind(row.kind), []).append(row.id)
    return {
        row.id: _plain(row._mapping.items())
        for kind, ids in wanted.items()
        for row in tx.execute(_SOURCES[kind].fields.where(_SOURCES[kind].table.id.in_(ids)))
    }


def _plain(fields: Iterable[tuple[Any, Any]]) -> dict[str, Any]:
    """Without what is not known, and with an event's body beside its other fields."""
    plain = {str(name): value for name, value in fields if value is not None and name != "id"}
    whole: dict[str, Any] = msgspec.to_builtins({**plain.pop("body", {}), **plain})
    return whole
