"""Time comes in through the constructor: a system clock, a clock set by hand, and a faster one for the demo."""

import time
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Tells the present as an aware UTC datetime."""

    def now(self) -> datetime: ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        return datetime.fromtimestamp(time.time(), tz=UTC)


class ManualClock:
    """A clock that stands still until it is told to move; for tests and replays."""

    def __init__(self, at: datetime) -> None:
        self._at = at.astimezone(UTC)

    def now(self) -> datetime:
        return self._at

    def advance(self, **parts: float) -> datetime:
        """Moves the clock by a timedelta given in parts and returns the new time."""
        self._at += timedelta(**parts)
        return self._at

    def set(self, at: datetime) -> None:
        self._at = at.astimezone(UTC)


class ScaledClock:
    """Runs `speed` times as fast as the machine, starting at `start`.

    It rests on the monotonic clock, so that a jump of the machine's clock does not move the demo's time.
    """

    def __init__(self, *, start: datetime, speed: float) -> None:
        if speed <= 0:
            raise ValueError("speed must be above 0")
        self._start = start.astimezone(UTC)
        self._speed = speed
        self._origin = time.monotonic()

    def now(self) -> datetime:
        elapsed = (time.monotonic() - self._origin) * self._speed
        return self._start + timedelta(seconds=elapsed)
