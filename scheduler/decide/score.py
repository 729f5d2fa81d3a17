"""What saying an offer now is worth, in money: every term is named and kept. Pure.

    P₀    = p₀ + σ(a) − max(p₀, floor)                            the visit that comes anyway
    a     = logit(max(p₀, floor)) + Σ learned of silences
    q     = σ((Σ written log-odds + Σ learned of pushes) / c)     the visit that only the push brings
    P     = P₀ + (1 − P₀) q                                       the visit if the offer is said
    gain  = (P − P₀) · margin − P · discount + worth − (1 − P) φ − reserve

c = √(1 + π s²/8) with the variance s² of what is believed of pushes, as learning reckons an answer's chance (`learn.response`).
p₀ is the visit that comes anyway, by the person's own rhythm; 0 for a person nobody knows yet. So a discount that
only subsidises a visit that comes anyway loses money and silence wins. φ is the price of an interruption that does not please
this person: the policy's, times how much likelier than others they are to leave. The reserve is what one of the week's pushes is
worth at their better moments. `docs/deciding.md` gives the reasons.
"""

import math
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

import msgspec

from domain.context import Candidate, Context
from domain.decisions import Cause, Term
from domain.model import TermName
from domain.offers import About, Offer, OfferKind
from domain.policy import Policy
from domain.values import Value
from scheduler.learn.response import moderation, sigmoid
from scheduler.learn.terms import Reader, Terms, distance_of, leaving

_CAUSES = {
    Cause.ENTER: 0.4,
    Cause.DWELL: 0.6,
    Cause.HABIT: 0.3,
    Cause.WEATHER: 0.4,
    Cause.EVENT: 0.3,
    Cause.SLIPPING: 0.3,
    Cause.CADENCE: 0.6,
    Cause.OCCASION: 0.6,
    Cause.SLOT: 0.3,
    Cause.MANUAL: 0.0,
}
_LIKED = {"never": -0.4, "at times": 0.1, "often": 0.4, "mostly": 0.8}
_WORTH = {OfferKind.INFORMATION: 0.10, OfferKind.THANK_YOU: 0.15}
_OF_TASTE = frozenset(("taste", "person_offer"))
_BEST_FIT = 2.0  # log-odds, beyond which a fit counts no more
LEAVES_ONE_IN = 200  # pushes: the odds of a withdrawal that the policy's price stands for


class Model(Value):
    """The weights in log-odds, and what an offer without a margin is worth to its reader, in the policy's currency."""

    revision: int = 5
    base: float = -2.4  # of a visit that only the push brings
    floor: float = 0.02  # the least p₀ in the odds, so that an unknown person can be won at all
    cause: dict[Cause, float] = msgspec.field(default_factory=_CAUSES.copy)
    distance: float = -0.5  # per ln(1 + metres / 300)
    weather: float = 0.3  # the weather that the offer asked for is there
    liked: dict[str, float] = msgspec.field(default_factory=_LIKED.copy)
    taste: float = 0.4  # per interest that the offer is about, at most two
    fatigue: float = -0.2  # per push within the last seven days, halved every three days
    again: float = -0.2  # said before, halved every seven days
    today: float = -1.0  # they came earlier on this day
    worth: dict[OfferKind, float] = msgspec.field(default_factory=_WORTH.copy)
    dearest: float = 3.0  # ln of the most by which what was learned of leaving moves the price
    future_weeks: float = 8.0  # of what pushes usually bring, that a person who leaves takes along
    fits: float = 0.5  # ln by which the price falls for each log-odd by which it is to their taste
    choosy: float = 0.9  # of the usual gain is waited for where moments hardly differ


class Score(NamedTuple):
    """An eligible offer with its gain in money, at the mean of what is believed.

    `anyway` are the log-odds of the visit by the rhythm alone, `odds` those of a visit that only the push brings but for what
    was learned of pushes, `learned` that, `doubt` its variance: of what all offers of this moment share, and of the rest. By
    `moderation` that doubt draws the chance towards one half.
    `price` is what it costs where it pleases nobody, `fixed` what the gain has that no visit changes, that price included.
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
    moderation: float
    fixed: float
    price: float
    written: dict[str, float]
    terms: tuple[TermName, ...]

    @property
    def paid(self) -> float:
        """The price as far as nobody comes: who comes is pleased."""
        return (1 - self.after) * self.price


class Scale:
    """Weighs the offers of one moment, by what is believed there. `reader` notes what of it was used."""

    def __init__(self, context: Context, policy: Policy, model: Model, reader: Reader) -> None:
        self._model = model
        self._reader = reader
        self._terms = Terms(context)
        self._shared = reader.sum(self._terms.shared)
        self._anyway = reader.sum(self._terms.anyway)[0]
        self._visit = self._coming(context.likely.p_visit)
        self._written = _Written(context, model)
        self._price = _lost(context, policy, model) * self._dearness()
        self.reserve = _reserve(context, policy, model)

    def score(self, offer: Offer, candidate: Candidate, p_visit: float | None = None) -> Score:
        """What it is worth to say this offer, where a visit comes anyway with `p_visit`, the context's if not given."""
        model = self._model
        anyway, before = self._visit if p_visit is None else self._coming(p_visit)
        written = self._written.of(offer, candidate)
        own = self._terms.of(offer, candidate)
        mean, variance = self._reader.sum(own)
        odds, learned = sum(written.values()), self._shared[0] + mean
        moderated = moderation(self._shared[1] + variance)
        after = before + (1 - before) * sigmoid((odds + learned) / moderated)
        value, price = offer.body.value, self._price * self._unfitness(own)
        fixed = model.worth.get(offer.body.kind, 0.0) - price - self.reserve
        return Score(
            offer=offer,
            candidate=candidate,
            gain=(after - before) * value.margin - after * (value.discount - price) + fixed,
            before=before,
            after=after,
            anyway=anyway,
            odds=odds,
            learned=learned,
            doubt=(self._shared[1], variance),
            moderation=moderated,
            fixed=fixed,
            price=price,
            written=written,
            terms=own,
        )

    def _coming(self, p_0: float) -> tuple[float, float]:
        """The log-odds of the visit that comes anyway by the rhythm alone, and its chance with what was learned of silences."""
        raised = max(p_0, self._model.floor)
        rhythm = _logit(raised)
        if not self._anyway:
            return rhythm, p_0
        return rhythm, max(0.0, p_0 + sigmoid(rhythm + self._anyway) - raised)

    def _dearness(self) -> float:
        """How many times the policy's price an interruption costs here: as the odds that it drives the person away."""
        written = sum(map(leaving, self._terms.leaving))
        learned = self._reader.sum((*self._terms.leaving, *self._terms.annoyed))[0]
        most = self._model.dearest
        return math.exp(min(max(written + learned, -most), most))

    def _unfitness(self, own: Sequence[TermName]) -> float:
        """How many times the price it costs to say what fits the person's taste so well, or so ill."""
        tastes = [term for term in own if term[0] in _OF_TASTE]
        fit = self._reader.sum(tastes)[0] if tastes else 0.0
        return math.exp(-self._model.fits * min(max(fit, -_BEST_FIT), _BEST_FIT)) if fit else 1.0

    def told(self, score: Score) -> tuple[Term, ...]:
        """The terms of a score by name: log-odds written, learned and taken back for doubt, chances, and money."""
        value, odds = score.offer.body.value, score.odds + score.learned
        money = {
            "p:before": score.before,
            "p:after": score.after,
            "money:visit": (score.after - score.before) * value.margin,
            "money:discount": -score.after * value.discount,
            "money:worth": score.fixed + score.price + self.reserve,
            "money:interruption": -score.paid,
        }
        if self.reserve:
            money["money:reserve"] = -self.reserve
        learned = {f"learned:{term}": effect for term, effect in self.effects(score)}
        doubt = {"odds:doubt": odds / score.moderation - odds}
        named = {**score.written, **learned, **doubt, **money}
        return tuple(Term(name=name, value=value) for name, value in named.items())

    def effects(self, score: Score) -> list[tuple[TermName, float]]:
        """What was learned of the active terms, in log-odds."""
        of = self._terms
        active = (*of.anyway, *of.shared, *of.leaving, *of.annoyed, *score.terms)
        return self._reader.effects(active)


def _reserve(context: Context, policy: Policy, model: Model) -> float:
    """What one of the week's pushes could bring this person at a better moment: the gain that about as many of these exceed as the
    cap allows. 0 where there is no cap, few moments, or the policy does not hold.

    The gains of a person's moments are taken to fall off exponentially: of r moments a week with the mean gain m, k gain more
    than m ln(r / k). Where they hardly differ nothing much better is waited for, and nobody is waited with for more than a week or two.
    """
    usual, most = context.learned.usual, _most(context, policy)
    if usual is None or not most or not policy.hold:
        return 0.0
    scarce = math.log(max(1.0, usual.per_week / most))
    better = min(scarce, model.choosy + usual.spread * (scarce - model.choosy))
    return usual.gain * better * 2 ** -min(1.0, max(0.0, _silent_weeks(context) - 1))


def _silent_weeks(context: Context) -> float:
    """Weeks since the last push that the context remembers."""
    return _days(context, max(context.sent_at)) / 7 if context.sent_at else math.inf


def rested(
    context: Context,
    offer: Offer,
    candidate: Candidate,
    policy: Policy,
    model: Model,
    *,
    gain: float,
) -> float:
    """The gain of an offer, now `gain`, if nothing had been said of late, and nothing else could be said later."""
    if not context.sent_at:
        return gain + _reserve(context, policy, model)
    peace = msgspec.structs.replace(context, sent_at=())
    scale = Scale(peace, policy, model, Reader(context.learned))
    return scale.score(offer, candidate).gain + scale.reserve


def _lost(context: Context, policy: Policy, model: Model) -> float:
    """The price of an interruption at the usual odds of a withdrawal: the policy's, and with it the pushes' own future."""
    usual, price = context.learned.usual, policy.interruption_price
    if usual is None or not price:
        return price
    pushes = min(usual.per_week, _most(context, policy) or usual.per_week)
    return price + usual.gain * pushes * model.future_weeks / LEAVES_ONE_IN


def _most(context: Context, policy: Policy) -> int | None:
    """Pushes that a week may have."""
    limits = (policy.caps.per_week, context.preferences.max_per_week)
    return min((limit for limit in limits if limit is not None), default=None)


class _Written:
    """What is written down of what moves people, in log-odds; what all offers of a moment share is reckoned once."""

    def __init__(self, context: Context, model: Model) -> None:
        self._context = context
        self._model = model
        self._cause = model.cause[context.cause]
        self._interests = frozenset(context.interests)
        self._fatigue = model.fatigue * _fatigue(context)
        self._today = model.today if context.likely.came else 0.0

    def of(self, offer: Offer, candidate: Candidate) -> dict[str, float]:
        """By name; terms that are nothing are left out."""
        model, body = self._model, offer.body
        liked = _liked(self._interests, body.about) if self._interests else 0
        last = candidate.last_sent_at
        terms = {
            "odds:base": model.base,
            "odds:cause": self._cause,
            "odds:distance": model.distance * math.log1p((distance_of(candidate) or 0.0) / 300),
            "odds:weather": model.weather if body.when.weather else 0.0,
            "odds:taste": model.taste * min(2, liked),
            "odds:liked": model.liked[candidate.taste] if candidate.taste else 0.0,
            "odds:fatigue": self._fatigue,
            "odds:today": self._today,
            "odds:again": model.again * 2 ** (-_days(self._context, last) / 7) if last else 0.0,
        }
        return {name: value for name, value in terms.items() if value}


def _liked(interests: frozenset[str], about: About) -> int:
    return len(interests & {*about.items, *about.categories, *about.services})


def _fatigue(context: Context) -> float:
    ages = (_days(context, at) for at in context.sent_at)
    return sum(2 ** (-age / 3) for age in ages if age < 7)


def _days(context: Context, since: datetime) -> float:
    return max(0.0, (context.decided_at - since).total_seconds() / 86_400)


def _logit(p: float) -> float:
    p = min(max(p, 1e-6), 1 - 1e-6)
    return math.log(p / (1 - p))
