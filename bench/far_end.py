"""A far end for senders: answers as FCM does when all is well, after a set time, over HTTP/2 and TLS, in its own process."""

import asyncio
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from notifiers.emulator.certificate import write_pair

_LATENCY = "BENCH_LATENCY_MS"
_STARTS_WITHIN_S = 60.0
_BODY = json.dumps({"name": "projects/bench/messages/0:1778058000000000%1f27cf9ad0fb6048"}).encode()
_HEADERS = [
    ("content-type", "application/json; charset=UTF-8"),
    ("vary", "Origin, X-Origin, Referer"),
    ("cache-control", "private"),
    ("x-content-type-options", "nosniff"),
]
_SECONDS = int(os.environ.get(_LATENCY, "0")) / 1000


async def app(scope: Any, protocol: Any) -> None:
    """The application, as granian's own interface wants it: at half the cost of ASGI, for it shares the cores."""
    if scope.proto != "http":
        return
    await protocol()
    if _SECONDS:
        await asyncio.sleep(_SECONDS)
    protocol.response_bytes(200, _HEADERS, _BODY)


@contextmanager
def far_end(folder: Path, *, latency_ms: int) -> Iterator[tuple[str, str]]:
    """Its address and the certificate to trust."""
    certificate, key = write_pair(folder)
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]
    command = [
        *(sys.executable, "-m", "granian", "bench.far_end:app"),
        *("--interface", "rsgi", "--no-ws", "--workers", "1", "--log-level", "error"),
        *("--host", "127.0.0.1", "--port", str(port), "--http", "auto"),
        *("--http2-max-concurrent-streams", "100"),
        *("--ssl-certificate", str(certificate), "--ssl-keyfile", str(key)),
    ]
    process = subprocess.Popen(
        command, env={**os.environ, _LATENCY: str(latency_ms)}, start_new_session=True
    )
    try:
        _wait(port, str(certificate), process)
        yield f"https://127.0.0.1:{port}", str(certificate)
    finally:
        os.killpg(
            process.pid, signal.SIGKILL
        )  # it keeps nothing, and its end in good order takes long
        process.wait()


def _wait(port: int, certificate: str, process: subprocess.Popen[bytes]) -> None:
    context = ssl.create_default_context(cafile=certificate)
    deadline = time.monotonic() + _STARTS_WITHIN_S
    while True:
        try:
            with socket.create_connection(("127.0.0.1", port), 1) as plain:
                context.wrap_socket(plain, server_hostname="127.0.0.1").close()
                return
        except OSError as error:
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("the far end did not start; granian says why above") from error
            time.sleep(0.1)
