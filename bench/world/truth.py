"""What a push really does to each person, and the dice: the same question gets the same answer, whoever asks."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.world.people import (
    ENTER,
    HABIT,
    Bools,
    Floats,
    Ints,
    Town,
    came_today,
    likeness,
    p_anyway,
)

_NEAR_M = 60.0  # where somebody passes by
COMES, LEAVES, WIPES, REFUSES, WHEN = range(5)


class State:
    """What pushes have left in each person so far: arrays of all people, changed as pushes are sent."""

    def __init__(self, town: Town) -> None:
        n, offers = len(town.people.person), len(town.world.offers)
        self._half_life_h = 24 * town.world.response.half_life_days
        self._caps = town.world.policy.caps
        most = max(1, (self._caps.per_week or 0), (self._caps.per_day or 0))
        self._sent = np.full((n, most), -np.inf)
        self._pushes = np.zeros(n)
        self._as_of = np.zeros(n)
        self.gone = np.zeros(n, dtype=bool)
        self.refused = np.zeros((n, offers), dtype=bool)
        self._said = np.full((n, offers), -np.inf)  # the three hours in which each was said last
        self._brought = np.full(n, -np.inf)

    def fatigue(self, who: Ints, at: Floats) -> Floats:
        """Pushes of late, fading by half within the world's half-life."""
        return np.asarray(self._pushes[who] * 2 ** (-(at - self._as_of[who]) / self._half_life_h))

    def brought_today(self, who: Ints, at: Floats) -> Bools:
        """Whether a push has brought them earlier that day."""
        return np.asarray(np.floor(self._brought[who] / 24) == np.floor(at / 24))

    def may(self, who: Ints, at: Floats) -> Bools:
        """Whom the caps and their own word allow to be spoken to."""
        sent = self._sent[who]
        allowed = ~self.gone[who]
        if self._caps.per_day is not None:
            today = np.floor(sent / 24) == np.floor(at / 24)[:, None]
            allowed &= today.sum(axis=1) < self._caps.per_day
        if self._caps.per_week is not None:
            allowed &= (sent > at[:, None] - 168).sum(axis=1) < self._caps.per_week
        return np.asarray(allowed)

    def open(self, who: Ints, at: Floats) -> Bools:
        """(n, offers) what was not refused and not said in the same three hours."""
        return np.asarray(~self.refused[who] & (self._said[who] != np.floor(at / 3)[:, None]))

    def push(self, who: Ints, at: Floats, offer: Ints) -> None:
        self._pushes[who] = self.fatigue(who, at) + 1
        self._as_of[who] = at
        self._sent[who, self._sent[who].argmin(axis=1)] = at
        self._said[who, offer] = np.floor(at / 3)

    def bring(self, who: Ints, at: Floats) -> None:
        self._brought[who] = at


class Chances(NamedTuple):
    """Before a push: a visit that only it brings, by offer (n, offers); one that comes anyway (n,); an opt-out where it does not please,
    by offer.
    """

    brings: Floats
    anyway: Floats
    leaves: Floats


class Answers(NamedTuple):
    """What came of pushes: a visit that only it brought, and when it comes; a visit that would have come anyway, and is cheaper now;
    an opt-out; wiped away; called not for me. `expected`: the money that such a push brings in the mean of all dice.
    """

    brought: Bools
    at: Floats
    anyway: Bools
    left: Bools
    wiped: Bools
    refused: Bools
    expected: Floats


class Truth:
    """The hidden side of a town."""

    def __init__(self, town: Town) -> None:
        self.town = town
        offers = town.world.offers
        self.margin = np.array([each.margin for each in offers])
        self.discount = np.array([each.discount for each in offers])
        self._response = np.array([each.response for each in offers])
        self._rain = np.array([each.rain for each in offers])
        self._only_wet = np.array([each.only_in_rain for each in offers])
        self._from = np.array([each.hours[0] if each.hours else 0 for each in offers])
        self._to = np.array([each.hours[1] if each.hours else 24 for each in offers])

    def eligible(self, at: Floats) -> Bools:
        """(n, offers) what its own hours and the weather allow."""
        hour = (at % 24)[:, None]
        wet = self.town.is_wet(at)[:, None]
        return np.asarray((hour >= self._from) & (hour < self._to) & (wet | ~self._only_wet))

    def chances(self, state: State, who: Ints, at: Floats, cause: Ints) -> Chances:
        """What a push of each offer would do now."""
        town, said = self.town, self.town.world.response
        people = town.people
        tired = state.fatigue(who, at)
        near = np.where(cause == HABIT, people.distance_m[who], _NEAR_M)
        today = came_today(town, who, at) | state.brought_today(who, at)
        shared = (
            said.base
            + people.person[who]
            + people.slot[who, (at % 24 // 3).astype(int)]
            + said.own_hour * likeness(town, who, at)
            + said.distance * np.log1p(near / 300)
            + said.visited_today * today
            + said.fatigue * tired
        )
        wet = town.is_wet(at)[:, None]
        own = self._response + people.taste[who] + wet * (self._rain + people.rain[who][:, None])
        annoys = town.world.annoyance
        hazard = annoys.base * np.exp(people.sensitive[who]) * (1 + annoys.per_push * tired)
        dull = np.exp(-annoys.irrelevance * people.taste[who])
        return Chances(
            brings=1 / (1 + np.exp(-(shared[:, None] + own))),
            anyway=p_anyway(town, who, at),
            leaves=1 - np.exp(-hazard[:, None] * dull),
        )

    def gain(self, chances: Chances) -> Floats:
        """(n, offers) what each offer brings in the mean, in money, but for the opt-outs."""
        brings = chances.brings * (1 - chances.anyway[:, None])
        return np.asarray(
            brings * (self.margin - self.discount) - chances.anyway[:, None] * self.discount
        )

    def worth(self, chances: Chances) -> Floats:
        """(n, offers) what each offer brings in the mean, who opts out taken off at the value of a customer."""
        pleased = 1 - (1 - chances.brings) * (1 - chances.anyway[:, None])
        leaves = (1 - pleased) * chances.leaves
        return np.asarray(self.gain(chances) - leaves * self.town.world.customer_value)

    def answers(self, state: State, who: Ints, at: Floats, cause: Ints, offer: Ints) -> Answers:
        """What comes of these pushes, one a person at most. Changes the state."""
        town, annoys = self.town, self.town.world.annoyance
        chances = self.chances(state, who, at, cause)
        rows = np.arange(len(who))
        day = np.floor(at / 24).astype(int)
        visit = town.visit(who, day)
        anyway = (visit > at) & (visit <= at + 3)
        dice = [_dice(town.seed, each, who, at, offer) for each in range(5)]
        brought = ~anyway & (dice[COMES] < chances.brings[rows, offer])
        pleased = anyway | brought
        left = ~pleased & (dice[LEAVES] < chances.leaves[rows, offer])
        bother = np.minimum(0.5, np.exp(town.people.sensitive[who]))
        wiped = ~pleased & (dice[WIPES] < annoys.dismisses * np.exp(town.people.sensitive[who]))
        dull = town.people.taste[who, offer] < 0
        refused = ~pleased & dull & (dice[REFUSES] < annoys.refuses * bother * 2)
        state.push(who, at, offer)
        there = at + 0.35 + 2.3 * dice[WHEN]
        state.bring(who[brought], there[brought])
        state.gone[who[left]] = True
        state.refused[who[refused], offer[refused]] = True
        expected = self.worth(chances)[rows, offer]
        return Answers(brought, there, anyway, left, wiped & ~refused, refused, expected)

    def money(self, answers: Answers, offer: Ints) -> Floats:
        """What each push brought over silence, an opt-out at the value of a customer."""
        margin, discount = self.margin[offer], self.discount[offer]
        paid = answers.brought * (margin - discount) - answers.anyway * discount
        return np.asarray(paid - answers.left * self.town.world.customer_value)


def _dice(seed: int, what: int, who: Ints, at: Floats, offer: Ints) -> Floats:
    """Uniform numbers that hang on the seed, the question, the person, the three hours and the offer alone."""
    keys = (who, np.floor(at / 3).astype(np.int64), offer)
    found = _mixed(np.full(len(who), seed * 8 + what, dtype=np.uint64))
    for key in keys:
        found = _mixed(found ^ key.astype(np.uint64))
    return np.asarray((found >> np.uint64(11)).astype(np.float64) / 2**53)


def _mixed(x: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """SplitMix64's finaliser: every bit of the key moves every bit of the number."""
    x = x + np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


__all__ = ["ENTER", "Answers", "Chances", "State", "Truth"]
