"""Weather for a whole test: how often FCM fails, how long it takes, what it lets through, when it hangs up."""

import math
import threading
from datetime import datetime
from random import Random
from typing import Literal

from domain.values import Value
from notifiers.emulator import errors
from notifiers.emulator.behaviour import Behaviour, Wire

_P95 = 1.6449  # standard deviations from the median to the 95th of a hundred

Kind = Literal["unavailable", "internal", "quota", "badgateway", "reset", "lost", "hang"]


class Scenario(Value, forbid_unknown_fields=True):
    """What happens to messages whose target asks for nothing of its own. The default is a fair day.

    - `error_rate`: the share that fails, each in one of the ways of `errors` (503 `unavailable`, 500 `internal`, 429
      `quota`, 502 `badgateway`, `reset`, `lost`, `hang`). `retry_after_s` goes with 503 and 429.
    - `latency_ms`: the median time of an answer; with `latency_p95_ms` spread log-normally, as networks are.
    - `per_minute`: the quota of each project, a bucket that holds as much and refills evenly; what is beyond gets a
      429 with the `Retry-After` after which there is room again.
    - `goaway_every`: a connection is ended in good order after so many messages (HTTP/2: GOAWAY; 1.1: close).
    - `stall`: messages are taken and never answered.
    - `seed`: the same seed makes the same choices in the same order.
    """

    error_rate: float = 0.0
    errors: tuple[Kind, ...] = ("unavailable",)
    retry_after_s: int = 30
    latency_ms: float = 0.0
    latency_p95_ms: float | None = None
    per_minute: int | None = None
    goaway_every: int | None = None
    stall: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.error_rate <= 1 or not self.errors:
            raise ValueError("error_rate is a share from 0 to 1, and errors names one way at least")
        if self.latency_ms < 0 or (self.latency_p95_ms or self.latency_ms) < self.latency_ms:
            raise ValueError("latency_ms is at least 0, and latency_p95_ms not below it")
        if any(most is not None and most < 1 for most in (self.per_minute, self.goaway_every)):
            raise ValueError("per_minute and goaway_every are at least 1")


class Script:
    """A scenario as it runs. Safe for many threads."""

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self._random = Random(scenario.seed)
        self._left: dict[str, tuple[float, datetime]] = {}
        self._lock = threading.Lock()

    def behaviour(self, project: str, now: datetime) -> Behaviour:
        """What happens to the next message of a project."""
        chosen = self.scenario
        with self._lock:
            wait_s = self._wait_s(project, now)
            if wait_s:
                return _failing("quota", math.ceil(wait_s))
            if chosen.stall:
                return Behaviour(wire=Wire.HANG)
            delay_ms = self._latency_ms()
            if self._random.random() < chosen.error_rate:
                return _failing(self._random.choice(chosen.errors), chosen.retry_after_s, delay_ms)
        return Behaviour(delay_ms=delay_ms)

    def _latency_ms(self) -> int:
        median, p95 = self.scenario.latency_ms, self.scenario.latency_p95_ms
        if not median or p95 is None:
            return round(median)
        return int(median * (p95 / median) ** (self._random.gauss() / _P95))

    def _wait_s(self, project: str, now: datetime) -> float:
        """Takes one message from the project's bucket; else the seconds until there is one."""
        most = self.scenario.per_minute
        if most is None:
            return 0.0
        held, since = self._left.get(project, (float(most), now))
        held = min(most, held + (now - since).total_seconds() * most / 60)
        self._left[project] = (held - 1 if held >= 1 else held), now
        return 0.0 if held >= 1 else (1 - held) * 60 / most


def _failing(kind: Kind, retry_after_s: int, delay_ms: int = 0) -> Behaviour:
    match kind:
        case "reset" | "hang" | "lost":
            return Behaviour(accepts=kind == "lost", wire=Wire(kind), delay_ms=delay_ms)
        case "badgateway":
            body = errors.BAD_GATEWAY.encode()
            return Behaviour(accepts=False, status=502, body=body, delay_ms=delay_ms)
        case "internal":
            return Behaviour(accepts=False, failure=errors.INTERNAL, delay_ms=delay_ms)
        case "quota" | "unavailable":
            failure = errors.QUOTA if kind == "quota" else errors.UNAVAILABLE
            return Behaviour(
                accepts=False, failure=failure, retry_after_s=retry_after_s, delay_ms=delay_ms
            )
