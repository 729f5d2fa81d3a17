"""What another policy would have earned, from the choices of the one that was in force: IPS, SNIPS and DR. Pure.

Every row is one moment: who it was about, how probable the draft is to choose what was chosen over how probable that was
(the weight), what was earned, what the response model believed of it, and what it believes that the draft earns there.

    IPS    mean of w·r
    SNIPS  Σ w·r / Σ w
    DR     mean of q̂(draft) + w·(r − q̂(chosen))

Moments of one person hang together, so the intervals are those of means over people: linearised sums per person, each
larger by how much of the weight is theirs, and Student's t with the effective number of people (those with large weights
count for most) less one. See Dudík, Langford and Li (2011),
Doubly robust policy evaluation and learning; Swaminathan and Joachims (2015), The self-normalized estimator.
"""

import math
from collections.abc import Mapping
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from domain.values import Value

Numbers = NDArray[np.float64]

LEVEL = 0.95
LEAST_MOMENTS = 200
LEAST_PEOPLE = 50  # effective
LEAST_ESS = 100.0
MOST_UNSUPPORTED = 0.01
MOST_OF_ONE = 0.1  # of the sum of the weights, by one person
MOST_PENDING = 0.2
MOST_LOST = 0.5
_SAME = 1 - 1e-9
_ASTRAY = 4.0  # standard errors that the mean weight may be away from 1


class Log(NamedTuple):
    """Columns of one length. `whose` numbers people from 0; `weight`, `earned` and `believed` are of what was chosen,
    `drafted` is what is believed of the draft. `unsupported`: the chance that the draft chooses what never was chosen
    there."""

    whose: NDArray[np.int64]
    weight: Numbers
    earned: Numbers
    believed: Numbers
    drafted: Numbers
    unsupported: Numbers


class Estimate(Value):
    """Per moment, with the limits of the truth at `LEVEL`."""

    value: float
    low: float
    high: float


class Estimates(Value):
    """The same quantity by three ways."""

    ips: Estimate
    snips: Estimate
    dr: Estimate


class Support(Value):
    """How much of the log speaks for the draft.

    `ess`: as many moments at which the draft itself had chosen would tell as much; `people` likewise. `of_one`: the part of
    all weight that one person has. `agreement`: how probable both are to choose the same.
    """

    moments: int
    ess: float
    people: float
    greatest_weight: float
    mean_weight: float
    of_one: float
    unsupported: float
    agreement: float
    pending: float
    lost: float


class Lack(Value):
    """A rule that the support does not meet: what is there, what it takes, and in how many times as many moments that would be
    reached, where more of the same would help."""

    code: str
    found: float
    needed: float
    times: float | None = None


def estimates(log: Log) -> Estimates:
    """What the draft earns."""
    return _told(_parts(log), log)


def differences(draft: Log, then: Log) -> Estimates:
    """What the draft earns more than the policy that was in force: the same moments weighted for both, so that what they share
    falls out."""
    parts = {
        name: (value - _parts(then)[name][0], residues - _parts(then)[name][1])
        for name, (value, residues) in _parts(draft).items()
    }
    return _told(parts, draft._replace(weight=np.maximum(draft.weight, then.weight)))


def support(log: Log, *, agreement: float, pending: int, lost: int) -> Support:
    """`pending`: moments whose answers are still awaited; `lost`: those that cannot be weighed. Both stand beside the log."""
    total = float(log.weight.sum())
    by_person = _by_person(log.whose, log.weight)
    moments = len(log.weight)
    beside = moments + pending + lost
    return Support(
        moments=moments,
        ess=_effective(log.weight),
        people=_effective(by_person),
        greatest_weight=float(log.weight.max(initial=0.0)),
        mean_weight=total / moments if moments else 0.0,
        of_one=float(by_person.max(initial=0.0)) / total if total else 1.0,
        unsupported=float(log.unsupported.mean()) if moments else 1.0,
        agreement=agreement,
        pending=pending / beside if beside else 0.0,
        lost=lost / beside if beside else 0.0,
    )


def lacks(found: Support, log: Log) -> tuple[Lack, ...]:
    """The rules that forbid an answer. None is asked where both choose the same everywhere: then nothing is estimated."""
    if found.agreement >= _SAME and found.moments:
        return ()
    least = (
        ("moments", found.moments, LEAST_MOMENTS),
        ("ess", found.ess, LEAST_ESS),
        ("people", found.people, LEAST_PEOPLE),
    )
    most = (
        ("unsupported", found.unsupported, MOST_UNSUPPORTED, None),
        ("of_one", found.of_one, MOST_OF_ONE, found.of_one / MOST_OF_ONE),
        ("pending", found.pending, MOST_PENDING, None),
        ("lost", found.lost, MOST_LOST, None),
        ("mean_weight", _astray(log), _ASTRAY, None),
    )
    short = [
        Lack(code=code, found=there, needed=needed, times=needed / there if there else None)
        for code, there, needed in least
        if there < needed
    ]
    over = [
        Lack(code=code, found=there, needed=needed, times=times)
        for code, there, needed, times in most
        if there > needed
    ]
    return (*short, *over)


def _astray(log: Log) -> float:
    """How many standard errors the mean of the weights is away from what it must be: all that is supported."""
    if not len(log.weight):
        return 0.0
    off = _by_person(log.whose, log.weight - (1 - log.unsupported))
    error = _error(off, len(log.weight))
    return abs(float(off.sum())) / len(log.weight) / error if error else 0.0


def _parts(log: Log) -> dict[str, tuple[float, Numbers]]:
    """Each estimate with how much every moment moves it away from its own value, times the number of moments."""
    gained = log.weight * log.earned
    robust = log.drafted + log.weight * (log.earned - log.believed)
    means = {"ips": gained, "dr": robust}
    parts = {name: (float(each.mean()), each - each.mean()) for name, each in means.items()}
    share = float(log.weight.mean()) or 1.0
    ratio = float(gained.mean()) / share
    return {**parts, "snips": (ratio, (gained - ratio * log.weight) / share)}


def _told(parts: Mapping[str, tuple[float, Numbers]], log: Log) -> Estimates:
    by_person = _by_person(log.whose, log.weight)
    away = _student(max(1.0, _effective(by_person) - 1))
    # As if each person had been foretold from the others: who weighs much draws the estimate to themselves.
    left_out = np.maximum(0.5, 1 - by_person / (by_person.sum() or 1.0))
    found = {}
    for name, (value, residues) in parts.items():
        error = _error(_by_person(log.whose, residues) / left_out**2, len(residues))
        found[name] = Estimate(value=value, low=value - away * error, high=value + away * error)
    return Estimates(**found)


def _student(freedom: float) -> float:
    """The quantile of Student's t for an interval of `LEVEL`, by Fisher's expansion: to 1 % from five degrees on."""
    z = NormalDist().inv_cdf((1 + LEVEL) / 2)
    first = (z**3 + z) / 4
    second = (5 * z**5 + 16 * z**3 + 3 * z) / 96
    third = (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384
    return float(z + first / freedom + second / freedom**2 + third / freedom**3)


def _error(by_person: Numbers, moments: int) -> float:
    """The standard error of a mean over moments, from its residues summed per person."""
    people = len(by_person)
    if people < 2 or not moments:
        return 0.0
    spread = float((by_person**2).sum()) * people / (people - 1)
    return math.sqrt(spread) / moments


def _by_person(whose: NDArray[np.int64], each: Numbers) -> Numbers:
    return np.bincount(whose, weights=each).astype(float) if len(whose) else np.zeros(0)


def _effective(weights: Numbers) -> float:
    squares = float((weights**2).sum())
    return float(weights.sum()) ** 2 / squares if squares else 0.0
