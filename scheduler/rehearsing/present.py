"""What an offer would do now: everybody decided about once, as if a moment of its causes were due.

Which moment is written down in `docs/dry-run.md`. Reads only, in short transactions, batch after batch in the order of ids.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

import msgspec
import structlog

from domain.context import Candidate, Context, Whereabouts
from domain.decisions import Cause, Moment
from domain.offers import Audience, Life, Offer, OfferKind
from domain.people import Mode, Profile, Purpose
from domain.places import Store
from domain.policy import Brand
from domain.slots import Slot
from scheduler.choosing import chosen
from scheduler.context import build, occasions
from scheduler.context.build import Scene
from scheduler.context.clock import zone_of
from scheduler.context.lifecycle import Stage, lifecycle
from scheduler.context.stores import usual
from scheduler.decide import eligible, guards
from scheduler.decide.score import Model
from scheduler.learned import believing
from scheduler.loading import scenes
from scheduler.moments import LIFE
from scheduler.rehearsing import judging
from scheduler.rehearsing.batches import uncollected
from scheduler.rehearsing.funnel import FAILED, NO_MOMENT, Example, Fate, Found, Funnel
from scheduler.rehearsing.sampling import sampled
from storage import rehearsal, slots
from storage.engine import Database, Transaction

BATCH = 1_000
_OF_HABITS = (Cause.HABIT, Cause.SLIPPING, Cause.CADENCE)
_BY_HAND = (
    Cause.EVENT,
    Cause.MANUAL,
)  # that nothing foretells; counted where an offer has no other
_MOST_SLOTS = 200
_log = structlog.get_logger()

Names = Mapping[str, str | None]


class Now(NamedTuple):
    """What is rehearsed: an offer of a brand, for its customers of one mode, at a time."""

    brand: Brand
    mode: Mode
    offer: Offer
    at: datetime
    weather_max_age: timedelta
    model: Model
    share: float = 1.0  # of the customers, by hash


def rehearse(database: Database, now: Now, funnel: Funnel) -> Iterator[int]:
    """Counts everybody in; yields how many customers are done after each batch."""
    stage, done, after = _Stage(database, now), 0, None
    while True:
        with uncollected():
            with database.read() as tx:
                found = rehearsal.people(
                    tx, brand_id=now.brand.id, mode=now.mode, after=after, limit=BATCH
                )
                names = {id_: name for id_, name in found if sampled(id_, now.share)}
                loaded = stage.load(tx, names)
            for at in build.foretold(loaded):
                stage.judge(at, names, funnel)
        done += len(found)
        yield done
        if len(found) < BATCH:
            return
        after = found[-1][0]


def causes(offer: Offer, model: Model) -> tuple[Cause, ...]:
    """The causes at which the offer may be said, the most favourable first; `manual` alone where any will do."""
    bare = msgspec.structs.replace(
        offer.body, life=Life(), audience=Audience(), active=True, sensitive=False
    )
    plain = msgspec.structs.replace(offer, body=bare)
    fitting = [cause for cause in Cause if _may_be_said(plain, cause)]
    if offer.body.kind is OfferKind.SLOT:
        return (Cause.SLOT,)
    if len(fitting) >= len(Cause) - 1:
        return (Cause.MANUAL,)
    fitting = [cause for cause in fitting if cause not in _BY_HAND] or fitting
    return tuple(sorted(fitting, key=lambda cause: -model.cause[cause]))


_ANY_TIME = datetime.fromisoformat("2000-01-01T00:00:00+00:00")


def _may_be_said(offer: Offer, cause: Cause) -> bool:
    context = Context(moment_id="", cause=cause, decided_at=_ANY_TIME, expires_at=_ANY_TIME)
    candidate = Candidate(offer_id=offer.id, revision=offer.revision)
    lack = eligible.lacks(context, offer, candidate)
    return lack is None or lack.code != "other_cause"


class _Stage:
    """The moments that are made up for one rehearsal, and what is chosen at them."""

    def __init__(self, database: Database, now: Now) -> None:
        self._now = now
        self._causes = causes(now.offer, now.model)
        self._day = judging.day_of(now.at, zone_of(now.brand.time_zone))
        with database.read() as tx:
            self._slot = _free_slot(tx, now) if Cause.SLOT in self._causes else None

    def load(self, tx: Transaction, names: Names) -> list[Scene]:
        """Everything around these people, with the usual stores that a moment of habit asks for where it may be one."""
        now = self._now
        if not names:
            return []
        first = Cause.HABIT if Cause.HABIT in self._causes else self._causes[0]
        moments = [self._moment(id_, first) for id_ in names]
        loaded = scenes(
            tx, moments, now=now.at, weather_max_age=now.weather_max_age, draft=now.offer
        )
        return believing(tx, loaded, now=now.at)

    def _moment(self, customer_id: str, cause: Cause) -> Moment:
        """Its id hangs on the person, the offer and the day alone, so that the same lots are drawn when asked again."""
        now = self._now
        return Moment(
            id=f"rehearsal:{customer_id}:{now.offer.external_id}:{self._day}",
            brand_id=now.brand.id,
            mode=now.mode,
            customer_id=customer_id,
            cause=cause,
            key="rehearsal",
            due_at=now.at,
            expires_at=now.at + LIFE[cause],
        )

    def judge(self, at: Scene, names: Names, funnel: Funnel) -> None:
        """Counts one person in, and shows them where another example is wanted."""
        whose = at.known.customer.id
        try:
            found = self._found(at)
        except Exception as error:  # noqa: BLE001 - one person's data cannot stop the others, as in the engine
            if funnel.wants(FAILED):  # one of them tells enough
                _log.error("not_rehearsed", customer_id=whose, error=type(error).__name__)
            found = Found(FAILED)
        fate = found.fate
        funnel.add(fate, (fate.send._replace(customer_id=whose),) if fate.send else ())
        if funnel.wants(fate):
            funnel.show(
                Example(
                    customer_id=whose,
                    customer=names[whose],
                    at=at.now,
                    cause=found.cause or at.moment.cause,
                    step=fate.step,
                    code=fate.code,
                    reasons=tuple(found.reasons()),
                )
            )

    def _found(self, at: Scene) -> Found:
        cause = next((each for each in self._causes if _can_be(each, at)), None)
        if cause is None:
            return Found(NO_MOMENT)
        at = self._placed(at, cause)
        offer, context = self._now.offer, build.person(at)
        if reasons := guards.on_person(context, at.ground.brand.policy):
            fate = judging.forbidden(reasons, judging.missing(context))
            return Found(fate, lambda: reasons, cause)
        alone = build.with_offers(context, _among(at, (offer,)))
        if lack := judging.lacking(alone, offer):
            return Found(Fate("eligible", lack.code), lambda: (lack,), cause)
        others = tuple(each for each in at.ground.offers if each is not offer)
        beside = build.with_offers(context, _among(at, others)).candidates
        together = sorted((*beside, *alone.candidates), key=lambda each: each.offer_id)
        context = msgspec.structs.replace(context, candidates=tuple(together))
        return self._among_all(at, context, cause)

    def _among_all(self, at: Scene, context: Context, cause: Cause) -> Found:
        offer, policy, model = self._now.offer, at.ground.brand.policy, self._now.model
        known, verdict, _ = chosen(at, context, model)
        if lack := judging.lacking(known, offer):  # its text could not be made
            return Found(Fate("eligible", lack.code), lambda: (lack,), cause)
        case = judging.Case(known, offer, policy, model)
        fate = judging.fate(case, verdict, self._day)
        return Found(fate, lambda: judging.reasons(case, verdict, fate), cause)

    def _placed(self, at: Scene, cause: Cause) -> Scene:
        """The scene as it would be at a moment of this cause."""
        life = self._now.at + LIFE[cause]
        moment = msgspec.structs.replace(at.moment, cause=cause, expires_at=life)
        if cause is Cause.SLOT and self._slot:
            moment = msgspec.structs.replace(moment, store_id=self._slot.store_id)
            return at._replace(moment=moment, slot=self._slot)
        if cause in (Cause.ENTER, Cause.DWELL) and (store := _door(at, self._now.offer)):
            there = Whereabouts(position=store.position, occurred_at=at.now)
            known = msgspec.structs.replace(at.known, whereabouts=there)
            moment = msgspec.structs.replace(moment, store_id=store.id)
            return at._replace(moment=moment, known=known)
        return at._replace(moment=moment)


def _among(at: Scene, offers: Sequence[Offer]) -> Scene:
    """The scene with these offers alone."""
    return at._replace(ground=msgspec.structs.replace(at.ground, offers=tuple(offers)))


def _can_be(cause: Cause, at: Scene) -> bool:
    """Whether such a moment could come to this person about now, as far as that may be known of them."""
    if cause in _OF_HABITS and not at.known.consents.granted(Purpose.HABITS):
        return True  # a rule on the person says so, and tells which consent it is that lacks
    profile, today = at.known.profile or Profile(), at.now.astimezone(at.zone).date()
    if cause is Cause.HABIT:
        return bool(at.likely and at.likely.at)
    if cause is Cause.SLIPPING:
        found = lifecycle(profile, at=at.now)
        return found is not None and found.stage is Stage.SLIPPING
    if cause is Cause.CADENCE:
        return occasions.cadence(profile.occasions, today=today) is not None
    if cause is Cause.OCCASION:
        return bool(at.known.customer.occasions or profile.occasions.yearly)
    return True


def _door(at: Scene, offer: Offer) -> Store | None:
    """The store that they would come into: the nearest of the offer's to where they were last, else the one they visit most."""
    mine = at.premises.named(offer.body.stores)
    if not mine:
        return None
    if at.known.whereabouts and at.known.consents.granted(Purpose.LOCATION):
        return at.premises.nearest(mine, at.known.whereabouts.position)[0]
    if at.known.profile and at.known.consents.granted(Purpose.HABITS):
        by_id = {store.id: store for store in mine}
        if found := usual(at.known.profile.stores, among=by_id):
            return by_id[found]
    return mine[0]


def _free_slot(tx: Transaction, now: Now) -> Slot | None:
    """The next free place that the offer may be about."""
    listed = slots.page(
        tx,
        brand_id=now.brand.id,
        mode=now.mode,
        store=None,
        after=None,
        limit=_MOST_SLOTS,
        now=now.at,
    )
    wanted, stores = now.offer.body.about.services, now.offer.body.stores
    free = [
        each.slot
        for each in listed
        if each.slot.free > 0
        and each.slot.starts_at > now.at
        and (not wanted or each.slot.service in wanted)
        and (not stores or each.store in stores)
    ]
    return min(free, key=lambda slot: (slot.starts_at, slot.id), default=None)
