"""The emulator as a whole: inside a test, or as a process of its own."""

import json
import os
import signal
import ssl
import sys
import threading
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TextIO

import msgspec

from domain.clock import Clock, SystemClock
from notifiers.emulator.certificate import tls as own_tls
from notifiers.emulator.fcm import Fcm
from notifiers.emulator.http import Server
from notifiers.emulator.records import Notification
from notifiers.emulator.scenario import Scenario

DEFAULT_BIND = "127.0.0.1:9400"


class Emulator:
    """A running FCM. It listens as soon as it is made; leaving the `with` block, or `close`, ends it.

        with Emulator() as fcm:
            notifier = FirebaseNotifier(endpoint=fcm.url, accounts={"demo": "anonymous"})
            ...
            assert fcm.inbox(target="phone-1")[0]["title"] == "Hot soup"

    Port 0 takes any free one. `latency_ms` delays each answer; `keep` bounds the memory: that many
    notifications and as many requests are remembered. `on_push` is called with each message a phone gets.
    With `tls` it speaks HTTPS: HTTP/2 with clients that offer it, unless `http2` is False.
    """

    def __init__(
        self,
        bind: str = "127.0.0.1:0",
        *,
        allow_anonymous: bool = True,
        latency_ms: int = 0,
        keep: int = 10_000,
        clock: Clock | None = None,
        on_push: Callable[[Notification], None] | None = None,
        tls: ssl.SSLContext | None = None,
        http2: bool = True,
        scenario: Scenario | None = None,
    ) -> None:
        self._scheme = "https" if tls else "http"
        self._fcm = Fcm(
            clock=clock or SystemClock(),
            allow_anonymous=allow_anonymous,
            latency_ms=latency_ms,
            keep=keep,
            on_push=on_push,
        )
        self._server = _listening(bind, self._fcm)
        if tls:
            self._server.encrypt(tls, http2=http2)
        self.follow(scenario or Scenario())
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, name="fcm-emulator"
        )
        self._thread.start()

    @property
    def url(self) -> str:
        """Where it listens; what FCM_ENDPOINT is to be."""
        host, port = str(self._server.server_address[0]), self._server.server_address[1]
        return f"{self._scheme}://{f'[{host}]' if ':' in host else host}:{port}"

    def inbox(
        self,
        *,
        target: str | None = None,
        project: str | None = None,
        since: datetime | None = None,
    ) -> list[dict[str, Any]]:
        """What the phones show now, newest first; the same as `data` of `GET /inbox`."""
        return self._fcm.inbox(_filters(target=target, project=project, since=since))

    def requests(
        self,
        *,
        target: str | None = None,
        project: str | None = None,
        kind: str | None = None,
        since: datetime | None = None,
    ) -> list[dict[str, Any]]:
        """Every POST, oldest first; the same as `data` of `GET /requests`. `kind`: send, validate or token."""
        return self._fcm.requests(_filters(target=target, project=project, kind=kind, since=since))

    def follow(self, scenario: Scenario) -> None:
        """What happens from the next message on; the same as `PUT /scenario`. `Scenario()` is a fair day."""
        self._fcm.follow(scenario)

    def reset(self) -> None:
        """Empties the phones and forgets the requests."""
        self._fcm.reset()

    def close(self) -> None:
        """Ends the open connections too, hanging ones included. Safe to call twice."""
        if self._thread.is_alive():
            self._server.close()
            self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def serve(bind: str = DEFAULT_BIND, **options: Any) -> Emulator:
    """A running emulator at `bind` (`host:port`); raises OSError that says what to do when it cannot listen."""
    return Emulator(bind, **options)


def run(
    bind: str = DEFAULT_BIND,
    *,
    json_lines: bool = False,
    latency_ms: int = 0,
    allow_anonymous: bool = True,
    keep: int = 10_000,
    certificate: Path | None = None,
    out: TextIO | None = None,
) -> None:
    """Serves until SIGINT or SIGTERM, and writes what happens to `out` (standard output).

    With `json_lines` one object per line: first `{"type": "listening", "url": …}`, then
    `{"type": "push", …}` for each message a phone gets. With `certificate` it speaks HTTPS, and writes what
    clients must trust to that path. To be called from the main thread.
    """
    lines = _Lines(out or sys.stdout, json_lines=json_lines)
    stop = threading.Event()
    before = {
        number: signal.signal(number, lambda *_: stop.set())
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        with serve(
            bind,
            latency_ms=latency_ms,
            allow_anonymous=allow_anonymous,
            keep=keep,
            on_push=lines.push,
            tls=own_tls(certificate) if certificate else None,
        ) as emulator:
            lines.listening(emulator.url)
            stop.wait()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class _Lines:
    """What a person or a program reads of a running emulator. A reader that has gone is no reason to stop."""

    def __init__(self, out: TextIO, *, json_lines: bool) -> None:
        self._out = out
        self._json_lines = json_lines
        self._lock = threading.Lock()

    def listening(self, url: str) -> None:
        text = f"FCM emulator on {url}: set FCM_ENDPOINT to it; its phones are shown at {url}/"
        self._write({"type": "listening", "url": url}, text)

    def push(self, notification: Notification) -> None:
        fields = msgspec.to_builtins(notification)
        del fields["message"]
        text = " · ".join(filter(None, (notification.title, notification.body))) or "(data only)"
        at = notification.received_at.strftime("%H:%M:%S")
        where = f"{notification.project}/{notification.target[:12]}"
        self._write({"type": "push", **fields}, f"{at} {where} {' '.join(text.split())}")

    def _write(self, fields: dict[str, Any], text: str) -> None:
        line = json.dumps(fields, ensure_ascii=False) if self._json_lines else text
        with self._lock:
            try:
                self._out.write(line + "\n")
                self._out.flush()
            except ValueError:
                return  # closed
            except OSError:
                _discard(self._out)


def _discard(out: TextIO) -> None:
    """Sends what is written from now on nowhere: else the interpreter fails at its last flush, as it exits."""
    try:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, out.fileno())
        os.close(nowhere)
    except (OSError, ValueError):
        return  # no file of the system's, so nothing is flushed at the end


def _listening(bind: str, fcm: Fcm) -> Server:
    host, _, port = bind.rpartition(":")
    if not host or not port.isascii() or not port.isdecimal():
        raise ValueError(
            f"cannot listen on {bind!r}: write it as host:port, such as {DEFAULT_BIND}"
        )
    try:
        return Server((host.strip("[]"), int(port)), fcm)
    except (OSError, OverflowError) as error:
        raise OSError(
            f"the FCM emulator cannot listen on {bind} ({error}): end what uses it, or choose another "
            "address with --bind"
        ) from error


def _filters(**given: Any) -> dict[str, str]:
    return {
        name: value.isoformat() if isinstance(value, datetime) else str(value)
        for name, value in given.items()
        if value is not None
    }
