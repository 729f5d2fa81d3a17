"""When a person comes: a factorised wheel of weekday and hour, shrunk to the brand's own. Pure.

p(day, hour) = p(day) · p(hour | weekday or weekend). Counts decay forward with τ = 180 days; each visit is spread over
three neighbouring hours. A thin wheel leans on the brand's, and the brand's on a plain day of business. The formulas
follow Dirichlet smoothing in three steps: hour, hour given the kind of day, weekday; how hard a person's wheel leans on
the brand's is the brand's `Lean`. Arrays may have leading axes: one person or thousands, one formula.
"""

import math
from datetime import UTC, datetime, timedelta, timezone
from typing import NamedTuple, TypeVar
from zoneinfo import ZoneInfo

import msgspec
import numpy as np
from numpy.typing import NDArray

from domain.people import Wheel
from domain.rhythm import BrandRhythm, Lean
from scheduler.context import leans

TAU_S = 180 * 86_400.0
WINDOW_H = 3

Numbers = NDArray[np.float64]
AnyWheel = TypeVar("AnyWheel", bound=Wheel)
Index = int | NDArray[np.int64]

_SPREAD = ((-1, 0.22), (0, 0.56), (1, 0.22))
_WHOLE = ((0, 1.0),)
_BRAND_PRIOR = 20.0
_WEEKEND_FROM = 5
KINDS = np.array([int(day >= _WEEKEND_FROM) for day in range(7)])
_SHARE_OF_HOUR = 3600.0
_LEAST_TIME = timedelta(minutes=1)  # of which the first visit is the whole
_DAY_LEFT = math.exp(-86_400.0 / TAU_S)
_EVERY_WEEK = (1 - _DAY_LEFT) / (1 - _DAY_LEFT**7)  # a day, and the same of all weeks before


class Shape(NamedTuple):
    """Probabilities: of the seven weekdays (…, 7), and of the 24 hours on weekdays and on weekend days (…, 2, 24).

    Each sums to 1. `lean` is how hard the wheels of people lean on this shape where it is a brand's.
    """

    days: Numbers
    hours: Numbers
    lean: Lean = Lean()

    def of(self, weekday: Index, hour: Index) -> Numbers:
        """p(this weekday and this hour) within a week; with leading axes, a weekday and hour for each row or for all."""
        if self.days.ndim == 1:
            return np.asarray(self.days[weekday] * self.hours[KINDS[weekday], hour])
        rows = np.arange(len(self.days))
        slot: Numbers = self.days[rows, weekday] * self.hours[rows, KINDS[weekday], hour]
        return slot

    def week(self) -> Numbers:
        """p(weekday and hour), (…, 7, 24)."""
        slots: Numbers = self.days[..., None] * self.hours[..., KINDS, :]
        return slots

    def window(self, weekday: Index, hour: Index) -> Numbers:
        """The share of a week's visits in the three hours from this full hour, on over midnight."""
        hours = [np.asarray(hour) + step for step in range(WINDOW_H)]
        parts = [self.of((weekday + h // 24) % 7, h % 24) for h in hours]
        share: Numbers = np.sum(parts, axis=0)
        return share


def _plain_day() -> Numbers:
    weights = np.array([1.0 if 8 <= hour < 21 else 0.1 for hour in range(24)])
    shares: Numbers = weights / weights.sum()
    return shares


PLAIN = Shape(np.full(7, 1 / 7), np.stack([_plain_day(), _plain_day()]))


def turned(
    wheel: AnyWheel, *, local: datetime, spread: bool = True, anyway: float = 1.0
) -> AnyWheel:
    """The wheel with one more visit at this local time (aware); older visits have faded by then.

    Without `spread` it counts whole in its hour, to be spread when read, see `spread_out`. It counts as far as it came `anyway`.
    """
    at = local.astimezone(UTC)
    as_of = max(at, wheel.as_of or at)
    fade = faded(wheel.as_of, as_of)
    gain = anyway * faded(at, as_of)
    days = [count * fade for count in wheel.days]
    hours = [[count * fade for count in kind] for kind in wheel.hours]
    days[local.weekday()] += gain
    own = hours[kind(local.weekday())]
    for step, share in _SPREAD if spread else _WHOLE:
        own[(local.hour + step) % 24] += gain * share
    return msgspec.structs.replace(
        wheel,
        days=tuple(days),
        hours=(tuple(hours[0]), tuple(hours[1])),
        weight=wheel.weight * fade + gain,
        as_of=as_of,
    )


def turned_by_all(brand: BrandRhythm, *, local: datetime, anyway: float = 1.0) -> BrandRhythm:
    """The brand with one more visit, as `turned`, and since when its visits are known."""
    since = brand.since
    if since or not brand.weight:  # else it is older than that was kept
        offset = local.utcoffset()
        assert offset is not None, "local times are aware"
        first = local.astimezone(timezone(offset))
        since = min(first, since or first)
    return msgspec.structs.replace(turned(brand, local=local, anyway=anyway), since=since)


def spread_out(hours: Numbers) -> Numbers:
    """Counts by hour (…, 24) as if each had been spread over its neighbours when it was counted."""
    found: Numbers = np.sum(
        [share * np.roll(hours, step, axis=-1) for step, share in _SPREAD], axis=0
    )
    return found


def brand_shape(wheel: Wheel) -> Shape:
    """What everybody does together; a young brand leans on a plain day of business."""
    lean = leans.best(wheel) if isinstance(wheel, BrandRhythm) else Lean()
    return Shape(_of_days(wheel), _smoothed(np.array(wheel.hours), PLAIN.hours, _BRAND_PRIOR), lean)


def _of_days(wheel: Wheel) -> Numbers:
    """Everybody's visits by weekday, for the time that there was: in a brand's second week some weekdays were there twice.

    p(d) ∝ (D_d + s·g_d)/(N·e_d + s·g_d), with g a plain week, s its strength, and e_d the weekday's share of the faded time.
    """
    days, plain = np.array(wheel.days), _BRAND_PRIOR * PLAIN.days
    rate = (days + plain) / (days.sum() * time_of_days(wheel) + plain)
    shares: Numbers = rate / rate.sum()
    return shares


def time_of_days(wheel: Wheel) -> Numbers:
    """The share of each weekday in the time since the first visit, which fades as the counts of visits do."""
    since = wheel.since if isinstance(wheel, BrandRhythm) else None
    if since is None or wheel.as_of is None:
        return PLAIN.days
    until = wheel.as_of.astimezone(since.tzinfo) + _LEAST_TIME
    time = _all_time(until) - faded(since, until) * _all_time(since)
    shares: Numbers = time / time.sum()
    return shares


def _all_time(until: datetime) -> Numbers:
    """Of each weekday the days there ever were until then, each counted as what of it has not faded."""
    weekday, today = until.weekday(), (until.hour * 60 + until.minute) / 1440
    ended = ((weekday - 1 - day) % 7 + today for day in range(7))  # days ago, the last whole one
    time = np.array([_EVERY_WEEK * _DAY_LEFT**ago for ago in ended])
    time[weekday] += 1 - _DAY_LEFT**today
    return time


def person_shape(wheel: Wheel, brand: Shape, *, at: datetime) -> Shape:
    """What this person does as of `at`; nobody's visits give the brand's own shape."""
    fade = faded(wheel.as_of, at)
    return leaning(np.array(wheel.days) * fade, np.array(wheel.hours) * fade, brand)


def leaning(days: Numbers, hours: Numbers, brand: Shape) -> Shape:
    """The shapes of faded counts (…, 7) and (…, 2, 24).

    p(d) = (D_d + a·g_d)/(N + a); p(h) = (H_h + b·g_h)/(N + b); q_w(h) ∝ p(h)·g(h|w)/g(h);
    p(h|w) = (H_wh + m·q_w(h))/(N_w + m), with a, b, m of the brand's lean and g the brand's shape.
    """
    lean = brand.lean
    usual = over_the_week(brand)
    own = _smoothed(hours.sum(axis=-2), usual, lean.hour)
    prior = own[..., None, :] * (brand.hours / usual[..., None, :])
    prior /= prior.sum(axis=-1, keepdims=True)
    return Shape(_smoothed(days, brand.days, lean.day), _smoothed(hours, prior, lean.slot), lean)


def over_the_week(shape: Shape) -> Numbers:
    """p(hour) whatever the day, (…, 24)."""
    weekdays = shape.days[..., :_WEEKEND_FROM].sum(axis=-1, keepdims=True)
    hours: Numbers = weekdays * shape.hours[..., 0, :] + (1 - weekdays) * shape.hours[..., 1, :]
    return hours


def p_window(shape: Shape, *, start: datetime, zone: ZoneInfo, hours: float = WINDOW_H) -> float:
    """The share of a week's visits that falls into the `hours` after `start`, by the wall clock of `zone`."""
    parts = window_slots(start, zone, hours=hours)
    return sum(share * float(shape.of(weekday, hour)) for weekday, hour, share in parts)


def window_slots(
    start: datetime, zone: ZoneInfo, *, hours: float = WINDOW_H
) -> list[tuple[int, int, float]]:
    """The weekdays and hours by the wall clock of `zone` in the `hours` after `start`, and the share of each that lies there."""
    left, at = hours * 3600.0, start
    found = []
    while left > 0:
        local = at.astimezone(zone)
        step = min(
            left, _SHARE_OF_HOUR - local.minute * 60 - local.second - local.microsecond / 1e6
        )
        found.append((local.weekday(), local.hour, step / _SHARE_OF_HOUR))
        at += timedelta(seconds=step)
        left -= step
    return found


def surprise(person: Shape, brand: Shape, *, local: datetime) -> float:
    """Nats by which the person's own shape foretold this visit better than the brand's: evidence of a habit."""
    where = (local.weekday(), local.hour)
    return math.log(float(person.of(*where)) / float(brand.of(*where)))


def best_start(shape: Shape, weekday: int) -> tuple[int, float]:
    """The first hour of this weekday's likeliest window of three hours, and that window's share of the week."""
    hours = shape.hours[kind(weekday)]
    sums = hours[:-2] + hours[1:-1] + hours[2:]
    start = int(sums.argmax())
    return start, float(shape.days[weekday] * sums[start])


def kind(weekday: int) -> int:
    """0 from Monday to Friday, 1 on the weekend."""
    return int(weekday >= _WEEKEND_FROM)


def faded(since: datetime | None, at: datetime) -> float:
    """What is left at `at` of a count of 1 at `since`; 0 where there is none."""
    return math.exp(-max(0.0, (at - since).total_seconds()) / TAU_S) if since else 0.0


def _smoothed(counts: Numbers, prior: Numbers, strength: float) -> Numbers:
    total = counts.sum(axis=-1, keepdims=True) + strength
    shares: Numbers = (counts + strength * prior) / total
    return shares
