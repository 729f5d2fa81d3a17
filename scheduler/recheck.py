"""The guards once more, right before a message's intent is committed: much may have changed since its decision."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from domain.context import Context
from domain.decisions import Reason, reason
from domain.offers import OfferKind
from domain.people import Purpose
from domain.policy import Brand
from scheduler.context.clock import first_zone
from scheduler.decide import guards
from scheduler.loading import MEMORY, refused
from storage import brands, offers, rechecks
from storage.engine import Transaction
from storage.messages import Queued
from storage.rechecks import Person

_NEEDED = (Purpose.PUSH, Purpose.LOCATION, Purpose.HABITS)  # what a cause can ask for


class _Around(NamedTuple):
    """What the rules on the person ask for, for a whole batch: nothing of places, habits or the sky.

    All of it is read anew for each batch, the policy with its kill switch too: nothing here may be remembered.
    """

    brands: dict[str, Brand]
    offered: dict[str, OfferKind]
    people: dict[str, Person]
    refused: dict[str, tuple[str, ...]]  # offers that were not for them


def reasons_against(tx: Transaction, queued: Sequence[Queued], now: datetime) -> dict[str, Reason]:
    """The first reason why each message must not be sent any more, by message id; absent where it may.

    Looks at consent, pause, kill switch, permission, quiet hours, caps, the message's life, whether the offer is still
    offered, and whether the person muted its kind or refused it meanwhile. A person who is gone is a reason too.
    """
    around = _around(tx, queued, now)
    checked = {each.message.id: _reason(each, around, now) for each in queued}
    return {message_id: reason for message_id, reason in checked.items() if reason}


def _around(tx: Transaction, queued: Sequence[Queued], now: datetime) -> _Around:
    owners = sorted({each.message.brand_id for each in queued})
    said = sorted({each.message.offer_id for each in queued})
    who = sorted({each.message.customer_id for each in queued})
    return _Around(
        brands=brands.of_many(tx, owners),
        offered=offers.still_active(tx, said, now),
        people=rechecks.people(tx, who, _NEEDED, since=now - MEMORY),
        refused=refused(tx, who, now),
    )


def _reason(each: Queued, around: _Around, now: datetime) -> Reason | None:
    person = around.people.get(each.message.customer_id)
    if person is None:
        return Reason(code="customer_gone", text="The person is no longer known.")
    offer_id = each.message.offer_id
    if offer_id not in around.offered:
        return Reason(code="offer_ended", text="The offer is no longer offered.")
    if around.offered[offer_id] in person.preferences.muted_kinds:
        return reason("muted", kind=around.offered[offer_id])
    if offer_id in around.refused.get(each.message.customer_id, ()):
        return reason("not_for_me")
    brand = around.brands[each.message.brand_id]
    return next(iter(guards.on_person(_context(each, person, brand, now), brand.policy)), None)


def _context(each: Queued, person: Person, brand: Brand, now: datetime) -> Context:
    """What the rules on the person look at. This very message must not count against itself."""
    zone = first_zone((*person.zones, brand.time_zone))
    own = each.message.decision_id
    return Context(
        moment_id=each.moment_id,
        cause=each.cause,
        decided_at=now,
        expires_at=each.message.expires_at,
        zone=zone.key if zone else None,
        permits=person.permits,
        reach=person.reach,
        preferences=person.preferences,
        sent_at=tuple(at for decision_id, at in person.sends.items() if decision_id != own),
    )
