"""Whether the product's intervals hold the truth as often as they say: many small worlds whose effect is known.

People have a rate of visits of their own; what they did before foretells it. A share is held out by lot, the rest come more often by
a known number of visits. Looks are weekly; what is looked at are the product's own estimate, sequence and planned interval.
"""

from typing import NamedTuple

import numpy as np

from scheduler.learn import uplift
from scheduler.learn.uplift import Stratum, Sums

EFFECTS = (0.0, 0.05, 0.2)  # of the mean rate
_WEEKS = 12
_BATCH = 200


class Coverage(NamedTuple):
    """Shares of the replications: `covered` by all weekly looks at the sequence, `planned` by the one look that is set beforehand."""

    nominal: float
    covered: float
    planned: float
    replications: int


def coverage(seed: int, *, replications: int = 2000, people: int = 1500) -> Coverage:
    """Replications over effects, shares held out, and with and without a past."""
    lots = np.random.default_rng([seed, 21])
    cells = [(effect, share, past) for effect in EFFECTS for share in (0.1, 0.5) for past in (0, 1)]
    each = max(1, replications // len(cells))
    held = [_cell(lots, *cell, many=each, people=people) for cell in cells]
    always, planned = (np.concatenate(part) for part in zip(*held, strict=True))
    return Coverage(
        nominal=uplift.LEVEL,
        covered=round(float(always.mean()), 4),
        planned=round(float(planned.mean()), 4),
        replications=len(always),
    )


def _cell(
    lots: np.random.Generator, effect: float, share: float, past: int, *, many: int, people: int
) -> tuple[np.ndarray, np.ndarray]:
    """Whether the truth was held, by all looks and by the last, in each replication."""
    always, planned = [], []
    for begin in range(0, many, _BATCH):
        size = min(_BATCH, many - begin)
        rate = lots.gamma(0.8, 1 / 0.8, (size, people))  # visits a week; few come often
        before = lots.poisson(rate * 8) * past
        held_out = lots.random((size, people)) < share
        visits, held = np.zeros((size, people)), np.ones(size, dtype=bool)
        for week in range(1, _WEEKS + 1):
            visits += lots.poisson(rate + effect * ~held_out)
            found = uplift.estimate(
                [Stratum(_sums(visits, before, ~held_out), _sums(visits, before, held_out))]
            )
            low, high = uplift.sequence(found)
            held &= (low <= effect * week) & (effect * week <= high)
        low, high = uplift.fixed(found)
        always.append(held)
        planned.append((low <= effect * _WEEKS) & (effect * _WEEKS <= high))
    return np.concatenate(always), np.concatenate(planned)


def _sums(y: np.ndarray, x: np.ndarray, of: np.ndarray) -> Sums:
    return Sums(
        people=of.sum(axis=1).astype(float),
        y=(y * of).sum(axis=1),
        yy=(y * y * of).sum(axis=1),
        x=(x * of).sum(axis=1).astype(float),
        xx=(x * x * of).sum(axis=1).astype(float),
        xy=(x * y * of).sum(axis=1),
    )
