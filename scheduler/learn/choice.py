"""Push or silence at a price, drawn so that the choice also teaches. Pure; the same uniform number gives the same choice.

The odds are sampled at 0.3 of their standard deviation: each person yields few answers, so full Thompson sampling would
spend them all on exploring, and no sampling at all falls silent for ever where the first guess lies below the price.
What is not known yet gets the benefit of the doubt, because an answer is worth something at every later moment: a quarter
of the standard deviation of the person's own terms, and as much of those shared with others. So a model that has learned
nothing begins by asking, also at a high price. A small share is drawn by lot, silence included.
"""

import math

from domain.values import Value
from scheduler.learn.response import Prediction, moderation, sigmoid

SAMPLED_SD = 0.3
BENEFIT_OF_DOUBT = 0.25
FLOOR = 0.02


class Draw(Value):
    """The choice and the probability with which a push was drawn: at least half the floor, at most one minus that."""

    push: bool
    propensity: float


def sampled(said: Prediction, normal: float) -> float:
    """The chance of an answer where the odds are `normal` (a standard normal number) sampled deviations off."""
    odds = _hopeful(said) + SAMPLED_SD * math.sqrt(said.s2) * normal
    return sigmoid(odds / _rest(said))


def push_or_silence(
    said: Prediction, *, price: float, uniform: float, floor: float = FLOOR
) -> Draw:
    """Pushes where the sampled chance beats the price (both in units of one answer), else silence.

    `uniform` lies in [0, 1). P(sampled chance > price) has a closed form, so one number draws sample and floor alike.
    """
    price = min(max(price, 1e-9), 1 - 1e-9)
    needed = math.log(price / (1 - price)) * _rest(said)
    above = _hopeful(said) - needed
    sd = SAMPLED_SD * math.sqrt(said.s2)
    beats = 0.5 * math.erfc(-above / (sd * math.sqrt(2))) if sd else float(above > 0)
    propensity = floor / 2 + (1 - floor) * beats
    return Draw(push=uniform < propensity, propensity=propensity)


def _hopeful(said: Prediction) -> float:
    own = said.own()
    shared = max(0.0, said.s2 - own)
    return said.mu + BENEFIT_OF_DOUBT * (math.sqrt(own) + math.sqrt(shared))


def _rest(said: Prediction) -> float:
    """The moderation by the part of the variance that was not sampled."""
    return moderation((1 - SAMPLED_SD**2) * said.s2)
