"""The emulator's HTTP/2: one thread for each connection, however many requests are under way on it."""

import heapq
import select
import ssl
import struct
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from itertools import count
from socket import SO_LINGER, SOL_SOCKET
from threading import Event
from typing import Any

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import (
    DataReceived,
    RequestReceived,
    StreamEnded,
    StreamReset,
    WindowUpdated,
)
from h2.exceptions import ProtocolError, StreamClosedError

from notifiers.emulator.behaviour import Wire
from notifiers.emulator.fcm import Fcm, Reply
from notifiers.emulator.routes import LARGEST_BODY, answer

_LOOK_S = 0.2  # between two looks at whether the emulator ends
_TRICKLE_S = 1.0


class _Ended(Exception):
    """The connection is to end now."""


def serve(connection: ssl.SSLSocket, fcm: Fcm, closing: Event) -> None:
    """Answers until the client or the emulator ends the connection."""
    with suppress(_Ended, ProtocolError):
        _Connection(connection, fcm, closing).run()


class _Request:
    """One request as it comes in."""

    def __init__(self, headers: dict[str, str]) -> None:
        self.headers = headers
        self.body = b""


def _texts(headers: Any) -> dict[str, str]:
    return {str(name): str(value) for name, value in headers}


class _Connection:
    def __init__(self, connection: ssl.SSLSocket, fcm: Fcm, closing: Event) -> None:
        self._socket = connection
        self._fcm = fcm
        self._closing = closing
        self._h2 = H2Connection(H2Configuration(client_side=False, header_encoding="utf-8"))
        self._requests: dict[int, _Request] = {}
        self._due: list[tuple[float, int, Callable[[], None]]] = []  # when, order, what
        self._order = count()
        self._bodies: dict[int, bytes] = {}  # answers that wait for the client's window
        self._sends = 0
        self._leaving = (
            False  # a GOAWAY was sent: what is under way is answered, and nothing after it
        )

    def run(self) -> None:
        self._h2.initiate_connection()
        while not self._closing.is_set():
            self._flush()
            if self._leaving and not self._due and not self._bodies:
                return
            if self._readable():
                self._receive()
            while self._due and self._due[0][0] <= time.monotonic():
                _, _, do = heapq.heappop(self._due)
                with suppress(StreamClosedError):
                    do()

    def _readable(self) -> bool:
        wait = self._due[0][0] - time.monotonic() if self._due else _LOOK_S
        if self._socket.pending():
            return True
        return bool(select.select([self._socket], [], [], max(0.0, min(wait, _LOOK_S)))[0])

    def _receive(self) -> None:
        data = self._socket.recv(65536)
        if not data:
            raise _Ended
        for event in self._h2.receive_data(data):
            self._take(event)

    def _take(self, event: Any) -> None:
        match event:
            case RequestReceived():
                self._requests[event.stream_id] = _Request(_texts(event.headers))
            case DataReceived():
                self._grow(event)
            case StreamEnded():
                self._act(event.stream_id)
            case StreamReset():
                self._requests.pop(event.stream_id, None)
                self._bodies.pop(event.stream_id, None)
            case WindowUpdated():
                for stream in list(self._bodies):
                    self._pour(stream)
            case _:
                pass  # settings, pings and priorities are the library's to answer

    def _grow(self, event: DataReceived) -> None:
        self._h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        request = self._requests.get(event.stream_id)
        if request is not None:
            request.body += event.data
            if len(request.body) > LARGEST_BODY:
                self._h2.reset_stream(event.stream_id, ErrorCodes.ENHANCE_YOUR_CALM)
                del self._requests[event.stream_id]

    def _act(self, stream: int) -> None:
        request = self._requests.pop(stream, None)
        if request is None or self._leaving:
            return
        headers = request.headers
        reply = answer(
            self._fcm,
            headers[":method"],
            headers[":path"],
            authorization=headers.get("authorization"),
            body=request.body,
        )
        self._sends += reply.counts
        if reply.wire is Wire.GOAWAY:
            self._leave(stream - 2)
            return
        self._later(reply.delay_ms / 1000, partial(self._answer, stream, reply))
        if self._sends == self._fcm.scenario.goaway_every:
            self._leave(stream)

    def _later(self, seconds: float, do: Callable[[], None]) -> None:
        heapq.heappush(self._due, (time.monotonic() + seconds, next(self._order), do))

    def _leave(self, last: int) -> None:
        """Says which stream was the last that was looked at; libraries for servers say too little: the last one seen."""
        self._leaving = True
        self._flush()
        payload = struct.pack(">II", max(0, last), ErrorCodes.NO_ERROR)
        self._socket.sendall(len(payload).to_bytes(3, "big") + b"\x07\0\0\0\0\0" + payload)

    def _answer(self, stream: int, reply: Reply) -> None:
        match reply.wire:
            case Wire.ANSWER:
                self._begin(stream, reply)
                self._bodies[stream] = reply.body
                self._pour(stream)
            case Wire.TRICKLE:
                self._begin(stream, reply)
                self._drip(stream, reply.body)
            case Wire.REFUSE:
                self._h2.reset_stream(stream, ErrorCodes.REFUSED_STREAM)
            case Wire.RESET:
                self._socket.setsockopt(SOL_SOCKET, SO_LINGER, struct.pack("ii", 1, 0))
                self._socket.close()
                raise _Ended
            case Wire.LOST:
                raise _Ended
            case Wire.HANG | Wire.GOAWAY:
                return

    def _begin(self, stream: int, reply: Reply) -> None:
        headers = [(":status", str(int(reply.status)))]
        if reply.body:
            headers += [
                ("content-type", reply.content_type),
                ("content-length", str(len(reply.body))),
            ]
        headers += [(name.lower(), value) for name, value in reply.headers.items()]
        self._h2.send_headers(stream, headers)

    def _drip(self, stream: int, body: bytes) -> None:
        """One byte now, and the next in a second."""
        self._h2.send_data(stream, body[:1], end_stream=len(body) == 1)
        if len(body) > 1:
            self._later(_TRICKLE_S, partial(self._drip, stream, body[1:]))

    def _pour(self, stream: int) -> None:
        """As much of the body as the client's window takes."""
        body = self._bodies[stream]
        while body:
            room = min(self._h2.local_flow_control_window(stream), self._h2.max_outbound_frame_size)
            if room <= 0:
                self._bodies[stream] = body
                return
            self._h2.send_data(stream, body[:room])
            body = body[room:]
        del self._bodies[stream]
        self._h2.end_stream(stream)

    def _flush(self) -> None:
        if data := self._h2.data_to_send():
            self._socket.sendall(data)
