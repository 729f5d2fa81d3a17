"""The chance of a visit, within three hours and within days, from the pace and the wheel. Pure.

Both are logistic regressions over a few named terms. They begin as the plain formula (personal rate × personal wheel; a
Poisson process of the personal rate), and learn from the brand's visits and silences what recency and regularity add.
A second regression of two weights with a memory of 30 days recalibrates what the first one says.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal, NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from domain.people import Profile, Wheel
from domain.rhythm import BrandRhythm, Forecast
from scheduler.context import odds, rhythm
from scheduler.context.odds import Belief
from scheduler.context.pace import YOUNG_RATE_DAYS, Pace, mean_gap, per_day, recency

Numbers = NDArray[np.float64]
Days = Literal[7, 30]

WEEK: Days = 7
MONTH: Days = 30
_ONE = np.ones(())
_LEAST = 1e-9
_MOST_GAPS = 6.0
_CERTAIN = 30.0  # visits expected; beyond it the chance of one is 1 to the last bit

# The plain formulas, believed before any visit of the brand: weights of 1 on the logarithms, 0 on the rest.
MOMENT = Belief(
    (0, 1, 1, 0, 0, 0, 0, 0, 0), (0.5, 0.15, 0.15, 0.15, 0.15, 0.15, 0.15, 0.15, 0.5), 45
)
WITHIN = Belief((0, 1, 0, 0, 0), (1, 0.5, 0.5, 0.5, 0.5), 90)
CORRECTION = Belief((0, 1), (0.5, 0.2), 30)


class Rows(NamedTuple):
    """Terms (k, n), what came of them (k,), 0 or 1, and how much each row counts (k,)."""

    terms: Numbers
    came: Numbers
    weight: Numbers


def moment_terms(
    pace: Pace, at: Numbers, *, own: Numbers, everyone: Numbers, came_today: Numbers
) -> Numbers:
    """(…, 9): 1, ln λ45, ln 7p_u(W), ln 7g(W), ln λ14, ln(1+recency), min(recency/gap, 6), ln n, came today.

    `own` and `everyone` are the shares of a week's visits in the three hours from `at` (epoch seconds).
    """
    days = recency(pace, at)
    return _columns(
        _ONE,
        np.log(per_day(pace, at)),
        np.log(np.maximum(_LEAST, 7 * own)),
        np.log(np.maximum(_LEAST, 7 * everyone)),
        np.log(per_day(pace, at, memory=YOUNG_RATE_DAYS)),
        np.log1p(days),
        np.minimum(days / mean_gap(pace), _MOST_GAPS),
        np.log(pace.visits),
        came_today,
    )


def within_terms(pace: Pace, at: Numbers, *, days: int) -> Numbers:
    """(…, 5): 1, logit(1 − e^(−λ·days)), ln(1+recency), min(recency/gap, 6), ln n."""
    silent = recency(pace, at)
    expected = np.minimum(per_day(pace, at) * days, _CERTAIN)
    return _columns(
        _ONE,
        np.log(np.expm1(expected)),
        np.log1p(silent),
        np.minimum(silent / mean_gap(pace), _MOST_GAPS),
        np.log(pace.visits),
    )


def _columns(*columns: Numbers) -> Numbers:
    table = np.empty((*columns[-1].shape, len(columns)))
    for index, column in enumerate(columns):
        table[..., index] = column
    return table


def told(forecast: Forecast, belief: Belief, terms: Numbers) -> Numbers:
    """The probabilities of rows of terms, recalibrated."""
    return odds.chance(
        odds.log_odds(forecast.corrected, CORRECTION, _said(forecast, belief, terms))
    )


def _said(forecast: Forecast, belief: Belief, terms: Numbers) -> Numbers:
    said = odds.log_odds(forecast.odds, belief, terms)
    return _columns(_ONE, said)


def p_visit(profile: Profile, brand: Wheel, *, at: datetime, zone: ZoneInfo) -> float:
    """The probability of a visit within three hours; 0 for whom nobody saw yet."""
    return p_visits(profile, brand, at=[at], zone=zone)[0]


def p_visits(
    profile: Profile, brand: Wheel, *, at: Sequence[datetime], zone: ZoneInfo
) -> list[float]:
    """`p_visit` at each of these times, which lie within days: the wheel is taken as it is at the first of them."""
    if not profile.visits or not profile.last_at:
        return [0.0] * len(at)
    everyone = rhythm.brand_shape(brand)
    own = rhythm.person_shape(profile.wheel, everyone, at=at[0])
    last = profile.last_at.astimezone(zone).date()
    slots = [rhythm.window_slots(each, zone) for each in at]
    terms = moment_terms(
        Pace.of([profile]),
        np.array([each.timestamp() for each in at]),
        own=np.array([_share(own, each) for each in slots]),
        everyone=np.array([_share(everyone, each) for each in slots]),
        came_today=np.array([float(each.astimezone(zone).date() == last) for each in at]),
    )
    found: list[float] = told(_learned(brand).moment, MOMENT, terms).tolist()
    return found


def _share(shape: rhythm.Shape, slots: Sequence[tuple[int, int, float]]) -> float:
    return sum(share * float(shape.of(weekday, hour)) for weekday, hour, share in slots)


def p_within(profile: Profile, brand: Wheel, *, at: datetime, days: Days) -> float:
    """The probability of a visit within 7 or 30 days; 0 for whom nobody saw yet."""
    if not profile.visits:
        return 0.0
    terms = within_terms(Pace.of([profile]), np.array([at.timestamp()]), days=days)
    return float(told(within(_learned(brand), days), WITHIN, terms)[0])


def within(brand: BrandRhythm, days: Days) -> Forecast:
    return brand.week if days == WEEK else brand.month


def _learned(brand: Wheel) -> BrandRhythm:
    return brand if isinstance(brand, BrandRhythm) else BrandRhythm()


def learned(forecast: Forecast, belief: Belief, rows: Rows, *, at: datetime) -> Forecast:
    """The forecast after what came of these rows; the correction learns from what was said before."""
    if not len(rows.came):
        return forecast
    said = _said(forecast, belief, rows.terms)
    return Forecast(
        odds=odds.learned(forecast.odds, belief, rows.terms, rows.came, rows.weight, at=at),
        corrected=odds.learned(forecast.corrected, CORRECTION, said, rows.came, rows.weight, at=at),
    )
