"""Will this person answer? An additive Bayesian logistic model over named terms, learned one answer at a time. Pure.

    μ = o + Σ xᵢ mᵢ,  s² = Σ xᵢ² vᵢ over the active terms (xᵢ = 1 unless scaled; o = 0 unless given),  p = σ(μ / √(1 + π s² / 8))
    after y:  h = p (1 − p),  mᵢ += vᵢ xᵢ (y − p) / (1 + h s²),  vᵢ −= h (vᵢ xᵢ)² / (1 + h s²)

which is assumed-density filtering with a diagonal Gaussian (as in adPredictor, Graepel et al. 2010, for the logit).
An update costs O(active terms). Each group of terms has one prior variance τ². It is learned by empirical Bayes from
the same answers: the gradient of ln P(y) by ln τ², with the evidence held fixed, moves a Gaussian belief over ln τ²,
whose precision grows by the squared gradient. A group that says nothing of answers thus fades out by itself, and one
in which people differ much is trusted sooner. Evidence fades with `memory_days`, back towards the prior.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from domain.model import Belief, Evidence, Spread, TermName

MEMORY_DAYS = 365.0
SPREADS_EVERY = 16  # answers, after which the groups' spreads are moved
_LEAST, _MOST = -9.0, 3.0  # bounds of ln τ²: from "no difference" to odds that differ 80-fold
_PI_8 = math.pi / 8

# Where ln τ² begins, by what stands before the group's colon. Answers move it within some hundred rows.
_FIRST_VARIANCE = {
    "base": 4.0,  # a common answer or a rare one: nothing is known before, and no other term shall have to carry it
    "person": 0.25,
    "person_offer": 0.25,
    "person_context": 0.075,
    "person_slope": 0.025,
    "segment": 0.25,
    "segment_offer": 0.25,
    "segment_context": 0.075,
    "segment_slope": 0.025,
    "offer_context": 0.1,
    "offer_habit": 0.1,
    "offer_slope": 0.1,
    "bend": 0.05,
    "offer_bend": 0.05,
}
_OTHERWISE = 0.25
_FIRST_CERTAINTY = 0.5  # ln τ² may well lie √2 off: a quarter of the first, or four times it


class Prediction(NamedTuple):
    """The chance of an answer, and what it is made of: the mean and the variance that each active term adds to the log-odds."""

    p: float
    mu: float
    s2: float
    terms: Sequence[TermName]
    means: Sequence[float]
    variances: Sequence[float]

    def parts(self) -> Iterator[tuple[TermName, float]]:
        """The terms with what each adds to the log-odds."""
        return zip(self.terms, self.means, strict=True)

    def own(self) -> float:
        """The part of `s2` that only this person's answers can take away."""
        return math.fsum(
            variance
            for term, variance in zip(self.terms, self.variances, strict=True)
            if term.group.startswith("person")
        )


class Changes(NamedTuple):
    """What was learned since the last asking: evidence to add (once the stored one has faded to its day), and spreads."""

    evidence: dict[TermName, Evidence]
    spreads: dict[str, Spread]


class _Group:
    """The prior of its terms. `precision` is 1/τ², kept beside its logarithm because every term reads it."""

    __slots__ = ("certainty", "log_variance", "precision", "slope")

    def __init__(self, spread: Spread) -> None:
        self.log_variance = spread.log_variance
        self.certainty = spread.certainty
        self.precision = math.exp(-spread.log_variance)
        self.slope = 0.0

    def move(self) -> None:
        """One step of natural gradient; the steps shorten as the certainty grows."""
        self.certainty += self.slope * self.slope
        moved = self.log_variance + self.slope / self.certainty
        self.log_variance = min(max(moved, _LEAST), _MOST)
        self.precision = math.exp(-self.log_variance)
        self.slope = 0.0


class _Known:
    """One term's evidence, and how much of it has been told by `changes` already."""

    __slots__ = ("day", "group", "pull", "told_pull", "told_weight", "weight")

    def __init__(self, group: _Group, evidence: Evidence) -> None:
        self.group = group
        self.pull = self.told_pull = evidence.pull
        self.weight = self.told_weight = evidence.weight
        self.day = evidence.day

    def fade(self, day: int, memory_days: float) -> None:
        if self.weight:
            left = math.exp((self.day - day) / memory_days)
            self.pull *= left
            self.weight *= left
            self.told_pull *= left
            self.told_weight *= left
        self.day = day


class Response:
    """The model over whatever terms it is given. It holds the evidence it has been handed or has learned itself.

    Deterministic: the same answers in the same order give the same bits. Not safe for several threads at once.
    """

    def __init__(
        self,
        evidence: Mapping[TermName, Evidence] | None = None,
        spreads: Mapping[str, Spread] | None = None,
        *,
        memory_days: float = MEMORY_DAYS,
    ) -> None:
        self._memory_days = memory_days
        self._groups = {name: _Group(spread) for name, spread in (spreads or {}).items()}
        self._known: dict[TermName, _Known] = {}
        self._changed: dict[TermName, _Known] = {}
        self._moved: set[str] = set()
        self._answers = 0
        self.load(evidence or {})

    def load(self, evidence: Mapping[TermName, Evidence]) -> None:
        """Takes in stored evidence, in place of what it holds of these terms."""
        for term, each in evidence.items():
            self._known[term] = _Known(self._group(term.group), each)

    def predict(
        self,
        terms: Sequence[TermName],
        scales: Sequence[float] | None = None,
        *,
        offset: float = 0.0,
        day: int = 0,
    ) -> Prediction:
        """The chance of an answer; a term that was never active counts with its prior.

        `scales` multiply the terms' effects, for those that go by a quantity (distance, fatigue); 1 each by default.
        `offset` are log-odds known from elsewhere, which the terms only correct.
        """
        return self._said(terms, scales or [1.0] * len(terms), self._records(terms, day), offset)

    def update(
        self,
        terms: Sequence[TermName],
        y: float,
        scales: Sequence[float] | None = None,
        *,
        offset: float = 0.0,
        day: int = 0,
        anyway: float = 0.0,
    ) -> Prediction:
        """Learns one answer (1 yes, 0 no) and returns the prediction as it stood before.

        Where a yes may also have come without what is predicted, with the chance `anyway`, it teaches the less the likelier that is.
        """
        scales = scales or [1.0] * len(terms)
        records = self._records(terms, day)
        said = self._said(terms, scales, records, offset)
        if terms:
            self._learn(said, scales, records, y, anyway)
            self._changed.update(zip(terms, records, strict=True))
            self._answers += 1
            if self._answers % SPREADS_EVERY == 0:
                self._move()
        return said

    def belief(self, term: TermName) -> Belief:
        """What is believed of one term now."""
        known = self._known.get(term)
        group = known.group if known else self._group(term.group)
        variance = 1.0 / (group.precision + (known.weight if known else 0.0))
        return Belief(mean=variance * known.pull if known else 0.0, variance=variance)

    def spreads(self) -> dict[str, Spread]:
        """The groups met so far with their prior variances."""
        return {
            name: Spread(log_variance=group.log_variance, certainty=group.certainty)
            for name, group in self._groups.items()
        }

    def changes(self) -> Changes:
        """What was learned since this was last asked, for the store."""
        self._move()
        evidence = {term: _untold(known) for term, known in self._changed.items()}
        spreads = {name: each for name, each in self.spreads().items() if name in self._moved}
        self._changed.clear()
        self._moved.clear()
        return Changes(evidence, spreads)

    def _group(self, name: str) -> _Group:
        group = self._groups.get(name)
        if group is None:
            group = self._groups[name] = _Group(first_spread(name))
        return group

    def _records(self, terms: Iterable[TermName], day: int) -> list[_Known]:
        known = self._known
        records = [known.get(term) or self._meet(term, day) for term in terms]
        for record in records:
            if record.day < day:
                record.fade(day, self._memory_days)
        return records

    def _meet(self, term: TermName, day: int) -> _Known:
        record = self._known[term] = _Known(self._group(term.group), Evidence(day=day))
        return record

    @staticmethod
    def _said(
        terms: Sequence[TermName],
        scales: Sequence[float],
        records: Sequence[_Known],
        offset: float,
    ) -> Prediction:
        scaled = [x / (r.group.precision + r.weight) for x, r in zip(scales, records, strict=True)]
        means = [each * record.pull for each, record in zip(scaled, records, strict=True)]
        variances = [each * x for each, x in zip(scaled, scales, strict=True)]
        mu, s2 = offset + math.fsum(means), math.fsum(variances)
        return Prediction(sigmoid(mu / moderation(s2)), mu, s2, terms, means, variances)

    def _learn(
        self,
        said: Prediction,
        scales: Sequence[float],
        records: Sequence[_Known],
        y: float,
        anyway: float,
    ) -> None:
        """Adds to each term the precision and the pull that turn its belief into the one after the answer."""
        p, mu, s2, _, means, variances = said
        yes = anyway + (1 - anyway) * p
        error, root = (y - yes) * p / yes, moderation(s2)
        by_mu, by_s2 = error / root, -error * mu * _PI_8 / (2 * root**3)  # of ln P(y)
        h = (1 - anyway) * (1 - p) * p * p / yes
        shrink = h / (1 + h * s2)
        step = error / (1 + h * s2)
        for x, record, m, v in zip(scales, records, means, variances, strict=True):
            group = record.group
            by_spread = group.precision / (group.precision + record.weight)
            group.slope += (by_mu * m + by_s2 * v) * by_spread
            gained = x / (1 - v * shrink)
            record.weight += gained * x * shrink
            record.pull += gained * (m * shrink + step)

    def _move(self) -> None:
        for name, group in self._groups.items():
            if group.slope:
                group.move()
                self._moved.add(name)


def first_spread(group: str) -> Spread:
    """The prior variance from which a group's learning starts."""
    head = group.partition(":")[0]
    variance = _FIRST_VARIANCE.get(head, _OTHERWISE)
    return Spread(log_variance=math.log(variance), certainty=_FIRST_CERTAINTY)


def moderation(s2: float) -> float:
    """√(1 + π s² / 8), by which uncertainty draws a chance towards ½ (MacKay 1992)."""
    return math.sqrt(1 + _PI_8 * s2)


def sigmoid(x: float) -> float:
    """1 / (1 + e^−x), for any finite x."""
    if x < 0:
        grown = math.exp(max(x, -700.0))
        return grown / (1 + grown)
    return 1 / (1 + math.exp(-x))


def _untold(known: _Known) -> Evidence:
    told = Evidence(
        pull=known.pull - known.told_pull, weight=known.weight - known.told_weight, day=known.day
    )
    known.told_pull, known.told_weight = known.pull, known.weight
    return told
