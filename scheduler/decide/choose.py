"""The best thing to say to this person now, or silence, and why. Pure: the same inputs give the same verdict, bit for bit."""

import hashlib
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import msgspec

from domain.context import Candidate, Context
from domain.decisions import Alternative, Cause, Outcome, Reason, Term, reason
from domain.model import Learned
from domain.offers import Offer
from domain.policy import Policy
from domain.values import Value
from scheduler.decide import eligible, guards
from scheduler.decide.explain import because, taught, worth
from scheduler.decide.lots import Lots
from scheduler.decide.score import Model, Scale, Score
from scheduler.learn.terms import Reader

HOLD_WITHIN = timedelta(hours=12)
HOLD_FOR = 1.5  # times the gain of now, so that a bird in the hand is let go only for a better one


class Verdict(Value):
    """What to do at a moment. On a silence `offer` is the one that would have been said, where there was one.

    `propensity` is the probability with which this choice was drawn; `seed` reproduces the draw. `gain` is what the offer
    brings over silence. `anyway` are the log-odds of a visit by the rhythm alone, `odds` those of what only the push brings,
    but for what was learned of pushes, `before` the chance of the former and `after` that of either; `rested_on` is the part of the context's beliefs that was used, `alternatives` what there was to choose from.
    """

    outcome: Outcome
    reasons: tuple[Reason, ...]
    offer: Offer | None = None
    candidate: Candidate | None = None
    terms: tuple[Term, ...] = ()
    propensity: float = 1.0
    seed: int = 0
    gain: float = 0.0
    anyway: float = 0.0
    odds: float = 0.0
    before: float = 0.0
    after: float = 0.0
    rested_on: Learned = Learned()
    alternatives: tuple[Alternative, ...] = ()


def decide(context: Context, offers: Sequence[Offer], policy: Policy, model: Model) -> Verdict:
    """Guards on the person, guards on each offer, then the greatest gain against silence.

    `offers` must hold every offer that the context's candidates name, in the revision they name.
    """
    if forbidden := guards.on_person(context, policy):
        return forbidding(context, forbidden)
    return among(context, offers, policy, model)


def forbidding(context: Context, forbidden: tuple[Reason, ...]) -> Verdict:
    """The silence that rules on the person demand."""
    seed = seed_of(context.moment_id)
    return Verdict(outcome=Outcome.SILENCE, reasons=forbidden, seed=seed)


def among(context: Context, offers: Sequence[Offer], policy: Policy, model: Model) -> Verdict:
    """As `decide`, where the rules on the person were asked and forbid nothing."""
    seed = seed_of(context.moment_id)
    fitting, ruled_out = _sift(context, offers)
    if not fitting:
        reasons = eligible.none_fits(offers, ruled_out)
        others = _alternatives((), ruled_out)
        return Verdict(outcome=Outcome.SILENCE, reasons=reasons, seed=seed, alternatives=others)
    reader = Reader(context.learned)
    choosing = _Choosing(context, policy, model, reader)
    scores = [choosing.scale.score(*each) for each in fitting]
    verdict = msgspec.structs.replace(
        choosing.drawn(scores, seed),
        seed=seed,
        rested_on=reader.rested_on(),
        alternatives=_alternatives(scores, ruled_out),
    )
    return _held_out(context, policy, verdict)


def chances(
    context: Context, offers: Sequence[Offer], policy: Policy, model: Model
) -> dict[str | None, float]:
    """How probable `decide` is to say each of the offers, by id, and to be silent or wait (None); the holdout left aside.

    Not clipped. Where something is sampled, given the draws that are counted and not which of them comes first: by that the
    weight of what was chosen is exact, however few the draws.
    """
    if guards.on_person(context, policy):
        return {None: 1.0}
    fitting, _ = _sift(context, offers)
    if not fitting:
        return {None: 1.0}
    choosing = _Choosing(context, policy, model, Reader(context.learned))
    scores = [choosing.scale.score(*each) for each in fitting]
    return choosing.chances(scores, seed_of(context.moment_id))


def _alternatives(scores: Sequence[Score], ruled_out: Sequence[Reason]) -> tuple[Alternative, ...]:
    """What there was to choose from: first what fitted, each in the order of the context."""
    fitted = [
        Alternative(offer=score.offer.external_id, gain=round(score.gain, 4)) for score in scores
    ]
    barred = [Alternative(offer=why.offer or "", code=why.code) for why in ruled_out]
    return (*fitted, *barred)


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


class _Choosing:
    """Chooses among what fits at one moment."""

    def __init__(self, context: Context, policy: Policy, model: Model, reader: Reader) -> None:
        self._context = context
        self._policy = policy
        self._model = model
        self._reader = reader
        self.scale = Scale(context, policy, model, reader)
        self._terms: dict[str, tuple[Term, ...]] = {}

    def drawn(self, scores: list[Score], seed: int) -> Verdict:
        """The best verdict by the mean of what is believed, or with exploration one by lot; see `lots`."""
        best = max(scores, key=lambda each: (each.gain, each.offer.external_id))
        verdict = self._best(best)
        if self._policy.exploration <= 0:
            return verdict
        lots = Lots(scores, seed=seed, floor=self._policy.exploration)
        sampled, by_lot = _options(scores, best, verdict)
        of = lots.picked(sampled, by_lot)
        propensity = lots.propensity(sampled, by_lot, of)
        if of is verdict.outcome:
            chosen = verdict
        elif of is None:
            chosen = self._explored_silence(best)
        else:
            assert isinstance(of, Score), "any other option is a score"
            chosen = self._explored(of)
        return msgspec.structs.replace(chosen, propensity=propensity)

    def chances(self, scores: list[Score], seed: int) -> dict[str | None, float]:
        """How probable each offer is to be said, by id, and silence (None)."""
        best = max(scores, key=lambda each: (each.gain, each.offer.external_id))
        verdict = self._best(best)
        spoken = best.offer.id if verdict.outcome is Outcome.SEND else None
        if self._policy.exploration <= 0:
            return {spoken: 1.0}
        lots = Lots(scores, seed=seed, floor=self._policy.exploration)
        sampled, by_lot = (
            [
                each.offer.id if isinstance(each, Score) else spoken if each else None
                for each in some
            ]
            for some in _options(scores, best, verdict)
        )
        found = lots.chances(sampled, by_lot)
        return {None if of is None else str(of): chance for of, chance in found.items()}

    def _best(self, best: Score) -> Verdict:
        if best.gain <= 0:
            return self._not_worth_it(best)
        if later := self._better_later(best):
            return later
        found = self._because("chosen", best, silent_at=best.gain + best.paid)
        return self._of(Outcome.SEND, best, found)

    def _told(self, score: Score) -> tuple[Term, ...]:
        if score.offer.id not in self._terms:
            self._terms[score.offer.id] = self.scale.told(score)
        return self._terms[score.offer.id]

    def _because(self, code: str, score: Score, **money: float) -> Reason:
        """A reason for saying this offer, with the facts and the reckoning."""
        facts = because(self._context, score.offer, score.candidate)
        found = reason(code, offer=score.offer.external_id, **facts)
        return msgspec.structs.replace(found, reckoning=self._reckoning(score, **money))

    def _reckoning(self, score: Score, **money: float) -> dict[str, Any]:
        """What it is worth, and what of it was learned."""
        found = worth(self._told(score), self._policy.currency)
        rounded = {name: round(value, 4) for name, value in money.items()}
        return {**found, **rounded, **taught(self.scale.effects(score))}

    def _not_worth_it(self, best: Score) -> Verdict:
        found = reason("not_worth_it", offer=best.offer.external_id)
        reckoning = self._reckoning(best, lacking=-best.gain)
        found = msgspec.structs.replace(found, reckoning=reckoning)
        return self._of(Outcome.SILENCE, best, found)

    def _better_later(self, best: Score) -> Verdict | None:
        """Holds an offer that fits at any time, where this person's own likely window is soon and much better."""
        context = self._context
        at, when, ends = context.likely.at, best.offer.body.when, best.offer.body.life.ends_at
        if not self._policy.hold or at is None or context.cause in (Cause.HABIT, Cause.SLOT):
            return None
        bound = (
            when.hours or when.weather or (when.place and (when.place.within_m or when.place.via))
        )
        if bound or at > context.decided_at + HOLD_WITHIN or (ends and at >= ends):
            return None
        then = msgspec.structs.replace(context, cause=Cause.HABIT)
        scale = Scale(then, self._policy, self._model, self._reader)
        later = scale.score(best.offer, best.candidate, context.likely.p_then)
        if later.gain < HOLD_FOR * best.gain:
            return None
        found = reason("better_later", offer=best.offer.external_id, at=at, zone=context.zone)
        money = {"then": round(later.gain, 4), "now": round(best.gain, 4)}
        reckoning = {"currency": self._policy.currency, **money}
        found = msgspec.structs.replace(found, reckoning=reckoning)
        return self._of(Outcome.HOLD, best, found)

    def _explored(self, drawn: Score) -> Verdict:
        return self._of(Outcome.SEND, drawn, self._because("explored", drawn))

    def _explored_silence(self, best: Score) -> Verdict:
        found = reason("explored", which="silence", offer=best.offer.external_id)
        return self._of(Outcome.SILENCE, best, found)

    def _of(self, outcome: Outcome, score: Score, found: Reason) -> Verdict:
        return Verdict(
            outcome=outcome,
            reasons=(found,),
            offer=score.offer,
            candidate=score.candidate,
            terms=self._told(score),
            gain=score.gain,
            anyway=score.anyway,
            odds=score.odds,
            before=score.before,
            after=score.after,
        )


def _options(
    scores: list[Score], best: Score, verdict: Verdict
) -> tuple[list[Score | Outcome | None], list[Score | Outcome | None]]:
    """What each option comes to where it is sampled, and by lot. By its own best time a held offer is waited for, and silence
    is part of the waiting.
    """
    speaks = verdict.outcome is Outcome.SEND
    silence = None if speaks else verdict.outcome
    sampled = [verdict.outcome if each is best and best.gain > 0 else each for each in scores]
    by_lot = [verdict.outcome if each is best and speaks else each for each in scores]
    return [*sampled, silence], [*by_lot, silence]


def _held_out(context: Context, policy: Policy, verdict: Verdict) -> Verdict:
    """Turns a send to a person of the holdout into a silence that keeps the offer, as a ghost, for comparison."""
    found = guards.holdout(context, policy)
    if found is None or verdict.outcome is not Outcome.SEND or verdict.offer is None:
        return verdict
    ghost = msgspec.structs.replace(found, offer=verdict.offer.external_id)
    return msgspec.structs.replace(verdict, outcome=Outcome.SILENCE, reasons=(ghost,))
