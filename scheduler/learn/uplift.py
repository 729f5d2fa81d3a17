"""The effect of being spoken to: what the treated brought more than the held-out, and how sure that is. Pure.

The estimate is the difference of means adjusted by what people brought before (CUPED: Deng, Xu, Kohavi, Walker 2013),
within strata of people who were enrolled under the same share, weighted by the people in each:

    δ̂ = Σ wₛ [ (ȳₜ − ȳₕ) − θ (x̄ₜ − x̄ₕ) ],   θ = Σ cov(x, y) / Σ var(x),   V = Σ wₛ² (σ²ₜ / nₜ + σ²ₕ / nₕ)

Every field may be an array: one entry for each of many experiments, as tests of the nominal rates have them.
"""

import math
from collections.abc import Sequence
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

LEVEL = 0.95
POWER = 0.8
LIFT = 0.1  # of the mean of the held-out: the effect that the numbers of people needed are about
LEAST = 50  # people in each arm, below which a mean is no normal variable yet
_NARROWEST = (
    8.0  # the ratio of information to the mixture's own at which the sequence is narrowest, at 95 %
)


class Sums(NamedTuple):
    """Of one arm in one stratum: people with an outcome y and a covariate x, and raw sums over them."""

    people: Floats
    y: Floats
    yy: Floats
    x: Floats
    xx: Floats
    xy: Floats


class Gone(NamedTuple):
    """People who are no longer there, of whom sums are left and no squares."""

    people: Floats
    y: Floats
    x: Floats


NOBODY = Gone(*np.zeros((3, 1)))


class Stratum(NamedTuple):
    """The two arms of people enrolled under the same share."""

    treated: Sums
    held: Sums
    treated_gone: Gone = NOBODY
    held_gone: Gone = NOBODY


class Estimate(NamedTuple):
    """An effect per person with its variance; infinite where too little is known.

    `treated_mean` and `held_mean` are as measured, `effect` is adjusted; `reduction` is the share of the variance that
    the adjustment removed.
    """

    treated_people: Floats
    held_people: Floats
    treated_mean: Floats
    held_mean: Floats
    effect: Floats
    variance: Floats
    reduction: Floats


class _Centred(NamedTuple):
    """An arm with its means, those who are gone included, and the centred sums of those who are there."""

    people: Floats
    y: Floats
    x: Floats
    free: Floats  # degrees of freedom
    yy: Floats
    xx: Floats
    xy: Floats


def estimate(strata: Sequence[Stratum], *, adjusted: bool = True) -> Estimate:
    """The effect over all strata in which both arms have people. `adjusted=False` leaves the past aside."""
    arms = [
        (_centred(each.treated, each.treated_gone), _centred(each.held, each.held_gone))
        for each in strata
    ]
    every = [arm for pair in arms for arm in pair]
    if not every:
        return _unknown()
    theta = _ratio(_sum(a.xy for a in every), _sum(a.xx for a in every)) * float(adjusted)
    spread = [_residual([pair[side] for pair in arms], theta) for side in (0, 1)]
    usable = [(t.people > 0) & (h.people > 0) for t, h in arms]
    sizes = [
        np.where(ok, t.people + h.people, 0.0) for (t, h), ok in zip(arms, usable, strict=True)
    ]
    whole = _sum(sizes)
    weights = [_ratio(size, whole) for size in sizes]
    pairs = list(zip(arms, weights, strict=True))
    effect = _sum(w * ((t.y - h.y) - theta * (t.x - h.x)) for (t, h), w in pairs)
    variance = _sum(
        w**2 * (_ratio(spread[0], t.people) + _ratio(spread[1], h.people)) for (t, h), w in pairs
    )
    counts = [
        _sum(np.where(ok, pair[side].people, 0.0) for pair, ok in zip(arms, usable, strict=True))
        for side in (0, 1)
    ]
    enough = np.minimum(counts[0], counts[1]) >= LEAST
    before = _sum(a.yy for a in every)
    after = _sum(a.yy - 2 * theta * a.xy + theta**2 * a.xx for a in every)
    return Estimate(
        treated_people=counts[0],
        held_people=counts[1],
        treated_mean=_sum(w * t.y for (t, _), w in pairs),
        held_mean=_sum(w * h.y for (_, h), w in pairs),
        effect=effect,
        variance=np.where(enough & (variance > 0), variance, np.inf),
        reduction=np.where(before > 0, 1 - _ratio(after, before), 0.0),
    )


def fixed(found: Estimate, *, level: float = LEVEL) -> tuple[Floats, Floats]:
    """The interval for the one look that was set beforehand: δ̂ ± z √V. Looked at more often it errs more often."""
    return _around(found, NormalDist().inv_cdf((1 + level) / 2) * np.sqrt(found.variance))


def sequence(found: Estimate, *, level: float = LEVEL) -> tuple[Floats, Floats]:
    """An interval that may be looked at every day: all of them together hold the truth with probability `level`.

    Robbins' normal mixture (1970) on the score of the estimate, whose information is I = 1 / V. With r = I / ρ its
    half width is √V · √((1 + 1/r) · (ln(1 + r) − 2 ln α)). ρ makes it narrowest where a lift of `LIFT` would be found
    with the power `POWER` at a single look.
    """
    r = _NARROWEST * np.maximum(_wanted(found) / found.variance, 1e-12)
    mixture = (1 + 1 / r) * (np.log1p(r) - 2 * math.log(1 - level))
    with np.errstate(invalid="ignore"):
        return _around(found, np.sqrt(found.variance * mixture))


def people_needed(found: Estimate) -> Floats:
    """How many people, in the arms' present proportion, a single look needs to find a lift of `LIFT` with `POWER`.

    Infinite where too little is known to say.
    """
    there = found.treated_people + found.held_people
    wanted = _wanted(found)
    with np.errstate(invalid="ignore"):
        needed = there * found.variance / np.where(wanted > 0, wanted, np.nan)
    return np.where(np.isfinite(needed), np.ceil(needed), np.inf)


def _wanted(found: Estimate) -> Floats:
    """The variance at which a single look finds the lift."""
    reach = NormalDist().inv_cdf((1 + LEVEL) / 2) + NormalDist().inv_cdf(POWER)
    return np.asarray((LIFT * found.held_mean / reach) ** 2)


def _around(found: Estimate, half: Floats) -> tuple[Floats, Floats]:
    return found.effect - half, found.effect + half


def _centred(sums: Sums, gone: Gone) -> _Centred:
    n, people = sums.people, sums.people + gone.people
    return _Centred(
        people=people,
        y=_ratio(sums.y + gone.y, people),
        x=_ratio(sums.x + gone.x, people),
        free=np.maximum(n - 1, 0.0),
        yy=np.maximum(sums.yy - _ratio(sums.y**2, n), 0.0),
        xx=np.maximum(sums.xx - _ratio(sums.x**2, n), 0.0),
        xy=sums.xy - _ratio(sums.x * sums.y, n),
    )


def _residual(arms: Sequence[_Centred], theta: Floats) -> Floats:
    """The variance of y − θx within the strata of one arm."""
    left = _sum(a.yy - 2 * theta * a.xy + theta**2 * a.xx for a in arms)
    return _ratio(np.maximum(left, 0.0), _sum(a.free for a in arms))


def _sum(arrays: object) -> Floats:
    return np.asarray(sum(arrays))  # type: ignore[call-overload]  # of arrays of one shape


def _ratio(a: Floats, b: Floats) -> Floats:
    """a / b, and 0 where b is 0."""
    return np.asarray(np.divide(a, b, out=np.zeros(np.broadcast(a, b).shape), where=b != 0))


def _unknown() -> Estimate:
    nothing = np.zeros(1)
    return Estimate(
        treated_people=nothing,
        held_people=nothing,
        treated_mean=nothing,
        held_mean=nothing,
        effect=nothing,
        variance=np.full(1, np.inf),
        reduction=nothing,
    )
