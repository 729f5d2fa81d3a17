"""Learning from those who stay away, so that a brand does not take everybody for a regular."""

from datetime import timedelta
from uuid import UUID

from domain.clock import Clock
from scheduler import profiles as learning
from storage import profiles
from storage.engine import Database

SILENT_FOR = timedelta(days=7)
_FIRST = str(UUID(int=0))
_AT_MOST = 500  # people looked at in one tick


class Silences:
    """Each `tick` looks at the next few people and learns from those of whom nothing was heard for a week.

    Where it has got to is not stored: after a restart it begins anew, and passes over whom it learned from lately.
    """

    def __init__(self, *, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._after = _FIRST

    def tick(self) -> int:
        """Returns from how many people's silence was learned."""
        now = self._clock.now()
        with self._database.read() as tx:
            silent, last = profiles.unchanged(
                tx, after=self._after, before=now - SILENT_FOR, limit=_AT_MOST
            )
        self._after = last or _FIRST
        if not silent:
            return 0
        return self._database.write(lambda tx: learning.learn_silence(tx, silent, now=now))
