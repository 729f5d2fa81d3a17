"""The dispatcher: from the outbox to the phone, each message accounted for and none posted twice.

claim → check the guards again → commit the intent → POST outside any transaction → record one outcome per device.
"""

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import structlog

from domain.clock import Clock
from domain.decisions import Cause, Reason
from domain.ids import new_id
from domain.messages import (
    POST_STARTS_WITHIN_S,
    DeliveryStatus,
    Envelope,
    Message,
    MessageState,
    Outcome,
)
from domain.people import Mode
from domain.policy import Brand
from domain.values import Value
from notifiers.base import Notifier
from storage import brands, messages
from storage.engine import Database, Transaction
from storage.messages import Intent, Queued

# Why each message must not be sent (any more), by message id; absent means that it may.
Check = Callable[[Transaction, Sequence[Queued], datetime], dict[str, Reason]]
# The way out for a brand's customers of one mode, with the project it sends through; None where none is set up.
Route = Callable[[Brand, Mode], tuple[str, Notifier] | None]

_URGENT = timedelta(
    minutes=30
)  # FCM: high priority is for what loses its worth within the half hour
_LONGEST_PAUSE_S = 3600.0
_PROMPT = (Cause.ENTER, Cause.DWELL, Cause.EVENT)
_log = structlog.get_logger()


class Post(Value):
    """One POST that may start until `start_by` of the monotonic clock."""

    envelope: Envelope
    mode: Mode
    brand: Brand
    start_by: float


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
    ) -> None:
        self.id = new_id()
        self._database = database
        self._clock = clock
        self._check = check
        self._route = route
        self._lease_s = lease_s
        self._monotonic = monotonic
        self._wake = wake
        self._concurrency = concurrency
        self._pool = ThreadPoolExecutor(concurrency, thread_name_prefix="post")
        self._lock = threading.Lock()
        self._in_flight = 0
        self._paused: dict[str, float] = {}  # brand → until, after its project asked us to wait

    def start(self, *, alone: bool) -> int:
        """Takes over what a dead sender left; `alone` says that there is no other sender, so leases do not matter."""
        return self._database.write(
            lambda tx: messages.take_over(tx, now=self._clock.now(), everything=alone)
        )

    def sweep(self) -> int:
        """Ends deliveries whose sender's lease ran out as `unknown`; returns how many."""
        return self.start(alone=False)

    def tick(self) -> int:
        """Commits the intents for as many messages as there are free places and starts their POSTs."""
        free = self._concurrency - self._in_flight
        if free <= 0:
            return 0
        start_by = self._monotonic() + POST_STARTS_WITHIN_S
        posts = self._database.write(lambda tx: self._commit_intents(tx, free, start_by))
        with self._lock:
            self._in_flight += len(posts)
        for post in posts:
            self._pool.submit(self._carry_out, post)
        return len(posts)

    def close(self, *, within_s: float = 20.0) -> bool:
        """Waits for the POSTs under way; says whether all have ended."""
        deadline = self._monotonic() + within_s
        while self._in_flight and self._monotonic() < deadline:
            threading.Event().wait(0.02)
        self._pool.shutdown(wait=self._in_flight == 0, cancel_futures=True)
        return self._in_flight == 0

    def _commit_intents(self, tx: Transaction, free: int, start_by: float) -> list[Post]:
        now = self._clock.now()
        queued = messages.claim(tx, now=now, limit=free, without_brands=self._resting())
        if not queued:
            return []
        refused = self._check(tx, queued, now)
        owners = {
            brand_id: brands.by_id(tx, brand_id)
            for brand_id in {q.message.brand_id for q in queued}
        }
        posts: list[Post] = []
        for each in queued:
            brand = owners[each.message.brand_id]
            if reason := refused.get(each.message.id):
                _close_unsent(tx, each.message, reason, now)
            else:
                posts += self._intend(tx, each, brand, start_by, now)
        return posts

    def _intend(
        self, tx: Transaction, each: Queued, brand: Brand, start_by: float, now: datetime
    ) -> list[Post]:
        message = each.message
        route = self._route(brand, message.mode)
        targets = messages.addressees(tx, message)
        if route is None or not targets:
            code = "no_project" if route is None else "no_device"
            _close_unsent(tx, message, Reason(code=code, text=""), now)
            return []
        intents = messages.intend(
            tx, message, targets, owner=self.id, now=now, lease_s=self._lease_s
        )
        return [
            Post(
                envelope=_envelope(each, intent, route[0], now),
                mode=message.mode,
                brand=brand,
                start_by=start_by,
            )
            for intent in intents
        ]

    def _carry_out(self, post: Post) -> None:
        """One POST and its record; runs on a thread of the pool."""
        try:
            if self._monotonic() > post.start_by:
                self._take_back(post)
            else:
                self._record(post, self._post(post))
        except Exception:  # noqa: BLE001 - one lost record must not end the thread; see the next line
            # The delivery stays `sending` and ends as unknown when its lease runs out: never posted again.
            _log.exception("delivery_not_recorded", delivery_id=post.envelope.delivery_id)
        finally:
            with self._lock:
                self._in_flight -= 1
            self._wake()

    def _post(self, post: Post) -> Outcome:
        route = self._route(post.brand, post.mode)
        if route is None:
            return Outcome(status=DeliveryStatus.UNAVAILABLE, error_code="no_project")
        return route[1].send(post.envelope)

    def _record(self, post: Post, outcome: Outcome) -> None:
        if outcome.retry_after_s:
            pause = min(outcome.retry_after_s, _LONGEST_PAUSE_S)
            self._paused[post.brand.id] = self._monotonic() + pause
        delivery_id = post.envelope.delivery_id
        kept = self._database.write(
            lambda tx: messages.record(
                tx, delivery_id, outcome, owner=self.id, now=self._clock.now()
            )
        )
        _log.info(
            "delivered" if kept else "answered_too_late",
            delivery_id=delivery_id,
            message_id=post.envelope.message_id,
            status=outcome.status.value,
            error_code=outcome.error_code,
        )

    def _take_back(self, post: Post) -> None:
        delivery_id = post.envelope.delivery_id
        now = self._clock.now()
        self._database.write(lambda tx: messages.lapse(tx, delivery_id, owner=self.id, now=now))

    def _resting(self) -> list[str]:
        now = self._monotonic()
        self._paused = {brand: until for brand, until in self._paused.items() if until > now}
        return list(self._paused)


def _close_unsent(tx: Transaction, message: Message, reason: Reason, now: datetime) -> None:
    state = MessageState.EXPIRED if reason.code == "expired" else MessageState.CANCELLED
    messages.close_unsent(tx, message, state=state, reason=reason.code, now=now)


def _envelope(each: Queued, intent: Intent, project: str, now: datetime) -> Envelope:
    message = each.message
    remaining = message.expires_at - now
    return Envelope(
        delivery_id=intent.delivery_id,
        message_id=message.id,
        project=project,
        platform=intent.addressee.platform,
        target=intent.addressee.target,
        push=message.push,
        ttl_s=max(0, int(remaining.total_seconds())),
        expires_at=message.expires_at,
        high_priority=each.cause in _PROMPT or remaining <= _URGENT,
    )
