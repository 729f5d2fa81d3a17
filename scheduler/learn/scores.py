"""How good a forecast was: ranking, probability, calibration, and the interval of a difference. Pure."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from domain.values import Value

Numbers = NDArray[np.float64]

_LEAST = 1e-12  # a forecast of 0 or 1 costs at most 27.6 nats, not infinity


class Interval(Value):
    """An estimate with the bounds within which it lies in 95 of 100 resamplings."""

    value: float
    low: float
    high: float


def auc(p: Sequence[float] | Numbers, y: Sequence[float] | Numbers) -> float:
    """P(a positive's forecast > a negative's), ties counted half; 0.5 where one of the kinds is missing."""
    p, positive = np.asarray(p, float), np.asarray(y, float) > 0
    wins = int(positive.sum())
    losses = len(p) - wins
    if not wins or not losses:
        return 0.5
    ranks = _ranks(p)[positive].sum()
    return float((ranks - wins * (wins + 1) / 2) / (wins * losses))


def _ranks(values: Numbers) -> Numbers:
    """Ranks from 1; equal values share the mean of theirs."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    mean: Numbers = (ends - (counts - 1) / 2)[inverse]
    return mean


def log_losses(p: Sequence[float] | Numbers, y: Sequence[float] | Numbers) -> Numbers:
    """−ln of the probability given to what happened, in nats, per forecast."""
    chance = np.clip(np.asarray(p, float), _LEAST, 1 - _LEAST)
    came = np.asarray(y, float)
    losses: Numbers = -(came * np.log(chance) + (1 - came) * np.log1p(-chance))
    return losses


def log_loss(p: Sequence[float] | Numbers, y: Sequence[float] | Numbers) -> float:
    """Mean of `log_losses`; NaN for no forecasts."""
    return float(log_losses(p, y).mean()) if len(p) else float("nan")


def reliability(
    p: Sequence[float] | Numbers, y: Sequence[float] | Numbers, *, bins: int = 10
) -> list[tuple[float, float, int]]:
    """(mean forecast, share that happened, how many) in equally wide bins of the forecast that hold any."""
    p, y = np.asarray(p, float), np.asarray(y, float)
    where = np.minimum((p * bins).astype(int), bins - 1)
    held = [where == index for index in range(bins)]
    return [
        (float(p[inside].mean()), float(y[inside].mean()), int(inside.sum()))
        for inside in held
        if inside.any()
    ]


def ece(p: Sequence[float] | Numbers, y: Sequence[float] | Numbers, *, bins: int = 10) -> float:
    """Expected calibration error: the mean gap between forecast and frequency over `reliability`'s bins."""
    if not len(p):
        return float("nan")
    return sum(abs(a - b) * n for a, b, n in reliability(p, y, bins=bins)) / len(p)


def bootstrap(
    values: Sequence[float] | Numbers,
    groups: Sequence[int] | NDArray[np.int64],
    *,
    seed: int,
    rounds: int = 1000,
) -> Interval:
    """The mean with its 95 % interval, resampling whole groups (people), since one person's rows resemble each other."""
    values = np.asarray(values, float)
    _, member = np.unique(np.asarray(groups), return_inverse=True)
    sums, counts = np.bincount(member, weights=values), np.bincount(member)
    means = _resampled(
        len(sums), seed, rounds, lambda drawn: sums[drawn].sum() / counts[drawn].sum()
    )
    low, high = np.quantile(means, (0.025, 0.975))
    return Interval(value=float(values.mean()), low=float(low), high=float(high))


def _resampled(
    size: int, seed: int, rounds: int, mean: Callable[[NDArray[np.int64]], float]
) -> list[float]:
    rng = np.random.default_rng(seed)
    return [mean(rng.integers(0, size, size)) for _ in range(rounds)]
