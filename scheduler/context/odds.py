"""Logistic regression that learns as it goes: one Gaussian belief about all weights, a Newton step per batch. Pure.

The belief after a batch is the Laplace approximation of its posterior: precision += Σ w p(1−p) x xᵀ, the mean at the
maximum. Information fades towards the prior's with a memory, so that the weights can follow a brand that changes.
"""

import math
from datetime import datetime
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from domain.rhythm import Odds

Numbers = NDArray[np.float64]
_STEPS = 4
_NEAR = 0.05  # a step that moves no row's odds by more is the last
_STRIDE = 2.0  # no step moves the odds of a row by more: Newton's own may overshoot without end
_FURTHEST = 30.0


class Belief(NamedTuple):
    """What is believed before anything is learned: means, standard deviations, and days after which 1/e of what was learned is left."""

    mean: tuple[float, ...]
    sd: tuple[float, ...]
    memory_days: float

    @property
    def precision(self) -> Numbers:
        matrix: Numbers = np.diag(np.array(self.sd) ** -2.0)
        return matrix


def log_odds(odds: Odds, belief: Belief, terms: Numbers) -> Numbers:
    """ln p/(1−p) of rows of terms (…, n)."""
    said: Numbers = terms @ np.array(odds.mean or belief.mean)
    return said


def chance(log_odds: Numbers) -> Numbers:
    """The probability of these odds."""
    p: Numbers = 1 / (1 + np.exp(-np.clip(log_odds, -_FURTHEST, _FURTHEST)))
    return p


def learned(
    odds: Odds, belief: Belief, terms: Numbers, came: Numbers, weight: Numbers, *, at: datetime
) -> Odds:
    """The odds after rows of terms (k, n) with what came of them (k,), 0 or 1, each counted `weight` times (k,)."""
    before = np.array(odds.mean or belief.mean)
    known = _faded(odds, belief, at)
    mean = before
    for _ in range(_STEPS):
        p = chance(terms @ mean)
        curve = known + (terms.T * (weight * p * (1 - p))) @ terms
        pull = terms.T @ (weight * (came - p)) - known @ (mean - before)
        step = np.linalg.solve(curve, pull)
        moved = float(np.abs(terms @ step).max())
        mean = mean + step * min(1.0, _STRIDE / max(_STRIDE, moved))
        if moved < _NEAR:
            break
    return Odds(
        mean=tuple(mean.tolist()),
        precision=tuple(curve.ravel().tolist()),
        as_of=max(at, odds.as_of or at),
    )


def _faded(odds: Odds, belief: Belief, at: datetime) -> Numbers:
    first = belief.precision
    if not odds.precision or odds.as_of is None:
        return first
    days = max(0.0, (at - odds.as_of).total_seconds()) / 86_400
    known = np.array(odds.precision).reshape(first.shape)
    left: Numbers = first + (known - first) * math.exp(-days / belief.memory_days)
    return left
