"""What has been learned of how people answer: evidence per term, and how widely the terms of a group differ.

Evidence is kept apart from the prior it is read against. So it adds up in any order and from several engines, fades
without losing its prior, and is read anew at once when a group's spread is learned better.
"""

from typing import NamedTuple

from domain.values import Value


class TermName(NamedTuple):
    """A summand of the log-odds by its group (`person_offer`, `context:weather` …) and its value within the group."""

    group: str
    value: str

    def __str__(self) -> str:
        return f"{self.group}={self.value}"


class Belief(Value):
    """A term's effect in log-odds: a Gaussian's mean and variance."""

    mean: float
    variance: float


class Evidence(Value):
    """What answers told of one term: their precision, and their precision times the effect each pointed to.

    Against a prior of mean 0 and variance τ²: variance = 1 / (1/τ² + weight), mean = variance · pull.
    """

    pull: float = 0.0
    weight: float = 0.0
    day: int = 0  # days since 1970 up to which it has faded


class Spread(Value):
    """The prior variance of a group's terms, as the Gaussian belief over its logarithm that the answers have formed."""

    log_variance: float
    certainty: float = 1.0  # the belief's precision


class Usual(Value, omit_defaults=True):
    """A person's moments of late: how many a week, and the mean gain of the best that could be said at one, losses as 0.

    `spread`: the standard deviation of everybody's gains in means, 1 at most. `new`: none of their own is known, these are everybody's.
    """

    per_week: float
    gain: float
    spread: float = 1.0
    new: bool = False


class Learned(Value, omit_defaults=True):
    """What a decision believes of its terms: by group and value the mean and variance of the effect, in log-odds.

    A term that is not named has mean 0 and its group's variance from `spreads`, or, where that is not named either, the
    variance from which a group's learning starts. `revision`: how often what everybody taught had changed.
    """

    terms: dict[str, dict[str, tuple[float, float]]] = {}
    spreads: dict[str, float] = {}
    revision: int = 0
    usual: Usual | None = None
