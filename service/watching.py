"""Looks every few seconds whether something is wrong, and tells operators; on a thread of its own, so that it holds up nothing."""

import shutil
import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Protocol

import structlog

from domain.clock import Clock
from domain.errors import Refusal
from notifiers.alerts import Mood
from scheduler.patience import Breaker, Line
from service.alarms import Alarms, Finding, Notice
from storage import alarms, leases
from storage.engine import Database

EVERY_S = 15.0
OLDEST = timedelta(minutes=10)
MOST_UNKNOWN = 20  # more than an hour ago
STUCK_S = 60.0  # since a job of a second or less ended its last round
LEAST_FREE = 0.05  # of a disk, and also
LEAST_FREE_BYTES = 2_000_000_000
_HOUR_S = 3600.0
_ENDING_S = 2.0
_LEASE = timedelta(seconds=60)
_log = structlog.get_logger()


class Tells(Protocol):
    """A way to operators, or many."""

    def tell(self, title: str, text: str, *, mood: Mood = "warning") -> object: ...


class Watchman:
    """Gathers, judges and tells, from `start` to `stop`. Whatever fails is logged, and tried again at the next round."""

    def __init__(
        self,
        *,
        gather: Callable[[], Iterator[Finding]],
        tells: Tells,
        where: str,
        every_s: float = EVERY_S,
    ) -> None:
        self._gather = gather
        self._tells = tells
        self._where = where
        self._every_s = every_s
        self._alarms = Alarms()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watchman", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Returns soon, also where somebody is being told: the thread ends with the process."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join(_ENDING_S)

    def look(self, now: float) -> None:
        """One round."""
        for notice in self._alarms.judge(self._gather(), now=now):
            self._tell(notice)

    def _run(self) -> None:
        while not self._stopped.wait(self._every_s):
            try:
                self.look(time.monotonic())
            except Exception:  # noqa: BLE001 - who watches must not fall asleep for one bad round
                _log.exception("watch_failed")

    def _tell(self, notice: Notice) -> None:
        word = "wrong" if notice.is_wrong else "well again"
        told = self._tells.tell(
            f"Whenabouts on {self._where}: {word}",
            notice.text if notice.is_wrong else f"Over: {notice.text}",
            mood="warning" if notice.is_wrong else "success",
        )
        _log.warning("operators_told", text=notice.text, is_wrong=notice.is_wrong, told=str(told))


class Lookout:
    """What one process sees. What all share is looked at by one of them at a time, by a lease.

    `breakers` are the sender's, by project and platform; `ticked` says when each watched job ended its last round.
    """

    def __init__(
        self,
        *,
        database: Database,
        clock: Clock,
        owner: str,
        roles: Collection[str],
        silent_s: float,
        ticked: Mapping[str, float],
        breakers: Callable[[], Mapping[Line, Breaker]],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._clock = clock
        self._owner = owner
        self._roles = roles
        self._silent_s = silent_s
        self._ticked = ticked
        self._breakers = breakers
        self._monotonic = monotonic
        self._unknown: deque[tuple[float, int]] = deque()

    def findings(self) -> Iterator[Finding]:
        """All that is wrong now."""
        yield from self._stuck()
        yield from self._at_rest()
        yield from self._disk()
        try:
            if self._is_mine():
                yield from self._shared()
        except Refusal:
            yield Finding("database", "The database does not answer.")

    def _stuck(self) -> Iterator[Finding]:
        now = self._monotonic()
        for job, at in list(self._ticked.items()):
            if now - at > STUCK_S:
                yield Finding(f"job:{job}", f"The job `{job}` has ended no round for a minute.")

    def _at_rest(self) -> Iterator[Finding]:
        for (project, platform), breaker in self._breakers().items():
            if breaker is Breaker.CLOSED:
                continue
            kind, _, name = project.rpartition(":")
            what = f"The webhook {name}" if kind == "webhook" else f"The Firebase project {project}"
            part = f" ({platform})" if platform else ""
            yield Finding(
                f"rest:{project}:{platform}",
                f"{what}{part} fails, refuses our credentials or asks for time: its messages wait. "
                "The log has its error codes.",
            )

    def _disk(self) -> Iterator[Finding]:
        """SQLite alone lives on a disk of ours."""
        file = self._database.url.database
        if not self._database.is_sqlite or not file:
            return
        usage = shutil.disk_usage(Path(file).parent)
        if usage.free < min(LEAST_FREE_BYTES, LEAST_FREE * usage.total):
            yield Finding("disk", "The disk under the database is nearly full.")

    def _is_mine(self) -> bool:
        if self._database.is_sqlite:
            return True
        epoch = self._database.write(
            lambda tx: leases.acquire(tx, name="alarms", owner=self._owner, length=_LEASE)
        )
        return epoch is not None

    def _shared(self) -> Iterator[Finding]:
        with self._database.read() as tx:
            state = alarms.state(tx, now=self._clock.now())
        for role in self._roles:
            if state.silent.get(role, timedelta.max).total_seconds() > self._silent_s:
                yield Finding(f"role:{role}", f"No process with the role `{role}` is heard of.")
        if state.oldest and state.oldest > OLDEST:
            yield Finding("outbox", "Messages have waited in the outbox for more than 10 minutes.")
        if self._risen(state.unknown) >= MOST_UNKNOWN:
            yield Finding(
                "unknown",
                f"{MOST_UNKNOWN} or more messages have lost their answer within the last hour: look at the network. "
                "`whenabouts messages --state unknown` lists them.",
            )
        if state.suspects:
            yield Finding(
                "brake",
                "So many targets looked dead at once that none was forgotten: see `whenabouts devices`.",
            )

    def _risen(self, unknown: int) -> int:
        """How many more there are than an hour ago, as far as this process has watched."""
        now = self._monotonic()
        self._unknown.append((now, unknown))
        while self._unknown[0][0] < now - _HOUR_S:
            self._unknown.popleft()
        return unknown - min(count for _, count in self._unknown)
