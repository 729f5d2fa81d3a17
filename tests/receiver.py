"""A receiver of webhooks: keeps what it is sent, and answers as the path asks."""

import ssl
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, NamedTuple, Self


class Received(NamedTuple):
    path: str
    headers: dict[str, str]  # with names in lower case
    body: bytes


class Receiver:
    """Listens on 127.0.0.1. `/410` answers so, `/503?7` with Retry-After, `/redirect`, `/hang`, `/lost`, `/trickle` and
    `/huge` do what they say, and any other path takes what comes with 204.
    """

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.received: list[Received] = []
        self._ending = threading.Event()
        self._server = _Server(("127.0.0.1", 0), _handler(self))
        if tls:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self.port = int(self._server.server_address[1])
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    def wait(self, seconds: float) -> None:
        """As long as told, or until the end."""
        self._ending.wait(seconds)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ending.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Server(ThreadingHTTPServer):
    request_queue_size = 128
    daemon_threads = False


def _handler(receiver: Receiver) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 0.5  # of a connection that is idle

        def handle(self) -> None:
            try:
                super().handle()
            except OSError:
                return  # the sender hung up

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            names = {name.lower(): value for name, value in self.headers.items()}
            receiver.received.append(Received(self.path, names, body))
            word, _, number = self.path.strip("/").partition("?")
            _ANSWERS.get(word, _status)(self, receiver, word, number)

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing is printed."""

    return Handler


def _status(handler: Any, receiver: Receiver, word: str, number: str) -> None:
    handler.send_response(int(word) if word.isdigit() else 204)
    if number:
        handler.send_header("Retry-After", number.replace("+", " "))
    handler.send_header("Set-Cookie", "a=b")
    handler.send_header("Content-Length", "0")
    handler.end_headers()


def _redirect(handler: Any, receiver: Receiver, word: str, number: str) -> None:
    handler.send_response(307)
    handler.send_header("Location", f"{receiver.url}/elsewhere")
    handler.send_header("Content-Length", "0")
    handler.end_headers()


def _hang(handler: Any, receiver: Receiver, word: str, number: str) -> None:
    receiver.wait(10)
    handler.close_connection = True


def _lost(handler: Any, receiver: Receiver, word: str, number: str) -> None:
    handler.close_connection = True


def _trickle(handler: Any, receiver: Receiver, word: str, number: str) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    for _ in range(50):
        handler.wfile.write(b".")
        receiver.wait(0.1)
    handler.close_connection = True


def _huge(handler: Any, receiver: Receiver, word: str, number: str) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", str(3_000_000))
    handler.end_headers()
    handler.wfile.write(b" " * 3_000_000)


_ANSWERS: dict[str, Callable[[Any, Receiver, str, str], None]] = {
    "redirect": _redirect,
    "hang": _hang,
    "lost": _lost,
    "trickle": _trickle,
    "huge": _huge,
}


def until(true: Callable[[], bool], *, within_s: float = 60.0) -> bool:
    """Waits for it to become true, and says whether it has."""
    deadline = time.monotonic() + within_s
    while not true() and time.monotonic() < deadline:
        time.sleep(0.01)
    return true()
