"""How fast a Firebase project may be sent to. Pure but for its memory; takes any monotonic clock, and never waits itself.

The rules follow Firebase's page on sending at scale: a token bucket at 80 % of the quota; what nobody is waiting for (bulk) starts
slowly, since Firebase wants a minute at least from nothing to the full rate; both are halved when FCM says or shows that it is too
much, and come back in small steps.
"""

import threading
from collections import deque
from collections.abc import Callable
from datetime import datetime
from math import inf

from domain.decisions import Cause
from domain.messages import DeliveryStatus, Outcome
from domain.values import Value

PROMPT = frozenset([Cause.ENTER, Cause.DWELL, Cause.EVENT, Cause.MANUAL])
"""The causes whose person is waiting, so to speak. Messages of all others are bulk."""

QUOTA_PER_MINUTE = 600_000
SHARE = 0.8  # of the quota, of which the rest is for bursts and for what else the project sends
_RAMP_S, _LONG_RAMP_S, _FAST = (
    60.0,
    300.0,
    5_000.0,
)  # from nothing to a rate; the long one is for rates above the last
_FIRST = 0.01  # of the rate: where a ramp begins
_BURST_S = 1.0  # the bucket holds what comes in within so long
_BULK_BURST_S = 0.25
_FOR_PROMPT = 0.2  # of the bucket, which bulk leaves alone
_SLOW_S = 0.5
_TOO_SLOW, _TOO_BAD = 0.05, 0.01  # shares of answers: a p95 above _SLOW_S, and errors
_WINDOW_S, _ENOUGH = 10, 100
_LEAST = 1 / 64  # of the rate: what halvings leave of it
_STEP, _STEP_S = 0.05, 10.0
_QUARTER_S = 900
SPREAD_S = 60.0  # after a quarter hour, over which messages come back
_RESERVE_S = 120.0  # life that must be left after a wait, for all that waited to go


def is_near_quarter(now: datetime, *, distance_s: float) -> bool:
    """Whether :00, :15, :30 or :45 is less than so far, on either side."""
    past = _past_quarter(now)
    return past < distance_s or past >= _QUARTER_S - distance_s


def until_after_quarter(now: datetime, expires_at: datetime, *, distance_s: float) -> float | None:
    """For how many seconds a bulk message waits out the quarter hour that is near; None where it may go.

    One whose life would be too short after the wait goes, so that none expires for it.
    """
    if not is_near_quarter(now, distance_s=distance_s):
        return None
    past = _past_quarter(now)
    wait_s = distance_s - past if past < distance_s else _QUARTER_S - past + distance_s
    left_s = (expires_at - now).total_seconds()
    return wait_s if left_s > wait_s + SPREAD_S + _RESERVE_S else None


def _past_quarter(now: datetime) -> float:
    return (now.minute * 60 + now.second + now.microsecond / 1e6) % _QUARTER_S


class Allowance(Value):
    """How many POSTs may start now, and how many of them may be bulk."""

    posts: int
    bulk: int


class Figures(Value):
    """A project's pace as operators see it: POSTs a second, and how often it was halved."""

    rate: float
    halvings: int


class Governor:
    """Keeps the pace of each project. Safe for many threads; allowances are taken by one."""

    def __init__(
        self, *, monotonic: Callable[[], float], per_minute: int = QUOTA_PER_MINUTE
    ) -> None:
        self._monotonic = monotonic
        self._full = SHARE * per_minute / 60
        self._senders = 1
        self._projects: dict[str, _Project] = {}
        self._lock = threading.Lock()

    def share_among(self, senders: int) -> None:
        """Divides the rate by the number of senders that are alive."""
        self._senders = max(1, senders)

    def allowance(self, project: str) -> Allowance:
        """What may start now; `took` says what did."""
        with self._lock:
            return self._of(project).allowance(self._monotonic(), self._full / self._senders)

    def took(self, project: str, *, posts: int, bulk: int) -> None:
        """`posts` were started, `bulk` of them bulk."""
        with self._lock:
            self._of(project).took(posts, bulk)

    def note(self, project: str, outcome: Outcome, *, begun: float) -> None:
        """Takes an answer into account; `begun` is when its POST started."""
        with self._lock:
            if known := self._projects.get(project):  # what was never asked for has no pace
                known.note(outcome, begun, self._monotonic())

    def figures(self) -> dict[str, Figures]:
        with self._lock:
            share = self._full / self._senders
            return {
                name: Figures(rate=share * one.factor, halvings=one.halvings)
                for name, one in self._projects.items()
            }

    def _of(self, project: str) -> "_Project":
        found = self._projects.get(project)
        if found is None:
            long = self._full > _FAST
            found = _Project(self._monotonic(), _LONG_RAMP_S if long else _RAMP_S)
            self._projects[project] = found
        return found


class _Project:
    """The bucket, the ramp and the answers of one project."""

    def __init__(self, now: float, ramp_s: float) -> None:
        self.factor = 1.0
        self.halvings = 0
        self._changed = now
        self._at = now
        self._tokens = inf  # as many as it holds
        self._ramp = _Ramp(now, ramp_s)
        self._answers = _Answers()

    def allowance(self, now: float, share: float) -> Allowance:
        rate = share * self.factor
        holds = max(1.0, rate * _BURST_S)
        self._tokens = tokens = min(holds, self._tokens + rate * (now - self._at))
        self._at = now
        bulk = min(tokens - int(holds * _FOR_PROMPT), self._ramp.allowance(now, rate))
        return Allowance(posts=max(0, int(tokens)), bulk=max(0, int(bulk)))

    def took(self, posts: int, bulk: int) -> None:
        self._tokens -= posts
        self._ramp.took(bulk)

    def note(self, outcome: Outcome, begun: float, now: float) -> None:
        if begun < self._changed and self.halvings:
            return  # it was under way before the last change, which its answer has led to
        self._answers.add(outcome, slow=now - begun > _SLOW_S, now=now)
        if outcome.error_code == "QUOTA_EXCEEDED" or self._answers.are_bad(now):
            self._change(max(_LEAST, self.factor / 2), now)
            self.halvings += 1
        elif self.factor < 1 and now - self._changed >= _STEP_S:
            self._change(min(1.0, self.factor + _STEP), now)

    def _change(self, factor: float, now: float) -> None:
        self.factor = factor
        self._changed = now
        self._answers = _Answers()


class _Ramp:
    """A rate that grows in a straight line while it is used to the full, and falls as fast while it is not."""

    def __init__(self, now: float, ramp_s: float) -> None:
        self._ramp_s = ramp_s
        self._at = now
        self._level = 0.0
        self._tokens = inf  # as many as it holds

    def allowance(self, now: float, rate: float) -> float:
        passed, self._at = now - self._at, now
        before = self._ceiling(rate)
        tokens = min(self._tokens, _held(before))
        used_s = min(passed, (_held(before) - tokens) / before)  # until it was full again
        grown = self._level + (used_s - (passed - used_s)) / self._ramp_s
        self._level = min(1.0, max(0.0, grown))
        self._tokens = min(_held(self._ceiling(rate)), tokens + before * passed)
        return self._tokens

    def took(self, bulk: int) -> None:
        self._tokens -= bulk

    def _ceiling(self, rate: float) -> float:
        return max(1.0, rate * max(_FIRST, self._level))


def _held(ceiling: float) -> float:
    return max(1.0, ceiling * _BULK_BURST_S)


class _Answers:
    """Counts of the last seconds' answers. That the p95 is above half a second means that over 5 % took longer."""

    def __init__(self) -> None:
        self._seconds: deque[tuple[int, list[int]]] = deque()
        self._all = [0, 0, 0]  # answers, errors, slow ones

    def add(self, outcome: Outcome, *, slow: bool, now: float) -> None:
        second = int(now)
        if not self._seconds or self._seconds[-1][0] != second:
            self._seconds.append((second, [0, 0, 0]))
        failed = outcome.status in (DeliveryStatus.UNAVAILABLE, DeliveryStatus.UNKNOWN)
        for counts in (self._all, self._seconds[-1][1]):
            counts[0] += 1
            counts[1] += failed
            counts[2] += slow

    def are_bad(self, now: float) -> bool:
        while self._seconds and self._seconds[0][0] <= now - _WINDOW_S:
            _, old = self._seconds.popleft()
            self._all = [n - m for n, m in zip(self._all, old, strict=True)]
        answers, errors, slow = self._all
        return answers >= _ENOUGH and (errors > _TOO_BAD * answers or slow > _TOO_SLOW * answers)
