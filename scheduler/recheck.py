"""The guards once more, right before a message's intent is committed: much may have changed since its decision."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec

from domain.context import Known
from domain.decisions import Moment, Reason
from scheduler.context.build import Scene, context
from scheduler.decide import guards
from scheduler.loading import scenes
from storage.engine import Transaction
from storage.messages import Queued

_NO_WEATHER = timedelta(0)  # the rules on the person do not look at the sky


def reasons_against(tx: Transaction, queued: Sequence[Queued], now: datetime) -> dict[str, Reason]:
    """The first reason why each message must not be sent any more, by message id; absent where it may.

    Looks at consent, pause, kill switch, permission, quiet hours, caps, the message's life, and whether the offer is
    still offered. A person who is gone is a reason too.
    """
    found = {
        at.moment.id: at
        for at in scenes(
            tx, [_moment(each) for each in queued], now=now, weather_max_age=_NO_WEATHER
        )
    }
    checked = {each.message.id: _reason(each, found.get(each.moment_id)) for each in queued}
    return {message_id: reason for message_id, reason in checked.items() if reason}


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


def _reason(each: Queued, at: Scene | None) -> Reason | None:
    if at is None:
        return Reason(code="customer_gone", text="The person is no longer known.")
    if all(offer.id != each.message.offer_id for offer in at.ground.offers):
        return Reason(code="offer_ended", text="The offer is no longer offered.")
    others = at._replace(
        known=_without(at.known, each), ground=msgspec.structs.replace(at.ground, offers=())
    )
    return next(iter(guards.on_person(context(others), at.ground.brand.policy)), None)


def _without(known: Known, each: Queued) -> Known:
    """The person's sends but for this very one, which must not count against itself."""
    sent = tuple(
        one
        for one in known.sent
        if (one.offer_id, one.at) != (each.message.offer_id, each.decided_at)
    )
    return msgspec.structs.replace(known, sent=sent)
