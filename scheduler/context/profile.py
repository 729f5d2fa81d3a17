"""What one more visit changes in what is known of a person, and when they are likely to come next. Pure."""

import math
from collections.abc import Container, Sequence
from datetime import datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from domain.people import Profile, QuietHours, Wheel
from scheduler.context import rhythm
from scheduler.context.clock import quiet_until, to_utc
from scheduler.context.lifecycle import lost
from scheduler.context.pace import RATE_DAYS, YOUNG_RATE_DAYS
from scheduler.context.stores import with_store

LEAD = timedelta(minutes=45)
SAME_VISIT = timedelta(hours=1)
_AHEAD_DAYS = 14
_WORTH = (
    0.5  # a weekday counts as a habit where its window is at least half as likely as the best one's
)


Start = tuple[int, float]  # the first hour of a window, and its share of the week's visits


class Window(NamedTuple):
    """The next likely visit: `due_at` is the time to decide about speaking, `key` the local date."""

    key: str
    due_at: datetime
    ends_at: datetime


def with_visit(
    profile: Profile,
    *,
    at: datetime,
    zone: ZoneInfo,
    brand: Wheel,
    store_id: str | None = None,
    anyway: float = 1.0,
) -> Profile:
    """The profile after one more visit, at this store; signs of the same visit within an hour change nothing.

    For the rhythm it counts as far as it came `anyway`, and was not brought by a push.
    """
    if not is_another(profile, at):
        return profile
    local = at.astimezone(zone)
    everyone = rhythm.brand_shape(brand)
    own = rhythm.person_shape(profile.wheel, everyone, at=at)
    since, as_of = profile.rate_as_of, max(at, profile.rate_as_of or at)
    return msgspec.structs.replace(
        profile,
        wheel=rhythm.turned(profile.wheel, local=local, anyway=anyway),
        visits=profile.visits + 1,
        first_at=min(at, profile.first_at or at),
        last_at=max(at, profile.last_at or at),
        rate=_counted(profile.rate, since, at, as_of, RATE_DAYS, anyway),
        rate14=_counted(profile.rate14, since, at, as_of, YOUNG_RATE_DAYS, anyway),
        rate_as_of=as_of,
        returned=profile.visits + 1 if lost(profile, at=at) else profile.returned,
        evidence=profile.evidence + anyway * rhythm.surprise(own, everyone, local=local),
        stores=with_store(profile.stores, store_id, at=at, zone=zone)
        if store_id
        else profile.stores,
    )


def is_another(profile: Profile, at: datetime) -> bool:
    """Whether a sign at `at` shows another visit than the last one known."""
    return profile.last_at is None or abs(at - profile.last_at) >= SAME_VISIT


def best_starts(profile: Profile, brand: Wheel, *, at: datetime) -> list[Start]:
    """The likeliest window of each weekday, from Monday on."""
    shape = rhythm.person_shape(profile.wheel, rhythm.brand_shape(brand), at=at)
    return [rhythm.best_start(shape, weekday) for weekday in range(7)]


def next_window(
    profile: Profile,
    brand: Wheel,
    *,
    now: datetime,
    zone: ZoneInfo,
    quiet: Sequence[QuietHours],
    taken: Container[str],
    starts: Sequence[Start] | None = None,
) -> Window | None:
    """The next time shortly before this person is likely to come, outside their hours of silence.

    `taken` are local dates that had their habit moment; `starts` are the person's, where somebody reckoned them already.
    None where nothing is known or no hour is left.
    """
    if not profile.visits:
        return None
    starts = starts or best_starts(profile, brand, at=now)
    worth = _WORTH * max(share for _, share in starts)
    today = now.astimezone(zone).date()
    came = profile.last_at.astimezone(zone).date() if profile.last_at else None
    for ahead in range(_AHEAD_DAYS):
        day = today + timedelta(days=ahead)
        hour, share = starts[day.weekday()]
        if share < worth or day == came or day.isoformat() in taken:
            continue
        begins = to_utc(day, time(hour), zone)
        ends_at = begins + timedelta(hours=rhythm.WINDOW_H)
        due_at = quiet_until(begins - LEAD, zone, quiet) or begins - LEAD
        if now < due_at < ends_at:
            return Window(day.isoformat(), due_at, ends_at)
    return None


def _counted(
    rate: float, since: datetime | None, at: datetime, as_of: datetime, memory: float, more: float
) -> float:
    """The decayed count as of `as_of`, with so much `more` at `at`."""
    left = rate * math.exp(-_days(since, as_of) / memory) if since else 0.0
    return left + more * math.exp(-_days(at, as_of) / memory)


def _days(earlier: datetime, later: datetime) -> float:
    return (later - earlier).total_seconds() / 86_400
