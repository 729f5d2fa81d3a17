"""What saying an offer now is worth, in money: every term is named and kept. Pure.

    a     = logit(max(p₀, floor)) + Σ learned of silences         the visit that comes anyway, in log-odds
    P     = σ(a + Σ written log-odds + Σ learned of pushes)       the visit if the offer is said
    gain  = (P − P₀) · margin − P · discount + worth − φ          P₀ = p₀ + σ(a) − max(p₀, floor)

p₀ is the visit that comes anyway, by the person's own rhythm; 0 for a person nobody knows yet. So a discount that
only subsidises a visit that comes anyway loses money and silence wins. φ is the price of the interruption for this
person: the policy's, times how weary they are. `docs/deciding.md` gives the reasons.
"""

import math
from datetime import datetime
from typing import NamedTuple

import msgspec

from domain.context import Candidate, Context
from domain.decisions import Cause, Term
from domain.model import TermName
from domain.offers import Offer, OfferKind
from domain.policy import Policy
from domain.values import Value
from scheduler.learn.response import sigmoid
from scheduler.learn.terms import Reader, Terms, distance_of

_CAUSES = {
    Cause.ENTER: 0.6,
    Cause.DWELL: 0.8,
    Cause.HABIT: 0.3,
    Cause.WEATHER: 0.4,
    Cause.EVENT: 0.3,
    Cause.SLIPPING: 0.3,
    Cause.CADENCE: 0.6,
    Cause.OCCASION: 0.6,
    Cause.SLOT: 0.3,
    Cause.MANUAL: 0.0,
}
_WORTH = {OfferKind.INFORMATION: 0.10, OfferKind.THANK_YOU: 0.15}


class Model(Value):
    """The weights in log-odds, and what an offer without a margin is worth to its reader, in the policy's currency."""

    revision: int = 2
    base: float = 1.0
    floor: float = 0.02  # the least p₀ in the odds, so that an unknown person can be won at all
    cause: dict[Cause, float] = msgspec.field(default_factory=_CAUSES.copy)
    distance: float = -0.5  # per ln(1 + metres / 300)
    weather: float = 0.3  # the weather that the offer asked for is there
    taste: float = 0.4  # per interest that the offer is about, at most two
    fatigue: float = -0.15  # per push within the last seven days, halved every three days
    again: float = -0.5  # said before, halved every seven days
    worth: dict[OfferKind, float] = msgspec.field(default_factory=_WORTH.copy)
    wearies: float = 0.2  # by how much each push of late raises the price of an interruption
    ignored: float = 3.0  # pushes ignored in a row that double it
    doublings: float = 4.0  # at most


class Score(NamedTuple):
    """An eligible offer with its gain in money, at the mean of what is believed.

    `anyway` are the log-odds of the visit by the rhythm alone, `odds` those with the push but for what was learned of pushes, `learned` that, `doubt` its variance: of what all
    offers of this moment share, and of the rest. `fixed` is what the gain has that no visit changes.
    """

    offer: Offer
    candidate: Candidate
    gain: float
    before: float
    after: float
    anyway: float
    odds: float
    learned: float
    doubt: tuple[float, float]
    fixed: float
    price: float
    written: dict[str, float]
    terms: tuple[TermName, ...]


class Scale:
    """Weighs the offers of one moment, by what is believed there. `reader` notes what of it was used."""

    def __init__(self, context: Context, policy: Policy, model: Model, reader: Reader) -> None:
        self._context = context
        self._model = model
        self._reader = reader
        self._terms = Terms(context)
        self._shared = reader.sum(self._terms.shared)
        self._anyway = reader.sum(self._terms.anyway)[0]
        self._price = policy.interruption_price * weariness(context, model)

    def score(self, offer: Offer, candidate: Candidate, p_visit: float | None = None) -> Score:
        """What it is worth to say this offer, where a visit comes anyway with `p_visit`, the context's if not given."""
        model, context = self._model, self._context
        p_0 = context.likely.p_visit if p_visit is None else p_visit
        raised = max(p_0, model.floor)
        anyway = _logit(raised) + self._anyway
        before = max(0.0, p_0 + sigmoid(anyway) - raised) if self._anyway else p_0
        written = log_odds(context, offer, candidate, model)
        own = self._terms.of(offer, candidate)
        mean, variance = self._reader.sum(own)
        odds, learned = anyway + sum(written.values()), self._shared[0] + mean
        after = sigmoid(odds + learned)
        value = offer.body.value
        fixed = model.worth.get(offer.body.kind, 0.0) - self._price
        return Score(
            offer=offer,
            candidate=candidate,
            gain=(after - before) * value.margin - after * value.discount + fixed,
            before=before,
            after=after,
            anyway=_logit(raised),
            odds=odds,
            learned=learned,
            doubt=(self._shared[1], variance),
            fixed=fixed,
            price=self._price,
            written=written,
            terms=own,
        )

    def told(self, score: Score) -> tuple[Term, ...]:
        """The terms of a score by name: log-odds written and learned, chances, and money."""
        value = score.offer.body.value
        money = {
            "p:before": score.before,
            "p:after": score.after,
            "money:visit": (score.after - score.before) * value.margin,
            "money:discount": -score.after * value.discount,
            "money:worth": score.fixed + score.price,
            "money:interruption": -score.price,
        }
        learned = {f"learned:{term}": effect for term, effect in self.effects(score)}
        named = {**score.written, **learned, **money}
        return tuple(Term(name=name, value=value) for name, value in named.items())

    def effects(self, score: Score) -> list[tuple[TermName, float]]:
        """What was learned of the active terms, in log-odds."""
        active = (*self._terms.anyway, *self._terms.shared, *score.terms)
        return self._reader.effects(active)


def weariness(context: Context, model: Model) -> float:
    """How many times the policy's price an interruption costs this person: 1 for somebody who is left in peace."""
    weary = context.weary
    tired = 1 + model.wearies * _fatigue(context)
    if weary is None:
        return tired
    doublings: float = min(model.doublings, weary.ignored / model.ignored)
    dearer: float = 2.0**doublings
    return tired * dearer * (1 + weary.refused)


def log_odds(
    context: Context, offer: Offer, candidate: Candidate, model: Model
) -> dict[str, float]:
    """What is written down of what moves people, by name; terms that are nothing are left out."""
    terms = {
        "odds:base": model.base,
        "odds:cause": model.cause[context.cause],
        "odds:distance": model.distance * math.log1p((distance_of(candidate) or 0.0) / 300),
        "odds:weather": model.weather if offer.body.when.weather else 0.0,
        "odds:taste": model.taste * min(2, len(_taste(context, offer))),
        "odds:fatigue": model.fatigue * _fatigue(context),
        "odds:again": model.again * _again(context, candidate),
    }
    return {name: value for name, value in terms.items() if value}


def _taste(context: Context, offer: Offer) -> set[str]:
    about = offer.body.about
    return set(context.interests) & {*about.items, *about.categories, *about.services}


def _fatigue(context: Context) -> float:
    ages = (_days(context, at) for at in context.sent_at)
    return sum(2 ** (-age / 3) for age in ages if age < 7)


def _again(context: Context, candidate: Candidate) -> float:
    last = candidate.last_sent_at
    return 2 ** (-_days(context, last) / 7) if last else 0.0


def _days(context: Context, since: datetime) -> float:
    return max(0.0, (context.decided_at - since).total_seconds() / 86_400)


def _logit(p: float) -> float:
    p = min(max(p, 1e-6), 1 - 1e-6)
    return math.log(p / (1 - p))
