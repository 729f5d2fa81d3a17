"""When to speak of what returns, or of who does not: the next time for each kind, in the person's hours. Pure.

Every kind has at most one time ahead. It is the start of the person's own likely window of that weekday, between 10:00
and 20:00, less the lead time of a habit, moved to the end of hours of silence that lie there.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import date, datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from domain.decisions import SAID, TOLD, Cause
from domain.occasions import Occasions
from domain.people import Occasion, Profile, QuietHours, Wheel
from scheduler.context.clock import quiet_until, to_utc
from scheduler.context.lifecycle import REGULAR_FROM, SLIPPING_AFTER, mean_gap
from scheduler.context.occasions import cadence, lead_days, next_of_cadence, yearly
from scheduler.context.profile import LEAD, Start, Window, best_starts, next_window

OCCASION_LEAD_DAYS = 7
_SLIPPING_LEAST = timedelta(days=7)
_EARLIEST_H, _LATEST_H = 10, 20  # days ahead need not be spoken of at breakfast or at night
_SLIPPING_DAYS = 7  # how long a good hour is looked for
_LIFE = {
    Cause.SLIPPING: timedelta(hours=4),
    Cause.CADENCE: timedelta(hours=24),
    Cause.OCCASION: timedelta(hours=24),
}

Taken = Collection[tuple[str, str]]  # causes and keys of moments that were decided already


class Return(NamedTuple):
    cause: Cause
    window: Window


class Clock(NamedTuple):
    """By which clock, and outside which hours of silence."""

    now: datetime
    zone: ZoneInfo
    quiet: Sequence[QuietHours]

    @property
    def today(self) -> date:
        return self.now.astimezone(self.zone).date()


def ahead(
    profile: Profile, declared: Iterable[Occasion], brand: Wheel, clock: Clock, taken: Taken
) -> list[Return]:
    """The next moment of each kind; `taken` ones are passed over."""
    hours = _Hours(profile, brand, clock)
    found = [
        (Cause.HABIT, _habit(profile, brand, hours, taken)),
        (Cause.SLIPPING, _slipping(profile, hours, taken)),
        (Cause.CADENCE, _cadence(profile.occasions, hours, taken)),
        *((Cause.OCCASION, each) for each in _occasions(declared, profile.occasions, hours, taken)),
    ]
    return [Return(cause, window) for cause, window in found if window]


def _habit(profile: Profile, brand: Wheel, hours: "_Hours", taken: Taken) -> Window | None:
    if not profile.visits:
        return None
    return next_window(
        profile,
        brand,
        now=hours.clock.now,
        zone=hours.clock.zone,
        quiet=hours.clock.quiet,
        taken={key for cause, key in taken if cause == Cause.HABIT},
        starts=hours.starts(),
    )


class _Hours:
    """The person's good hour of each day; reckoned only where something is seen ahead."""

    def __init__(self, profile: Profile, brand: Wheel, clock: Clock) -> None:
        self._profile = profile
        self._brand = brand
        self.clock = clock
        self._starts: list[Start] | None = None

    def starts(self) -> list[Start]:
        """The likeliest window of each weekday."""
        if self._starts is None:
            self._starts = best_starts(self._profile, self._brand, at=self.clock.now)
        return self._starts

    def first(self, days: Iterable[date], *, after: datetime) -> datetime | None:
        """The first good hour of these days that is to come, and not before `after`."""
        for day in days:
            due = self._of(day)
            if due and due > self.clock.now and due >= after:
                return due
        return None

    def _of(self, day: date) -> datetime | None:
        """None where the silence has no end."""
        hour = min(max(self.starts()[day.weekday()][0], _EARLIEST_H), _LATEST_H)
        due = to_utc(day, time(hour), self.clock.zone) - LEAD
        until = quiet_until(due, self.clock.zone, self.clock.quiet)
        if until is None:
            return due
        return None if quiet_until(until, self.clock.zone, self.clock.quiet) else until


def _slipping(profile: Profile, hours: _Hours, taken: Taken) -> Window | None:
    """When a regular who does not come has been away for unusually long; once per last visit."""
    if profile.visits < REGULAR_FROM or not profile.last_at:
        return None
    late = profile.last_at + max(SLIPPING_AFTER * mean_gap(profile), _SLIPPING_LEAST)
    if late <= hours.clock.now:
        return None
    first = late.astimezone(hours.clock.zone).date()
    due = hours.first(_days(first, first + timedelta(days=_SLIPPING_DAYS)), after=late)
    key = profile.last_at.astimezone(hours.clock.zone).date().isoformat()
    return _window(Cause.SLIPPING, key, due, taken)


def _cadence(known: Occasions, hours: _Hours, taken: Taken) -> Window | None:
    """Some days before the next reservation is due by its cadence, unless it is booked."""
    today = hours.clock.today
    found, day = cadence(known, today=today), next_of_cadence(known, today=today)
    if found is None or day is None:
        return None
    lead = timedelta(days=lead_days(found.period))
    for due_day in (day, day + timedelta(days=found.period)):
        due = hours.first(_days(due_day - lead, due_day), after=hours.clock.now)
        if window := _window(Cause.CADENCE, due_day.isoformat(), due, taken):
            return window
    return None


def _occasions(
    declared: Iterable[Occasion], known: Occasions, hours: _Hours, taken: Taken
) -> list[Window]:
    """The next of the declared days and the next of those that reservations told of, each a week ahead.

    They are two, since what was told ends with a consent and what was declared does not.
    """
    found: dict[bool, Window] = {}
    lead = timedelta(days=OCCASION_LEAD_DAYS)
    today = hours.clock.today
    declared = tuple(declared)
    days = yearly(declared, known, today=today)
    again = yearly(declared, known, today=today + timedelta(days=OCCASION_LEAD_DAYS + 1))
    for each in sorted({*days, *again}, key=lambda ahead: (ahead.day, ahead.kind)):
        due = hours.first(_days(each.day - lead, each.day), after=hours.clock.now)
        key = f"{SAID if each.declared else TOLD}{each.kind[:60]}:{each.day.isoformat()}"
        window = _window(Cause.OCCASION, key, due, taken)
        if window and each.declared not in found:
            found[each.declared] = window
    return list(found.values())


def _window(cause: Cause, key: str, due: datetime | None, taken: Taken) -> Window | None:
    if due is None or (cause, key) in taken:
        return None
    return Window(key, due, due + _LIFE[cause])


def _days(first: date, last: date) -> Iterator[date]:
    return (first + timedelta(days=number) for number in range((last - first).days + 1))
