"""Where a person's data lies: the one list that export and erasure both follow, so that neither forgets a table."""

from collections.abc import Callable
from enum import StrEnum
from typing import Any, NamedTuple

import sqlalchemy as sa

from storage.engine import Transaction
from storage.models import (
    BookingRow,
    ConsentEntryRow,
    ConsentRow,
    CustomerRow,
    DecisionRow,
    DeliveryRow,
    DeviceRow,
    EventRow,
    IdempotencyRow,
    MemberRow,
    MessageRow,
    MomentRow,
    OpenDecisionRow,
    OutcomeRow,
    PatronRow,
    PersonEvidenceRow,
    PlacesRow,
    PositionRow,
    ProfileRow,
    PromiseRow,
    RawFixRow,
    ReceivedRow,
    VisitRow,
)


class Fate(StrEnum):
    """What an erasure does to the rows of a table."""

    DELETED = "deleted"
    ANONYMISED = "anonymised"  # what says nothing of the person stays, for the brand's totals
    KEPT = "kept"  # as proof, under a keyed hash instead of the person


class Personal(NamedTuple):
    """One table with rows of people: its name in exports and receipts, and which rows are one customer's."""

    table: type[Any]
    of: Callable[[str], sa.ColumnElement[bool]]
    fate: Fate = Fate.DELETED

    @property
    def name(self) -> str:
        return str(self.table.__tablename__)


def _devices(customer_id: str) -> sa.Select[str]:
    """The ids of the customer's devices, retired ones included."""
    return sa.select(DeviceRow.id).where(DeviceRow.customer_id == customer_id)


def _by_customer(table: type[Any]) -> Callable[[str], sa.ColumnElement[bool]]:
    return lambda customer_id: table.customer_id == customer_id


def _deliveries(customer_id: str) -> sa.ColumnElement[bool]:
    theirs = sa.select(MessageRow.id).where(MessageRow.customer_id == customer_id)
    return DeliveryRow.message_id.in_(theirs)


def _positions(customer_id: str) -> sa.ColumnElement[bool]:
    """A device's position goes with the device, even where a former owner left it."""
    return sa.or_(
        PositionRow.customer_id == customer_id, PositionRow.device_id.in_(_devices(customer_id))
    )


def _raw_fixes(customer_id: str) -> sa.ColumnElement[bool]:
    """The same of positions as they came."""
    return sa.or_(
        RawFixRow.customer_id == customer_id, RawFixRow.device_id.in_(_devices(customer_id))
    )


def _received(customer_id: str) -> sa.ColumnElement[bool]:
    return ReceivedRow.scope_id.in_(_devices(customer_id))


def _answers(customer_id: str) -> sa.ColumnElement[bool]:
    """Answers about the person, whoever asked, and all answers to their devices."""
    return sa.or_(
        IdempotencyRow.customer_id == customer_id,
        IdempotencyRow.scope_id.in_(_devices(customer_id)),
    )


# In the order of deletion: whatever refers to a row stands above it.
PERSONAL = (
    Personal(DeliveryRow, _deliveries),
    Personal(MessageRow, _by_customer(MessageRow)),
    Personal(MomentRow, _by_customer(MomentRow)),
    Personal(EventRow, _by_customer(EventRow)),
    Personal(VisitRow, _by_customer(VisitRow)),
    Personal(PromiseRow, _by_customer(PromiseRow)),
    Personal(BookingRow, _by_customer(BookingRow)),
    Personal(PatronRow, _by_customer(PatronRow)),
    Personal(OutcomeRow, _by_customer(OutcomeRow)),
    Personal(MemberRow, _by_customer(MemberRow)),
    Personal(PositionRow, _positions),
    Personal(RawFixRow, _raw_fixes),
    Personal(ReceivedRow, _received),
    Personal(ProfileRow, _by_customer(ProfileRow)),
    Personal(PlacesRow, _by_customer(PlacesRow)),
    Personal(PersonEvidenceRow, _by_customer(PersonEvidenceRow)),
    Personal(OpenDecisionRow, _by_customer(OpenDecisionRow)),
    Personal(IdempotencyRow, _answers),
    Personal(ConsentRow, _by_customer(ConsentRow)),
    Personal(ConsentEntryRow, _by_customer(ConsentEntryRow), Fate.KEPT),
    Personal(DecisionRow, _by_customer(DecisionRow), Fate.ANONYMISED),
    Personal(DeviceRow, _by_customer(DeviceRow)),
    Personal(CustomerRow, lambda customer_id: CustomerRow.id == customer_id),
)


def counts(tx: Transaction, customer_id: str) -> dict[str, int]:
    """How many rows of each kind there are of this person."""
    return {
        each.name: tx.execute(
            sa.select(sa.func.count()).select_from(each.table).where(each.of(customer_id))
        ).scalar_one()
        for each in PERSONAL
    }
