"""Which option is drawn where a brand explores, and how probable that was. Pure: the seed alone decides.

Two lots: with the share `floor` every option is as likely as every other, silence included. Else what is believed is sampled
at 0.15 of its standard deviation and the greatest gain wins, silence where none is above 0. Full Thompson sampling would
spend the few answers of each person on exploring, and none at all can fall silent for ever (`docs/deciding.md`).

The probability of what the sampling picks has no closed form. It is counted: the same sampling is repeated for a fixed number
of draws, the first of which is the one that counts.
"""

import hashlib
import math
from collections.abc import Hashable, Sequence
from functools import cached_property
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from scheduler.decide.score import Score

Option = TypeVar("Option")

SAMPLED_SD = 0.15
DRAWS = 64
_EACH = np.arange(DRAWS)
# What is stored of a propensity lies between these, so that a weight of 1/propensity stays small.
LEAST, MOST = 0.05, 0.95
# Numbers made anew for each decision would cost more than all the rest of it.
_TABLE = np.random.default_rng(5).standard_normal(1 << 17)


class Lots:
    """The draws among these scores; the option after the last of them is silence."""

    def __init__(self, scores: Sequence[Score], *, seed: int, floor: float) -> None:
        self._scores = scores
        self._seed = seed
        self._floor = min(1.0, floor)

    def picked(self, sampled: Sequence[Option], by_lot: Sequence[Option]) -> Option:
        """What is drawn: of `sampled`, or with the share of the floor of `by_lot`; both name an option each."""
        if _uniform(self._seed, "explore") < self._floor:
            return by_lot[int(_uniform(self._seed, "which") * len(by_lot))]
        return sampled[int(self._picks[0])]

    def propensity(self, sampled: Sequence[object], by_lot: Sequence[object], of: object) -> float:
        """The probability that `of` is drawn by either lot, to within 1/64 of the sampling, clipped to [0.05, 0.95]."""
        share = math.fsum(each for n, each in enumerate(self.shares) if sampled[n] is of)
        even = sum(each is of for each in by_lot) / len(by_lot)
        return min(max((1 - self._floor) * share + self._floor * even, LEAST), MOST)

    def chances(
        self, sampled: Sequence[Hashable], by_lot: Sequence[Hashable]
    ) -> dict[Hashable, float]:
        """The same of every option that is named, but not clipped; they add up to 1."""
        found: dict[Hashable, float] = {}
        for share, of, else_ in zip(self.shares, sampled, by_lot, strict=True):
            found[of] = found.get(of, 0.0) + (1 - self._floor) * share
            found[else_] = found.get(else_, 0.0) + self._floor / len(by_lot)
        return found

    @cached_property
    def shares(self) -> list[float]:
        """The share of the draws in which the sampling picks each option."""
        counts = np.bincount(self._picks, minlength=len(self._scores) + 1)
        shares: list[float] = (counts / DRAWS).tolist()
        return shares

    @cached_property
    def _picks(self) -> NDArray[np.intp]:
        """The best option in each of the draws."""
        columns = np.array([_numbers(each) for each in self._scores]).T[:, :, None]
        odds, before, margin, costs, fixed, shared, own, moderation = columns
        # Options by draws: what is done to rows this long costs a third of the same done to columns.
        normal = np.ascontiguousarray(_normals(self._seed, len(odds) + 1).T)
        off = np.sqrt(shared) * normal[-1] + np.sqrt(own) * normal[:-1]
        after = before + (1 - before) / (1 + np.exp(-(odds + SAMPLED_SD * off) / moderation))
        gains = (after - before) * margin - after * costs + fixed
        best: NDArray[np.intp] = gains.argmax(axis=0)
        return np.where(gains[best, _EACH] > 0, best, len(odds))


def _normals(seed: int, options: int) -> NDArray[np.float64]:
    """A row of standard normal numbers for each draw, read from a table at a place that the seed tells."""
    many = DRAWS * options
    if many >= len(_TABLE):
        return np.resize(_TABLE, (DRAWS, options))
    begin = seed % (len(_TABLE) - many)
    return _TABLE[begin : begin + many].reshape(DRAWS, options)


def _numbers(score: Score) -> tuple[float, ...]:
    value = score.offer.body.value
    odds = score.odds + score.learned
    costs = value.discount - score.price  # who comes is given the one and spared the other
    return (odds, score.before, value.margin, costs, score.fixed, *score.doubt, score.moderation)


def _uniform(seed: int, what: str) -> float:
    digest = hashlib.sha256(f"{seed}:{what}".encode()).digest()
    return int.from_bytes(digest[:6], "big") / 2**48
