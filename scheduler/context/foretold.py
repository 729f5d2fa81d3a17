"""When the people of a batch are likely to come, all in a few array operations. Pure.

One person at a time, the same costs a dozen times as much: it is the calls that cost, not the numbers.
"""

from collections.abc import Hashable, Sequence
from datetime import datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from domain.context import Likely
from domain.people import Profile, QuietHours, Wheel
from domain.rhythm import BrandRhythm
from scheduler.context import rhythm
from scheduler.context.chances import MOMENT, moment_terms, told
from scheduler.context.pace import Pace
from scheduler.context.profile import Start, next_window
from scheduler.context.rhythm import Shape

Numbers = NDArray[np.float64]


class Person(NamedTuple):
    """Of whom something is known, their clock, and their hours of silence."""

    profile: Profile
    zone: ZoneInfo
    quiet: tuple[QuietHours, ...]


class _Slots:
    """The hours of the week that the three hours from a time reach into, read once for all who ask for the same."""

    def __init__(self) -> None:
        self._known: dict[Hashable, list[tuple[int, int, float]]] = {}

    def of(self, at: datetime, zone: ZoneInfo) -> list[tuple[int, int, float]]:
        key = (at, zone.key)
        if key not in self._known:
            found = rhythm.window_slots(at, zone)
            self._known[key] = found + [(0, 0, 0.0)] * (_MOST_SLOTS - len(found))
        return self._known[key]


_MOST_SLOTS = 6  # that three hours can touch, also on the days on which clocks are changed


def likely(people: Sequence[Person], brand: Wheel, *, now: datetime) -> list[Likely]:
    """For each of these people of one brand: P(visit in the next 3 h), and the likely window that comes next."""
    seen = [each for each in people if each.profile.visits and each.profile.last_at]
    found = iter(_likely(seen, brand, now) if seen else ())
    return [
        next(found)
        if each.profile.visits and each.profile.last_at
        else Likely(evidence=each.profile.evidence)
        for each in people
    ]


def _likely(people: Sequence[Person], brand: Wheel, now: datetime) -> list[Likely]:
    everyone = rhythm.brand_shape(brand)
    own = _shapes([each.profile.wheel for each in people], everyone, now)
    windows = [
        next_window(
            each.profile, brand, now=now, zone=each.zone, quiet=each.quiet, taken=(), starts=starts
        )
        for each, starts in zip(people, _starts(own), strict=True)
    ]
    slots, pace = _Slots(), Pace.of([each.profile for each in people])
    times = [window.due_at if window else now for window in windows]
    chances = [
        _chances(people, pace, at, own=own, everyone=everyone, brand=brand, slots=slots)
        for at in ([now] * len(people), times)
    ]
    return [
        Likely(
            p_visit=p_visit,
            evidence=each.profile.evidence,
            at=window.due_at if window else None,
            p_then=p_then if window else 0.0,
            came=_came_on(each, now),
        )
        for each, window, p_visit, p_then in zip(people, windows, *chances, strict=True)
    ]


def _shapes(wheels: Sequence[Wheel], everyone: Shape, now: datetime) -> Shape:
    fade = np.array([rhythm.faded(wheel.as_of, now) for wheel in wheels])
    days = np.array([wheel.days for wheel in wheels]) * fade[:, None]
    hours = np.array([wheel.hours for wheel in wheels]) * fade[:, None, None]
    return rhythm.leaning(days, hours, everyone)


def _starts(own: Shape) -> list[list[Start]]:
    """The likeliest window of each weekday, from Monday on, of each person."""
    sums = own.hours[..., :-2] + own.hours[..., 1:-1] + own.hours[..., 2:]
    hours = sums.argmax(axis=-1)[:, rhythm.KINDS]
    shares = own.days * sums.max(axis=-1)[:, rhythm.KINDS]
    return [
        list(zip(hour, share, strict=True))
        for hour, share in zip(hours.tolist(), shares.tolist(), strict=True)
    ]


def _chances(
    people: Sequence[Person],
    pace: Pace,
    times: Sequence[datetime],
    *,
    own: Shape,
    everyone: Shape,
    brand: Wheel,
    slots: _Slots,
) -> list[float]:
    """P(visit in the three hours from a time), of each person for theirs."""
    reached = [slots.of(at, each.zone) for each, at in zip(people, times, strict=True)]
    weekday, hour, share = np.array(reached).transpose(2, 0, 1)
    where = weekday.astype(int), hour.astype(int)
    rows = np.arange(len(people))[:, None]
    came = [_came_on(each, at) for each, at in zip(people, times, strict=True)]
    terms = moment_terms(
        pace,
        np.array([at.timestamp() for at in times]),
        own=(own.week()[rows, *where] * share).sum(axis=1),
        everyone=(everyone.week()[where] * share).sum(axis=1),
        came_today=np.array(came, dtype=float),
    )
    learned = brand if isinstance(brand, BrandRhythm) else BrandRhythm()
    chances: list[float] = told(learned.moment, MOMENT, terms).tolist()
    return chances


def _came_on(person: Person, at: datetime) -> bool:
    """Whether the person was there on the local day of that time."""
    last, zone = person.profile.last_at, person.zone
    return last is not None and at.astimezone(zone).date() == last.astimezone(zone).date()
