"""One decision explained to one audience: sentences, and what would have changed it. It reads and never writes."""

from collections.abc import Iterator
from typing import Any

import msgspec

from domain.context import Inputs
from domain.decisions import Alternative, Decision, Outcome
from domain.values import Value
from scheduler.decide.choose import Verdict
from scheduler.decide.eligible import lacks
from scheduler.decide.score import Model
from scheduler.replaying import Difference, Replay, Replayer, Result
from scheduler.telling.cases import Case
from scheduler.telling.flips import Flip, Turn, flips
from scheduler.telling.rules import asked
from scheduler.telling.sentences import Audience, Voice
from storage import offers
from storage.decisions import Stored
from storage.engine import Transaction

_MOST = {Audience.CUSTOMER: 5, Audience.MARKETER: 8, Audience.AUDITOR: 12}


class Explanation(Value):
    """Sentences in the language `locale` (BCP 47): why, and what would have changed it, each decided again and true."""

    audience: Audience
    locale: str
    sentences: tuple[str, ...]
    would_change: tuple[str, ...]


class Explainer:
    """Explains decisions within one transaction, by the model that this version decides with."""

    def __init__(self, tx: Transaction, model: Model | None = None) -> None:
        self._tx = tx
        self._model = model or Model()

    def explain(self, stored: Stored, voice: Voice) -> Explanation:
        """The same for the same decision, audience and language, as long as the decision is kept."""
        replay = self._replayed(stored)
        case = self._case(stored.decision) if replay.result is Result.IDENTICAL else None
        return explanation(stored.decision, replay, case, voice)

    def _replayed(self, stored: Stored) -> Replay:
        """Inputs that this version does not understand any more cannot come out the same."""
        try:
            return Replayer(self._tx, self._model).replay(stored)
        except msgspec.ValidationError:
            unread = Difference(what="inputs", stored=None, now=None)
            id_ = stored.decision.id
            return Replay(decision_id=id_, result=Result.DIFFERS, differences=(unread,))

    def _case(self, decision: Decision) -> Case:
        inputs = msgspec.convert(decision.inputs, Inputs)
        named = ((each.offer_id, each.revision) for each in inputs.context.candidates)
        known = (offers.as_of(self._tx, *key) for key in named)
        found = tuple(offer for offer in known if offer)
        return Case(inputs.context, inputs.policy, found, self._model)


def explanation(decision: Decision, replay: Replay, case: Case | None, voice: Voice) -> Explanation:
    """The explanation of a decision that came out of `case`, which is None where it cannot be decided again. Pure."""
    telling = _Telling(decision, replay, voice, case, case.verdict() if case else None)
    return Explanation(
        audience=voice.audience,
        locale=voice.tag,
        sentences=tuple(dict.fromkeys(telling.sentences())),
        would_change=tuple(dict.fromkeys(telling.would_change())),
    )


class _Telling:
    """The sentences of one decision. Without a case nothing of it can be decided again."""

    def __init__(
        self,
        decision: Decision,
        replay: Replay,
        voice: Voice,
        case: Case | None,
        verdict: Verdict | None,
    ) -> None:
        self._decision = decision
        self._replay = replay
        self._voice = voice
        self._case = case
        self._verdict = verdict

    def sentences(self) -> Iterator[str]:
        yield self._outcome()
        if self._voice.audience is not Audience.CUSTOMER and self._case:
            yield from self._funnel(self._case)
        yield from self._reasons()
        if self._voice.audience is Audience.AUDITOR:
            yield from self._audit()

    def would_change(self) -> Iterator[str]:
        if self._case is None or self._verdict is None:
            yield self._voice.say(f"would.{self._replay.result}")
            return
        inside = self._voice.audience is not Audience.CUSTOMER
        most = _MOST[self._voice.audience]
        found = flips(self._case, self._verdict, inside=inside, most=most)
        yield from map(self._flip, found)
        if not found:
            yield self._voice.say("would.nothing")

    def _outcome(self) -> str:
        decision, person = self._decision, self._voice.audience is Audience.CUSTOMER
        silent = decision.outcome is Outcome.SILENCE
        if person or decision.offer is None:
            return self._voice.say(f"outcome.{decision.outcome}", offer=decision.offer or "")
        key = "outcome.ghost" if silent else f"outcome.{decision.outcome}"
        return self._voice.say(key, offer=decision.offer)

    def _reasons(self) -> Iterator[str]:
        voice, audited = self._voice, self._voice.audience is Audience.AUDITOR and self._case
        for reason in self._decision.reasons:
            about = reason.offer if reason.offer != self._decision.offer else None
            if about and audited:
                continue  # each offer follows, with what it lacks
            for told in voice.sentences(reason):
                inside = about and voice.audience is not Audience.CUSTOMER
                yield voice.say("about", offer=about, text=told) if inside else told
            yield from voice.account(reason)

    def _funnel(self, case: Case) -> Iterator[str]:
        fitted = sum(lacks(case.context, *pair) is None for pair in case.pairs())
        counted = {"count": len(case.offers), "fitted": fitted}
        if case.offers:
            yield self._voice.say("funnel", cause=self._decision.cause.value, **counted)
        if self._decision.reasons:
            yield self._voice.say("code", code=self._decision.reasons[0].code)

    def _audit(self) -> Iterator[str]:
        say, decision = self._voice.say, self._decision
        zone = self._case.context.zone if self._case else None
        at = decision.decided_at.isoformat()
        yield say(
            "audit.moment",
            moment=decision.moment_id,
            cause=decision.cause.value,
            decided_at=at,
            zone=zone,
        )
        if decision.consent_entry_id:
            yield say("audit.consent", entry=decision.consent_entry_id)
        if self._case:
            yield from self._weighed(self._case)
        if decision.terms:
            terms = ", ".join(f"{each.name} = {each.value:.4g}" for each in decision.terms)
            yield say("audit.terms", terms=terms)
        yield say("audit.draw", propensity=decision.propensity, seed=decision.seed)
        what = ", ".join(each.what for each in self._replay.differences)
        yield say(f"audit.{self._replay.result}", what=what)
        if self._case:
            yield say("audit.learned")

    def _weighed(self, case: Case) -> Iterator[str]:
        say, context, policy = self._voice.say, case.context, case.policy
        named = ", ".join(f"{each.external_id} {each.revision}" for each in case.offers)
        yield say(
            "audit.revisions",
            policy=policy.revision,
            model=case.model.revision,
            offers=named or say("label.nothing"),
        )
        for rule in asked(context, policy):
            key = "audit.forbade" if rule.forbade else "audit.passed"
            yield say(key, rule=rule.code, inputs=rule.inputs or say("label.nothing"))
        yield from self._alternatives(case)
        yield say("audit.holdout", draw=context.draw, holdout=policy.holdout_share)

    def _alternatives(self, case: Case) -> Iterator[str]:
        """What there was to choose from: the gain of each, or why it was none."""
        voice, gains = self._voice, _gains(self._verdict)
        for offer, candidate in case.pairs():
            if lacking := lacks(case.context, offer, candidate):
                text = " ".join(voice.sentences(lacking))
                yield voice.say("audit.out", offer=offer.external_id, text=text)
            elif offer.external_id in gains:
                money = {"gain": gains[offer.external_id], "currency": case.policy.currency}
                yield voice.say("audit.gain", offer=offer.external_id, **money)

    def _flip(self, flip: Flip) -> str:
        conditions = self._conditions(flip)
        if flip.turn is Turn.SENT and self._voice.audience is not Audience.CUSTOMER:
            return self._voice.say("would.sent_offer", offer=flip.offer, conditions=conditions)
        return self._voice.say(f"would.{flip.turn}", conditions=conditions)

    def _conditions(self, flip: Flip) -> str:
        said = [self._voice.say(f"if.{each.name}", **_known(each.args)) for each in flip.changes]
        return self._voice.all_of(said)


def _gains(verdict: Verdict | None) -> dict[str, float]:
    known: tuple[Alternative, ...] = verdict.alternatives if verdict else ()
    return {each.offer: each.gain for each in known if each.gain is not None}


def _known(args: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in args.items() if value is not None}
