"""How long a Firebase project, or one platform of it, is left alone after what it answered. Pure but for its memory.

While a project rests its messages stay queued, where they cost nothing: a message that is posted and refused has failed for good.
After a rest a single message goes ahead; the others follow once it was answered well.

The rules follow Firebase's page on sending at scale: `Retry-After` as it says; 429 without one a minute; after a server's error at
least 10 s, then twice as long each time, with jitter; and nothing more to who does not let us in.
"""

import threading
from collections.abc import Callable
from enum import StrEnum
from math import inf
from random import Random
from typing import NamedTuple

import msgspec

from domain.messages import DeliveryStatus, Outcome
from domain.values import Value

LONGEST_S = 3600.0
_QUOTA_S = 60.0
_FIRST_S = 10.0
_REFUSED_S = 60.0
_JITTER = 0.5  # of a wait, on top of it
_IN_A_ROW = 5  # errors without a success between them, from which on they are the project's and not the message's
_TRIAL_S = 60.0  # after which a message that went ahead counts as lost, and another one may
# The last one is a project that there is not: a dead target is UNREGISTERED.
_NOT_LET_IN = ("UNAUTHENTICATED", "PERMISSION_DENIED", "NOT_FOUND")
_PLATFORM_NOT_LET_IN = ("THIRD_PARTY_AUTH_ERROR", "APNS_AUTH_ERROR")  # the second is its older name


class Line(NamedTuple):
    """What may rest: a project, or one platform of it."""

    project: str
    platform: str = ""


class Breaker(StrEnum):
    """`open` while nothing goes, `trying` while one message goes ahead."""

    CLOSED = "closed"
    OPEN = "open"
    TRYING = "trying"


class _Standing(Value):
    """What a project or platform has answered of late."""

    errors: int = 0  # in a row
    refusals: int = 0  # in a row, of our credentials
    waits: int = 0  # since the last success
    until: float = 0.0
    trying: bool = False  # a wait is or was on, and no answer has shown yet that it is over
    tried_at: float = -inf  # when a message last went ahead


_WELL = _Standing()


class Patience:
    """Remembers for each project and platform whether it is to be left alone. Safe for many threads."""

    def __init__(self, *, monotonic: Callable[[], float], random: Random) -> None:
        self._monotonic = monotonic
        self._random = random
        self._standings: dict[Line, _Standing] = {}
        self._lock = threading.Lock()

    def note(self, project: str, outcome: Outcome, *, begun: float, platform: str = "") -> None:
        """Takes an answer into account; `begun` is when its POST started, by the same clock."""
        if outcome.error_code in _PLATFORM_NOT_LET_IN and platform:
            self._note(Line(project, platform), _refused_by_a_platform(outcome), begun)
            outcome = Outcome(status=DeliveryStatus.REJECTED)  # to the project it is no fault
        elif outcome.status is DeliveryStatus.ACCEPTED and platform:
            self._note(Line(project, platform), outcome, begun)
        self._note(Line(project), outcome, begun)

    def admits(self, project: str, platform: str = "") -> float:
        """How many messages may go now: none while it rests, one after a rest, any number (`inf`) in good health."""
        now = self._monotonic()
        with self._lock:
            return _admitted(self._standings.get(Line(project, platform), _Standing()), now)

    def try_one(self, project: str, platform: str = "") -> None:
        """Says that a message goes, which is the one to go ahead where only one may."""
        line = Line(project, platform)
        with self._lock:
            standing = self._standings.get(line)
            if standing and standing.trying:
                now = self._monotonic()
                self._standings[line] = msgspec.structs.replace(standing, tried_at=now)

    def rest_s(self, project: str, platform: str = "") -> float:
        """For how many seconds it is left alone; 0 where it is not."""
        with self._lock:
            standing = self._standings.get(Line(project, platform), _Standing())
        return max(0.0, standing.until - self._monotonic())

    def breakers(self) -> dict[Line, Breaker]:
        """Of all that were ever noted."""
        now = self._monotonic()
        with self._lock:
            return {line: _breaker(standing, now) for line, standing in self._standings.items()}

    def _note(self, line: Line, outcome: Outcome, begun: float) -> None:
        with self._lock:
            before = self._standings.get(line, _WELL)
            if outcome.status is DeliveryStatus.ACCEPTED:
                if before is not _WELL or line not in self._standings:
                    self._standings[line] = _after_success(before, begun)
            else:
                self._standings[line] = self._after(_counted(before, outcome, begun), outcome)

    def _after(self, standing: _Standing, outcome: Outcome) -> _Standing:
        """The standing with the wait that an answer asks for. One that was under way when a wait began asks for none."""
        now = self._monotonic()
        if standing.until > now and not outcome.retry_after_s:
            return standing
        wait_s = self._wait_s(standing, outcome)
        if not wait_s:
            return standing
        return msgspec.structs.replace(
            standing,
            waits=standing.waits + (standing.until <= now),
            until=max(standing.until, now + min(wait_s, LONGEST_S)),
            trying=True,
            tried_at=-inf,
        )

    def _wait_s(self, standing: _Standing, outcome: Outcome) -> float:
        jitter = 1 + _JITTER * self._random.random()
        if outcome.retry_after_s:
            return outcome.retry_after_s
        if outcome.error_code == "QUOTA_EXCEEDED":
            return max(_QUOTA_S, _FIRST_S * 2.0 ** min(standing.waits, 9)) * jitter
        if standing.refusals >= _enough(outcome):
            return _REFUSED_S * 2.0 ** min(standing.waits, 6) * jitter
        if standing.errors >= (1 if standing.trying else _IN_A_ROW):
            return _FIRST_S * 2.0 ** min(standing.waits, 9) * jitter
        return 0.0


def _admitted(standing: _Standing, now: float) -> float:
    if standing.until > now:
        return 0
    if not standing.trying:
        return inf
    return 0 if standing.tried_at + _TRIAL_S > now else 1


def _breaker(standing: _Standing, now: float) -> Breaker:
    if standing.until > now:
        return Breaker.OPEN
    return Breaker.TRYING if standing.trying else Breaker.CLOSED


def _after_success(before: _Standing, begun: float) -> _Standing:
    """A wait that was asked for goes on: answers of POSTs that were under way may still come in."""
    if before.trying and begun < before.until:
        return before
    return _Standing(until=before.until) if before.until else _WELL


def _counted(before: _Standing, outcome: Outcome, begun: float) -> _Standing:
    refused = outcome.error_code in _NOT_LET_IN
    failed = outcome.status in (DeliveryStatus.UNAVAILABLE, DeliveryStatus.UNKNOWN)
    if not refused and not failed:
        # Somebody's target or text was wrong, which the project could only find out in good health.
        if before.trying and begun < before.until:
            return before
        return _Standing(waits=before.waits, until=before.until)
    return msgspec.structs.replace(
        before, errors=before.errors + failed, refusals=before.refusals + refused
    )


def _refused_by_a_platform(outcome: Outcome) -> Outcome:
    """To the platform it is what a 403 is to the project."""
    return msgspec.structs.replace(outcome, error_code="PERMISSION_DENIED")


def _enough(outcome: Outcome) -> int:
    """A 401 is often an old access token, which the next message no longer bears; a 403 is what it is."""
    return 1 if outcome.error_code == "PERMISSION_DENIED" else 3
