"""How long a Firebase project is left alone after what it answered. Pure but for its memory; takes any monotonic clock.

While a project rests its messages stay queued, where they cost nothing: a message that is posted and refused has failed for good.

The rules follow Firebase's page on sending at scale: `Retry-After` as it says; 429 without one a minute; after a server's error at
least 10 s, then twice as long each time, with jitter; and nothing more to who does not let us in.
"""

import threading
from collections.abc import Callable
from random import Random

import msgspec

from domain.messages import DeliveryStatus, Outcome
from domain.values import Value

LONGEST_S = 3600.0
_QUOTA_S = 60.0
_FIRST_S = 10.0
_REFUSED_S = 60.0
_JITTER = 0.5  # of a wait, on top of it
_IN_A_ROW = 5  # errors without a success between them, from which on they are the project's and not the message's
_NOT_LET_IN = ("UNAUTHENTICATED", "PERMISSION_DENIED")


class _Standing(Value):
    """What a project has answered of late."""

    errors: int = 0  # in a row
    refusals: int = 0  # in a row, of our credentials
    waits: int = 0  # since the last success
    until: float = 0.0


class Patience:
    """Remembers for each project whether it is to be left alone. Safe for many threads."""

    def __init__(self, *, monotonic: Callable[[], float], random: Random) -> None:
        self._monotonic = monotonic
        self._random = random
        self._standings: dict[str, _Standing] = {}
        self._lock = threading.Lock()

    def note(self, project: str, outcome: Outcome) -> None:
        """Takes an answer into account."""
        with self._lock:
            before = self._standings.get(project, _Standing())
            if outcome.status is DeliveryStatus.ACCEPTED:
                # Answers of POSTs that were under way may still come in; a wait that was asked for goes on.
                if before.errors or before.refusals or before.waits:
                    self._standings[project] = _Standing(until=before.until)
                return
            self._standings[project] = self._after(_counted(before, outcome), outcome)

    def resting(self) -> dict[str, float]:
        """The projects to be left alone now, and for how many seconds more."""
        now = self._monotonic()
        with self._lock:
            return {
                project: standing.until - now
                for project, standing in self._standings.items()
                if standing.until > now
            }

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
        )

    def _wait_s(self, standing: _Standing, outcome: Outcome) -> float:
        if outcome.retry_after_s:
            return outcome.retry_after_s
        jitter = 1 + _JITTER * self._random.random()
        if outcome.error_code == "QUOTA_EXCEEDED":
            return max(_QUOTA_S, _FIRST_S * 2.0 ** min(standing.waits, 9)) * jitter
        if standing.refusals >= _enough(outcome):
            return _REFUSED_S * 2.0 ** min(standing.waits, 6) * jitter
        if standing.errors >= _IN_A_ROW:
            return _FIRST_S * 2.0 ** min(standing.waits, 9) * jitter
        return 0.0


def _counted(before: _Standing, outcome: Outcome) -> _Standing:
    refused = outcome.error_code in _NOT_LET_IN
    failed = outcome.status in (DeliveryStatus.UNAVAILABLE, DeliveryStatus.UNKNOWN)
    if not refused and not failed:
        # Somebody's target or text was wrong, which the project could only find out in good health.
        return _Standing(waits=before.waits, until=before.until)
    return _Standing(
        errors=before.errors + failed,
        refusals=before.refusals + refused,
        waits=before.waits,
        until=before.until,
    )


def _enough(outcome: Outcome) -> int:
    """A 401 is often an old access token, which the next message no longer bears; a 403 is what it is."""
    return 1 if outcome.error_code == "PERMISSION_DENIED" else 3
