"""The engine: claims due moments and gives each its decision, with everything that follows from it, in one transaction."""

import time
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import NamedTuple

import structlog

from domain.clock import Clock
from domain.decisions import Cause, Moment, Outcome
from domain.people import Profile
from scheduler import choosing, closing, places, profiles, proof, slots
from scheduler.context import build
from scheduler.context.build import Scene
from scheduler.decide.score import Model
from scheduler.drafts import Choice, Draft, ExplainUrl
from scheduler.keeping import Keeper
from scheduler.learned import Remembered, believing
from scheduler.loading import scenes
from storage import moments
from storage.engine import Database, Transaction
from storage.profiles import Person
from storage.sql import must_repeat

_LONGEST_S = 5.0
_FORETOLD = (
    Cause.HABIT,
    Cause.SLIPPING,
    Cause.CADENCE,
    Cause.OCCASION,
)  # by what is known of a person
_log = structlog.get_logger()


class Round(NamedTuple):
    """What one transaction did."""

    decided: int
    sent: int


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
        explain_url: ExplainUrl = lambda _brand, _id: None,
        model: Model | None = None,
        batch: int | None = None,
    ) -> None:
        self._database = database
        self._clock = clock
        self._weather_max_age = weather_max_age
        self._sent = sent
        self._learned = Remembered()
        self._model = model or Model()
        self._keeper = Keeper(
            again=partial(choosing.chosen, model=self._model),
            model=self._model.revision,
            explain_url=explain_url,
        )
        # On SQLite whoever else writes waits for a batch.
        self._batch = batch or (40 if database.is_sqlite else 400)

    def tick(self) -> int:
        """Decides what is due, batch by batch, for some seconds at most, so that a stop need not wait for a backlog.

        Returns how many moments were decided.
        """
        decided, enough = 0, time.monotonic() + _LONGEST_S
        while (round_ := self._round()).decided:
            decided += round_.decided
            if round_.sent:
                self._sent()
            if time.monotonic() > enough:
                break
        return decided

    def _round(self) -> Round:
        try:
            return self._database.write(self._decide_batch)
        except BaseException:
            self._learned.forget()
            raise

    def _decide_batch(self, tx: Transaction) -> Round:
        now = self._clock.now()
        claimed = _one_each(moments.claim_due(tx, now, self._batch))
        if not claimed:
            return Round(0, 0)
        drafts = [
            Draft(moment, at, self._attempt(moment, at))
            for moment, at in self._load(tx, claimed, now)
        ]
        done = self._keeper.keep(tx, drafts, now=now)
        moments.close(tx, [decision.moment_id for decision in done], now=now)
        _aside(tx, "slots", lambda: slots.settle(tx, claimed, done, now=now))
        _aside(tx, "answers", lambda: closing.await_answers(tx, drafts, done, self._model))
        _next_moments(tx, [d.at for d in drafts if d.at and d.moment.cause in _FORETOLD], now)
        places.go_on(tx, [d.at for d in drafts if d.at], now=now)
        _aside(tx, "proof", lambda: proof.note_decisions(tx, drafts, done, now=now))
        sends = sum(decision.outcome is Outcome.SEND for decision in done)
        _log.info("decided", moments=len(done), sends=sends)
        return Round(len(done), sends)

    def _load(
        self, tx: Transaction, claimed: Sequence[Moment], now: datetime
    ) -> list[tuple[Moment, Scene | None]]:
        """All at once; where that fails, one by one, so that the row that spoils it stands alone."""
        try:
            with tx.begin_nested():
                loaded = scenes(tx, claimed, now=now, weather_max_age=self._weather_max_age)
                loaded = build.foretold(believing(tx, loaded, now=now, load=self._learned.load))
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
            return choosing.attempt(at, self._model)
        except Exception:  # noqa: BLE001 - whatever it is, it ends in a stored silence
            _log.exception("moment_failed", moment_id=moment.id)
            return None


def _one_each(claimed: Iterable[Moment]) -> list[Moment]:
    """Of each person the moment that is over first; their next one is decided in the next batch, which then knows of this one.

    Who passes by is gone in minutes, and the hours before a likely visit are still there afterwards.
    """
    first: dict[str, Moment] = {}
    for moment in claimed:
        known = first.setdefault(moment.customer_id, moment)
        if moment.expires_at < known.expires_at:
            first[moment.customer_id] = moment
    return list(first.values())


def _aside(tx: Transaction, what: str, follow_up: Callable[[], None]) -> None:
    """Does what follows from a batch but must not undo it: where it fails, the decisions stand and it is left out."""
    try:
        with tx.begin_nested():
            follow_up()
    except Exception as error:
        if must_repeat(error):
            raise
        _log.exception("follow_up_failed", what=what)


def _next_moments(tx: Transaction, decided: Sequence[Scene], now: datetime) -> None:
    """People whose foretold moment was decided get the next ones; who cannot gets them with their next visit."""
    known = [(_person(at), at.known.profile or Profile()) for at in decided]
    wheels = {at.ground.brand.id: at.ground.wheel for at in decided}
    try:
        if known:
            with tx.begin_nested():
                profiles.set_moments(tx, known, wheels=wheels, now=now)
    except Exception as error:
        if must_repeat(error):
            raise
        _log.exception("moments_not_set", moment_ids=[at.moment.id for at in decided])
        if len(decided) > 1:
            for at in decided:
                _next_moments(tx, [at], now)


def _person(at: Scene) -> Person:
    customer, brand = at.known.customer, at.ground.brand
    return Person(
        customer_id=customer.id,
        brand_id=brand.id,
        mode=customer.mode,
        zones=(*at.known.zones, customer.time_zone, brand.time_zone),
        preferences=at.known.preferences,
        policy=brand.policy,
        occasions=customer.occasions,
    )
