"""The database: reads on a pool, writes through one path that answers only after the commit is flushed.

On SQLite one writer thread commits many callers' work at once (group commit), because its busy handler is unfair
between writers; on PostgreSQL every write is a transaction of its own. The work functions are the same.
"""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from queue import Empty, SimpleQueue
from typing import Any, NamedTuple, TypeVar

import msgspec
import sqlalchemy as sa
import structlog
from psycopg.types.string import TextLoader
from sqlalchemy.exc import DBAPIError, IntegrityError, InterfaceError, OperationalError

from domain.errors import Busy
from storage.scrub import Shredder

_log = structlog.get_logger()

Transaction = sa.Connection
T = TypeVar("T")

GROUP = 128  # callers whose work shares one commit at most, so that nobody waits for a long queue
SHRED_S = 2.0  # that a caller waits for its shred
SHRED_AGAIN_S = 0.2  # between one attempt and the next
BUSY_MS = 10_000  # that a connection waits for another's lock
RETRIES = 3  # of a whole transaction, where PostgreSQL let another one win
_RACES = ("40001", "40P01", "23505")  # serialisation, deadlock, and a row that another added first


class Database:
    """One store. `write` runs its work in a transaction and returns after the commit; `read` sees a snapshot."""

    def __init__(self, url: str, *, pool_size: int = 20) -> None:
        self.url = sa.make_url(url)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        self.engine = (
            _sqlite_engine(self.url, pool_size)
            if self.is_sqlite
            else _postgres_engine(self.url, pool_size)
        )
        shredder = Shredder(self.url.database or "")
        self._writer = _Writer(self.engine, shredder) if self.is_sqlite else None

    @contextmanager
    def read(self) -> Iterator[Transaction]:
        """A transaction for reading; nothing done in it is kept."""
        with _translated(), self.engine.connect() as tx:
            yield tx

    def write(self, work: Callable[[Transaction], T]) -> T:
        """Runs `work` in a transaction; returns its result once that is committed, or raises and keeps nothing.

        `work` may be run again after a deadlock, so it must have no effects outside the transaction.
        """
        with _translated():
            return self._writer.run(work) if self._writer else self._write_once_more(work, RETRIES)

    def _write_once_more(self, work: Callable[[Transaction], T], left: int) -> T:
        try:
            with self.engine.begin() as tx:
                return work(tx)
        except (OperationalError, IntegrityError) as error:
            if left and getattr(error.orig, "sqlstate", None) in _RACES:
                return self._write_once_more(work, left - 1)
            raise

    def shred(self) -> bool:
        """Leaves nothing of what was deleted before in SQLite's file and log; a no-op on PostgreSQL.

        False where a long reader was in the way for two seconds; it is tried again behind the caller's back until it
        is done, also after a restart.
        """
        return self._writer.shred() if self._writer else True

    def close(self) -> None:
        if self._writer:
            self._writer.close()
        self.engine.dispose()
        if self._writer:
            self._writer.shredder.close()


class _Job(NamedTuple):
    """What the writer is asked: some work, or without it a shred."""

    work: Callable[[Transaction], object] | None
    future: "Future[object]"


class _Writer:
    """The one thread that writes to SQLite."""

    def __init__(self, engine: sa.Engine, shredder: Shredder) -> None:
        self._engine = engine
        self.shredder = shredder
        self._queue: SimpleQueue[_Job | None] = SimpleQueue()
        self._shreds: list[Future[object]] = []
        # The process before this one may have died between an erasure and its shred.
        self._shred_owed = True
        self._shred_at = time.monotonic() + SHRED_AGAIN_S
        self._thread = threading.Thread(target=self._loop, name="sqlite-writer", daemon=True)
        self._started = threading.Lock()
        self._closed = False

    def run(self, work: Callable[[Transaction], T]) -> T:
        future: Future[T] = Future()
        self._put(_Job(work, future))  # type: ignore[arg-type]  # a Future of any type is answered by its own work
        return future.result()

    def shred(self) -> bool:
        future: Future[object] = Future()
        self._put(_Job(None, future))
        try:
            return bool(future.result(timeout=SHRED_S))
        except TimeoutError:
            return False

    def _put(self, job: _Job) -> None:
        if threading.current_thread() is self._thread:
            raise RuntimeError("write() inside write(): pass the transaction on instead")
        with self._started:
            if self._closed:
                raise Busy("The store is closing.", code="storage_unavailable")
            if not self._thread.is_alive():
                self._thread.start()
            self._queue.put(job)

    def close(self) -> None:
        with self._started:
            self._closed = True
            alive = self._thread.is_alive()
        if alive:
            self._queue.put(None)
            self._thread.join()

    def _loop(self) -> None:
        with self._engine.connect().execution_options(immediate=True) as connection:
            while (group := self._gather()) is not None:
                if works := [(job.work, job.future) for job in group if job.work]:
                    _commit_group(connection, works)
                if shreds := [job.future for job in group if not job.work]:
                    self._shreds += shreds
                    self._shred_owed, self._shred_at = True, 0.0
                self._shred_if_due()

    def _gather(self) -> list[_Job] | None:
        """The jobs that wait, GROUP at most; none after a while where a shred is owed, None at the end."""
        group: list[_Job] = []
        try:
            first = self._queue.get(timeout=SHRED_AGAIN_S if self._shred_owed else None)
        except Empty:
            return group
        while first is not None:
            group.append(first)
            if len(group) == GROUP or self._queue.empty():
                return group
            first = self._queue.get()
        if group:
            self._queue.put(None)  # the end comes after these
        return group or None

    def _shred_if_due(self) -> None:
        """One attempt for all who asked; what fails is tried again, between the writes."""
        if not self._shred_owed or time.monotonic() < self._shred_at:
            return
        try:
            done = self.shredder.shred()
        except Exception:  # noqa: BLE001 - a file that cannot be scrubbed must not end the writer
            _log.exception("shred_impossible")
            self._answer_shreds(done=False)
            return
        if done:
            self._answer_shreds(done=True)
        else:
            self._shred_at = time.monotonic() + SHRED_AGAIN_S

    def _answer_shreds(self, *, done: bool) -> None:
        for future in self._shreds:
            future.set_result(done)
        self._shreds.clear()
        self._shred_owed = False


def _commit_group(
    connection: sa.Connection, group: list[tuple[Callable[[Transaction], object], Future[object]]]
) -> None:
    """Runs each work in a savepoint of its own and commits them together; answers nobody before that."""
    answers: list[Callable[[], None]] = []
    try:
        with connection.begin():
            answers.extend(_run_one(connection, work, future) for work, future in group)
    except BaseException as error:  # noqa: BLE001 - whatever broke the commit, every caller must hear of it
        for _, future in group:
            future.set_exception(error)
        return
    for answer in answers:
        answer()


def _run_one(
    connection: sa.Connection, work: Callable[[Transaction], object], future: "Future[object]"
) -> Callable[[], None]:
    tell: Any = (
        connection.connection.driver_connection
    )  # twice per write: the driver itself is faster
    tell.execute("SAVEPOINT work")
    try:
        result = work(connection)
    except BaseException as error:  # noqa: BLE001 - it belongs to the caller, who gets it after the others' commit
        connection.exec_driver_sql("ROLLBACK TO work")
        connection.exec_driver_sql("RELEASE work")
        failure = error
        return lambda: future.set_exception(failure)
    tell.execute("RELEASE work")
    return lambda: future.set_result(result)


@contextmanager
def _translated() -> Iterator[None]:
    """Turns "the database is out of reach" into our word for it; faults of ours pass unchanged."""
    try:
        yield
    except (OperationalError, InterfaceError) as error:
        raise Busy(
            "The store is out of reach; try again shortly.", code="storage_unavailable"
        ) from error
    except DBAPIError as error:
        if error.connection_invalidated:
            raise Busy(
                "The store went away; try again shortly.", code="storage_unavailable"
            ) from error
        raise


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()


def _sqlite_engine(url: sa.URL, pool_size: int) -> sa.Engine:
    engine = sa.create_engine(
        url,
        poolclass=sa.pool.QueuePool,
        pool_size=pool_size,
        max_overflow=pool_size,
        connect_args={"check_same_thread": False, "isolation_level": None},
        hide_parameters=True,  # they hold tokens and positions, which must not reach a log with an error
        json_serializer=_json,
        json_deserializer=msgspec.json.decode,
    )
    sa.event.listen(engine, "connect", _set_pragmas)
    sa.event.listen(engine, "begin", _begin)
    return engine


def _set_pragmas(connection: object, _record: object) -> None:
    """FULL: an acknowledged row survives a power cut. secure_delete: an erased row leaves no bytes behind."""
    cursor = connection.cursor()  # type: ignore[attr-defined]  # the driver's connection, untyped in the event
    for pragma in (
        f"busy_timeout={BUSY_MS}",
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
        "secure_delete=ON",
        "cache_size=-16000",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin(connection: sa.Connection) -> None:
    """The driver would begin too late for a consistent read; the writer takes its lock at once."""
    immediate = connection.get_execution_options().get("immediate")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")


def _postgres_engine(url: sa.URL, pool_size: int) -> sa.Engine:
    """A frozen process is cut off by the server after 10 s inside a transaction, so that others take its work over."""
    engine = sa.create_engine(
        url.set(drivername="postgresql+psycopg"),
        pool_size=pool_size,
        max_overflow=pool_size,
        pool_pre_ping=True,
        connect_args={
            "connect_timeout": 10,
            "options": "-c timezone=UTC -c idle_in_transaction_session_timeout=10s -c statement_timeout=60s",
        },
        execution_options={
            "preserve_rowcount": True
        },  # else an INSERT that found a conflict counts as -1
        hide_parameters=True,  # they hold tokens and positions, which must not reach a log with an error
        json_serializer=_json,
        json_deserializer=msgspec.json.decode,
    )
    sa.event.listen(engine, "connect", _ids_as_text)
    return engine


def _ids_as_text(connection: Any, _record: object) -> None:
    """Ids are text to us: made into objects first, each would cost as much as the rest of its row."""
    connection.adapters.register_loader("uuid", TextLoader)
