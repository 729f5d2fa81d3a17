"""What the engine chose for a moment, before it is written: choices, and the decision and message made of one. Pure."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import NamedTuple

import msgspec

from domain.context import Candidate, Context, Inputs
from domain.decisions import Decision, Moment, Outcome, Reason, reason
from domain.ids import new_id
from domain.messages import Message, Push
from domain.offers import Offer
from domain.people import Purpose
from domain.policy import Brand
from domain.slots import Slot
from scheduler.context.build import Scene
from scheduler.decide import guards
from scheduler.decide.choose import Verdict

ExplainUrl = Callable[[Brand, str], str | None]

FAILED = reason("failed")
ALREADY_SAID = reason("already_said")


class Said(NamedTuple):
    """What is to be said, by which offer, about which store."""

    offer: Offer
    candidate: Candidate
    push: Push


class Choice(NamedTuple):
    """A verdict with the inputs it follows from; `said` where it is a send."""

    context: Context
    verdict: Verdict
    said: Said | None


class Draft(NamedTuple):
    """A claimed moment and what was chosen for it; None where that failed."""

    moment: Moment
    at: Scene | None
    choice: Choice | None

    def send(self) -> tuple[Scene, Context, Said] | None:
        """What is known and to be said, where this is a send."""
        if self.at is None or self.choice is None or self.choice.said is None:
            return None
        return self.at, self.choice.context, self.choice.said


class Made(NamedTuple):
    """The decision that a draft becomes, and its message where it is a send."""

    draft: Draft
    decision: Decision
    message: Message | None


def made_of(draft: Draft, *, now: datetime, model: int, explain_url: ExplainUrl) -> Made:
    """What is to be stored for a draft; without a choice, a silence that says that it failed."""
    if draft.at is None or draft.choice is None:
        return Made(draft, silence(draft.moment, FAILED, now), None)
    decision = _decision(draft.at, draft.choice, model)
    said = draft.choice.said
    brand, slot = draft.at.ground.brand, draft.at.slot
    message = _message(brand, decision, said, slot, explain_url) if said else None
    return Made(draft, decision, message)


def silence(moment: Moment, found: Reason, now: datetime) -> Decision:
    """The decision of a moment that could not be decided, or not be said, as it should."""
    return Decision(
        id=new_id(),
        brand_id=moment.brand_id,
        mode=moment.mode,
        customer_id=moment.customer_id,
        moment_id=moment.id,
        cause=moment.cause,
        decided_at=now,
        outcome=Outcome.SILENCE,
        reasons=(found,),
        store_id=moment.store_id,
    )


def marked(context: Context, candidate: Candidate, **marks: object) -> Context:
    """The inputs with something more known of one candidate."""
    changed = msgspec.structs.replace(candidate, **marks)
    candidates = tuple(
        changed if each.offer_id == candidate.offer_id else each for each in context.candidates
    )
    return msgspec.structs.replace(context, candidates=candidates)


def _decision(at: Scene, choice: Choice, model: int) -> Decision:
    moment, context, verdict = at.moment, choice.context, choice.verdict
    offer, candidate = verdict.offer, verdict.candidate
    rested_on = msgspec.structs.replace(verdict.rested_on, revision=context.learned.revision)
    kept = msgspec.structs.replace(context, learned=rested_on)
    inputs = Inputs(context=kept, policy=at.ground.brand.policy, model=model)
    return Decision(
        id=new_id(),
        brand_id=moment.brand_id,
        mode=moment.mode,
        customer_id=moment.customer_id,
        moment_id=moment.id,
        cause=moment.cause,
        decided_at=at.now,
        outcome=verdict.outcome,
        reasons=verdict.reasons,
        offer_id=offer.id if offer else None,
        offer=offer.external_id if offer else None,
        offer_revision=offer.revision if offer else None,
        store_id=candidate.store_id if candidate else moment.store_id,
        consent_entry_id=context.permits.get(Purpose.PUSH),
        terms=verdict.terms,
        propensity=verdict.propensity,
        seed=verdict.seed,
        local_date=context.local_date,
        daypart=context.daypart,
        inputs=inputs,
        rules=guards.ASKED,
        alternatives=verdict.alternatives,
    )


def _message(
    brand: Brand, decision: Decision, said: Said, slot: Slot | None, explain_url: ExplainUrl
) -> Message:
    message_id, offer, push = new_id(), said.offer, said.push
    url = explain_url(brand, decision.id)
    data = {
        **push.data,
        "decision_id": decision.id,
        "message_id": message_id,
        "offer": offer.external_id,
        **({"explain_url": url} if url else {}),
    }
    return Message(
        id=message_id,
        brand_id=decision.brand_id,
        mode=decision.mode,
        customer_id=decision.customer_id or "",
        decision_id=decision.id,
        offer_id=offer.id,
        push=msgspec.structs.replace(push, data=data),
        expires_at=expiry(offer, slot, decision.decided_at),
    )


def expiry(offer: Offer, slot: Slot | None, now: datetime) -> datetime:
    """A message lives as long as the offer says, and never longer than the offer itself or the slot it is about."""
    until = now + timedelta(seconds=offer.body.life.ttl_s)
    return min(until, offer.body.life.ends_at or until, slot.starts_at if slot else until)
