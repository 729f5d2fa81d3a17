"""How hard people's wheels lean on everybody's: the strengths that foretold the brand's visits best. Pure.

Every visit is foretold under a small grid of strengths before it is learned; each strength earns the logarithm of what
it gave the visit (prequential likelihood). The best one counts. Salons and canteens differ here, so it is learned.
"""

import msgspec
import numpy as np
from numpy.typing import NDArray

from domain.rhythm import BrandRhythm, Lean

Numbers = NDArray[np.float64]
Shares = tuple[Numbers, Numbers]

DAYS = np.array([10.0, 25.0, 60.0, 150.0])
HOURS = np.array([3.0, 8.0, 20.0, 50.0])
SLOTS = np.array([5.0, 15.0, 40.0, 100.0])
_FIRST = 1  # of each: what is believed at first
_STEP = 2.0  # nats by which a strength must do better for each step away from it


def _away(grid: Numbers) -> Numbers:
    steps: Numbers = _STEP * np.abs(np.arange(len(grid)) - _FIRST)
    return steps


_DAYS_AWAY = _away(DAYS)
_HOURS_AWAY = (_away(HOURS)[:, None] + _away(SLOTS)).ravel()


def best(brand: BrandRhythm) -> Lean:
    """The strengths with the most nats; the first guess where nothing is learned."""
    if not brand.day_leans:
        return Lean()
    day = int(np.argmax(np.array(brand.day_leans) - _DAYS_AWAY))
    hour, slot = divmod(int(np.argmax(np.array(brand.hour_leans) - _HOURS_AWAY)), len(SLOTS))
    return Lean(
        day=float(DAYS[day]),
        hour=float(HOURS[hour]),
        slot=float(SLOTS[slot]),
    )


def weighed(
    brand: BrandRhythm,
    days: Numbers,
    hours: Numbers,
    everyone: Shares,
    weekday: int,
    hour: int,
    *,
    anyway: float = 1.0,
) -> BrandRhythm:
    """The brand after each strength foretold a visit at this weekday and hour, of a person with these faded counts.

    `days` (7,), `hours` (2, 24); `everyone` the brand's shares of the same shapes. The formula of `rhythm.leaning`, for
    one slot of the week. The visit counts as far as it came `anyway`.
    """
    share, by_kind = everyone
    kind = int(weekday >= 5)
    usual = share[:5].sum() * by_kind[0] + share[5:].sum() * by_kind[1]
    ratio = by_kind[kind] / usual
    whatever = hours[0] + hours[1]
    b, m = HOURS[:, None], SLOTS[None, :]
    # Over the hours, usual · ratio sums to 1: it is what everybody does on this kind of day.
    prior = (whatever[hour] + b * usual[hour]) * ratio[hour] / (whatever @ ratio + b)
    own = hours[kind]
    by_day = np.log((days[weekday] + DAYS * share[weekday]) / (days.sum() + DAYS))
    by_hour = np.log((own[hour] + m * prior) / (own.sum() + m)).ravel()
    return msgspec.structs.replace(
        brand,
        day_leans=_added(brand.day_leans, anyway * by_day),
        hour_leans=_added(brand.hour_leans, anyway * by_hour),
    )


def _added(earned: tuple[float, ...], more: Numbers) -> tuple[float, ...]:
    sums = np.array(earned or (0.0,) * len(more)) + more
    return tuple((sums - sums.max()).tolist())
