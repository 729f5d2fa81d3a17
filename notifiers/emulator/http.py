"""The emulator's HTTP/1.1: routes, bodies and connections; what is answered is decided in `fcm.py`."""

import re
import socket
import ssl
import struct
import sys
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from typing import Any

from notifiers.emulator import http2
from notifiers.emulator.behaviour import Wire
from notifiers.emulator.fcm import Fcm, Reply
from notifiers.emulator.routes import LARGEST_BODY, answer

_WHOLE_NUMBER = re.compile(r"[0-9]{1,15}")
_HEX = re.compile(rb"[0-9a-fA-F]+")


class BodyRefused(Exception):
    """A body that is too long or not framed as HTTP/1.1 wants it; the connection cannot go on."""

    def __init__(self, status: HTTPStatus) -> None:
        super().__init__(status.phrase)
        self.status = status


class Server(ThreadingHTTPServer):
    """One thread per connection; `close` ends the open ones too."""

    request_queue_size = 256
    daemon_threads = True

    def __init__(self, address: tuple[str, int], fcm: Fcm) -> None:
        self.fcm = fcm
        self.closing = threading.Event()
        self._connections: set[socket.socket] = set()
        self._lock = threading.Lock()
        if ":" in address[0]:
            self.address_family = socket.AF_INET6
        super().__init__(address, Handler)

    def server_bind(self) -> None:
        # HTTPServer would look up the host's full name, which can take seconds without a name server.
        TCPServer.server_bind(self)

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._lock:
            self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._lock:
            self._connections.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is no fault of the emulator's; anything else is, and is shown."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)

    def encrypt(self, context: ssl.SSLContext, *, http2: bool) -> None:
        context.set_alpn_protocols(["h2", "http/1.1"] if http2 else ["http/1.1"])
        # The handshake is left to the connection's own thread, where a slow client holds nobody up.
        self.socket = context.wrap_socket(
            self.socket, server_side=True, do_handshake_on_connect=False
        )

    def close(self) -> None:
        self.closing.set()
        self.shutdown()
        with self._lock:
            open_ones = list(self._connections)
        for connection in open_ones:
            _cut(connection)
        self.server_close()


class Handler(BaseHTTPRequestHandler):
    """One connection, kept alive as long as the client likes."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Server
    _sends = 0

    def handle(self) -> None:
        if isinstance(self.connection, ssl.SSLSocket):
            self.connection.do_handshake()
            if self.connection.selected_alpn_protocol() == "h2":
                http2.serve(self.connection, self.server.fcm, self.server.closing)
                return
        super().handle()

    def do_GET(self) -> None:
        self._handle(self._routed())

    def do_POST(self) -> None:
        try:
            body = self._body()
        except BodyRefused as refused:
            self.close_connection = True
            self._handle(Reply(status=refused.status))
            return
        self._handle(self._routed(body))

    def do_PUT(self) -> None:
        self.do_POST()

    def do_DELETE(self) -> None:
        self.do_GET()

    def log_message(self, format: str, *args: Any) -> None:
        """Silent: requests are read from /requests, and targets belong in no log."""

    def _routed(self, body: bytes = b"") -> Reply:
        authorization = self.headers.get("Authorization")
        return answer(
            self.server.fcm, self.command, self.path, authorization=authorization, body=body
        )

    def _handle(self, reply: Reply) -> None:
        self._sends += reply.counts
        if self._sends == self.server.fcm.scenario.goaway_every:
            self.close_connection = True
        if reply.delay_ms:
            self.server.closing.wait(reply.delay_ms / 1000)
        match reply.wire:
            case Wire.ANSWER:
                self._answer(reply)
            case Wire.TRICKLE:
                self._trickle(reply)
            case Wire.HANG:
                self._hang()
            case Wire.RESET:
                self._reset()
            case Wire.LOST | Wire.REFUSE | Wire.GOAWAY:
                self.close_connection = True

    def _answer(self, reply: Reply) -> None:
        self.send_response(reply.status)
        if reply.status != HTTPStatus.NO_CONTENT:
            self.send_header("Content-Type", reply.content_type)
            self.send_header("Content-Length", str(len(reply.body)))
        for name, value in reply.headers.items():
            self.send_header(name, value)
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(reply.body)

    def _trickle(self, reply: Reply) -> None:
        self.send_response(reply.status)
        self.send_header("Content-Length", str(len(reply.body)))
        self.end_headers()
        for byte in reply.body:
            if self.server.closing.wait(1.0):
                return
            self.wfile.write(bytes([byte]))

    def _hang(self) -> None:
        """Holds the connection until the client gives up or the emulator ends."""
        self.close_connection = True
        self.connection.settimeout(0.2)
        while not self.server.closing.is_set():
            try:
                if not self.connection.recv(1024):
                    return
            except TimeoutError:
                continue

    def _reset(self) -> None:
        self.close_connection = True
        # Lingering for no time makes the kernel answer with RST instead of an orderly end.
        linger = struct.pack("ii", 1, 0)
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.connection.close()

    def _body(self) -> bytes:
        if "chunked" in self.headers.get("Transfer-Encoding", "").lower():
            return self._chunks()
        length = self.headers.get("Content-Length", "0")
        if not _WHOLE_NUMBER.fullmatch(length):
            raise BodyRefused(HTTPStatus.BAD_REQUEST)
        if int(length) > LARGEST_BODY:
            raise BodyRefused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        return self.rfile.read(int(length))

    def _chunks(self) -> bytes:
        body = b""
        while size := self._chunk_size():
            body += self.rfile.read(size)
            self.rfile.readline(8)
            if len(body) > LARGEST_BODY:
                raise BodyRefused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        while self.rfile.readline(1024).strip():
            pass
        return body

    def _chunk_size(self) -> int:
        size = self.rfile.readline(64).split(b";")[0].strip()
        if not _HEX.fullmatch(size):
            raise BodyRefused(HTTPStatus.BAD_REQUEST)
        return min(int(size, 16), LARGEST_BODY + 1)


def _cut(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # the client was quicker
