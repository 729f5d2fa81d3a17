"""How good a person's moments usually are: what one of the pushes that a cap allows could bring at a better one. Pure.

Kept as a row of the person's own evidence and two of everybody's: `weight` counts moments, `pull` adds up their gains, or the squares of
these. Rows are only ever added to, so moments fade with `MEMORY_DAYS` by being added larger the later they are; no mean depends on the size.
"""

import math
from collections.abc import Mapping

from domain.model import Evidence, TermName, Usual

MEMORY_DAYS = 10.0
PER_WEEK = 9.0  # moments of a person of whom none is known yet
LEAST = 5.0  # moments of everybody's, below which nothing is said of anybody's
ALIKE = 8.0  # moments that everybody's mean counts for beside a person's own
TERM = TermName("person_moments", "")
EVERYBODYS = TermName("moments", "")
SQUARES = TermName("moments", "squared")
_FIXED_DAY = (
    24_106  # 2036-01-01, in days since 1970: sizes stay within what numbers hold until 2100
)


def moment(gain: float, *, day: int) -> Evidence:
    """One more moment at which the best that could be said had this gain; a loss counts as 0."""
    size = _size(day)
    return Evidence(pull=max(0.0, gain) * size, weight=size, day=day)


def together(a: Evidence, b: Evidence) -> Evidence:
    """Both, of one day."""
    return Evidence(pull=a.pull + b.pull, weight=a.weight + b.weight, day=a.day)


def begun(gain: float, *, day: int) -> Evidence:
    """What a person begins with before their first moment: as many as are usual, with this gain. It fades as moments do."""
    size, many = _size(day), PER_WEEK * MEMORY_DAYS / 7
    return Evidence(pull=gain * many * size, weight=many * size, day=day)


def everybodys(gain: float, *, day: int) -> dict[TermName, Evidence]:
    """The same moment among everybody's."""
    once = moment(gain, day=day)
    return {EVERYBODYS: once, SQUARES: moment(gain * max(0.0, gain), day=day)}


def added(
    to: Mapping[TermName, Evidence], more: Mapping[TermName, Evidence]
) -> dict[TermName, Evidence]:
    """Both, term by term, of one day."""
    found = {term: together(to[term], each) if term in to else each for term, each in more.items()}
    return {**to, **found}


def usual(
    own: Evidence | None, of_all: Mapping[TermName, Evidence], *, day: int, other_memory: float
) -> Usual | None:
    """What is usual of a person as of `day`, the evidence having faded to it with `other_memory` besides: their own moments, leaning on
    everybody's; None where too little is known of these. Rounded, so that what is stored is what was used.
    """
    known = of_all.get(EVERYBODYS)
    if known is None or known.weight < LEAST * _size(day):
        return None
    mean, spread = known.pull / known.weight, _spread(known, of_all[SQUARES])
    if own is None:
        return Usual(per_week=PER_WEEK, gain=round(mean, 4), spread=spread, new=True)
    moments, gains = own.weight / _size(day), own.pull / _size(day)
    memory = 1 / (1 / MEMORY_DAYS + 1 / other_memory)
    return Usual(
        per_week=round(7 * moments / memory, 2),
        gain=round((gains + ALIKE * mean) / (moments + ALIKE), 4),
        spread=spread,
    )


def _spread(gains: Evidence, squares: Evidence) -> float:
    """The standard deviation in means, 1 at most, as where gains fall off exponentially."""
    mean = gains.pull / gains.weight
    variance = squares.pull / squares.weight - mean * mean
    return round(min(1.0, math.sqrt(max(0.0, variance)) / mean), 2) if mean > 0 else 1.0


def _size(day: int) -> float:
    return math.exp((day - _FIXED_DAY) / MEMORY_DAYS)
