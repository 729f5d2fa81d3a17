"""How long each kind of moment stays worth a decision, and what makes it unique. Pure."""

from datetime import datetime, timedelta

from domain.decisions import Cause, Moment
from domain.ids import new_id
from domain.people import Mode
from domain.places import TransitionType
from scheduler.context.profile import Window

LIFE = {
    Cause.ENTER: timedelta(minutes=10),
    Cause.DWELL: timedelta(minutes=15),
    Cause.HABIT: timedelta(hours=2),
    Cause.WEATHER: timedelta(minutes=45),
    Cause.EVENT: timedelta(minutes=30),
    Cause.SLIPPING: timedelta(hours=4),
    Cause.CADENCE: timedelta(hours=24),
    Cause.OCCASION: timedelta(hours=24),
    Cause.SLOT: timedelta(hours=1),
    Cause.MANUAL: timedelta(hours=1),
}

_OF_TRANSITION = {TransitionType.ENTER: Cause.ENTER, TransitionType.DWELL: Cause.DWELL}


def of_transition(
    *,
    brand_id: str,
    mode: Mode,
    customer_id: str,
    device_id: str,
    type: TransitionType,
    visit_id: str,
    geofence_id: str,
    store_id: str | None,
    occurred_at: datetime,
    now: datetime,
    fences_revision: int | None = None,
) -> Moment:
    """The moment that an enter or a dwell opens: due at once, once per visit, stale soon after `occurred_at`.

    ValueError for an exit: who leaves is not spoken to.
    """
    if type not in _OF_TRANSITION:
        raise ValueError(f"a transition of type {type} opens no moment")
    cause = _OF_TRANSITION[type]
    return Moment(
        id=new_id(),
        brand_id=brand_id,
        mode=mode,
        customer_id=customer_id,
        cause=cause,
        key=visit_id,
        due_at=min(occurred_at, now),
        expires_at=occurred_at + LIFE[cause],
        device_id=device_id,
        store_id=store_id,
        geofence_id=geofence_id,
        visit_id=visit_id,
        fences_revision=fences_revision,
    )


def of_profile(
    *, brand_id: str, mode: Mode, customer_id: str, cause: Cause, window: Window
) -> Moment:
    """The moment that what is known of a person foretells: before a likely visit, a returning day …"""
    return Moment(
        id=new_id(),
        brand_id=brand_id,
        mode=mode,
        customer_id=customer_id,
        cause=cause,
        key=window.key,
        due_at=window.due_at,
        expires_at=min(window.due_at + LIFE[cause], window.ends_at),
    )


def of_weather(
    *,
    brand_id: str,
    mode: Mode,
    customer_id: str,
    device_id: str,
    store_id: str,
    turned: str,
    now: datetime,
) -> Moment:
    """The moment of somebody near a store where the weather turned; `turned` names the place and time of the turn."""
    return Moment(
        id=new_id(),
        brand_id=brand_id,
        mode=mode,
        customer_id=customer_id,
        cause=Cause.WEATHER,
        key=turned,
        due_at=now,
        expires_at=now + LIFE[Cause.WEATHER],
        device_id=device_id,
        store_id=store_id,
    )
