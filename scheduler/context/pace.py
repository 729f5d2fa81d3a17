"""How often somebody comes, and how long ago they came last. Pure; one person or arrays of them, one formula."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from domain.people import Profile

RATE_DAYS = 45.0
YOUNG_RATE_DAYS = 14.0
DAY_S = 86_400.0

Numbers = NDArray[np.float64]
_PRIOR_VISITS = 0.5
_PRIOR_DAYS = 8.0


class Pace(NamedTuple):
    """Visits, first and last (epoch seconds), and the decayed counts E45 and E14 as of `as_of`; numbers or arrays of one shape.

    Of people who came at least once.
    """

    visits: Numbers
    first: Numbers
    last: Numbers
    rate: Numbers
    young: Numbers
    as_of: Numbers

    @classmethod
    def of(cls, profiles: Sequence[Profile]) -> "Pace":
        """One row each of these people."""
        return cls(*np.array([_row(each) for each in profiles]).reshape(-1, 6).T)

    def each(self, index: NDArray[np.int64]) -> "Pace":
        """The rows of that index, in its order and shape."""
        return Pace(*(column[index] for column in self))


def _row(profile: Profile) -> tuple[float, ...]:
    first, last, as_of = (
        each.timestamp() if each else math.nan
        for each in (profile.first_at, profile.last_at, profile.rate_as_of)
    )
    return profile.visits, first, last, profile.rate, profile.rate14, as_of


def per_day(pace: Pace, at: Numbers, *, memory: float = RATE_DAYS) -> Numbers:
    """λ = (E + ½) / (m · (1 − e^(−T/m)) + 8) visits a day with a memory of m days, T the days since the first visit."""
    counted = pace.rate if memory == RATE_DAYS else pace.young
    left = counted * np.exp(-np.maximum(0.0, at - pace.as_of) / DAY_S / memory)
    known = np.maximum(0.0, at - pace.first) / DAY_S
    rate: Numbers = (left + _PRIOR_VISITS) / (memory * (1 - np.exp(-known / memory)) + _PRIOR_DAYS)
    return rate


def recency(pace: Pace, at: Numbers) -> Numbers:
    """Days since the last visit."""
    days: Numbers = np.maximum(0.0, at - pace.last) / DAY_S
    return days


def mean_gap(pace: Pace) -> Numbers:
    """Days between visits; of who came once, as if half a visit in eight days were known besides: 16 days and what passed."""
    gaps = pace.visits - 1
    days: Numbers = ((pace.last - pace.first) / DAY_S + _PRIOR_DAYS) / (gaps + _PRIOR_VISITS)
    return days
