"""From claimed messages to committed intents: which POSTs may start, and for whom it is too late or not wanted any more."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from functools import reduce
from random import Random
from typing import NamedTuple

import structlog

from domain.clock import Clock
from domain.decisions import Cause, Reason
from domain.messages import Envelope, Message, MessageState
from domain.people import Mode
from domain.policy import Brand
from notifiers.base import Notifier, Validating
from scheduler.addressing import addressed
from scheduler.labels import labelled
from scheduler.manners import Placed, Turn
from scheduler.pacing import PROMPT
from scheduler.proving import ASKED_S, Proving, Stand
from scheduler.rerouting import Hook, Rerouted, Rerouting, reroute
from storage import addressees, brands, deliveries, messages
from storage.addressees import Addressee
from storage.deliveries import Intent, Unsent
from storage.engine import Transaction
from storage.messages import Lane, Queued
from storage.offer_checks import Question
from storage.sql import must_repeat

# Why each message must not be sent (any more), by message id; absent means that it may.
Check = Callable[[Transaction, Sequence[Queued], datetime], dict[str, Reason]]
# The way out for a brand's customers of one mode, with the project it sends through; None where none is set up.
Route = Callable[[Brand, Mode], tuple[str, Notifier] | None]

_FAILED = Reason(code="failed", text="The message could not be prepared.")
_URGENT = timedelta(
    minutes=30
)  # FCM: high priority is for what loses its worth within the half hour
_HIGH = (Cause.ENTER, Cause.DWELL, Cause.EVENT)
_NO_ROOM = timedelta(seconds=0.2)  # until a webhook may be given more
_MOST_ENDED = 500  # in one transaction
_PLATFORM_RESTS = "platform_rests"
_OFFER_REFUSED = Reason(code="offer_refused", text="The push service refuses the offer's messages.")
_log = structlog.get_logger()


Ready = tuple[Envelope, Notifier]
"""What may be posted once the transaction has committed, and by which way out."""


class Round(NamedTuple):
    """How many messages were claimed, how many of them are left for want of room, and what may be posted.

    A delivery that `asks` is posted only once the push service was asked whether it takes it.
    """

    claimed: int
    left: int
    ready: list[Ready]
    asks: dict[str, Question]  # by delivery id

    def __add__(self, other: "Round") -> "Round":  # type: ignore[override]  # a sum, not the longer tuple
        return Round(
            self.claimed + other.claimed,
            self.left + other.left,
            self.ready + other.ready,
            self.asks | other.asks,
        )


_NOTHING = Round(0, 0, [], {})


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
        random: Random,
        proving: Proving,
        hook: Hook | None = None,
    ) -> None:
        self._owner = owner
        self._clock = clock
        self._check = check
        self._route = route
        self._lease_s = lease_s
        self._random = random
        self._proving = proving
        self._hook = hook
        self._with_hooks: set[str] = set()  # brands that have webhooks, as last seen

    def commit(self, tx: Transaction, most: int, turn: Turn) -> Round:
        """Claims up to `most` messages for which there is room in this turn, prompt ones first, and places them.

        All in a few statements, or, where that fails, one by one: what cannot be prepared ends with a reason.
        """
        now = self._clock.now()
        lanes = messages.waiting(tx, now=now)
        if not lanes:
            return _NOTHING
        ways = self._ways(tx, lanes)
        queued = self._claim(tx, most, turn, lanes, ways, now)
        return self._apart(tx, queued, turn, ways, now) if queued else _NOTHING

    def end_refused(self, question: Question, tx: Transaction) -> int:
        """Ends some of the queued messages of a refused offer; how many. 0 is the end."""
        queued = messages.claim_of_offer(
            tx, question.offer_id, question.revision, limit=_MOST_ENDED
        )
        unsent = [_unsent(each.message, _OFFER_REFUSED) for each in queued]
        deliveries.close_unsent(tx, unsent, now=self._clock.now())
        return len(queued)

    def _claim(
        self,
        tx: Transaction,
        most: int,
        turn: Turn,
        lanes: Sequence[Lane],
        ways: "_Ways",
        now: datetime,
    ) -> list[Queued]:
        queued: list[Queued] = []
        used, used_by_bulk = Counter[str](), Counter[str]()
        # In any order but for what is prompt, so that no brand is always the last.
        for lane in sorted(lanes, key=lambda each: (each.bulk, self._random.random())):
            way = ways[lane.brand_id, lane.mode]
            wanted = most - len(queued)
            if way and lane.mode is Mode.LIVE:
                room = turn.room(way[0]) - used[way[0]]
                if lane.bulk:
                    room = min(room, turn.room_for_bulk(way[0], now=now) - used_by_bulk[way[0]])
                # What goes to webhooks is told from what goes to a project that rests when it is claimed.
                wanted = wanted if lane.brand_id in self._with_hooks else min(wanted, room)
            if wanted > 0:
                claimed = messages.claim(tx, lane, now=now, limit=wanted)
                queued += claimed
                used[way[0] if way else ""] += len(claimed)
                used_by_bulk[way[0] if way else ""] += len(claimed) * lane.bulk
        return queued

    def _apart(
        self, tx: Transaction, queued: Sequence[Queued], turn: Turn, ways: "_Ways", now: datetime
    ) -> Round:
        before = turn.again()
        try:
            with tx.begin_nested():
                return self._together(tx, queued, turn, ways, now)
        except Exception as error:
            if must_repeat(error):
                raise
            _log.exception("messages_not_prepared", message_ids=[q.message.id for q in queued])
        turn.become(before)
        if len(queued) > 1:
            apart = (self._apart(tx, [one], turn, ways, now) for one in queued)
            return reduce(Round.__add__, apart, _NOTHING)
        deliveries.close_unsent(tx, [_unsent(queued[0].message, _FAILED)], now=now)
        return Round(1, 0, [], {})

    def _together(
        self, tx: Transaction, queued: Sequence[Queued], turn: Turn, ways: "_Ways", now: datetime
    ) -> Round:
        found = self._sorted(tx, queued, turn, ways, now)
        for until, ids in found.waiting.items():
            messages.postpone(tx, ids, until=until)
        deliveries.close_unsent(tx, found.unsent, now=now)
        deliveries.pass_over(tx, found.passed_over, reason=_PLATFORM_RESTS, now=now)
        intents = deliveries.intend(
            tx,
            [(each.message, to) for each, to in found.going],
            owner=self._owner,
            now=now,
            lease_s=self._lease_s,
        )
        by_id = {each.message.id: each for each, _ in found.going}
        ready = [
            _ready(by_id[intent.message_id], intent, ways, found.hooked.get(intent.message_id), now)
            for intent in intents
        ]
        asks = {
            intent.delivery_id: question
            for intent in intents
            for question in found.asks.get(intent.message_id, ())
            if question.platform == intent.addressee.platform
        }
        return Round(len(queued), found.left, labelled(tx, ready, now=now), asks)

    def _sorted(
        self, tx: Transaction, queued: Sequence[Queued], turn: Turn, ways: "_Ways", now: datetime
    ) -> "_Sorted":
        """What is to become of each claimed message. Prompt ones come first, and take their places first."""
        refused = self._check(tx, queued, now)
        targets = _targets(tx, queued, now)
        hooked = self._hooked(tx, queued, targets)
        found = _Sorted(hooked.messages)
        questions = _questions(queued, targets, ways)
        self._proving.read(tx, {one for each in questions.values() for one in each})
        for each in queued:
            message, way = each.message, ways[each.message.brand_id, each.message.mode]
            to: Sequence[Addressee] = targets.get(message.id, ())
            if rerouted := hooked.messages.get(message.id):
                way, to = rerouted.way, [rerouted.addressee]
            if reason := refused.get(message.id) or _without_way(way, to):
                found.unsent.append(_unsent(message, reason))
            elif way:
                stand = self._stand(() if rerouted else questions[message.id], found)
                if stand.refusal:
                    found.unsent.append(_unsent(message, _OFFER_REFUSED))
                elif stand.wait_s:
                    until = min(now + timedelta(seconds=stand.wait_s), message.expires_at)
                    found.put(each, Placed(wait_until=until))
                else:
                    found.put(each, _placed(turn, way[0], each, to, rerouted, now), stand.ask)
        return found

    def _stand(self, questions: Sequence[Question], found: "_Sorted") -> Stand:
        """What the push service says, or is to be asked, of a message's offer. One message of a batch asks for all."""
        if found.asked.intersection(questions):
            return Stand(wait_s=ASKED_S)
        return self._proving.stand(questions)

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
        self._with_hooks -= {each.message.brand_id for each in queued}
        self._with_hooks |= found.brands
        return found

    def _ways(self, tx: Transaction, lanes: Sequence[Lane]) -> "_Ways":
        """The project and the way out for each brand and mode, each asked for once."""
        owners = brands.of_many(tx, {lane.brand_id for lane in lanes})
        wanted = {(lane.brand_id, lane.mode) for lane in lanes}
        return {(brand, mode): self._route(owners[brand], mode) for brand, mode in wanted}


_Ways = Mapping[tuple[str, Mode], tuple[str, Notifier] | None]


class _Sorted:
    """Claimed messages by what is to become of them; `left` counts those for which there was no room."""

    def __init__(self, hooked: Mapping[str, Rerouted]) -> None:
        self.hooked = hooked
        self.unsent: list[Unsent] = []
        self.waiting: defaultdict[datetime, list[str]] = defaultdict(list)
        self.passed_over: list[tuple[Message, Addressee]] = []
        self.going: list[tuple[Queued, Sequence[Addressee]]] = []
        self.asked: set[Question] = set()  # of the push service, each by one message
        self.asks: dict[str, Sequence[Question]] = {}  # by message
        self.left = 0

    def put(self, each: Queued, placed: Placed, ask: Sequence[Question] = ()) -> None:
        if placed.to:
            self.asked.update(ask)
            self.asks[each.message.id] = ask
            self.going.append((each, placed.to))
            self.passed_over += [(each.message, device) for device in placed.passed_over]
        elif placed.wait_until:
            self.waiting[placed.wait_until].append(each.message.id)
        else:
            self.left += 1


def _targets(
    tx: Transaction, queued: Sequence[Queued], now: datetime
) -> Mapping[str, Sequence[Addressee]]:
    """By message id, the devices that it is to go to."""
    found = addressees.of_messages(tx, [q.message for q in queued], now=now)
    owners = brands.of_many(tx, {q.message.brand_id for q in queued})
    policies = {q.message.id: owners[q.message.brand_id].policy.devices for q in queued}
    return addressed(tx, found, policies)


def _questions(
    queued: Sequence[Queued], targets: Mapping[str, Sequence[Addressee]], ways: _Ways
) -> dict[str, tuple[Question, ...]]:
    """By message, what is to be known of its offer before it goes to phones: nothing where the way out cannot tell."""
    telling = {
        key: way[0]
        for key, way in ways.items()
        if way and isinstance(way[1], Validating) and way[1].validates
    }
    return {
        each.message.id: tuple(
            _asked_of(
                each,
                telling.get((each.message.brand_id, each.message.mode)),
                targets.get(each.message.id, ()),
            )
        )
        for each in queued
    }


def _asked_of(each: Queued, project: str | None, to: Sequence[Addressee]) -> Iterator[Question]:
    """One for each platform that it goes to."""
    if project is None or each.offer_revision is None:
        return
    for platform in sorted({one.platform.value for one in to}):
        yield Question(
            offer_id=each.message.offer_id,
            revision=each.offer_revision,
            project=project,
            platform=platform,
        )


def _placed(
    turn: Turn,
    project: str,
    each: Queued,
    to: Sequence[Addressee],
    rerouted: Rerouted | None,
    now: datetime,
) -> Placed:
    """Where a message may go in this turn. Pushes of test customers leave for nowhere, so that nothing keeps them."""
    if rerouted and not rerouted.has_room:
        return Placed(wait_until=now + _NO_ROOM)
    if rerouted:
        return turn.place_hooked(project, to, now=now)
    if each.message.mode is Mode.TEST:
        return Placed(to=to)
    bulk = each.cause not in PROMPT
    expires_at = each.message.expires_at
    return turn.place(project, to, bulk=bulk, expires_at=expires_at, now=now)


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
        high_priority=each.cause in _HIGH or remaining <= _URGENT,
        customer=customer,
    )
