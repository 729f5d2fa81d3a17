"""What the benchmarks of sending share: the messages, the stopwatch, and the memory of this process."""

import resource
import threading
import time
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

from domain.clock import SystemClock
from domain.ids import new_id
from domain.messages import Envelope, Push
from domain.people import Platform, Target, TargetKind

PROJECT = "bench"
IN_FLIGHT = 1000
ACCOUNTS = {PROJECT: "anonymous"}
RAMP = 5  # a fifth of the messages go before the clock starts


class Found(NamedTuple):
    """What a sender came to after its ramp: messages a second, and its CPU for each in microseconds."""

    rate: float
    cpu_us: float


class Stopwatch:
    """Rate and CPU between the end of the ramp and the last message; safe for many threads."""

    def __init__(self, many: int) -> None:
        self._many, self._ramp = many, many // RAMP
        self._ended = 0
        self._lock = threading.Lock()
        self._began = (0.0, 0.0)
        self._after = (0.0, 0.0)
        self._measured = 0
        self.all = threading.Event()

    def ended(self, more: int = 1) -> None:
        with self._lock:
            before, self._ended = self._ended, self._ended + more
            if before < self._ramp <= self._ended:
                self._began, self._measured = _now(), self._many - self._ended
            if self._ended >= self._many:
                self._after = _now()
                self.all.set()

    @property
    def found(self) -> Found:
        """RuntimeError before all have ended."""
        if not self.all.is_set():
            raise RuntimeError(f"{self._ended} of {self._many} have ended")
        (wall, cpu), (until, used) = self._began, self._after
        return Found(self._measured / (until - wall), (used - cpu) / self._measured * 1e6)


def envelope(number: int) -> Envelope:
    """A message of the usual size with a text of its own."""
    now = SystemClock().now()
    return Envelope(
        delivery_id=f"delivery-{number}",
        message_id=new_id(),
        project=PROJECT,
        platform=Platform.ANDROID,
        target=Target(kind=TargetKind.TOKEN, value=f"{number:08}:{'x' * 130}"),
        push=push(number),
        ttl_s=1800,
        expires_at=now + timedelta(minutes=30),
    )


def push(number: int) -> Push:
    data = {"decision_id": new_id(), "offer": "soup", "deep_link": f"https://x.example/{number}"}
    body = f"Kallio is {number % 500} m away, and the soup of the day is on the house until two."
    return Push(title=f"Hot soup, number {number}?", body=body, data=data)


def resident_mb() -> float:
    """What this process holds now, in megabytes."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize() / 2**20


def _now() -> tuple[float, float]:
    return time.perf_counter(), time.process_time()
