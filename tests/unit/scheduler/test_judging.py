from datetime import UTC, datetime, timedelta

import pytest

from domain.events import Event, LineItem
from domain.ids import new_id
from domain.people import Consent, Consents, Purpose
from domain.places import Fix
from scheduler import judging

NOW = datetime(2026, 5, 6, 9, 0, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def allowed(*purposes: Purpose, since: datetime = NOW - 2 * HOUR) -> Consents:
    return Consents(
        of={
            each: Consent(purpose=each, granted=True, entry_id=new_id(), since=since)
            for each in purposes
        }
    )


def a_fix(*, ago: timedelta = HOUR, background: bool = False) -> Fix:
    return Fix(
        event_id=new_id(),
        latitude=60.2,
        longitude=24.9,
        accuracy_m=10,
        occurred_at=NOW - ago,
        background=background,
    )


LOCATION, BACKGROUND = Purpose.LOCATION, Purpose.BACKGROUND_LOCATION
FIXES: list[tuple[str, Fix, Consents, str | None]] = [
    ("allowed", a_fix(), allowed(LOCATION), None),
    ("earlier", a_fix(ago=3 * HOUR), allowed(LOCATION), "before_consent"),
    ("behind", a_fix(background=True), allowed(LOCATION), "consent_missing"),
    ("behind, allowed", a_fix(background=True), allowed(LOCATION, BACKGROUND), None),
    ("in front, whatever else", a_fix(), allowed(LOCATION, BACKGROUND), None),
]


@pytest.mark.parametrize(
    ("fix", "consents", "code"), [r[1:] for r in FIXES], ids=[r[0] for r in FIXES]
)
def test_a_fix_is_taken_where_it_was_allowed(
    fix: Fix, consents: Consents, code: str | None
) -> None:
    assert judging.fix(fix, consents, NOW) == code


def test_a_background_fix_from_before_that_consent_is_not_taken() -> None:
    consents = Consents(
        of=allowed(LOCATION).of | allowed(BACKGROUND, since=NOW - timedelta(minutes=30)).of
    )
    assert judging.fix(a_fix(background=True), consents, NOW) == "before_consent"
    assert judging.fix(a_fix(), consents, NOW) is None


def an_event(type: str, *, ago: timedelta = HOUR, **more: object) -> Event:
    return Event(event_id=new_id(), type=type, occurred_at=NOW - ago, **more)  # type: ignore[arg-type]  # a table's words


SOUP = (LineItem(sku="soup"),)
PURCHASES = Purpose.PURCHASES
EVENTS: list[tuple[str, Event, Consents, bool, str | None]] = [
    ("an own type", an_event("salad:liked"), allowed(), True, None),
    ("a fast clock", an_event("app_open", ago=-timedelta(minutes=2)), allowed(), True, None),
    ("the future", an_event("app_open", ago=-timedelta(minutes=3)), allowed(), True, "future"),
    ("the backend's future", an_event("visit", ago=-HOUR), allowed(), False, "future"),
    ("a day ago", an_event("app_open", ago=DAY), allowed(), True, None),
    ("longer ago", an_event("app_open", ago=DAY + HOUR), allowed(), True, "too_old"),
    ("history", an_event("app_open", ago=900 * DAY), allowed(), False, None),
    ("legend", an_event("app_open", ago=10_000 * DAY), allowed(), False, "too_old"),
    ("a late answer", an_event("not_for_me", ago=30 * DAY), allowed(), True, None),
    ("a late opening", an_event("opened", ago=2 * DAY), allowed(), True, None),
    ("a beacon", an_event("beacon"), allowed(LOCATION), True, None),
    ("a beacon unasked", an_event("beacon"), allowed(PURCHASES), True, "consent_missing"),
    (
        "a beacon before",
        an_event("beacon", ago=3 * HOUR),
        allowed(LOCATION),
        True,
        "before_consent",
    ),
    ("the backend's beacon", an_event("beacon"), allowed(), False, "consent_missing"),
    ("a phone's visit", an_event("visit"), allowed(), True, "consent_missing"),
    ("the backend's visit", an_event("visit"), allowed(), False, None),
    ("an order", an_event("order"), allowed(PURCHASES), True, None),
    ("an order unasked", an_event("order"), allowed(LOCATION), False, "consent_missing"),
    ("an order before", an_event("order", ago=9 * HOUR), allowed(PURCHASES), False, None),
    (
        "a visit that lists",
        an_event("visit", items=SOUP),
        allowed(LOCATION),
        True,
        "consent_missing",
    ),
    ("a priced answer", an_event("redeemed", amount=0.0), allowed(), True, "consent_missing"),
    ("a reservation", an_event("reservation"), allowed(), False, "consent_missing"),
    ("its end", an_event("reservation_cancelled"), allowed(), False, "consent_missing"),
]


@pytest.mark.parametrize(
    ("event", "consents", "by_device", "code"), [r[1:] for r in EVENTS], ids=[r[0] for r in EVENTS]
)
def test_an_event_is_taken_where_its_kind_was_allowed(
    event: Event, consents: Consents, by_device: bool, code: str | None
) -> None:
    assert judging.event(event, consents, NOW, by_device=by_device) == code


def test_a_withdrawn_purpose_allows_nothing() -> None:
    withdrawn = Consent(purpose=PURCHASES, granted=False, entry_id=new_id(), since=NOW - DAY)
    refused = judging.event(
        an_event("order"), Consents(of={PURCHASES: withdrawn}), NOW, by_device=True
    )
    assert refused == "consent_missing"
