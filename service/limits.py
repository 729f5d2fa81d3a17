"""How often one credential may ask: a token bucket each, in this process."""

import math
import threading
import time
from collections.abc import Callable

from domain.errors import TooMany

_KEPT = 10_000  # buckets; beyond this the full ones, which remember nothing, are dropped


class Limiter:
    """Allows `per_minute` calls a minute to each key, all at once or spread; TooMany beyond.

    With several API processes each keeps its own count, so the limit is per process.
    """

    def __init__(self, per_minute: int, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._size = float(per_minute)
        self._per_second = per_minute / 60.0
        self._monotonic = monotonic
        self._buckets: dict[str, tuple[float, float]] = {}  # key → tokens left, as of when
        self._lock = threading.Lock()

    def take(self, key: str) -> None:
        """Counts one call of `key`; TooMany says in how many seconds the next one is allowed."""
        now = self._monotonic()
        with self._lock:
            tokens = self._tokens(key, now)
            if tokens >= 1.0:
                self._buckets[key] = (tokens - 1.0, now)
                self._drop_full(now)
                return
        wait = max(1, math.ceil((1.0 - tokens) / self._per_second))
        raise TooMany(
            f"This credential may do this {self._size:.0f} times a minute; come again in {wait} s.",
            retry_after_s=wait,
        )

    def __len__(self) -> int:
        """How many keys are remembered."""
        return len(self._buckets)

    def _tokens(self, key: str, now: float) -> float:
        tokens, as_of = self._buckets.get(key, (self._size, now))
        return min(self._size, tokens + (now - as_of) * self._per_second)

    def _drop_full(self, now: float) -> None:
        if len(self._buckets) > _KEPT:
            self._buckets = {
                key: bucket
                for key, bucket in self._buckets.items()
                if self._tokens(key, now) < self._size
            }
