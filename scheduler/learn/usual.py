"""How good a person's moments usually are: what one of the pushes that a cap allows could bring at a better one. Pure.

Kept as one row of the person's own evidence: `weight` counts moments, `pull` adds up their gains. Rows are only ever added to,
so moments fade with `MEMORY_DAYS` by being added larger the later they are; the mean does not depend on the size.
"""

import math
from collections.abc import Mapping

from domain.model import Evidence, TermName, Usual

MEMORY_DAYS = 10.0
LEAST = 5.0  # moments, below which nothing is said of them
TERM = TermName("person_moments", "")
_FIXED_DAY = (
    24_106  # 2036-01-01, in days since 1970: sizes stay within what numbers hold until 2100
)


def moment(gain: float, *, day: int) -> Evidence:
    """One more moment at which the best that could be said had this gain; a loss counts as 0."""
    size = math.exp((day - _FIXED_DAY) / MEMORY_DAYS)
    return Evidence(pull=max(0.0, gain) * size, weight=size, day=day)


def together(a: Evidence, b: Evidence) -> Evidence:
    """Both, of one day."""
    return Evidence(pull=a.pull + b.pull, weight=a.weight + b.weight, day=a.day)


def usual(own: Mapping[TermName, Evidence], *, day: int, other_memory: float) -> Usual | None:
    """What is usual as of `day`, the evidence having faded to it with `other_memory` besides; None for too few moments. Of somebody who
    is known for a few days only, it is too few a week. Rounded, so that what is stored is what was used.
    """
    known = own.get(TERM)
    if known is None:
        return None
    moments = known.weight * math.exp((_FIXED_DAY - day) / MEMORY_DAYS)
    if moments < LEAST:
        return None
    memory = 1 / (1 / MEMORY_DAYS + 1 / other_memory)
    return Usual(per_week=round(7 * moments / memory, 2), gain=round(known.pull / known.weight, 4))
