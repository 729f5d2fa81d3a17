"""A server that answers with the bytes it is given, however odd, and counts what it was asked."""

import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

Script = Callable[[socket.socket], None]


def saying(status: str, body: bytes, *headers: str) -> Script:
    """A whole answer."""
    head = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", ""]
    return lambda connection: connection.sendall("\r\n".join(head).encode() + body)


class RawServer:
    """Serves `script` once per connection, after one request has come in, and then hangs up."""

    def __init__(self, script: Script) -> None:
        self.requests = 0
        self._script = script
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._threads: list[threading.Thread] = []
        self._accepting = threading.Thread(target=self._accept)
        self._accepting.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._socket.getsockname()[1]}"

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._serve, args=(connection,))
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            received = b""
            while b"\r\n\r\n" not in received:
                received += connection.recv(65536)
            self.requests += 1
            try:
                self._script(connection)
            except OSError:
                return  # the client hung up first

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._accepting.join()
        for thread in self._threads:
            thread.join()


class Line:
    """A line to a server that can go silent: what is connected by then stays so, and nothing comes through any more."""

    def __init__(self, url: str) -> None:
        there = urlsplit(url)
        self._there = (there.hostname or "", there.port or 0)
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"{there.scheme}://127.0.0.1:{self._socket.getsockname()[1]}"
        self._age = 0
        self._open: list[socket.socket] = []
        self._accepting = threading.Thread(target=self._accept)
        self._accepting.start()

    def go_silent(self) -> None:
        self._age += 1

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._socket.accept()
            except OSError:
                return
            far = socket.create_connection(self._there)
            self._open += [near, far]
            for one, other in ((near, far), (far, near)):
                threading.Thread(target=self._carry, args=(one, other, self._age)).start()

    def _carry(self, one: socket.socket, other: socket.socket, age: int) -> None:
        try:
            while received := one.recv(65536):
                if age == self._age:
                    other.sendall(received)
            other.shutdown(socket.SHUT_WR)
        except OSError:
            return  # either end hung up

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._accepting.join()
        for each in self._open:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
