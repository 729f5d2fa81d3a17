"""Policies that learn as textbooks have it: one additive Bayesian model, sampled at its full deviation or not at all.

They know the chance of a visit that comes anyway as it truly is, so what separates them from others is exploring alone.
"""

import numpy as np

from bench.world.people import DAYPARTS, Floats, Ints
from bench.world.policies import At, _best
from bench.world.truth import Answers, Truth

_BASE = -2.4
_VARIANCES = {
    "offer": 0.25,
    "cause": 0.25,
    "slot": 0.1,
    "rain": 0.1,
    "tired": 0.1,
    "person": 0.5,
    "person_offer": 0.5,
    "person_slot": 0.15,
}
_MOST_TIRED = 4


class Learner:
    """P(a visit that only the push brings) = σ(base + Σ terms), each a Gaussian, learned each evening; `sd` of it is sampled.

    Silence wins where no sampled gain beats the policy's price of an interruption.
    """

    def __init__(self, truth: Truth, *, sd: float) -> None:
        self._truth, self._sd = truth, sd
        self._lots = np.random.default_rng([truth.town.seed, 13, int(100 * sd)])
        n, offers = truth.town.world.people, len(truth.margin)
        sizes = {
            "offer": offers,
            "cause": 3 * offers,
            "slot": DAYPARTS * offers,
            "rain": 2 * offers,
            "tired": _MOST_TIRED + 1,
            "person": n,
            "person_offer": n * offers,
            "person_slot": n * DAYPARTS,
        }
        begins = np.cumsum([0, *sizes.values()])
        self._begins = dict(zip(sizes, begins, strict=False))
        self._chosen_by = np.zeros((n, offers, len(sizes)), dtype=np.int64)
        self._mean = np.zeros(int(begins[-1]))
        self._variance = np.concatenate(
            [np.full(size, _VARIANCES[name]) for name, size in sizes.items()]
        )

    def choose(self, now: At) -> Ints:
        truth = self._truth
        terms = self._chosen_by[now.who] = self._terms(now)
        mean, variance = self._mean[terms].sum(axis=2), self._variance[terms].sum(axis=2)
        lots = self._lots.normal(size=mean.shape)
        brings = 1 / (1 + np.exp(-(_BASE + mean + self._sd * np.sqrt(variance) * lots)))
        chances = truth.chances(now.state, now.who, now.at, now.cause)
        gain = truth.gain(chances._replace(brings=brings)) - truth.town.world.price
        return _best(np.where(now.open, gain, -np.inf), 0.0)

    def told(self, now: At, offer: Ints, answers: Answers) -> None:
        """One step for each answer; a yes counts for as much as it is likely that the push brought it."""
        if not len(offer):
            return
        terms = self._chosen_by[now.who, offer]
        anyway = self._truth.chances(now.state, now.who, now.at, now.cause).anyway
        for row, came, p_0 in zip(terms, answers.brought | answers.anyway, anyway, strict=True):
            variance = self._variance[row]
            p = 1 / (1 + np.exp(-(_BASE + self._mean[row].sum())))
            y = p / (p_0 + (1 - p_0) * p) if came else 0.0
            h, s2 = p * (1 - p), variance.sum()
            self._mean[row] += variance * (y - p) / (1 + h * s2)
            self._variance[row] -= h * variance**2 / (1 + h * s2)

    def _terms(self, now: At) -> Ints:
        """(n, offers, terms) the places of the active terms."""
        offers = len(self._truth.margin)
        each = np.arange(offers)[None, :]
        who, daypart = now.who[:, None], (now.at % 24 // 3).astype(int)[:, None]
        wet = self._truth.town.is_wet(now.at)[:, None].astype(int)
        tired = np.minimum(_MOST_TIRED, now.state.fatigue(now.who, now.at).round().astype(int))
        begins = self._begins
        found = (
            begins["offer"] + each,
            begins["cause"] + now.cause[:, None] * offers + each,
            begins["slot"] + daypart * offers + each,
            begins["rain"] + wet * offers + each,
            begins["tired"] + tired[:, None],
            begins["person"] + who,
            begins["person_offer"] + who * offers + each,
            begins["person_slot"] + who * DAYPARTS + daypart,
        )
        shape = (len(now.who), offers)
        return np.stack([np.broadcast_to(one, shape) for one in found], axis=2)


def full_thompson(truth: Truth) -> Learner:
    """Thompson sampling at the full standard deviation."""
    return Learner(truth, sd=1.0)


def greedy(truth: Truth) -> Learner:
    """Always the best by the mean."""
    return Learner(truth, sd=0.0)


__all__ = ["Floats", "Learner", "full_thompson", "greedy"]
