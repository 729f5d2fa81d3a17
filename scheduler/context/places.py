"""How far a person's workplace or home is from a store, and when it is time to speak of it. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from domain.errors import Invalid
from domain.haunts import PlaceKind
from domain.offers import Offer
from domain.people import QuietHours
from scheduler.context.clock import quiet_until, to_utc
from scheduler.context.hours import OpeningTimes

USUAL = {PlaceKind.WORKPLACE: time(10), PlaceKind.HOME: time(17)}  # before lunch, before dinner
LIFE = timedelta(hours=2)
_AHEAD_DAYS = 8
_GRAIN_M = 100.0


class Call(NamedTuple):
    """The next time to decide about a person's place; `key` names the place and the wall time."""

    key: str
    due_at: datetime


def next_call(
    wishes: Iterable[tuple[PlaceKind, str | None]],
    known: Mapping[PlaceKind, object],
    *,
    now: datetime,
    zone: ZoneInfo,
    quiet: Sequence[QuietHours],
) -> Call | None:
    """When the next of these wishes (a kind of place, OSM hours) can be met for somebody whose places are `known`.

    At 10:00 for a workplace, on weekdays only, and at 17:00 for a home, where the hours hold then; else when they begin
    on that day. Hours of silence move it to their end. None where nobody asks within eight days.
    """
    calls = (_next(kind, hours, now, zone, quiet) for kind, hours in set(wishes) if kind in known)
    return min((call for call in calls if call), key=lambda call: call.due_at, default=None)


def _next(
    kind: PlaceKind,
    hours: str | None,
    now: datetime,
    zone: ZoneInfo,
    quiet: Sequence[QuietHours],
) -> Call | None:
    try:
        times = OpeningTimes(hours, zone=zone.key) if hours else None
    except Invalid:
        return None  # saved under laxer rules: it never holds
    today = now.astimezone(zone).date()
    for ahead in range(_AHEAD_DAYS):
        day = today + timedelta(days=ahead)
        if kind is PlaceKind.WORKPLACE and day.weekday() >= 5:
            continue
        begins = _begins(kind, times, day, zone)
        due_at = begins and (quiet_until(begins, zone, quiet) or begins)
        if begins and due_at and due_at > now:
            return Call(f"{kind.value}:{begins.astimezone(zone):%Y-%m-%dT%H:%M}", due_at)
    return None


def _begins(
    kind: PlaceKind, times: OpeningTimes | None, day: date, zone: ZoneInfo
) -> datetime | None:
    """The time of this local day at which an offer with these hours is worth a thought."""
    usual = to_utc(day, USUAL[kind], zone)
    if times is None or times.is_open(usual):
        return usual
    opens = times.next_change(to_utc(day, time(), zone))
    return opens if opens and opens < to_utc(day + timedelta(days=1), time(), zone) else None


def of_a_place(offer: Offer) -> bool:
    """Whether the offer is for people whose home or workplace is near, wherever they are now."""
    place = offer.body.when.place
    return place is not None and place.of != "store"


def rounded(distance_m: float) -> float:
    """To 100 m, since cells are no finer: what is stored of a decision holds no more than is known."""
    return round(distance_m / _GRAIN_M) * _GRAIN_M
