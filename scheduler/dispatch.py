"""The dispatcher: from the outbox to the phone, each message accounted for and none posted twice.

claim → check the guards again → commit the intent → POST outside any transaction → record one outcome per device.
"""

import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from queue import Empty, SimpleQueue
from random import Random
from typing import NamedTuple

import msgspec
import structlog

from domain.clock import Clock
from domain.ids import new_id
from domain.messages import POST_STARTS_WITHIN_S, DeliveryStatus, Envelope, Outcome
from notifiers.base import Multiplexed, Notifier, Start
from scheduler.brake import Brake
from scheduler.intents import Check, Intents, Round, Route
from scheduler.manners import Manners, Pace, Turn
from scheduler.proving import Proof, Proving
from scheduler.rerouting import Hook
from storage import deliveries, offer_checks, resends
from storage.engine import Database, Transaction
from storage.offer_checks import Question

__all__ = ["Check", "Dispatcher", "Route"]

_MOST_INTENDED = 500  # messages in one transaction: their POSTs are to start within a second of it
_MOST_RECORDED = 1000  # outcomes in one transaction
_MOST_THREADS = 100  # for ways out that hold one for each POST
_log = structlog.get_logger()


class Post(NamedTuple):
    """One POST that may start until `start_by` of the monotonic clock."""

    envelope: Envelope
    notifier: Notifier
    start_by: float
    asks: Question | None = None  # of the push service, before it may start


class _Ended(NamedTuple):
    """A POST and what it came to; None where it did not start in time, so that nothing was sent."""

    post: Post
    outcome: Outcome | None


class Dispatcher:
    """Sends what the outbox holds. `tick` never waits for the network; outcomes are recorded as they come."""

    def __init__(
        self,
        *,
        database: Database,
        clock: Clock,
        check: Check,
        route: Route,
        concurrency: int = 32,
        lease_s: float = 60.0,
        monotonic: Callable[[], float] = time.monotonic,
        wake: Callable[[], None] = lambda: None,
        hook: Hook | None = None,
        pace: Pace | None = None,
    ) -> None:
        self.id = new_id()
        self._database = database
        self._clock = clock
        random = Random()
        pace = pace or Pace()
        self._proving = Proving(monotonic=monotonic, random=random, validates=pace.validates)
        self._intents = Intents(
            owner=self.id,
            clock=clock,
            check=check,
            route=route,
            lease_s=lease_s,
            random=random,
            proving=self._proving,
            hook=hook,
        )
        self._monotonic = monotonic
        self._wake = wake
        self._concurrency = concurrency
        self._pool = ThreadPoolExecutor(min(concurrency, _MOST_THREADS), thread_name_prefix="post")
        self._lock = threading.Lock()
        self._in_flight = 0
        self.manners = Manners(monotonic=monotonic, random=random, pace=pace)
        self._brake = Brake(monotonic=monotonic)
        self._ended: SimpleQueue[_Ended | None] = SimpleQueue()
        self._recorder: threading.Thread | None = None

    def start(self, *, alone: bool) -> int:
        """Takes over what a dead sender left; `alone` says that there is no other sender, so leases do not matter."""
        return self._database.write(
            lambda tx: deliveries.take_over(tx, now=self._clock.now(), everything=alone)
        )

    def sweep(self) -> int:
        """Ends deliveries whose sender's lease ran out as `unknown`; returns how many.

        Where a brand chose at-least-once, messages whose answer was lost are queued again.
        """
        lost = self.start(alone=False)
        if again := self._database.write(lambda tx: resends.queue(tx, now=self._clock.now())):
            _log.warning("messages_sent_again", count=again, why="their answers were lost")
            self._wake()
        return lost

    def tick(self) -> int:
        """Commits the intents for as many messages as there are free places and starts their POSTs."""
        begun = 0
        while free := max(0, self._concurrency - self._in_flight):
            most = min(free, _MOST_INTENDED)
            turn, found, posts = self._database.write(partial(self._intend, most))
            self.manners.took(turn)
            if posts:
                self._begin(posts)
            begun += len(posts)
            if found.claimed < most or found.left:
                break
        return begun

    def close(self, *, within_s: float = 20.0) -> bool:
        """Waits for the POSTs under way; says whether all have ended."""
        deadline = self._monotonic() + within_s
        while self._in_flight and self._monotonic() < deadline:
            threading.Event().wait(0.02)
        self._pool.shutdown(wait=self._in_flight == 0, cancel_futures=True)
        self._ended.put(None)
        if self._recorder and self._in_flight == 0:
            self._recorder.join()
        return self._in_flight == 0

    def _intend(self, most: int, tx: Transaction) -> tuple[Turn, Round, list[Post]]:
        """What was claimed, and the POSTs that may start: by a time that counts from before the commit."""
        turn = self.manners.turn()
        found = self._intents.commit(tx, most, turn)
        start_by = self._monotonic() + POST_STARTS_WITHIN_S
        posts = [
            Post(envelope, notifier, start_by, found.asks.get(envelope.delivery_id))
            for envelope, notifier in found.ready
        ]
        return turn, found, posts

    def _begin(self, posts: Sequence[Post]) -> None:
        with self._lock:
            self._in_flight += len(posts)
            if self._recorder is None:
                self._recorder = threading.Thread(target=self._record, name="record", daemon=True)
                self._recorder.start()
        together: defaultdict[Notifier, list[Post]] = defaultdict(list)
        for post in posts:
            if post.asks:
                self._proving.ask(post.asks)
                self._pool.submit(self._ask, post, post.asks)
            else:
                together[post.notifier].append(post)
        for notifier, its in together.items():
            if isinstance(notifier, Multiplexed):
                self._hand_over(notifier, its)
                continue
            for post in its:
                self._pool.submit(self._carry_out, post)

    def _hand_over(self, notifier: Multiplexed, posts: Sequence[Post]) -> None:
        begun = self._monotonic()
        notifier.start(
            [Start(post.envelope, partial(self._end, post, begun), post.start_by) for post in posts]
        )

    def _ask(self, post: Post, question: Question) -> None:
        """Asks whether the message would be taken, and starts its POST if so; on a thread of the pool."""
        begun = self._monotonic()
        envelope = msgspec.structs.replace(post.envelope, validate_only=True)
        outcome: Outcome | None = None
        try:
            if begun <= post.start_by:
                self.manners.took_one(envelope.project)
                outcome = _asked(post, envelope)
            if outcome:
                self.manners.note(envelope, outcome, begun=begun)
        except Exception:  # noqa: BLE001 - one failed question must not end the thread
            _log.exception("question_failed", delivery_id=envelope.delivery_id)
        match self._proving.answered(question, outcome):
            case Proof.PASSED if isinstance(post.notifier, Multiplexed):
                self._hand_over(post.notifier, [post])
            case Proof.PASSED:
                self._carry_out(post)
            case Proof.OF_THE_TARGET:
                self._ended.put(_Ended(post, outcome))
            case Proof.REFUSED | Proof.NONE:
                self._ended.put(_Ended(post, None))

    def _carry_out(self, post: Post) -> None:
        """One POST on a thread of the pool."""
        begun = self._monotonic()
        try:
            late = begun > post.start_by
            self._end(post, begun, None if late else post.notifier.send(post.envelope))
        except Exception as error:  # noqa: BLE001 - one failed send must not end the thread
            _log.exception("delivery_failed", delivery_id=post.envelope.delivery_id)
            lost = Outcome(status=DeliveryStatus.UNKNOWN, error_code=type(error).__name__[:64])
            self._end(post, begun, lost)

    def _end(self, post: Post, begun: float, outcome: Outcome | None) -> None:
        """Takes note of what a POST came to; from any thread, at once."""
        if outcome:
            self.manners.note(post.envelope, outcome, begun=begun)
        self._ended.put(_Ended(post, outcome))

    def _record(self) -> None:
        """Stores outcomes as they come, all that wait in one transaction; the recorder's thread."""
        while batch := _spared(self._gather(), self._brake):
            try:
                self._store(batch)
            except Exception:  # noqa: BLE001 - one failed record must not end the thread; see _store_apart
                _log.exception("deliveries_not_recorded", count=len(batch))
                self._store_apart(batch)
            with self._lock:
                self._in_flight -= len(batch)
            self._wake()

    def _gather(self) -> list[_Ended]:
        """All that have ended, once there are any; none at the end."""
        first = self._ended.get()
        batch = [first] if first else []
        while first and len(batch) < _MOST_RECORDED:
            try:
                one = self._ended.get_nowait()
            except Empty:
                break
            if one is None:
                self._ended.put(None)
                break
            batch.append(one)
        return batch

    def _store(self, batch: Sequence[_Ended]) -> None:
        now = self._clock.now()
        outcomes = {e.post.envelope.delivery_id: e.outcome for e in batch if e.outcome}
        late = [e.post.envelope.delivery_id for e in batch if e.outcome is None]
        kept: set[str] = set()
        if outcomes:
            kept = self._database.write(
                lambda tx: deliveries.record(tx, outcomes, owner=self.id, now=now)
            )
        if late:
            self._database.write(lambda tx: deliveries.lapse(tx, late, owner=self.id, now=now))
        _tell(batch, kept)
        self._keep_answers()

    def _keep_answers(self) -> None:
        """Stores what the push service said of offers, and ends the messages of those that it refused."""
        if not (answers := self._proving.unsaved()):
            return
        now = self._clock.now()
        try:
            self._database.write(lambda tx: offer_checks.save(tx, answers, now=now))
        except Exception:  # noqa: BLE001 - the outcomes beside it are recorded; the next one brings it again
            _log.exception("offer_checks_not_stored", count=len(answers))
            self._proving.save_later(answers)
            return
        for question in (each for each, refusal in answers.items() if refusal):
            _log.warning("offer_suspended", offer_id=question.offer_id, revision=question.revision)
            while self._database.write(partial(self._intents.end_refused, question)):
                pass

    def _store_apart(self, batch: Sequence[_Ended]) -> None:
        """One by one. What cannot be stored stays `sending` and ends as unknown with its lease: never posted again."""
        for one in batch:
            try:
                self._store([one])
            except Exception:  # noqa: BLE001 - the others are still to be recorded
                delivery_id = one.post.envelope.delivery_id
                _log.exception("delivery_not_recorded", delivery_id=delivery_id)


def _asked(post: Post, envelope: Envelope) -> Outcome | None:
    """What the push service says of the message; None where it could not be asked while its POST might start."""
    if not isinstance(post.notifier, Multiplexed):
        return post.notifier.send(envelope)
    ended: Future[Outcome | None] = Future()
    post.notifier.start([Start(envelope, ended.set_result, post.start_by)])
    return ended.result()


def _spared(batch: Sequence[_Ended], brake: Brake) -> list[_Ended]:
    """The batch, in which no outcome retires a target where too many would."""
    # A webhook's 410 ends that webhook alone, however many messages were on their way to it.
    phones = [e for e in batch if not e.post.envelope.customer]
    pulled = brake.judge((e.post.envelope.project, e.outcome) for e in phones if e.outcome)
    if not pulled:
        return list(batch)
    judged = [
        each._replace(outcome=msgspec.structs.replace(each.outcome, retire=False, spared=True))
        if each.outcome and each.outcome.retire and each.post.envelope.project in pulled
        else each
        for each in batch
    ]
    count = sum(1 for each in judged if each.outcome and each.outcome.spared)
    _log.warning("targets_spared", count=count, hint="see `whenabouts devices`")
    return judged


def _tell(batch: Sequence[_Ended], kept: set[str]) -> None:
    """One line for what went well, and one for each that did not."""
    counts = Counter(each.outcome.status.value if each.outcome else "too_late" for each in batch)
    _log.info("delivered", count=len(kept), outcomes=dict(counts))
    for post, outcome in batch:
        recorded = post.envelope.delivery_id in kept
        if outcome and not (recorded and outcome.status is DeliveryStatus.ACCEPTED):
            _log.info(
                "not_accepted" if recorded else "answered_too_late",
                delivery_id=post.envelope.delivery_id,
                message_id=post.envelope.message_id,
                status=outcome.status.value,
                error_code=outcome.error_code,
            )
