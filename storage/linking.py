"""Whose a device is: linking it to a known customer, and merging the anonymous one it had until then."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import aliased

from domain import ledger
from domain.decisions import TOLD, Cause, Outcome
from domain.people import Customer, Device, Purpose
from storage import consents, customers, holdouts, learning, outcomes, patrons, slots, withdrawal
from storage.engine import Transaction
from storage.models import (
    ConsentEntryRow,
    ConsentRow,
    CustomerRow,
    DecisionRow,
    DeviceRow,
    EventRow,
    IdempotencyRow,
    MessageRow,
    MomentRow,
    PlacesRow,
    PositionRow,
    ProfileRow,
    RawFixRow,
    VisitRow,
)

# Rows that simply change hands; the other tables of a person meet rows of the known one and are joined below.
_MOVING = (
    DeviceRow,
    PositionRow,
    RawFixRow,
    VisitRow,
    EventRow,
    MessageRow,
    ConsentEntryRow,
    IdempotencyRow,
)


def link(tx: Transaction, device: Device, external_id: str, *, now: datetime) -> str:
    """Gives a device to the known customer of that name, who is added if need be; returns the customer's id.

    The caller has locked the device. Its anonymous customer is merged into the known one; from another known
    customer it comes without any data.
    """
    known = customers.known(
        tx, brand_id=device.brand_id, mode=device.mode, external_id=external_id, now=now
    )
    if known.id == device.customer_id:
        return known.id
    consents.lock(tx, known.id, device.customer_id)
    owner = customers.by_id(tx, device.customer_id)
    if owner.external_id is None:
        merge(tx, anonymous=owner, known=known, now=now)
    else:
        _move(tx, device.id, known.id, now=now)
    return known.id


def merge(tx: Transaction, *, anonymous: Customer, known: Customer, now: datetime) -> None:
    """Makes everything of an anonymous customer the known one's, who stays as they are where both said something.

    The caller holds both. A purpose that does not stand granted afterwards is carried out as a withdrawal, so that
    nothing comes in through the merge that the known customer withdrew.
    """
    granted = _granted(tx, anonymous.id) | _granted(tx, known.id)
    _join_profiles(tx, anonymous.id, known.id)
    _join_places(tx, anonymous.id, known.id)
    _join_moments(tx, anonymous.id, known.id)
    _join_decisions(tx, anonymous.id, known.id)
    _join_consents(tx, anonymous.id, known)
    holdouts.join(tx, anonymous.id, known.id)
    learning.join(tx, anonymous.id, known.id)
    outcomes.join(tx, anonymous.id, known.id)
    patrons.join(tx, anonymous.id, known.id)
    slots.join(tx, anonymous.id, known.id)
    for table in _MOVING:
        _hand_over(tx, table, anonymous.id, known.id)
    _join_customers(tx, anonymous.id, known.id)
    for purpose in sorted(granted - _granted(tx, known.id)):
        withdrawal.carry_out(tx, purpose, customer_id=known.id, now=now)


def _move(tx: Transaction, device_id: str, customer_id: str, *, now: datetime) -> None:
    withdrawal.forget_position(tx, device_id, now=now)
    tx.execute(
        sa.update(DeviceRow).where(DeviceRow.id == device_id).values(customer_id=customer_id)
    )


def _granted(tx: Transaction, customer_id: str) -> set[Purpose]:
    standings = consents.standings(tx, customer_id)
    return {purpose for purpose, standing in standings.items() if standing.granted}


def _hand_over(tx: Transaction, table: type[Any], from_id: str, to_id: str) -> None:
    tx.execute(sa.update(table).where(table.customer_id == from_id).values(customer_id=to_id))


def _join_moments(tx: Transaction, from_id: str, to_id: str) -> None:
    """Where both have a moment of the same cause and key, an open one is superfluous and a decided one renamed."""
    theirs = aliased(MomentRow)
    twice = sa.exists().where(
        theirs.customer_id == to_id, theirs.cause == MomentRow.cause, theirs.key == MomentRow.key
    )
    mine = sa.and_(MomentRow.customer_id == from_id, twice)
    tx.execute(sa.delete(MomentRow).where(mine, MomentRow.decided_at.is_(None)))
    tx.execute(sa.update(MomentRow).where(mine).values(key=sa.cast(MomentRow.id, sa.String)))
    _hand_over(tx, MomentRow, from_id, to_id)


def _join_decisions(tx: Transaction, from_id: str, to_id: str) -> None:
    """One person may have got the same offer twice in a daypart while we took them for two; that stays told."""
    theirs = aliased(DecisionRow)
    twice = sa.exists().where(
        theirs.customer_id == to_id,
        theirs.outcome == Outcome.SEND,
        theirs.offer_id == DecisionRow.offer_id,
        theirs.local_date == DecisionRow.local_date,
        theirs.daypart == DecisionRow.daypart,
    )
    mine = sa.and_(DecisionRow.customer_id == from_id, DecisionRow.outcome == Outcome.SEND, twice)
    tx.execute(sa.update(DecisionRow).where(mine).values(daypart=None))
    _hand_over(tx, DecisionRow, from_id, to_id)


def _join_profiles(tx: Transaction, from_id: str, to_id: str) -> None:
    """Two rhythms cannot be told apart once added up, so the known person's own stays where there is one.

    The moments that follow from a profile go with it.
    """
    has_one = sa.select(ProfileRow.customer_id).where(ProfileRow.customer_id == to_id)
    loser = from_id if tx.execute(has_one).one_or_none() else to_id
    tx.execute(sa.delete(ProfileRow).where(ProfileRow.customer_id == loser))
    tx.execute(
        sa.delete(MomentRow).where(
            MomentRow.customer_id == loser,
            sa.or_(
                MomentRow.cause.in_([Cause.HABIT, Cause.SLIPPING, Cause.CADENCE]),
                sa.and_(MomentRow.cause == Cause.OCCASION, MomentRow.key.startswith(TOLD)),
            ),
            MomentRow.decided_at.is_(None),
        )
    )
    _hand_over(tx, ProfileRow, from_id, to_id)


def _join_places(tx: Transaction, from_id: str, to_id: str) -> None:
    """As with rhythms: the same nights seen by two phones would count twice, so the known person's own stay."""
    has_some = sa.select(PlacesRow.customer_id).where(PlacesRow.customer_id == to_id)
    if tx.execute(has_some).one_or_none():
        tx.execute(sa.delete(PlacesRow).where(PlacesRow.customer_id == from_id))
    _hand_over(tx, PlacesRow, from_id, to_id)


def _join_consents(tx: Transaction, from_id: str, known: Customer) -> None:
    mine, theirs = consents.standings(tx, from_id), consents.standings(tx, known.id)
    overruled = [purpose for purpose in mine if purpose in theirs and not theirs[purpose].granted]
    _overrule(tx, from_id, overruled)
    tx.execute(sa.delete(ConsentRow).where(ConsentRow.customer_id == from_id))
    for purpose in mine:
        standing = ledger.merged(theirs.get(purpose), mine[purpose])
        if standing is not None:
            consents.save(tx, purpose, standing, customer_id=known.id, brand_id=known.brand_id)


def _overrule(tx: Transaction, customer_id: str, purposes: Sequence[Purpose]) -> None:
    """The ledger says of these grants that they do not count: the known person's withdrawal survives them."""
    tx.execute(
        sa.update(ConsentEntryRow)
        .where(
            ConsentEntryRow.customer_id == customer_id,
            ConsentEntryRow.purpose.in_(purposes),
            ConsentEntryRow.granted,
        )
        .values(counts=False)
    )


def _join_customers(tx: Transaction, from_id: str, to_id: str) -> None:
    """What the anonymous person set for themselves holds only where the known one set nothing."""
    of = {
        column: sa.select(column).where(CustomerRow.id == from_id)
        for column in (CustomerRow.preferences, CustomerRow.locale, CustomerRow.time_zone)
    }
    given = tx.execute(sa.select(*of).where(CustomerRow.id == from_id)).one()
    for column, value in zip(of, given, strict=True):
        unset = sa.and_(CustomerRow.id == to_id, column.is_(None))
        if value is not None:
            tx.execute(sa.update(CustomerRow).where(unset).values({column: value}))
    tx.execute(sa.delete(CustomerRow).where(CustomerRow.id == from_id))
