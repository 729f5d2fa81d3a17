"""The small contract of every way out: one envelope in, one attempt, one outcome back."""

import time
from collections.abc import Callable
from typing import Protocol

from domain.messages import Envelope, Outcome


class Notifier(Protocol):
    """A way out. The adapter reports, the caller acts: it never retries, retires or waits on its own.

    `send` makes exactly one attempt and never raises for what happens outside of this process; such a
    failure is an outcome too. It may be called from many threads at once. `close` frees connections;
    nothing is sent after it.
    """

    def send(self, envelope: Envelope) -> Outcome: ...

    def close(self) -> None: ...


class Timed:
    """Any notifier, watched: `observe(outcome, seconds)` is called once after each attempt."""

    def __init__(
        self,
        inner: Notifier,
        *,
        observe: Callable[[Outcome, float], None],
        timer: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._inner = inner
        self._observe = observe
        self._timer = timer

    def send(self, envelope: Envelope) -> Outcome:
        started = self._timer()
        outcome = self._inner.send(envelope)
        self._observe(outcome, self._timer() - started)
        return outcome

    def close(self) -> None:
        self._inner.close()
