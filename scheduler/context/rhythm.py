"""When a person comes: a factorised wheel of weekday and hour, shrunk to the brand's own. Pure.

p(day, hour) = p(day) · p(hour | weekday or weekend). Counts decay forward with τ = 180 days; each visit is spread over
three neighbouring hours. A thin wheel leans on the brand's, and the brand's on a plain day of business. The formulas
and constants follow Dirichlet smoothing in three steps: hour, hour given the kind of day, weekday.
"""

import math
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from domain.people import Profile, Wheel

TAU_S = 180 * 86_400.0
RATE_DAYS = 45.0
WINDOW_H = 3

_SPREAD = ((-1, 0.22), (0, 0.56), (1, 0.22))
_DAY_PRIOR = 25.0
_HOUR_PRIOR = 8.0
_SLOT_PRIOR = 15.0
_BRAND_PRIOR = 20.0
_WEEKEND_FROM = 5
_SHARE_OF_HOUR = 3600.0

Hours = tuple[float, ...]


class Shape(NamedTuple):
    """Probabilities: of the seven weekdays, and of the 24 hours on weekdays and on weekend days. Each sums to 1."""

    days: tuple[float, ...]
    hours: tuple[Hours, Hours]

    def of(self, weekday: int, hour: int) -> float:
        """p(this weekday and this hour) within a week."""
        return self.days[weekday] * self.hours[_kind(weekday)][hour]


def _plain_day() -> Hours:
    weights = [1.0 if 8 <= hour < 21 else 0.1 for hour in range(24)]
    return tuple(weight / sum(weights) for weight in weights)


PLAIN = Shape((1 / 7,) * 7, (_plain_day(), _plain_day()))


def turned(wheel: Wheel, *, local: datetime) -> Wheel:
    """The wheel with one more visit at this local time (aware); older visits have faded by then."""
    at = local.astimezone(UTC)
    as_of = max(at, wheel.as_of or at)
    fade = _fade(wheel.as_of, as_of)
    gain = _fade(at, as_of)
    days = [count * fade for count in wheel.days]
    hours = [[count * fade for count in kind] for kind in wheel.hours]
    days[local.weekday()] += gain
    for step, share in _SPREAD:
        hours[_kind(local.weekday())][(local.hour + step) % 24] += gain * share
    return Wheel(
        days=tuple(days),
        hours=(tuple(hours[0]), tuple(hours[1])),
        weight=wheel.weight * fade + gain,
        as_of=as_of,
    )


def brand_shape(wheel: Wheel) -> Shape:
    """What everybody does together; a young brand leans on a plain day of business."""
    days = _smoothed(wheel.days, PLAIN.days, _BRAND_PRIOR)
    weekday, weekend = (
        _smoothed(wheel.hours[kind], PLAIN.hours[kind], _BRAND_PRIOR) for kind in (0, 1)
    )
    return Shape(days, (weekday, weekend))


def person_shape(wheel: Wheel, brand: Shape, *, at: datetime) -> Shape:
    """What this person does as of `at`; nobody's visits give the brand's own shape."""
    fade = _fade(wheel.as_of, at)
    days = _smoothed([count * fade for count in wheel.days], brand.days, _DAY_PRIOR)
    brand_hours = _over_the_week(brand)
    both = [(a + b) * fade for a, b in zip(*wheel.hours, strict=True)]
    hours = _smoothed(both, brand_hours, _HOUR_PRIOR)
    weekday, weekend = (
        _smoothed(
            [count * fade for count in wheel.hours[kind]],
            _normal(
                [
                    h * own / all_
                    for h, own, all_ in zip(hours, brand.hours[kind], brand_hours, strict=True)
                ]
            ),
            _SLOT_PRIOR,
        )
        for kind in (0, 1)
    )
    return Shape(days, (weekday, weekend))


def p_window(shape: Shape, *, start: datetime, zone: ZoneInfo, hours: float = WINDOW_H) -> float:
    """The share of a week's visits that falls into the `hours` after `start`, by the wall clock of `zone`."""
    left = hours * 3600.0
    at = start
    share = 0.0
    while left > 0:
        local = at.astimezone(zone)
        step = min(
            left, _SHARE_OF_HOUR - local.minute * 60 - local.second - local.microsecond / 1e6
        )
        share += shape.of(local.weekday(), local.hour) * step / _SHARE_OF_HOUR
        at += timedelta(seconds=step)
        left -= step
    return share


def visits_per_day(profile: Profile, *, at: datetime) -> float:
    """λ = (E45 + ½) / (45 · (1 − e^(−T/45)) + 8), T the days since the first visit; 0 for whom nobody saw yet."""
    if not profile.visits or profile.first_at is None or profile.rate_as_of is None:
        return 0.0
    known = max(0.0, (at - profile.first_at).total_seconds() / 86_400)
    rate = profile.rate * math.exp(-_days(profile.rate_as_of, at) / RATE_DAYS)
    return (rate + 0.5) / (RATE_DAYS * (1 - math.exp(-known / RATE_DAYS)) + 8)


def p_visit(
    profile: Profile, shape: Shape, *, start: datetime, zone: ZoneInfo, hours: float = WINDOW_H
) -> float:
    """The probability of a visit within the next `hours`: 1 − e^(−7 λ p(window))."""
    expected = (
        7 * visits_per_day(profile, at=start) * p_window(shape, start=start, zone=zone, hours=hours)
    )
    return 1 - math.exp(-expected)


def surprise(person: Shape, brand: Shape, *, local: datetime) -> float:
    """Nats by which the person's own shape foretold this visit better than the brand's: evidence of a habit."""
    where = (local.weekday(), local.hour)
    return math.log(person.of(*where) / brand.of(*where))


def best_start(shape: Shape, weekday: int) -> tuple[int, float]:
    """The first hour of this weekday's likeliest window of three hours, and that window's share of the week."""
    hours = shape.hours[_kind(weekday)]
    start = max(range(24 - WINDOW_H + 1), key=lambda hour: sum(hours[hour : hour + WINDOW_H]))
    return start, shape.days[weekday] * sum(hours[start : start + WINDOW_H])


def _kind(weekday: int) -> int:
    return int(weekday >= _WEEKEND_FROM)


def _days(since: datetime, at: datetime) -> float:
    return max(0.0, (at - since).total_seconds() / 86_400)


def _fade(since: datetime | None, at: datetime) -> float:
    return math.exp(-max(0.0, (at - since).total_seconds()) / TAU_S) if since else 0.0


def _smoothed(counts: Sequence[float], prior: Sequence[float], strength: float) -> Hours:
    total = sum(counts) + strength
    return tuple((count + strength * p) / total for count, p in zip(counts, prior, strict=True))


def _normal(weights: Sequence[float]) -> Hours:
    total = sum(weights)
    return tuple(weight / total for weight in weights)


def _over_the_week(shape: Shape) -> Hours:
    weekdays = sum(shape.days[:_WEEKEND_FROM])
    return tuple(weekdays * a + (1 - weekdays) * b for a, b in zip(*shape.hours, strict=True))
