"""The guards once more, right before a message's intent is committed: much may have changed since its decision."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

import msgspec

from domain.context import Ground, Known
from domain.decisions import Moment, Reason
from domain.people import Consents, Purpose
from scheduler.context.build import person, scene
from scheduler.context.premises import Premises
from scheduler.decide import guards
from scheduler.loading import MEMORY
from storage import brands, consents, contexts, customers, offers
from storage.contexts import Phones
from storage.engine import Transaction
from storage.messages import Queued

_NOWHERE = Premises(())
_NEEDED = (Purpose.PUSH, Purpose.LOCATION, Purpose.HABITS)  # what a cause can ask for


class _Around(NamedTuple):
    """What the rules on the person ask for, for a whole batch: nothing of places, habits or the sky."""

    grounds: dict[str, Ground]  # by brand
    people: dict[str, Known]


def reasons_against(tx: Transaction, queued: Sequence[Queued], now: datetime) -> dict[str, Reason]:
    """The first reason why each message must not be sent any more, by message id; absent where it may.

    Looks at consent, pause, kill switch, permission, quiet hours, caps, the message's life, and whether the offer is
    still offered. A person who is gone is a reason too.
    """
    around = _Around(_grounds(tx, queued, now), _people(tx, queued, now))
    checked = {each.message.id: _reason(each, around, now) for each in queued}
    return {message_id: reason for message_id, reason in checked.items() if reason}


def _grounds(tx: Transaction, queued: Sequence[Queued], now: datetime) -> dict[str, Ground]:
    return {
        brand_id: Ground(
            brand=brands.by_id(tx, brand_id), offers=tuple(offers.active(tx, brand_id, now))
        )
        for brand_id in sorted({each.message.brand_id for each in queued})
    }


def _people(tx: Transaction, queued: Sequence[Queued], now: datetime) -> dict[str, Known]:
    ids = sorted({each.message.customer_id for each in queued})
    phones = contexts.phones(tx, ids)
    allowed = consents.of_many(tx, ids, _NEEDED)
    sent = contexts.sends(tx, ids, since=now - MEMORY)
    return {
        id_: Known(
            customer=customer,
            preferences=preferences,
            consents=allowed.get(id_, Consents()),
            reach=phones.get(id_, Phones()).reach,
            zones=phones.get(id_, Phones()).zones,
            sent=tuple(sent.get(id_, ())),
        )
        for id_, (customer, preferences) in customers.of_many(tx, ids).items()
    }


def _moment(each: Queued) -> Moment:
    """The moment of the decision, living as long as its message."""
    message = each.message
    return Moment(
        id=each.moment_id,
        brand_id=message.brand_id,
        mode=message.mode,
        customer_id=message.customer_id,
        cause=each.cause,
        key="",
        due_at=each.decided_at,
        expires_at=message.expires_at,
    )


def _reason(each: Queued, around: _Around, now: datetime) -> Reason | None:
    known = around.people.get(each.message.customer_id)
    if known is None:
        return Reason(code="customer_gone", text="The person is no longer known.")
    ground = around.grounds[each.message.brand_id]
    if all(offer.id != each.message.offer_id for offer in ground.offers):
        return Reason(code="offer_ended", text="The offer is no longer offered.")
    at = scene(_moment(each), _without(known, each), ground, _NOWHERE, now=now)
    return next(iter(guards.on_person(person(at), ground.brand.policy)), None)


def _without(known: Known, each: Queued) -> Known:
    """The person's sends but for this very one, which must not count against itself."""
    sent = tuple(
        one
        for one in known.sent
        if (one.offer_id, one.at) != (each.message.offer_id, each.decided_at)
    )
    return msgspec.structs.replace(known, sent=sent)
