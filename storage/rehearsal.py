"""Reading for rehearsals: a brand's people by id, batch after batch, and what was decided about them in a window."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import NamedTuple

import msgspec
import sqlalchemy as sa

from domain.decisions import Decision
from domain.people import Mode
from domain.weather import Observation
from storage import records
from storage.engine import Transaction
from storage.models import CustomerRow, DecisionRow, EventRow, MomentRow, ObservationRow, OfferRow
from storage.sql import among


class Recorded(NamedTuple):
    """A decision as it was stored, with what of its moment the inputs do not tell; None where the moment is gone.

    Redacted for its person's sake, or pruned for its age, it has no inputs.
    """

    decision: Decision
    redacted: bool
    pruned: bool
    moment_store_id: str | None
    due_at: datetime | None


def how_many(tx: Transaction, *, brand_id: str, mode: Mode) -> int:
    """The customers of a brand."""
    query = sa.select(sa.func.count()).where(*_of(brand_id, mode))
    return int(tx.execute(query).scalar_one())


def people(
    tx: Transaction, *, brand_id: str, mode: Mode, after: str | None, limit: int
) -> list[tuple[str, str | None]]:
    """Ids and external ids of up to `limit` customers in the order of the ids, from behind `after`."""
    query = sa.select(CustomerRow.id, CustomerRow.external_id).where(*_of(brand_id, mode))
    if after is not None:
        query = query.where(CustomerRow.id > after)
    return [
        (row.id, row.external_id) for row in tx.execute(query.order_by(CustomerRow.id).limit(limit))
    ]


def decided(
    tx: Transaction, customer_ids: Sequence[str], *, since: datetime, until: datetime
) -> Iterator[Recorded]:
    """What was decided about these people in [since, until), by person and time."""
    query = (
        sa.select(
            DecisionRow.__table__,
            MomentRow.store_id.label("moment_store_id"),
            MomentRow.due_at,
        )
        .outerjoin(MomentRow, MomentRow.id == DecisionRow.moment_id)
        .where(
            among(tx, DecisionRow.customer_id, customer_ids),
            DecisionRow.decided_at >= since,
            DecisionRow.decided_at < until,
        )
        .order_by(DecisionRow.customer_id, DecisionRow.decided_at, DecisionRow.id)
    )
    for row in tx.execute(query):
        yield Recorded(
            msgspec.convert(records.completed(row._mapping), Decision),
            row.redacted_at is not None,
            row.pruned_at is not None,
            row.moment_store_id,
            row.due_at,
        )


def of_the_erased(
    tx: Transaction, *, brand_id: str, mode: Mode, since: datetime, until: datetime
) -> int:
    """How many decisions of [since, until) were about people who are erased by now."""
    query = sa.select(sa.func.count()).where(
        DecisionRow.customer_id.is_(None),
        DecisionRow.decided_at >= since,
        DecisionRow.decided_at < until,
        DecisionRow.brand_id == brand_id,
        DecisionRow.mode == mode,
    )
    return int(tx.execute(query).scalar_one())


def redeems(tx: Transaction, *, brand_id: str, since: datetime, until: datetime) -> bool:
    """Whether this brand reports redemptions: any of [since, until) is there."""
    query = (
        sa.select(EventRow.id)
        .where(
            EventRow.brand_id == brand_id,
            EventRow.type == "redeemed",
            EventRow.occurred_at >= since,
            EventRow.occurred_at < until,
        )
        .limit(1)
    )
    return tx.execute(query).first() is not None


def observations(
    tx: Transaction, cells: Sequence[str], *, since: datetime, until: datetime
) -> dict[str, list[Observation]]:
    """What was observed over these cells in [since, until), oldest first, by cell."""
    rows = tx.execute(
        sa.select(ObservationRow.__table__)
        .where(ObservationRow.cell.in_(cells))
        .where(ObservationRow.observed_at >= since, ObservationRow.observed_at < until)
        .order_by(ObservationRow.observed_at, ObservationRow.fetched_at)
    )
    found: dict[str, list[Observation]] = {}
    for row in rows:
        found.setdefault(row.cell, []).append(msgspec.convert(row._mapping, Observation))
    return found


def offer_id(tx: Transaction, *, brand_id: str, external_id: str) -> str | None:
    """The id that an offer of this name has or had, also after it was deleted."""
    query = sa.select(OfferRow.id).where(
        OfferRow.brand_id == brand_id, OfferRow.external_id == external_id
    )
    return tx.execute(query).scalar_one_or_none()


def _of(brand_id: str, mode: Mode) -> tuple[sa.ColumnElement[bool], sa.ColumnElement[bool]]:
    return CustomerRow.brand_id == brand_id, CustomerRow.mode == mode
