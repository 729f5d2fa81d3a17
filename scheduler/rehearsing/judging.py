"""What becomes of one offer at one moment, told by the engine's own functions. Pure."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from domain.context import Candidate, Context
from domain.decisions import Cause, Outcome, Reason
from domain.offers import Offer
from domain.people import Purpose
from domain.policy import Policy
from scheduler.decide import eligible
from scheduler.decide.choose import Verdict, decide
from scheduler.decide.score import Model, Scale
from scheduler.learn.terms import Reader
from scheduler.rehearsing.funnel import MONEY, SENT, Fate, Send

_OF_REACH = ("consent_missing", "no_device", "permission_denied")
_BY_LOCATION = (Cause.ENTER, Cause.DWELL, Cause.WEATHER)


class Case(NamedTuple):
    """An offer among others in one context, under a policy."""

    context: Context
    offer: Offer
    policy: Policy
    model: Model


def missing(context: Context) -> list[str]:
    """The purposes a moment like this wants and the person has not consented to: push before where and when they are."""
    other = Purpose.LOCATION if context.cause in _BY_LOCATION else Purpose.HABITS
    return [each.value for each in (Purpose.PUSH, other) if each not in context.permits]


def forbidden(reasons: Sequence[Reason], missing: Sequence[str]) -> Fate:
    """Where a rule on the person stops them: what keeps a push from reaching them counts before what time may lift."""
    for reason in reasons:
        if reason.code in _OF_REACH:
            of = missing[0] if reason.code == "consent_missing" and missing else None
            return Fate("reachable", reason.code, of)
    return Fate("allowed", reasons[0].code)


def own(context: Context, offer: Offer) -> Candidate:
    """How the offer stands in this context."""
    return next(each for each in context.candidates if each.offer_id == offer.id)


def lacking(context: Context, offer: Offer) -> Reason | None:
    """The first rule that rules the offer out there."""
    return eligible.lacks(context, offer, own(context, offer))


def fate(case: Case, verdict: Verdict, day: str) -> Fate:
    """Where the way of an offer that could be said ended, `verdict` being what was chosen among all of them."""
    if not _is_about(verdict, case.offer):
        if _gain(case) <= 0:
            return Fate("worth_it", "not_worth_it")
        return Fate("best", "other_offer", verdict.offer.external_id if verdict.offer else None)
    code = verdict.reasons[0].code
    if verdict.outcome is Outcome.SEND:
        return Fate(SENT, code, None, _send(case.context, verdict, day))
    step = {"holdout": "not_held_out", "not_worth_it": "worth_it"}.get(code, "best")
    return Fate(step, code)


def reasons(case: Case, verdict: Verdict, found: Fate) -> Sequence[Reason]:
    """The decision's own reasons where it was about this offer or another one won; else what it is worth by itself."""
    if _is_about(verdict, case.offer) or found.code == "other_offer":
        return verdict.reasons
    only = msgspec.structs.replace(case.context, candidates=(own(case.context, case.offer),))
    return decide(only, (case.offer,), case.policy, case.model).reasons


def day_of(at: datetime, zone: ZoneInfo) -> str:
    """The day of a limit per day: the brand's own."""
    return at.astimezone(zone).date().isoformat()


def _is_about(verdict: Verdict, offer: Offer) -> bool:
    return verdict.offer is not None and verdict.offer.id == offer.id


def _gain(case: Case) -> float:
    """What the offer is worth here, as the choice weighs it."""
    scale = Scale(case.context, case.policy, case.model, Reader(case.context.learned))
    return scale.score(case.offer, own(case.context, case.offer)).gain


def _send(context: Context, verdict: Verdict, day: str) -> Send:
    zone = ZoneInfo(context.zone) if context.zone else None
    terms = {term.name: term.value for term in verdict.terms}
    return Send(
        customer_id="",
        at=context.decided_at,
        hour=context.decided_at.astimezone(zone).hour,
        day=day,
        gain=verdict.gain,
        money=tuple(terms.get(name, 0.0) for name in MONEY),
    )
