"""The loop: APScheduler ticks every job in UTC intervals, and whoever has news wakes one at once.

Correctness never rests on it: every tick claims what is due from the store, so a missed, late or doubled tick costs
time and nothing else. A job never runs twice at once, and a wake during its run leads to one more round, not to a queue.
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

import structlog
from apscheduler.events import EVENT_JOB_MAX_INSTANCES, JobSubmissionEvent
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.jobstores.memory import MemoryJobStore
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.interval import IntervalTrigger

_log = structlog.get_logger()
_WATCH_S = 5.0
_LATE = 3  # intervals without a start: the machine's clock was set back


class Job(NamedTuple):
    """`run` is called every `seconds` (real ones) and whenever `name` is woken; it must be safe to call at any time."""

    name: str
    run: Callable[[], object]
    seconds: float


class Loop:
    """Runs its jobs from `start` to `stop`. `heartbeat` is called with a job's name after each round that succeeded."""

    def __init__(
        self, jobs: Sequence[Job], *, heartbeat: Callable[[str], None] = lambda _: None
    ) -> None:
        # Its own words at every tick would drown ours; what goes wrong in a job is logged by the job.
        logging.getLogger("apscheduler").setLevel(logging.ERROR)
        self._rounds = {job.name: _Rounds(job, heartbeat) for job in jobs}
        self._scheduler = BackgroundScheduler(
            jobstores={"default": MemoryJobStore()},
            executors={"default": ThreadPoolExecutor(max(1, len(jobs)))},
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
            timezone=UTC,
        )
        self._scheduler.add_listener(self._try_again, EVENT_JOB_MAX_INSTANCES)
        self._stopped = threading.Event()
        self._watchdog = threading.Thread(target=self._watch, name="loop-watchdog", daemon=True)

    def start(self) -> None:
        """Starts the ticking; every job runs once at once."""
        for name, rounds in self._rounds.items():
            self._scheduler.add_job(
                rounds.run,
                IntervalTrigger(seconds=rounds.job.seconds, timezone=UTC),
                id=name,
                next_run_time=_now(),
            )
        self._scheduler.start()
        self._watchdog.start()

    def wake(self, name: str) -> None:
        """Runs this job now, or once more where it is running. Harmless where no such job runs here (yet, any more)."""
        rounds = self._rounds.get(name)
        if rounds and rounds.want() and self._scheduler.running:
            self._run_now(name)

    def stop(self, *, wait: bool = True) -> None:
        """No further round begins; with `wait`, returns after those that run have ended."""
        self._stopped.set()
        for rounds in self._rounds.values():
            rounds.end()
        if self._scheduler.running:
            self._scheduler.shutdown(wait=wait)
            self._watchdog.join()

    def _run_now(self, name: str) -> None:
        if not self._stopped.is_set():
            self._scheduler.modify_job(name, next_run_time=_now())

    def _try_again(self, skipped: JobSubmissionEvent) -> None:
        """A wake that came between the end of a round and APScheduler's notice of it was skipped."""
        if self._rounds[skipped.job_id].waiting():
            self._run_now(skipped.job_id)

    def _watch(self) -> None:
        """APScheduler waits by the machine's clock: one set back by an hour would put every tick off by that hour."""
        while not self._stopped.wait(_WATCH_S):
            for name, rounds in self._rounds.items():
                if rounds.late() and rounds.want():
                    _log.warning("loop_was_late", job=name)
                    self._run_now(name)


class _Rounds:
    """The rounds of one job: never two at once, never one lost, never more than one waiting."""

    def __init__(self, job: Job, heartbeat: Callable[[str], None]) -> None:
        self.job = job
        self._heartbeat = heartbeat
        self._lock = threading.Lock()
        self._running = False
        self._wanted = False
        self._ended = False
        self._begun = time.monotonic()

    def run(self) -> None:
        if not self._begin():
            return
        while True:
            self._round()
            with self._lock:
                self._running = self._wanted and not self._ended
                if not self._running:
                    return
                self._wanted = False

    def want(self) -> bool:
        """Asks for a round; True where the caller must see to it that one begins."""
        with self._lock:
            known, self._wanted = self._wanted, True
            return not (known or self._running or self._ended)

    def waiting(self) -> bool:
        """Whether a round was asked for and none is running that would see to it."""
        with self._lock:
            return self._wanted and not self._running and not self._ended

    def end(self) -> None:
        with self._lock:
            self._ended = True

    def late(self) -> bool:
        """Whether no round has begun for far too long, though none is running."""
        with self._lock:
            patience = max(_WATCH_S, _LATE * self.job.seconds)
            return not self._running and time.monotonic() > self._begun + patience

    def _begin(self) -> bool:
        with self._lock:
            self._wanted = False
            self._running = not self._ended
            return self._running

    def _round(self) -> None:
        self._begun = time.monotonic()
        try:
            self.job.run()
            self._heartbeat(self.job.name)
        except Exception:  # noqa: BLE001 - one failed round must not end the loop; the next one tries again
            _log.exception("job_failed", job=self.job.name)


def _now() -> datetime:
    return datetime.fromtimestamp(time.time(), tz=UTC)
