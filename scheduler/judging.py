"""Whether one fix or event may be taken at all, judged from itself and its person's consents. Pure."""

from datetime import UTC, datetime, timedelta

from domain.events import ANSWERS, Event
from domain.people import Consents, Purpose
from domain.places import Fix
from geofence import gate
from scheduler.receipts import Code

AHEAD = timedelta(seconds=gate.FUTURE_S)  # the same for events as for fixes
OLDEST = timedelta(seconds=gate.TOO_OLD_S)
EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)  # no history that anybody imports begins before

_PURCHASES = ("order", "reservation", "reservation_cancelled")


def fix(given: Fix, consents: Consents, now: datetime) -> str | None:
    """Why a fix is not taken, or None. `consents` holds `location`; without it there is nothing to judge."""
    location = consents.granted(Purpose.LOCATION)
    since = location.since if location else None
    refused = gate.refuse(given, now=now, consent_since=since)
    if refused is None and given.background:
        return _consent(Purpose.BACKGROUND_LOCATION, consents, at=given.occurred_at)
    return refused


def event(given: Event, consents: Consents, now: datetime, *, by_device: bool) -> Code | None:
    """Why an event is not taken, or None.

    A backend may report history. A phone may be off for days, so what its person answered to a push is never too old;
    everything else of it is after 24 hours.
    """
    if given.occurred_at > now + AHEAD:
        return Code.FUTURE
    limited = by_device and given.type not in ANSWERS
    if given.occurred_at < (now - OLDEST if limited else EARLIEST):
        return Code.TOO_OLD
    tells_where = given.type == "beacon" or (by_device and given.type == "visit")
    if tells_where and (refused := _consent(Purpose.LOCATION, consents, at=given.occurred_at)):
        return refused
    if given.type in _PURCHASES or given.items or given.amount is not None:
        return _consent(Purpose.PURCHASES, consents)
    return None


def _consent(purpose: Purpose, consents: Consents, *, at: datetime | None = None) -> Code | None:
    """The purpose must be granted, and where `at` is given, must have been by then."""
    consent = consents.granted(purpose)
    if consent is None:
        return Code.CONSENT_MISSING
    return Code.BEFORE_CONSENT if at and at < consent.since else None
