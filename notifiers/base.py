"""The small contract of every way out: one envelope in, one attempt, one outcome back."""

import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple, Protocol, runtime_checkable

from domain.messages import Envelope, Outcome


class Notifier(Protocol):
    """A way out. The adapter reports, the caller acts: it never retries, retires or waits on its own.

    `send` makes exactly one attempt and never raises for what happens outside of this process; such a
    failure is an outcome too. It may be called from many threads at once. `close` frees connections;
    nothing is sent after it.
    """

    def send(self, envelope: Envelope) -> Outcome: ...

    def close(self) -> None: ...


@runtime_checkable
class Validating(Notifier, Protocol):
    """A way out that heeds `Envelope.validate_only`, where `validates` says so."""

    validates: bool


class Start(NamedTuple):
    """An attempt to start. `done` is called once, from any thread: with its outcome, or with None where it could not
    start by `start_by` (of the monotonic clock), so that nothing was sent. It must be quick.
    """

    envelope: Envelope
    done: Callable[[Outcome | None], None]
    start_by: float | None = None


@runtime_checkable
class Multiplexed(Notifier, Protocol):
    """A way out that makes many attempts at once without a thread for each. `start` returns at once."""

    def start(self, starts: Sequence[Start]) -> None: ...


class Timed:
    """Any notifier, watched: `observe(outcome, seconds)` is called once after each attempt to send."""

    def __init__(
        self,
        inner: Notifier,
        *,
        observe: Callable[[Outcome, float], None],
        timer: Callable[[], float] = time.perf_counter,
    ) -> None:
        self.validates = isinstance(inner, Validating) and inner.validates
        self._inner = inner
        self._observe = observe
        self._timer = timer

    def send(self, envelope: Envelope) -> Outcome:
        started = self._timer()
        outcome = self._inner.send(envelope)
        if not envelope.validate_only:
            self._observe(outcome, self._timer() - started)
        return outcome

    def close(self) -> None:
        self._inner.close()


class TimedMultiplexed(Timed):
    """The same of a way out that makes many attempts at once."""

    def __init__(
        self,
        inner: Multiplexed,
        *,
        observe: Callable[[Outcome, float], None],
        timer: Callable[[], float] = time.perf_counter,
    ) -> None:
        super().__init__(inner, observe=observe, timer=timer)
        self._multiplexed = inner

    def start(self, starts: Sequence[Start]) -> None:
        began = self._timer()
        self._multiplexed.start(
            [
                start._replace(done=partial(self._done, start.done, began))
                if not start.envelope.validate_only
                else start
                for start in starts
            ]
        )

    def _done(
        self, done: Callable[[Outcome | None], None], began: float, outcome: Outcome | None
    ) -> None:
        if outcome is not None:
            self._observe(outcome, self._timer() - began)
        done(outcome)
