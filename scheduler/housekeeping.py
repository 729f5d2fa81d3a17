"""Deletes what has served its time, and keeps jobs that one process should do to one process."""

from collections.abc import Callable
from datetime import timedelta

import structlog

from domain.clock import Clock
from storage import (
    decisions,
    fixes,
    idempotency,
    labels,
    leases,
    places,
    raw_fixes,
    slots,
    targets,
    weather,
)
from storage.engine import Database, Transaction

WEATHER_KEPT = timedelta(days=30)
SLOTS_KEPT = timedelta(days=30)  # after their end
INPUTS_KEPT = timedelta(days=365)  # what a decision rested on, where no other time is set
TARGETS_KEPT = timedelta(days=60)  # of devices that are not heard of, where no other time is set
LABELS_KEPT_DAYS = 3
PLACES_KEPT = timedelta(days=180)  # since the last stay; all evidence has long faded by then
_MOST = 10_000  # rows per transaction, so that nobody waits long
_log = structlog.get_logger()


class Housekeeping:
    """`tick` purges in small transactions until nothing is left to purge. `inputs_kept`: how long decisions keep what they
    rested on. `targets_kept`: how long devices that are not heard of keep their targets."""

    def __init__(
        self,
        *,
        database: Database,
        clock: Clock,
        inputs_kept: timedelta = INPUTS_KEPT,
        targets_kept: timedelta = TARGETS_KEPT,
    ) -> None:
        self._database = database
        self._clock = clock
        self._inputs_kept = inputs_kept
        self._targets_kept = targets_kept

    def tick(self) -> int:
        """Returns how many rows were deleted."""
        now = self._clock.now()
        purges: dict[str, Callable[[Transaction], int]] = {
            "received_ids": lambda tx: fixes.forget(tx, now=now, limit=_MOST),
            "raw_fixes": lambda tx: raw_fixes.purge(tx, now=now, limit=_MOST),
            "answers": lambda tx: idempotency.purge(tx, now),
            "places": lambda tx: places.purge(tx, before=now - PLACES_KEPT, limit=_MOST),
            "weather": lambda tx: weather.purge(tx, before=now - WEATHER_KEPT),
            "slots": lambda tx: slots.purge(tx, before=now - SLOTS_KEPT, limit=_MOST),
            "targets": lambda tx: targets.prune(
                tx, before=now - self._targets_kept, now=now, limit=_MOST
            ),
            "labels": lambda tx: labels.purge(tx, before=now.toordinal() - LABELS_KEPT_DAYS),
            "decision_inputs": lambda tx: decisions.prune(
                tx, before=now - self._inputs_kept, now=now, limit=_MOST
            ),
        }
        gone = {name: self._all(purge) for name, purge in purges.items()}
        if gone["raw_fixes"]:
            self._database.shred()  # a position that is not kept any more is in no file either
        if any(gone.values()):
            _log.info("purged", **gone)
        return sum(gone.values())

    def _all(self, purge: Callable[[Transaction], int]) -> int:
        total = 0
        while (rows := self._database.write(purge)) >= _MOST:
            total += rows
        return total + rows


class Single:
    """Runs a job only while this process holds its lease. A frozen process loses it after `length`.

    What two processes do at once for that reason must do no harm: moments have unique keys, purges find nothing twice.
    On SQLite there is one process by the lock file, and the lease is always its own.
    """

    def __init__(
        self,
        run: Callable[[], object],
        *,
        name: str,
        owner: str,
        database: Database,
        length: timedelta = timedelta(seconds=60),
    ) -> None:
        self._run = run
        self._name = name
        self._owner = owner
        self._database = database
        self._length = length

    def __call__(self) -> None:
        if self._database.is_sqlite or self._mine():
            self._run()

    def release(self) -> None:
        """Lets another process take over at once; for a clean stop."""
        if not self._database.is_sqlite:
            self._database.write(lambda tx: leases.release(tx, name=self._name, owner=self._owner))

    def _mine(self) -> bool:
        epoch = self._database.write(
            lambda tx: leases.acquire(tx, name=self._name, owner=self._owner, length=self._length)
        )
        return epoch is not None
