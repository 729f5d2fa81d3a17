"""From claimed messages to committed intents: which POSTs may start, and for whom it is too late or not wanted any more."""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta

import structlog

from domain.clock import Clock
from domain.decisions import Cause, Reason
from domain.messages import Envelope, Message, MessageState
from domain.people import Mode
from domain.policy import Brand
from notifiers.base import Notifier
from scheduler.rerouting import Hook, Rerouted, Rerouting, reroute
from storage import brands, deliveries, messages
from storage.deliveries import Addressee, Intent, Unsent
from storage.engine import Transaction
from storage.messages import Queued
from storage.sql import must_repeat

# Why each message must not be sent (any more), by message id; absent means that it may.
Check = Callable[[Transaction, Sequence[Queued], datetime], dict[str, Reason]]
# The way out for a brand's customers of one mode, with the project it sends through; None where none is set up.
Route = Callable[[Brand, Mode], tuple[str, Notifier] | None]

_FAILED = Reason(code="failed", text="The message could not be prepared.")
_URGENT = timedelta(
    minutes=30
)  # FCM: high priority is for what loses its worth within the half hour
_LOOK_AGAIN = timedelta(seconds=5)  # whether who rests may be asked again
_PROMPT = (Cause.ENTER, Cause.DWELL, Cause.EVENT)
_log = structlog.get_logger()


Ready = tuple[Envelope, Notifier]
"""What may be posted once the transaction has committed, and by which way out."""


class Intents:
    """Commits intents for one sender, within the transaction that claims their messages."""

    def __init__(
        self,
        *,
        owner: str,
        clock: Clock,
        check: Check,
        route: Route,
        lease_s: float,
        hook: Hook | None = None,
    ) -> None:
        self._owner = owner
        self._clock = clock
        self._check = check
        self._route = route
        self._lease_s = lease_s
        self._hook = hook
        self._projects: dict[str, str] = {}  # brand → project, as last seen

    def commit(
        self, tx: Transaction, most: int, *, resting: Collection[str]
    ) -> tuple[int, list[Ready]]:
        """Claims up to `most` messages: how many they are, and what is ready of them, nothing for resting projects.

        All in a few statements, or, where that fails, one by one: what cannot be prepared ends with a reason.
        """
        now = self._clock.now()
        brands_at_rest = [brand for brand, project in self._projects.items() if project in resting]
        queued = messages.claim(tx, now=now, limit=most, without_brands=brands_at_rest)
        return len(queued), self._apart(tx, queued, now, resting) if queued else []

    def _apart(
        self,
        tx: Transaction,
        queued: Sequence[Queued],
        now: datetime,
        resting: Collection[str],
    ) -> list[Ready]:
        try:
            with tx.begin_nested():
                return self._together(tx, queued, now, resting)
        except Exception as error:
            if must_repeat(error):
                raise
            _log.exception("messages_not_prepared", message_ids=[q.message.id for q in queued])
        if len(queued) > 1:
            return [post for one in queued for post in self._apart(tx, [one], now, resting)]
        deliveries.close_unsent(tx, [_unsent(queued[0].message, _FAILED)], now=now)
        return []

    def _together(
        self,
        tx: Transaction,
        queued: Sequence[Queued],
        now: datetime,
        resting: Collection[str],
    ) -> list[Ready]:
        refused = self._check(tx, queued, now)
        ways = self._ways(tx, queued)
        targets = deliveries.addressees(tx, [q.message for q in queued])
        hooked = self._hooked(tx, queued, targets)
        unsent: list[Unsent] = []
        waiting: list[str] = []
        going: list[tuple[Queued, list[Addressee]]] = []
        for each in queued:
            message, way = each.message, ways[each.message.brand_id, each.message.mode]
            to = targets.get(message.id)
            if rerouted := hooked.messages.get(message.id):
                way, to = rerouted.way, [rerouted.addressee]
            if way and way[0] in resting:
                waiting += [message.id] * (message.brand_id in hooked.brands)  # it stays queued
            elif reason := refused.get(message.id) or _without_way(way, to):
                unsent.append(_unsent(message, reason))
            else:
                going.append((each, to or []))
        messages.postpone(tx, waiting, until=now + _LOOK_AGAIN)
        deliveries.close_unsent(tx, unsent, now=now)
        intents = deliveries.intend(
            tx,
            [(each.message, to) for each, to in going],
            owner=self._owner,
            now=now,
            lease_s=self._lease_s,
        )
        by_id = {each.message.id: each for each, _ in going}
        return [
            _ready(
                by_id[intent.message_id], intent, ways, hooked.messages.get(intent.message_id), now
            )
            for intent in intents
        ]

    def _hooked(
        self,
        tx: Transaction,
        queued: Sequence[Queued],
        targets: Mapping[str, Sequence[Addressee]],
    ) -> Rerouting:
        """What goes to webhooks. Brands that have any are claimed whether their project rests or not."""
        if self._hook is None:
            return Rerouting({}, frozenset())
        found = reroute(tx, queued, targets, self._hook)
        for brand in found.brands:
            self._projects.pop(brand, None)
        return found

    def _ways(self, tx: Transaction, queued: Sequence[Queued]) -> "_Ways":
        """The project and the way out for each brand and mode, each asked for once."""
        owners = {one: brands.by_id(tx, one) for one in {q.message.brand_id for q in queued}}
        wanted = {(q.message.brand_id, q.message.mode) for q in queued}
        ways = {(brand, mode): self._route(owners[brand], mode) for brand, mode in wanted}
        for (brand_id, mode), way in ways.items():
            if way and mode is Mode.LIVE:
                self._projects[brand_id] = way[0]
        return ways


_Ways = Mapping[tuple[str, Mode], tuple[str, Notifier] | None]


def _without_way(
    way: tuple[str, Notifier] | None, targets: Sequence[Addressee] | None
) -> Reason | None:
    if way is None:
        return Reason(code="no_project", text="")
    return None if targets else Reason(code="no_device", text="")


def _unsent(message: Message, reason: Reason) -> Unsent:
    state = MessageState.EXPIRED if reason.code == "expired" else MessageState.CANCELLED
    return Unsent(message=message, state=state, reason=reason.code)


def _ready(
    each: Queued, intent: Intent, ways: _Ways, rerouted: Rerouted | None, now: datetime
) -> Ready:
    way = rerouted.way if rerouted else ways[each.message.brand_id, each.message.mode]
    assert way is not None, "only messages with a way out have intents"
    envelope = _envelope(each, intent, way[0], now, rerouted.customer if rerouted else None)
    return envelope, way[1]


def _envelope(
    each: Queued, intent: Intent, project: str, now: datetime, customer: str | None
) -> Envelope:
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
        customer=customer,
    )
