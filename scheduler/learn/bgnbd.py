"""The BG/NBD model of Fader, Hardie and Lee (2005), to compare with: fitted by maximum likelihood. Pure.

x repeat visits, the last one t_x days and now T days after the first; λ ~ Gamma(r, α), dropout after each visit ~ Beta(a, b).
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]

_FURTHEST = 12.0  # of the logarithm of a parameter


class Fitted(NamedTuple):
    r: float
    alpha: float
    a: float
    b: float


def fit(x: Numbers, t_x: Numbers, t: Numbers) -> Fitted:
    """The most likely parameters for these people; the likelihood is maximised over their logarithms."""
    from scipy.optimize import minimize  # type: ignore[import-untyped]  # noqa: PLC0415 - comes with the extra `backtest`, without types

    def loss(logs: Numbers) -> float:
        found = Fitted(*np.exp(np.clip(logs, -_FURTHEST, _FURTHEST)))
        return -float(np.mean(_log_likelihood(found, x, t_x, t)))

    best = minimize(loss, np.zeros(4), method="Nelder-Mead", options={"maxiter": 2000})
    return Fitted(*np.exp(np.clip(best.x, -_FURTHEST, _FURTHEST)).tolist())


def _log_likelihood(fitted: Fitted, x: Numbers, t_x: Numbers, t: Numbers) -> Numbers:
    from scipy.special import betaln, gammaln  # type: ignore[import-untyped]  # noqa: PLC0415 - as above

    r, alpha, a, b = fitted
    visits = gammaln(r + x) - gammaln(r) + r * np.log(alpha)
    stays = betaln(a, b + x) - betaln(a, b)
    here = -(r + x) * np.log(alpha + t)
    left = np.log(a) - np.log(b + np.maximum(x, 1) - 1) - (r + x) * np.log(alpha + t_x)
    either = np.where(x > 0, np.logaddexp(here, left), here)
    total: Numbers = visits + stays + either
    return total


def p_within(fitted: Fitted, x: Numbers, t_x: Numbers, t: Numbers, *, days: float) -> Numbers:
    """P(alive) · P(a visit within so many days, given alive)."""
    r, alpha, a, b = fitted
    ratio = (r + x) * (np.log(alpha + t) - np.log(alpha + t_x))
    odds = np.where(x > 0, a / (b + np.maximum(x, 1) - 1) * np.exp(np.minimum(ratio, 500)), 0.0)
    none = np.exp((r + x) * (np.log(alpha + t) - np.log(alpha + t + days)))
    chance: Numbers = (1 - none) / (1 + odds)
    return chance
