"""Builds a process out of its parts: the only place that knows them all."""

import threading
import time
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from pathlib import Path
from socket import gethostname

import structlog

from domain.clock import Clock
from domain.errors import Busy, Refusal
from domain.ids import new_id
from domain.settings import Settings
from notifiers.alerts import Alerts
from notifiers.identity import FirebaseIdentity
from scheduler import recheck
from scheduler.closing import Closing
from scheduler.dispatch import Dispatcher
from scheduler.engine import Engine
from scheduler.housekeeping import Housekeeping, Single
from scheduler.ingest import Ingest
from scheduler.loop import Job, Loop
from scheduler.manners import Manners
from scheduler.silences import Silences
from scheduler.slots import Waves
from scheduler.weather import client
from scheduler.weather.watch import Watch
from service.app import create_app
from service.collecting import settle_down
from service.explaining import explain_address
from service.lock import EngineLock
from service.metrics import Metrics, OutboxState, ProjectState
from service.outlets import Outlets
from service.parts import Parts
from service.server import Server
from service.watching import Lookout, Watchman
from storage import heartbeats, messages, migrate, offer_checks, targets
from storage.engine import Database, Transaction

ROLES = ("api", "engine", "sender")
SILENT_S = 30.0  # without a heartbeat for so long a role counts as gone
# Above the time-out of a POST: its start, its access token, and the record of its outcome on a slow store.
LEASE_MARGIN_S = 15.0
_PROMPT_JOBS = ("heartbeat", "decide", "dispatch", "sweep", "dwell")  # which never take long
_log = structlog.get_logger()


class Process:
    """The roles of one process over one database. `start` returns when everything runs; `stop` lets work finish."""

    def __init__(self, settings: Settings, *, clock: Clock, roles: tuple[str, ...] = ROLES) -> None:
        self._settings = settings
        self._clock = clock
        self._roles = roles
        self._id = new_id()
        self._stopping = threading.Event()
        self._singles: list[Single] = []
        self._ticked: dict[str, float] = {}
        self.database = Database(settings.database_url, pool_size=settings.threads + 8)
        self._lock = self._admit()
        self.metrics = Metrics()
        self._outlets = Outlets(
            settings, observe=self.metrics.delivered, observe_webhook=self.metrics.webhook_delivered
        )
        self._dispatcher = self._sender() if "sender" in roles else None
        self.parts = Parts(
            settings=settings,
            database=self.database,
            clock=clock,
            metrics=self.metrics,
            id_tokens=FirebaseIdentity(),
            wake=lambda: self._wake("decide"),
            ready=self._missing,
        )
        self._loop = Loop([self._timed(job) for job in self._jobs()])
        self._server = (
            Server(create_app(self.parts), bind=settings.bind, threads=settings.threads)
            if "api" in roles
            else None
        )
        self._watch_backlog()
        self._watchman = self._lookout(settings.alert_urls) if settings.alert_urls else None

    @property
    def url(self) -> str:
        return self._server.url if self._server else ""

    def start(self) -> None:
        if self._dispatcher:
            lost = self._dispatcher.start(alone=self._lock is not None)
            if lost:
                _log.warning("deliveries_unknown", count=lost, why="their sender died")
        self._beat()
        self._loop.start()
        if self._watchman:
            self._watchman.start()
        if self._server:
            self._server.start()
        settle_down()
        _log.info("started", roles=",".join(self._roles), url=self.url or None)

    def stop(self) -> None:
        """Readiness off, no new work, requests and POSTs under way end, then the database closes."""
        self._stopping.set()
        if self._watchman:
            self._watchman.stop()
        if self._server:
            self._server.stop()
        self._loop.stop()
        if self._dispatcher and not self._dispatcher.close():
            _log.warning("posts_left_behind", why="they ran into their time-outs")
        self._outlets.close()
        self._release()
        self.database.close()
        if self._lock:
            self._lock.release()
        _log.info("stopped")

    def _release(self) -> None:
        """Lets others take over at once what only one process does; without a database they wait for the leases."""
        try:
            for single in self._singles:
                single.release()
        except Busy:
            _log.warning("leases_kept", why="the store is out of reach")

    def _admit(self) -> EngineLock | None:
        """One process and a ready schema on SQLite; a schema made by `migrate` on PostgreSQL, except for `up`."""
        if not self.database.is_sqlite:
            if self._roles == ROLES:
                migrate.upgrade(self.database)
            elif migrate.current(self.database) != migrate.head():
                raise Refusal(
                    "The database's schema is not this version's; run `whenabouts migrate`."
                )
            return None
        if self._roles != ROLES:
            raise Refusal(
                "SQLite is for one process: use `whenabouts up`, or set WHENABOUTS_DATABASE_URL to PostgreSQL."
            )
        file = Path(self.database.url.database or "")
        file.parent.mkdir(parents=True, exist_ok=True)
        lock = EngineLock(file)
        migrate.upgrade(self.database)
        return lock

    def _sender(self) -> Dispatcher:
        return Dispatcher(
            database=self.database,
            clock=self._clock,
            check=recheck.reasons_against,
            route=self._outlets.route,
            hook=self._outlets.hook,
            concurrency=self._outlets.concurrency,
            lease_s=self._settings.fcm_timeout_s + LEASE_MARGIN_S,
            wake=lambda: self._wake("dispatch"),
            pace=self._outlets.pace,
        )

    def _jobs(self) -> list[Job]:
        jobs = [Job("heartbeat", self._beat, 5.0)]
        if self._dispatcher:
            jobs += [
                Job("dispatch", self._dispatcher.tick, 0.2),
                Job("sweep", self._dispatcher.sweep, 1.0),
            ]
        if "engine" in self._roles:
            jobs += self._engine_jobs()
        return jobs

    def _engine_jobs(self) -> list[Job]:
        max_age = timedelta(seconds=self._settings.weather_max_age_s)
        engine = Engine(
            database=self.database,
            clock=self._clock,
            weather_max_age=max_age,
            sent=lambda: self._wake("dispatch"),
            explain_url=explain_address(self._settings.public_url),
        )
        ingest = Ingest(clock=self._clock, fences=self.parts.fences, database=self.database)
        housekeeping = Housekeeping(
            database=self.database,
            clock=self._clock,
            inputs_kept=timedelta(days=self._settings.decision_inputs_days),
            targets_kept=timedelta(days=self._settings.targets_days),
        )
        silences = Silences(database=self.database, clock=self._clock)
        waves = Waves(database=self.database, clock=self._clock, wake=lambda: self._wake("decide"))
        asking = self._single(Job("slots", waves.tick, 1.0))
        closing = Closing(database=self.database, clock=self._clock)
        learning = self._single(Job("closing", closing.tick, 5.0))
        jobs = [
            Job("decide", engine.tick, 0.25),
            Job("dwell", self._waking(ingest.pass_time), 1.0),
            self._single(Job("housekeeping", housekeeping.tick, 60.0)),
            self._single(Job("silences", silences.tick, 60.0)),
            Job("slots", lambda: waves.waiting() and asking.run(), 1.0),
            Job("closing", lambda: closing.waiting() and learning.run(), 5.0),
        ]
        if provider := client.provider(self._settings):
            watch = Watch(
                database=self.database,
                clock=self._clock,
                provider=provider,
                max_age=max_age,
                wake=lambda: self._wake("decide"),
            )
            jobs.append(self._single(Job("weather", watch.tick, 1.0)))
        return jobs

    def _single(self, job: Job) -> Job:
        """The job on one process at a time, whoever holds its lease."""
        single = Single(job.run, name=job.name, owner=self._id, database=self.database)
        self._singles.append(single)
        return job._replace(run=single)

    def _timed(self, job: Job) -> Job:
        if job.name in _PROMPT_JOBS:
            self._ticked[job.name] = time.monotonic()

        def run() -> object:
            started = time.perf_counter()
            result = job.run()
            self.metrics.ticked(job.name, time.perf_counter() - started)
            if job.name in _PROMPT_JOBS:
                self._ticked[job.name] = time.monotonic()
            return result

        return job._replace(run=run)

    def _lookout(self, addresses: str) -> Watchman:
        """Tells operators what is wrong. What the roles share is looked at by one process at a time."""
        lookout = Lookout(
            database=self.database,
            clock=self._clock,
            owner=self._id,
            roles=ROLES,
            silent_s=SILENT_S,
            ticked=self._ticked,
            breakers=self._dispatcher.manners.breakers if self._dispatcher else dict,
        )
        return Watchman(gather=lookout.findings, tells=Alerts(addresses), where=gethostname())

    def _waking(self, work: Callable[[], bool]) -> Callable[[], bool]:
        def run() -> bool:
            happened = work()
            if happened:
                self._wake("decide")
            return happened

        return run

    def _wake(self, job: str) -> None:
        if not self._stopping.is_set():
            self._loop.wake(job)

    def _beat(self) -> None:
        senders = self.database.write(self._heard)
        if self._dispatcher:
            self._dispatcher.manners.share_among(senders)

    def _heard(self, tx: Transaction) -> int:
        """Notes that this process lives, and counts the senders that do."""
        heartbeats.beat(tx, roles=self._roles, process_id=self._id)
        return heartbeats.alive(tx, "sender", within=timedelta(seconds=SILENT_S))

    def _missing(self) -> dict[str, str]:
        if self._stopping.is_set():
            return {"process": "is stopping"}
        try:
            with self.database.read() as tx:
                silent = heartbeats.silent_for(tx)
        except Refusal as refusal:
            return {"database": refusal.detail}
        return {
            role: "has not been heard of; is it running?"
            for role in ROLES
            if silent.get(role, timedelta.max).total_seconds() > SILENT_S
        }

    def _watch_backlog(self) -> None:
        self.metrics.outbox(self._outbox)
        self.metrics.gauge(
            "whenabouts_offers_suspended", "Offers that the push service refuses", self._suspended
        )
        if self._dispatcher:
            self.metrics.projects(partial(_states, self._dispatcher.manners))

    def _outbox(self) -> OutboxState:
        now = self._clock.now()
        with self.database.read() as tx:
            oldest = messages.oldest_due(tx, now)
            return OutboxState(
                **messages.backlog(tx),
                oldest_due_s=(now - oldest).total_seconds() if oldest else 0.0,
                suspects=targets.suspected(tx),
            )

    def _suspended(self) -> float:
        with self.database.read() as tx:
            return float(offer_checks.suspended_count(tx))


def _states(manners: Manners) -> list[ProjectState]:
    """Of each project that was sent through; webhooks rest too, but have no pace."""
    breakers, rests = manners.breakers(), manners.rests()
    return [
        ProjectState(
            project=project,
            rate=figures.rate,
            halvings=figures.halvings,
            rests={line.platform: s for line, s in rests.items() if line.project == project},
            breakers={line.platform: b for line, b in breakers.items() if line.project == project},
        )
        for project, figures in manners.figures().items()
    ]
