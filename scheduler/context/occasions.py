"""Every fourth Friday, and once a year: days that return, seen ahead. Pure, O(1).

A cadence is a lattice: the next reservation lies one period after the last, seldom two, within a day. Its evidence is
the log likelihood ratio of each gap against a person who comes as often and has a favourite weekday, but no lattice.
"""

import calendar
import math
from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from typing import NamedTuple

import msgspec

from domain.occasions import PERIODS, Occasions, Yearly
from domain.people import Occasion, sensitive_word
from scheduler.context.evidence import SURE
from scheduler.context.tastes import LONGEST_NAME

_EPOCH = date(1970, 1, 1)
_STEPS = (0.85, 0.1, 0.03)  # one period later, or one or two were left out
_KERNEL = {0: 0.8, 1: 0.07, -1: 0.07, 7: 0.02, -7: 0.02}  # how exactly a period is kept, in days
_OTHERWISE = 0.05  # of the time even a person with a cadence comes at random
_SPREAD = 0.6  # of ln(gap) around its mean, without a lattice
# Without a lattice too a person may have one fixed weekday: a gap of whole weeks alone proves nothing.
_WHOLE_WEEKS, _OTHER_DAYS = 7.0, 0.5
_KEEP = 0.95  # of the evidence with every further gap
_MOST, _LEAST = 12.0, -6.0
_LEARN = 0.3
_WHOLE = 100
_LEAST_KEPT = 4
_MOST_BOOKED, _MOST_YEARLY = 3, 3
_MISSED = 3  # periods without a reservation after which the cadence is over


class Cadence(NamedTuple):
    """Every `period` days, with that many nats; `last` is the newest reservation."""

    period: int
    nats: float
    last: date


class Ahead(NamedTuple):
    """A yearly day that comes: which, and whether a person or brand declared it or a reservation told of it."""

    kind: str
    day: date
    declared: bool


def with_reservation(
    known: Occasions, day: date, *, today: date, kind: str | None = None
) -> Occasions:
    """After a reservation for this local date; `kind` names the yearly occasion it was made for, where that was said.

    Days to come are only noted, and learned from once they have passed: they may still be cancelled.
    """
    number = _number(day)
    noted = msgspec.structs.replace(
        known, booked=tuple(sorted({*known.booked, number})[-_MOST_BOOKED:])
    )
    if kind:
        noted = with_yearly(noted, day, kind=kind)
    return settled(noted, today=today)


def with_yearly(known: Occasions, day: date, *, kind: str) -> Occasions:
    """After this day was said to matter; never where its kind tells of faith or health."""
    if sensitive_word(kind):
        return known
    return msgspec.structs.replace(known, yearly=_remembered(known.yearly, kind, day))


def without(known: Occasions, day: date | None) -> Occasions:
    """After a cancellation of what was booked for this local date; where it was not said, of the only thing booked."""
    if day is None:
        return msgspec.structs.replace(known, booked=()) if len(known.booked) == 1 else known
    left = tuple(each for each in known.booked if each != _number(day))
    return msgspec.structs.replace(known, booked=left)


def settled(known: Occasions, *, today: date) -> Occasions:
    """With all that was booked for days before today learned as kept."""
    for number in sorted(known.booked):
        if number < _number(today):
            known = _kept(known, number)
    return known


def cadence(known: Occasions, *, today: date) -> Cadence | None:
    """The person's cadence, beyond 3 nats for the best of six periods and from four reservations on; else None."""
    known = settled(known, today=today)
    if known.kept < _LEAST_KEPT or not known.nats:
        return None
    best = max(range(len(PERIODS)), key=lambda index: known.nats[index])
    nats = known.nats[best] / _WHOLE - math.log(len(PERIODS))
    period = PERIODS[best]
    if nats <= SURE or _number(today) - known.last > _MISSED * period:
        return None
    return Cadence(period, nats, _day(known.last))


def next_of_cadence(known: Occasions, *, today: date) -> date | None:
    """When the next reservation is due by the cadence; None where there is none, or one is booked already."""
    found = cadence(known, today=today)
    if found is None or any(number >= _number(today) for number in known.booked):
        return None
    due = found.last + timedelta(days=found.period)
    while due < today:
        due += timedelta(days=found.period)
    return due


def lead_days(period: int) -> int:
    """How many days before the next reservation to speak of it: a fifth of the period, at most a week."""
    return max(1, min(7, period // 5))


def yearly(declared: Iterable[Occasion], known: Occasions, *, today: date) -> list[Ahead]:
    """The next return of each yearly day, soonest first. A day that is declared is not told again by a reservation.

    What was learned before its word was known to tell of faith or health stays unsaid.
    """
    said = [
        Ahead(each.kind, _next(date.fromisoformat(each.date), today), declared=True)
        for each in declared
    ]
    kinds = {each.kind.casefold() for each in said}
    told = [
        Ahead(each.kind, _next_of(each.month_day, today), declared=False)
        for each in known.yearly
        if each.kind.casefold() not in kinds and not sensitive_word(each.kind)
    ]
    return sorted([*said, *told], key=lambda ahead: (ahead.day, ahead.kind))


def in_year(month: int, day: int, year: int) -> date:
    """That day in a year; 29 February is the 28th where there is none, since too early beats too late."""
    return date(year, month, min(day, calendar.monthrange(year, month)[1]))


def _next(first: date, today: date) -> date:
    """The first return on or after today, which is never before the day itself."""
    start = max(first, today)
    day = in_year(first.month, first.day, start.year)
    return day if day >= start else in_year(first.month, first.day, start.year + 1)


def _next_of(month_day: int, today: date) -> date:
    month, day = divmod(month_day, 100)
    this = in_year(month, day, today.year)
    return this if this >= today else in_year(month, day, today.year + 1)


def _remembered(table: Sequence[Yearly], kind: str, day: date) -> tuple[Yearly, ...]:
    name, number = _cut(kind), _number(day)
    old = next((each for each in table if each.kind == name), None)
    times = old.times + (number - old.last > 180) if old else 1
    new = Yearly(kind=name, month_day=day.month * 100 + day.day, times=times, last=number)
    others = [each for each in table if each.kind != name]
    return tuple([new, *others][:_MOST_YEARLY])


def _cut(kind: str) -> str:
    """As much of the word as a profile has room for."""
    return kind.encode()[:LONGEST_NAME].decode(errors="ignore")


def _kept(known: Occasions, number: int) -> Occasions:
    left = tuple(each for each in known.booked if each != number)
    gap = number - known.last
    if not known.kept or gap <= 0:
        # The first one, or one that was told late: it has no gap that could be learned from.
        last = max(number, known.last) if known.kept else number
        kept = known.kept + (gap != 0 or not known.kept)
        return msgspec.structs.replace(known, booked=left, kept=kept, last=last)
    mean = known.gap / _WHOLE if known.gap else math.log(gap)
    nats = known.nats or (0,) * len(PERIODS)
    return msgspec.structs.replace(
        known,
        kept=known.kept + 1,
        last=number,
        gap=round(_WHOLE * (mean + _LEARN * (math.log(gap) - mean))),
        nats=tuple(
            _bounded(
                _KEEP * old / _WHOLE + math.log(_on_lattice(gap, period, mean) / _off(gap, mean))
            )
            for old, period in zip(nats, PERIODS, strict=True)
        ),
        booked=left,
    )


def _bounded(nats: float) -> int:
    return round(_WHOLE * min(_MOST, max(_LEAST, nats)))


def _on_lattice(gap: int, period: int, mean: float) -> float:
    regular = sum(
        share * _KERNEL.get(gap - times * period, 0.0)
        for times, share in enumerate(_STEPS, start=1)
    )
    return (1 - _OTHERWISE) * regular + _OTHERWISE * _off(gap, mean)


def _off(gap: int, mean: float) -> float:
    """The chance of a gap without a lattice: log-normal around the mean, with more weight on whole weeks."""
    z = (math.log(gap) - mean) / _SPREAD
    density = math.exp(-z * z / 2) / (gap * _SPREAD * math.sqrt(2 * math.pi))
    return max(1e-6, density * (_OTHER_DAYS if gap % 7 else _WHOLE_WEEKS))


def _number(day: date) -> int:
    return (day - _EPOCH).days


def _day(number: int) -> date:
    return _EPOCH + timedelta(days=number)
