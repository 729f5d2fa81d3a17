"""The engine: claims due moments and gives each its decision, with everything that follows from it, in one transaction."""

import time
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

import msgspec
import structlog

from domain.clock import Clock
from domain.context import Candidate, Context, Inputs
from domain.decisions import Cause, Decision, Moment, Outcome, Reason
from domain.ids import new_id
from domain.messages import Message, Push
from domain.offers import Offer
from domain.people import Purpose
from domain.policy import Brand
from scheduler import profiles, templates
from scheduler.context import build
from scheduler.context.build import Scene
from scheduler.decide import guards
from scheduler.decide.choose import Verdict, decide
from scheduler.decide.score import Model
from scheduler.loading import scenes, today
from storage import decisions, messages, moments, offers
from storage.engine import Database, Transaction
from storage.profiles import Person
from storage.sql import must_repeat

_LONGEST_S = 5.0
_log = structlog.get_logger()


class Round(NamedTuple):
    """What one transaction did."""

    decided: int
    sent: int


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


class AlreadySaid(Exception):
    """The unique index refused a send: this person got this offer within the same three hours."""


class Engine:
    """Any number of engines may tick at once: what one has claimed the others skip.

    `explain_url` signs the address under which a person reads why, by brand and decision id; `sent` is called after the commit
    of a batch that queued messages.
    """

    def __init__(
        self,
        *,
        database: Database,
        clock: Clock,
        weather_max_age: timedelta,
        sent: Callable[[], None] = lambda: None,
        explain_url: Callable[[Brand, str], str | None] = lambda _brand, _id: None,
        model: Model | None = None,
        batch: int | None = None,
    ) -> None:
        self._database = database
        self._clock = clock
        self._weather_max_age = weather_max_age
        self._sent = sent
        self._explain_url = explain_url
        self._model = model or Model()
        self._batch = batch or (20 if database.is_sqlite else 200)

    def tick(self) -> int:
        """Decides what is due, batch by batch, for some seconds at most, so that a stop need not wait for a backlog.

        Returns how many moments were decided.
        """
        decided, enough = 0, time.monotonic() + _LONGEST_S
        while (round_ := self._database.write(self._decide_batch)).decided:
            decided += round_.decided
            if round_.sent:
                self._sent()
            if time.monotonic() > enough:
                break
        return decided

    def _decide_batch(self, tx: Transaction) -> Round:
        now = self._clock.now()
        claimed = _one_each(moments.claim_due(tx, now, self._batch))
        if not claimed:
            return Round(0, 0)
        drafts = [
            Draft(moment, at, self._attempt(moment, at))
            for moment, at in self._load(tx, claimed, now)
        ]
        done = [self._keep(tx, draft, now) for draft in sorted(drafts, key=_offer_of)]
        moments.close(tx, [decision.moment_id for decision in done if decision], now=now)
        _next_habits(tx, [d.at for d in drafts if d.at and d.moment.cause is Cause.HABIT], now)
        return Round(
            sum(1 for decision in done if decision),
            sum(1 for decision in done if decision and decision.outcome is Outcome.SEND),
        )

    def _load(
        self, tx: Transaction, claimed: Sequence[Moment], now: datetime
    ) -> list[tuple[Moment, Scene | None]]:
        """All at once; where that fails, one by one, so that the row that spoils it stands alone."""
        try:
            with tx.begin_nested():
                loaded = scenes(tx, claimed, now=now, weather_max_age=self._weather_max_age)
        except Exception as error:
            if must_repeat(error):
                raise
            if len(claimed) == 1:
                _log.exception("moment_not_loaded", moment_id=claimed[0].id)
                return [(claimed[0], None)]
            return [pair for moment in claimed for pair in self._load(tx, [moment], now)]
        by_moment = {at.moment.id: at for at in loaded}
        return [(moment, by_moment.get(moment.id)) for moment in claimed]

    def _attempt(self, moment: Moment, at: Scene | None) -> Choice | None:
        """The pure part; None where it fails, so that one person's data cannot stop the others."""
        if at is None:
            return None
        try:
            context = build.person(at)
            if not guards.on_person(context, at.ground.brand.policy):
                context = build.with_offers(context, at)
            return self._choose(at, context)
        except Exception:  # noqa: BLE001 - whatever it is, it ends in a stored silence
            _log.exception("moment_failed", moment_id=moment.id)
            return None

    def _choose(self, at: Scene, context: Context) -> Choice:
        """Decides until what was chosen can be put into words.

        An offer that cannot is marked so in the inputs and the decision is made again without it: the stored inputs
        always give the stored decision.
        """
        while True:
            verdict = decide(context, at.ground.offers, at.ground.brand.policy, self._model)
            if verdict.outcome is not Outcome.SEND or not (verdict.offer and verdict.candidate):
                return Choice(context, verdict, None)
            push = _rendered(at, verdict.offer, verdict.candidate)
            if isinstance(push, Push):
                return Choice(context, verdict, Said(verdict.offer, verdict.candidate, push))
            context = _marked(context, verdict.candidate, unsayable=push.detail)

    def _keep(self, tx: Transaction, draft: Draft, now: datetime) -> Decision | None:
        """The stored decision. Whatever goes wrong ends in a silence that says so, and spares the others."""
        reason = Reason(code="failed", text="The decision could not be computed.")
        try:
            if draft.at and draft.choice:
                with tx.begin_nested():
                    return self._settle(tx, draft.at, draft.choice)
        except AlreadySaid:
            reason = Reason(
                code="already_said",
                text="The person got this offer within these three hours.",
                would_change="The next three hours begin.",
            )
        except Exception as error:
            if must_repeat(error):
                raise
            _log.exception("moment_failed", moment_id=draft.moment.id)
        return _silence(tx, draft.moment, reason, now)

    def _settle(self, tx: Transaction, at: Scene, choice: Choice) -> Decision:
        while choice.said and not _reserved(tx, at, choice.said.offer):
            choice = self._choose(at, _marked(choice.context, choice.said.candidate, left=0))
        decision = self._decision(at, choice.context, choice.verdict)
        if not decisions.add(tx, decision):
            raise AlreadySaid
        if choice.said:
            messages.add_message(
                tx, self._message(at.ground.brand, decision, choice.said), now=at.now
            )
        _log.info(
            "decided",
            decision_id=decision.id,
            moment_id=decision.moment_id,
            cause=decision.cause.value,
            outcome=decision.outcome.value,
            code=decision.reasons[0].code,
        )
        return decision

    def _decision(self, at: Scene, context: Context, verdict: Verdict) -> Decision:
        moment, offer, candidate = at.moment, verdict.offer, verdict.candidate
        inputs = Inputs(context=context, policy=at.ground.brand.policy, model=self._model.revision)
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
            inputs=msgspec.to_builtins(inputs),
        )

    def _message(self, brand: Brand, decision: Decision, said: Said) -> Message:
        message_id, offer, push = new_id(), said.offer, said.push
        url = self._explain_url(brand, decision.id)
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
            expires_at=_expiry(offer, decision.decided_at),
        )


def _one_each(claimed: Iterable[Moment]) -> list[Moment]:
    """The oldest moment of each person; their next one is decided in the next batch, which then knows of this one."""
    first: dict[str, Moment] = {}
    for moment in claimed:
        first.setdefault(moment.customer_id, moment)
    return list(first.values())


def _offer_of(draft: Draft) -> str:
    """Sends are stored in the order of their offers, so that two engines never wait for each other's counters."""
    return draft.choice.said.offer.id if draft.choice and draft.choice.said else ""


def _marked(context: Context, candidate: Candidate, **marks: object) -> Context:
    changed = msgspec.structs.replace(candidate, **marks)
    candidates = tuple(
        changed if each.offer_id == candidate.offer_id else each for each in context.candidates
    )
    return msgspec.structs.replace(context, candidates=candidates)


def _rendered(at: Scene, offer: Offer, candidate: Candidate) -> Push | templates.Unrendered:
    sky = candidate.sky
    variables = templates.Variables(
        now=at.now,
        zone=at.zone.key if at.zone else "UTC",
        first_name=at.known.customer.first_name,
        store=at.premises.get(candidate.store_id),
        distance_m=candidate.distance_m,
        word=sky.word if sky else None,
        temperature=sky.temperature if sky else None,
        wind=sky.wind if sky else None,
    )
    locale = at.known.locale or at.known.customer.locale
    return templates.render(offer.body, locale=locale, variables=variables)


def _reserved(tx: Transaction, at: Scene, offer: Offer) -> bool:
    return offers.reserve(tx, offer, mode=at.moment.mode, day=today(at.ground.brand, at.now))


def _expiry(offer: Offer, now: datetime) -> datetime:
    """A message lives as long as the offer says, and never longer than the offer itself."""
    until = now + timedelta(seconds=offer.body.life.ttl_s)
    return min(until, offer.body.life.ends_at or until)


def _next_habits(tx: Transaction, decided: Sequence[Scene], now: datetime) -> None:
    """People whose habit moment was decided get the next one; who cannot gets it with their next visit."""
    known = [(_person(at), at.known.profile) for at in decided if at.known.profile]
    wheels = {at.ground.brand.id: at.ground.wheel for at in decided}
    try:
        if known:
            with tx.begin_nested():
                profiles.set_habits(tx, known, wheels=wheels, now=now)
    except Exception as error:
        if must_repeat(error):
            raise
        _log.exception("habits_not_set", moment_ids=[at.moment.id for at in decided])
        if len(decided) > 1:
            for at in decided:
                _next_habits(tx, [at], now)


def _person(at: Scene) -> Person:
    customer, brand = at.known.customer, at.ground.brand
    return Person(
        customer_id=customer.id,
        brand_id=brand.id,
        mode=customer.mode,
        zones=(*at.known.zones, customer.time_zone, brand.time_zone),
        preferences=at.known.preferences,
        policy=brand.policy,
    )


def _silence(tx: Transaction, moment: Moment, reason: Reason, now: datetime) -> Decision | None:
    """The decision of a moment that could not be decided as it should; None where not even that can be stored."""
    decision = Decision(
        id=new_id(),
        brand_id=moment.brand_id,
        mode=moment.mode,
        customer_id=moment.customer_id,
        moment_id=moment.id,
        cause=moment.cause,
        decided_at=now,
        outcome=Outcome.SILENCE,
        reasons=(reason,),
        store_id=moment.store_id,
    )
    try:
        with tx.begin_nested():
            return decision if decisions.add(tx, decision) else None
    except Exception as error:
        if must_repeat(error):
            raise
        _log.exception("decision_not_stored", moment_id=moment.id)
        return None
