"""What saying an offer now is worth, in money: every term is named and kept. Pure.

    P     = σ(logit(max(p₀, floor)) + Σ log-odds terms)       the visit if the offer is said
    gain  = (P − p₀) · margin − P · discount + worth − price of the interruption

p₀ is the visit that comes anyway, by the person's own rhythm; 0 for a person nobody knows yet. So a discount that
only subsidises a visit that comes anyway loses money and silence wins. `docs/deciding.md` gives the reasons.
"""

import math
from datetime import datetime

import msgspec

from domain.context import Candidate, Context
from domain.decisions import Cause, Term
from domain.offers import Offer, OfferKind
from domain.policy import Policy
from domain.values import Value

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

    revision: int = 1
    base: float = 1.0
    floor: float = 0.02  # the least p₀ in the odds, so that an unknown person can be won at all
    cause: dict[Cause, float] = msgspec.field(default_factory=_CAUSES.copy)
    distance: float = -0.5  # per ln(1 + metres / 300)
    weather: float = 0.3  # the weather that the offer asked for is there
    taste: float = 0.4  # per interest that the offer is about, at most two
    fatigue: float = -0.15  # per push within the last seven days, halved every three days
    again: float = -0.5  # said before, halved every seven days
    worth: dict[OfferKind, float] = msgspec.field(default_factory=_WORTH.copy)


class Score(Value):
    """An eligible offer with its gain in money and the terms it is made of."""

    offer: Offer
    candidate: Candidate
    gain: float
    terms: tuple[Term, ...]


def score(
    context: Context, offer: Offer, candidate: Candidate, policy: Policy, model: Model
) -> Score:
    """What it is worth to say this offer to this person now."""
    return valued(
        offer,
        candidate,
        before=context.likely.p_visit,
        odds=log_odds(context, offer, candidate, model),
        policy=policy,
        model=model,
    )


def valued(
    offer: Offer,
    candidate: Candidate,
    *,
    before: float,
    odds: tuple[Term, ...],
    policy: Policy,
    model: Model,
) -> Score:
    """The gain of an offer where the visit comes with probability `before` anyway and the push adds these log-odds."""
    after = _sigmoid(_logit(max(before, model.floor)) + sum(term.value for term in odds))
    value = offer.body.value
    money = (
        Term(name="money:visit", value=(after - before) * value.margin),
        Term(name="money:discount", value=-after * value.discount),
        Term(name="money:worth", value=model.worth.get(offer.body.kind, 0.0)),
        Term(name="money:interruption", value=-policy.interruption_price),
    )
    chances = (Term(name="p:before", value=before), Term(name="p:after", value=after))
    return Score(
        offer=offer,
        candidate=candidate,
        gain=sum(term.value for term in money),
        terms=(*odds, *chances, *money),
    )


def log_odds(
    context: Context, offer: Offer, candidate: Candidate, model: Model
) -> tuple[Term, ...]:
    """What moves this person at this moment; terms that are nothing are left out."""
    terms = {
        "odds:base": model.base,
        "odds:cause": model.cause[context.cause],
        "odds:distance": model.distance * math.log1p(_distance(candidate) / 300),
        "odds:weather": model.weather if offer.body.when.weather else 0.0,
        "odds:taste": model.taste * min(2, len(_taste(context, offer))),
        "odds:fatigue": model.fatigue * _fatigue(context),
        "odds:again": model.again * _again(context, candidate),
    }
    return tuple(Term(name=name, value=value) for name, value in terms.items() if value)


def _distance(candidate: Candidate) -> float:
    """From the person, or from the place of theirs that the offer is for; 0 where neither is known."""
    if candidate.place:
        return candidate.place.distance_m
    return candidate.distance_m or 0.0


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


def _sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))
