"""The best thing to say to this person now, or silence, and why. Pure: the same inputs give the same verdict, bit for bit."""

import hashlib
from collections.abc import Sequence
from datetime import timedelta

import msgspec

from domain.context import Candidate, Context
from domain.decisions import Cause, Outcome, Reason, Term
from domain.offers import Offer
from domain.policy import Policy
from domain.values import Value
from scheduler.decide import eligible, guards
from scheduler.decide.explain import because, clock_time, money, worth
from scheduler.decide.score import Model, Score, log_odds, score, valued

HOLD_WITHIN = timedelta(hours=12)
HOLD_FOR = 1.5  # times the gain of now, so that a bird in the hand is let go only for a better one


class Verdict(Value):
    """What to do at a moment. On a silence `offer` is the one that would have been said, where there was one.

    `propensity` is the probability with which this choice was drawn; `seed` reproduces the draw.
    """

    outcome: Outcome
    reasons: tuple[Reason, ...]
    offer: Offer | None = None
    candidate: Candidate | None = None
    terms: tuple[Term, ...] = ()
    propensity: float = 1.0
    seed: int = 0


def decide(context: Context, offers: Sequence[Offer], policy: Policy, model: Model) -> Verdict:
    """Guards on the person, guards on each offer, then the greatest gain against silence.

    `offers` must hold every offer that the context's candidates name, in the revision they name.
    """
    seed = seed_of(context.moment_id)
    if forbidden := guards.on_person(context, policy):
        return Verdict(outcome=Outcome.SILENCE, reasons=forbidden, seed=seed)
    fitting, ruled_out = _sift(context, offers)
    if not fitting:
        reasons = eligible.none_fits(offers, ruled_out)
        return Verdict(outcome=Outcome.SILENCE, reasons=reasons, seed=seed)
    scores = [score(context, *each, policy, model) for each in fitting]
    verdict = _drawn(context, scores, policy, model, seed)
    return _held_out(context, policy, verdict)


def seed_of(moment_id: str) -> int:
    """63 bits that depend on nothing but the moment."""
    return int.from_bytes(hashlib.sha256(moment_id.encode()).digest()[:8], "big") >> 1


def _sift(
    context: Context, offers: Sequence[Offer]
) -> tuple[list[tuple[Offer, Candidate]], list[Reason]]:
    by_id = {offer.id: offer for offer in offers}
    fitting: list[tuple[Offer, Candidate]] = []
    ruled_out: list[Reason] = []
    for candidate in context.candidates:
        offer = by_id[candidate.offer_id]
        if lacking := eligible.lacks(context, offer, candidate):
            ruled_out.append(lacking)
        else:
            fitting.append((offer, candidate))
    return fitting, ruled_out


def _drawn(
    context: Context, scores: list[Score], policy: Policy, model: Model, seed: int
) -> Verdict:
    """The best verdict, or with the share `exploration` any eligible offer or silence alike."""
    best = max(scores, key=lambda each: (each.gain, each.offer.external_id))
    verdict = _best(context, best, policy, model)
    each_share = policy.exploration / (len(scores) + 1)
    sure = 1 - policy.exploration + each_share
    if _uniform(seed, "explore") >= policy.exploration:
        return msgspec.structs.replace(verdict, propensity=sure, seed=seed)
    picked = int(_uniform(seed, "which") * (len(scores) + 1))
    if picked < len(scores):
        drawn = _explored(context, scores[picked])
    else:
        drawn = verdict if verdict.outcome is not Outcome.SEND else _explored_silence(best)
    same = drawn.outcome is verdict.outcome and drawn.offer is verdict.offer
    return msgspec.structs.replace(drawn, propensity=sure if same else each_share, seed=seed)


def _best(context: Context, best: Score, policy: Policy, model: Model) -> Verdict:
    if best.gain <= 0:
        return _not_worth_it(best, policy)
    if later := _better_later(context, best, policy, model):
        return later
    reason = Reason(
        code="chosen",
        text=because(context, best.offer, best.candidate),
        would_change="Hours of silence, a pause or a lower weekly maximum that the person sets.",
        offer=best.offer.external_id,
        account=f"{worth(best.terms, policy.currency)} Silence would have won if the interruption cost "
        f"{money(best.gain + policy.interruption_price, policy.currency)} or more.",
    )
    return _of(Outcome.SEND, best, reason)


def _not_worth_it(best: Score, policy: Policy) -> Verdict:
    reason = Reason(
        code="not_worth_it",
        text="No offer is worth an interruption at this moment.",
        would_change="An offer that is worth more to this person now.",
        offer=best.offer.external_id,
        account=f"{worth(best.terms, policy.currency)} It would be said if it brought "
        f"{money(-best.gain, policy.currency)} more.",
    )
    return _of(Outcome.SILENCE, best, reason)


def _better_later(context: Context, best: Score, policy: Policy, model: Model) -> Verdict | None:
    """Holds an offer that fits at any time, where this person's own likely window is soon and much better."""
    at, when, ends = context.likely.at, best.offer.body.when, best.offer.body.life.ends_at
    if not policy.hold or at is None or context.cause in (Cause.HABIT, Cause.SLOT):
        return None
    bound = when.hours or when.weather or (when.place and (when.place.within_m or when.place.via))
    if bound or at > context.decided_at + HOLD_WITHIN or (ends and at >= ends):
        return None
    then = msgspec.structs.replace(context, cause=Cause.HABIT)
    later = valued(
        best.offer,
        best.candidate,
        before=context.likely.p_then,
        odds=log_odds(then, best.offer, best.candidate, model),
        policy=policy,
        model=model,
    )
    if later.gain < HOLD_FOR * best.gain:
        return None
    reason = Reason(
        code="better_later",
        text=f"{clock_time(at, context.zone)}, shortly before the person's own time, is a better moment.",
        would_change="The brand switches holding off.",
        offer=best.offer.external_id,
        account=f"It is worth {money(later.gain, policy.currency)} then, and "
        f"{money(best.gain, policy.currency)} now.",
    )
    return _of(Outcome.HOLD, best, reason)


def _explored(context: Context, drawn: Score) -> Verdict:
    reason = Reason(
        code="explored",
        text=f"{because(context, drawn.offer, drawn.candidate)} It was drawn by lot, to learn what it does.",
        would_change="The brand sets exploration to 0.",
        offer=drawn.offer.external_id,
    )
    return _of(Outcome.SEND, drawn, reason)


def _explored_silence(best: Score) -> Verdict:
    reason = Reason(
        code="explored",
        text="Silence was drawn by lot, to learn what happens without a push.",
        would_change="The brand sets exploration to 0.",
        offer=best.offer.external_id,
    )
    return _of(Outcome.SILENCE, best, reason)


def _held_out(context: Context, policy: Policy, verdict: Verdict) -> Verdict:
    """Turns a send to a person of the holdout into a silence that keeps the offer, as a ghost, for comparison."""
    reason = guards.holdout(context, policy)
    if reason is None or verdict.outcome is not Outcome.SEND or verdict.offer is None:
        return verdict
    ghost = msgspec.structs.replace(reason, offer=verdict.offer.external_id)
    return msgspec.structs.replace(verdict, outcome=Outcome.SILENCE, reasons=(ghost,))


def _of(outcome: Outcome, score: Score, reason: Reason) -> Verdict:
    return Verdict(
        outcome=outcome,
        reasons=(reason,),
        offer=score.offer,
        candidate=score.candidate,
        terms=score.terms,
    )


def _uniform(seed: int, what: str) -> float:
    digest = hashlib.sha256(f"{seed}:{what}".encode()).digest()
    return int.from_bytes(digest[:6], "big") / 2**48
