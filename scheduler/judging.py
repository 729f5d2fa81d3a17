"""Whether one fix or event may be taken at all, judged from itself and its person's consents. Pure."""

from datetime import datetime, timedelta
from math import isfinite

from domain.events import ANSWERS, Event
from domain.people import Consents, Purpose
from domain.places import Fix
from scheduler.receipts import Code

AHEAD = timedelta(minutes=2)  # a phone's clock may be this much fast
OLDEST = timedelta(hours=24)

_PURCHASES = ("order", "reservation", "reservation_cancelled")


def fix(given: Fix, consents: Consents, now: datetime) -> Code | None:
    """Why a fix is not taken, or None. `consents` holds `location`; without it there is nothing to judge."""
    if not _is_place(given):
        return Code.INVALID_POSITION
    if not (isfinite(given.accuracy_m) and given.accuracy_m >= 0):
        return Code.INVALID_ACCURACY
    if given.is_mock:
        return Code.MOCK
    if given.occurred_at > now + AHEAD:
        return Code.FUTURE
    if given.occurred_at < now - OLDEST:
        return Code.TOO_OLD
    needed = [Purpose.LOCATION, *([Purpose.BACKGROUND_LOCATION] if given.background else [])]
    return _consent(needed, consents, at=given.occurred_at)


def event(given: Event, consents: Consents, now: datetime, *, by_device: bool) -> Code | None:
    """Why an event is not taken, or None.

    A backend may report history. A phone may be off for days, so what its person answered to a push is never too old;
    everything else of it is after 24 hours.
    """
    if given.occurred_at > now + AHEAD:
        return Code.FUTURE
    if by_device and given.type not in ANSWERS and given.occurred_at < now - OLDEST:
        return Code.TOO_OLD
    tells_where = given.type == "beacon" or (by_device and given.type == "visit")
    if tells_where and (refused := _consent([Purpose.LOCATION], consents, at=given.occurred_at)):
        return refused
    if given.type in _PURCHASES or given.items or given.amount is not None:
        return _consent([Purpose.PURCHASES], consents)
    return None


def _is_place(given: Fix) -> bool:
    """(0, 0) is what a receiver reports that has no position."""
    return (
        -90 <= given.latitude <= 90  # false for NaN too
        and -180 <= given.longitude <= 180
        and (given.latitude, given.longitude) != (0, 0)
    )


def _consent(
    purposes: list[Purpose], consents: Consents, *, at: datetime | None = None
) -> Code | None:
    """Every purpose must be granted, and where `at` is given, must have been by then."""
    granted = [consents.granted(purpose) for purpose in purposes]
    if not all(granted):
        return Code.CONSENT_MISSING
    if at and any(consent and at < consent.since for consent in granted):
        return Code.BEFORE_CONSENT
    return None
