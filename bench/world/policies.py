"""What the engine is measured against. All act at the same moments, under the same caps and hours of silence.

Each chooses, for people at moments of one day, an offer or nothing (−1).
"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple, Protocol

import numpy as np

from bench.world.ledger import Ledger
from bench.world.people import HABIT, Bools, Floats, Ints
from bench.world.truth import Answers, State, Truth

NOTHING = -1


class At(NamedTuple):
    """People at a moment each, with what may be said there (n, offers)."""

    state: State
    who: Ints
    at: Floats
    cause: Ints
    open: Bools


class Policy(Protocol):
    """`choose` says an offer's number or NOTHING for each; `told` tells what came of what it said, when the day is over."""

    def choose(self, now: At) -> Ints: ...

    def told(self, now: At, offer: Ints, answers: Answers) -> None: ...


class Fixed:
    """A policy that learns nothing."""

    def __init__(self, choose: Callable[[At], Ints]) -> None:
        self._choose = choose

    def choose(self, now: At) -> Ints:
        return self._choose(now)

    def told(self, now: At, offer: Ints, answers: Answers) -> None:
        """Nothing is learned."""


def live(truth: Truth, policy: Policy) -> Ledger:
    """The weeks of a town under this policy."""
    state, ledger = State(truth.town), Ledger(truth)
    for group in _groups(truth):
        may = state.may(*group[:2])
        who, at, cause = group[0][may], group[1][may], group[2][may]
        now = At(state, who, at, cause, truth.eligible(at) & state.open(who, at))
        offer = policy.choose(now)
        said = (offer != NOTHING) & now.open[np.arange(len(who)), offer]
        now = At(state, who[said], at[said], cause[said], now.open[said])
        answers = truth.answers(state, now.who, now.at, now.cause, offer[said])
        ledger.note(now.at, offer[said], answers)
        policy.told(now, offer[said], answers)
    return ledger


def _groups(truth: Truth) -> Iterator[tuple[Ints, Floats, Ints]]:
    """The moments in the order of time, one a person at most in each group, none over two days."""
    who, at, cause = truth.town.moments
    day = np.floor(at / 24).astype(int)
    order = np.lexsort((cause, at, who, day))
    who, at, cause, day = who[order], at[order], cause[order], day[order]
    first = np.ones(len(who), dtype=bool)
    first[1:] = (who[1:] != who[:-1]) | (day[1:] != day[:-1])
    begins = np.maximum.accumulate(np.where(first, np.arange(len(who)), 0))
    rank = np.arange(len(who)) - begins
    for key in np.unique(day * 1000 + rank):
        here = day * 1000 + rank == key
        yield who[here], at[here], cause[here]


def silence(now: At) -> Ints:
    """Never says anything."""
    return np.full(len(now.who), NOTHING)


def always(truth: Truth) -> Policy:
    """Says something whenever it may, what the lot picks."""
    lots = np.random.default_rng([truth.town.seed, 11])

    def choose(now: At) -> Ints:
        return _best(np.where(now.open, lots.random(now.open.shape), -np.inf), -np.inf)

    return Fixed(choose)


def first_come(_truth: Truth) -> Policy:
    """First come, first served: of the offers that fit, the one that stands first, whoever passes first."""
    return Fixed(lambda now: np.where(now.open.any(axis=1), now.open.argmax(axis=1), NOTHING))


def best_static_offer(truth: Truth) -> Policy:
    """The one offer which, said whenever it may, brings most; found by trying all of them on this very town."""
    tried = [_only(offer) for offer in range(len(truth.margin))]
    return max(tried, key=lambda policy: live(truth, policy).money.sum())


def _only(offer: int, *, habit: bool = False) -> Policy:
    def choose(now: At) -> Ints:
        fits = now.open[:, offer] & ((now.cause == HABIT) | (not habit))
        return np.where(fits, offer, NOTHING)

    return Fixed(choose)


def best_hour(truth: Truth) -> Policy:
    """As vendors have it: a campaign's one offer, the best such one, sent to each person at their own hour."""
    tried = [_only(offer, habit=True) for offer in range(len(truth.margin))]
    return max(tried, key=lambda policy: live(truth, policy).money.sum())


def segments(truth: Truth) -> Policy:
    """Rules of somebody who knows the averages: by how often people came, by rain and by the kind of moment, the offer that
    brings most in the mean there, opt-outs taken off; nothing where none does.
    """
    town = truth.town
    history = (~np.isnan(town.visits[:, : -town.first_day])).sum(axis=1)
    segment = np.searchsorted(np.quantile(history, [1 / 3, 2 / 3]), history)

    def cell(who: Ints, at: Floats, cause: Ints) -> Ints:
        return np.asarray(segment[who] * 6 + town.is_wet(at) * 3 + cause)

    who, at, cause = town.moments
    worth = truth.worth(truth.chances(State(town), who, at, cause))
    worth = np.where(truth.eligible(at), worth, 0)
    means = np.zeros((18, worth.shape[1]))
    np.add.at(means, cell(who, at, cause), worth)

    def choose(now: At) -> Ints:
        rule = means[cell(now.who, now.at, now.cause)]
        return _best(np.where(now.open, rule, -np.inf), 0.0)

    return Fixed(choose)


def _best(worth: Floats, least: float) -> Ints:
    best = worth.argmax(axis=1)
    return np.where(worth[np.arange(len(worth)), best] > least, best, NOTHING)


class Oracle:
    """Knows all that is hidden, and how everybody stands; not the dice. Says what is truly worth most after what an opt-out costs, its
    future included, where that beats a price of the person's attention.

    The price is the gain that this person's `per_week` best moments of a week exceed, times `times`; so the caps are used on them.
    """

    def __init__(
        self, truth: Truth, *, per_week: float | None, times: float, future: Floats | None = None
    ) -> None:
        self._truth = truth
        town = truth.town
        self._future = np.zeros(town.world.people) if future is None else future
        self._price = np.zeros(town.world.people)
        if per_week is not None:
            self._price = times * _prices(truth, per_week)

    def choose(self, now: At) -> Ints:
        truth = self._truth
        chances = truth.chances(now.state, now.who, now.at, now.cause)
        pleased = 1 - (1 - chances.brings) * (1 - chances.anyway[:, None])
        leaves = (1 - pleased) * chances.leaves
        ahead = np.maximum(0.0, truth.town.world.weeks - now.at / 168)
        cost = truth.town.world.customer_value + self._future[now.who] * ahead
        worth = truth.gain(chances) - leaves * cost[:, None] - self._price[now.who][:, None]
        return _best(np.where(now.open, worth, -np.inf), 0.0)

    def told(self, now: At, offer: Ints, answers: Answers) -> None:
        """It knows all already."""


def _prices(truth: Truth, per_week: float) -> Floats:
    """Of each person, the gain that so many of their moments of a week exceed, as long as nobody speaks to them."""
    town = truth.town
    who, at, cause = town.moments
    worth = truth.worth(truth.chances(State(town), who, at, cause))
    best = np.where(truth.eligible(at), worth, -np.inf).max(axis=1, initial=0.0)
    order = np.lexsort((-best, who))
    ranked = np.searchsorted(who[order], np.arange(town.world.people))
    counts = np.bincount(who, minlength=town.world.people)
    wanted = np.minimum(counts - 1, int(per_week * town.world.weeks))
    return np.where(counts > wanted, np.maximum(0, best[order][ranked + np.maximum(wanted, 0)]), 0)


def oracle(truth: Truth) -> tuple[Policy, Ledger]:
    """The oracle with the best price of a grid, found by its own runs."""
    weeks = truth.town.world.weeks
    plain = live(truth, Oracle(truth, per_week=None, times=0))
    each = max(0.0, plain.money.sum()) / weeks / truth.town.world.people
    future = np.full(truth.town.world.people, each)
    cap = truth.town.world.policy.caps.per_week or 7
    make = partial(Oracle, truth, future=future)
    tried: list[Oracle] = [make(per_week=None, times=0.0)]
    tried += [
        make(per_week=cap * most, times=times)
        for most in (0.6, 0.8, 1.0, 1.3, 1.7)
        for times in (0.5, 0.75, 1.0)
    ]
    runs = [(policy, live(truth, policy)) for policy in tried]
    return max(runs, key=lambda run: _late(run[1]))


def _late(ledger: Ledger) -> float:
    money = ledger.money
    return float(money[4:].sum() if len(money) > 4 else money.sum())
