"""Phones that send fixes as fast as they are answered: many connections in one thread, so that they cost little."""

import os
import selectors
import socket
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import NamedTuple
from urllib.parse import urlsplit

import uuid_utils

from domain.clock import SystemClock

NOISE_DEGREES = 5e-5  # a person who stands still wanders about this much, in latitude
STEP = timedelta(milliseconds=10)  # between the fixes of one request
_TICKS = os.sysconf("SC_CLK_TCK")


class Phone:
    """A device with its credential and where it stands, and until when it has told its fixes."""

    def __init__(self, credential: str, latitude: float, longitude: float) -> None:
        self.credential = credential
        self._random = Random(credential)
        self._place = latitude, longitude
        self._told_until = datetime.min.replace(tzinfo=UTC)

    def fixes(self, size: int, now: datetime) -> str:
        """A body of `size` fixes up to now, all later than those before."""
        first = max(now - size * STEP, self._told_until)
        times = [first + STEP * (n + 1) for n in range(size)]
        self._told_until = times[-1]
        return '{"fixes":[' + ",".join(map(self._fix, times)) + "]}"

    def _fix(self, at: datetime) -> str:
        latitude = self._place[0] + self._random.uniform(-NOISE_DEGREES, NOISE_DEGREES)
        return (
            f'{{"event_id":"{uuid_utils.uuid7()}","latitude":{latitude:.7f},'
            f'"longitude":{self._place[1]:.7f},"accuracy_m":12.5,"occurred_at":"{at.isoformat()}"}}'
        )


class Measured(NamedTuple):
    """What came of a load. `cpu_us` is the servers' processor time per request in microseconds."""

    requests: int
    seconds: float
    latencies_ms: list[float]
    cpu_us: float

    @property
    def rate(self) -> float:
        return self.requests / self.seconds


class Client:
    """One connection, over which some phones send in turn."""

    def __init__(self, url: str, phones: Sequence[Phone], size: int) -> None:
        address = urlsplit(url)
        self.socket = socket.create_connection((address.hostname, address.port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._phones = phones
        self._size = size
        self._clock = SystemClock()
        self._turn = 0
        self._answer = bytearray()
        self._since = 0.0

    def send(self) -> None:
        """Sends the next phone's fixes, which end at this moment."""
        phone = self._phones[self._turn % len(self._phones)]
        self._turn += 1
        body = phone.fixes(self._size, self._clock.now()).encode()
        head = (
            f"POST /v1/locations HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {phone.credential}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        self._since = time.perf_counter()
        self.socket.sendall(head.encode() + body)

    def receive(self) -> float | None:
        """Milliseconds since the request, once its answer is complete; RuntimeError where it is not a full success."""
        self._answer += self.socket.recv(65536)
        head, found, body = self._answer.partition(b"\r\n\r\n")
        if not found or len(body) < _length(head):
            return None
        taken = time.perf_counter() - self._since
        if not (b" 202 " in head[:20] and body.startswith(b'{"accepted":%d,' % self._size)):
            raise RuntimeError(f"not taken: {head[:80]!r} {body[:300]!r}")
        self._answer.clear()
        return taken * 1000


def _length(head: bytes | bytearray) -> int:
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    raise RuntimeError(f"an answer without a length: {head!r}")


def load(clients: Sequence[Client], seconds: float, servers: Sequence[int]) -> Measured:
    """Lets every client send, wait and send again; ends with all answers received."""
    latencies: list[float] = []
    with selectors.DefaultSelector() as selector:
        for client in clients:
            selector.register(client.socket, selectors.EVENT_READ, client)
        started, busy = time.perf_counter(), sum(map(_cpu_s, servers))
        for client in clients:
            client.send()
        open_ = len(clients)
        while open_:
            for key, _ in selector.select():
                taken = key.data.receive()
                if taken is None:
                    continue
                latencies.append(taken)
                if time.perf_counter() - started < seconds:
                    key.data.send()
                else:
                    open_ -= 1
        spent = time.perf_counter() - started
    cpu_s = sum(map(_cpu_s, servers)) - busy
    return Measured(len(latencies), spent, latencies, cpu_s / len(latencies) * 1e6)


def _cpu_s(process: int) -> float:
    """Processor time of a process so far; 0 where the system does not tell."""
    try:
        fields = (
            Path(f"/proc/{process}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        )
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / _TICKS
