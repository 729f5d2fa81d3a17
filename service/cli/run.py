"""`whenabouts up`, one role each, and `migrate`"""

import os
import signal
import threading
import time
from collections.abc import Callable

import click

from domain.clock import SystemClock
from service import logs
from service.cli.opening import connect, settings
from service.cli.output import explained, json_option, show_json
from service.wiring import ROLES, Process
from storage import migrate as migrations

# Supervisors signal a process and then its group: what comes so soon after the first is not a second wish.
_SAME_S = 1.0


def serve(process: Process, announce: Callable[[Process], None]) -> None:
    """Runs a process until SIGINT or SIGTERM; a second one, a second later, ends it at once, as a crash would."""
    stop = threading.Event()
    asked_at = 0.0

    def on_signal(*_: object) -> None:
        nonlocal asked_at
        if not stop.is_set():
            asked_at = time.monotonic()
            stop.set()
        elif time.monotonic() > asked_at + _SAME_S:
            os._exit(1)  # an exception would still wait for the threads that post

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, on_signal)
    process.start()
    announce(process)
    try:
        stop.wait()
    finally:
        process.stop()


def _run(roles: tuple[str, ...]) -> None:
    chosen = settings()
    logs.configure(chosen.log_level)
    serve(Process(chosen, clock=SystemClock(), roles=roles), _announce)


def _announce(process: Process) -> None:
    if process.url:
        click.echo(f"Whenabouts listens on {process.url} — API reference: {process.url}/docs")


@click.command()
@explained
def up() -> None:
    """Run everything in one process: API, engine and sender."""
    _run(ROLES)


@click.command()
@explained
def api() -> None:
    """Run only the HTTP API (PostgreSQL)."""
    _run(("api",))


@click.command()
@explained
def engine() -> None:
    """Run only the engine, which turns moments into decisions (PostgreSQL)."""
    _run(("engine",))


@click.command()
@explained
def sender() -> None:
    """Run only the sender, which delivers messages (PostgreSQL)."""
    _run(("sender",))


@click.command()
@json_option
@explained
def migrate(as_json: bool) -> None:
    """Bring the database to this version's schema; safe to repeat and to run twice at once."""
    database = connect(settings())
    try:
        before = migrations.current(database)
        migrations.upgrade(database)
    finally:
        database.close()
    after = migrations.head()
    if as_json:
        show_json({"before": before, "after": after})
    else:
        click.echo(
            f"The database is at revision {after}" + (" already." if before == after else ".")
        )
