"""One POST in libcurl's hands: its options, its body that is given out once, and what came back."""

import os
import socket
import time
from collections.abc import Callable
from enum import StrEnum
from typing import NamedTuple

import certifi
import pycurl

from domain.values import Value

LONGEST_ANSWER = 1024 * 1024
_REWIND = (
    "seek callback"  # how libcurl's text begins where nothing but our refusal to rewind went wrong
)


class Options(Value):
    """What all requests of a transport have in common. `streams` is how many are under way at most."""

    secure: bool
    timeout_s: float
    ca_file: str | None = None
    proxy: str = ""
    connections: int = 10
    streams: int = 1000


class Reply(NamedTuple):
    """An HTTP answer; `retry_after_s` is 0 where the server named no time."""

    status: int
    body: bytes
    retry_after_s: int


class Fault(StrEnum):
    """What is certain of a request without an answer."""

    NOT_SENT = "not_sent"  # nobody can have seen it
    LATE = "late"  # the same: it could not start in time
    LOST = "lost"  # it may have arrived
    TIMED_OUT = "timed_out"  # it may have arrived
    TOO_LONG = "too_long"  # it was answered, beyond all bounds


class Failed(NamedTuple):
    fault: Fault
    text: str


Result = Reply | Failed


class Request(NamedTuple):
    """A POST to make. After `start_by` of the monotonic clock it does not start any more.

    `headers` is set anew only where it is another list than that of the request before.
    """

    url: str
    headers: list[str]
    body: bytes
    done: Callable[[Result], None]
    start_by: float | None = None


class Transfer:
    """A handle of libcurl, used again and again; `easy` is the handle."""

    def __init__(self, options: Options) -> None:
        self.request = _NOTHING
        self.tries = 0
        self.begun = 0.0
        self.deadline = 0.0
        self.taken = False  # the body was given out: from here on the request may have arrived
        self.late = False
        self.too_long = False
        self._position = 0
        self._answer: list[bytes] = []
        self._length = 0
        self._timeout_s = options.timeout_s
        self._strict = False
        self._wants_strict = options.secure
        self.easy = _handle(options)
        self.easy.setopt(pycurl.READFUNCTION, self._read)
        self.easy.setopt(pycurl.SEEKFUNCTION, _refuse_to_rewind)
        self.easy.setopt(pycurl.WRITEFUNCTION, self._write)

    def load(self, request: Request, *, tries: int, deadline: float | None, strict: bool) -> None:
        """Makes ready for a request. `strict` says that the far end speaks HTTP/2: then nothing else will do."""
        easy, before = self.easy, self.request
        self.request, self.tries = request, tries
        self.begun = time.monotonic()
        self.deadline = deadline or self.begun + self._timeout_s
        self.taken = self.late = self.too_long = False
        self._position = self._length = 0
        self._answer.clear()
        if before.url != request.url:
            easy.setopt(pycurl.URL, request.url)
        if before.headers is not request.headers:
            easy.setopt(pycurl.HTTPHEADER, request.headers)
        if self._strict != strict and self._wants_strict:
            easy.setopt(pycurl.HTTP_VERSION, _STRICT if strict else _NEGOTIATED)
            self._strict = strict
        if tries > 1 or before is _NOTHING or self._retried:
            easy.setopt(pycurl.TIMEOUT_MS, max(1, int((self.deadline - self.begun) * 1000)))
        self._retried = tries > 1
        easy.setopt(pycurl.POSTFIELDSIZE, len(request.body))

    def reply(self) -> Reply:
        status = int(self.easy.getinfo(pycurl.RESPONSE_CODE))
        wait = 0 if status == 200 else int(self.easy.getinfo(pycurl.RETRY_AFTER))
        return Reply(status, b"".join(self._answer), wait)

    def was_refused(self, code: int, text: str) -> bool:
        """Whether the far end said that it had not looked at the request.

        libcurl then wants to repeat the request and says nothing against the connection; a connection that broke has
        left another text first. Over HTTP/1.1 a hang-up looks the same, so that only strict HTTP/2 counts.
        """
        return self._strict and code == pycurl.E_SEND_FAIL_REWIND and text.startswith(_REWIND)

    def close(self) -> None:
        self.easy.close()

    _retried = False

    def _read(self, size: int) -> bytes | int:
        """The body, from where libcurl is; nothing at all once it is too late to start."""
        request = self.request
        if self._position == 0:
            if request.start_by is not None and time.monotonic() > request.start_by:
                self.late = True
                return int(pycurl.READFUNC_ABORT)
            self.taken = True
        piece = request.body[self._position : self._position + size]
        self._position += len(piece)
        return piece

    def _write(self, piece: bytes) -> int | None:
        self._length += len(piece)
        if self._length > LONGEST_ANSWER:
            self.too_long = True
            return 0
        self._answer.append(piece)
        return None


_STRICT = pycurl.CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE
_NEGOTIATED = pycurl.CURL_HTTP_VERSION_2TLS
_NOTHING = Request(url="", headers=[], body=b"", done=lambda _: None)


def has_http2() -> bool:
    """Whether the libcurl at hand speaks HTTP/2."""
    features = pycurl.version_info()[4]
    return bool(features & pycurl.VERSION_HTTP2)


def version() -> str:
    """The libcurl at hand, in words."""
    return f"libcurl {pycurl.version_info()[1]}"


def _handle(options: Options) -> pycurl.Curl:
    easy = pycurl.Curl()
    version = _NEGOTIATED if options.secure else pycurl.CURL_HTTP_VERSION_1_1
    authorities = options.ca_file or certifi.where()
    for option, value in {
        pycurl.HTTP_VERSION: version,
        pycurl.PIPEWAIT: 1,  # rather a stream of a connection that is being made than one more connection
        pycurl.POST: 1,
        pycurl.NOSIGNAL: 1,
        pycurl.SSL_VERIFYPEER: 1,
        pycurl.SSL_VERIFYHOST: 2,
        pycurl.CAINFO: authorities,
        pycurl.PROXY: options.proxy,  # empty: none, whatever the environment says by now
        pycurl.NOPROXY: "",
        pycurl.PROXY_CAINFO: authorities,
        pycurl.CONNECTTIMEOUT_MS: max(1, int(options.timeout_s * 1000 / 3)),
        pycurl.FOLLOWLOCATION: 0,
        pycurl.TCP_KEEPALIVE: 1,
        pycurl.SOCKOPTFUNCTION: lambda fd, _purpose: _bound_silence(fd, options.timeout_s),
    }.items():
        easy.setopt(option, value)
    return easy


def _refuse_to_rewind(_offset: int, _origin: int) -> int:
    return int(pycurl.SEEKFUNC_FAIL)


def _bound_silence(fd: int, timeout_s: float) -> int:
    """Lets the kernel give up a connection whose far end no longer acknowledges what it is sent."""
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        with socket.socket(fileno=os.dup(fd)) as same:
            same.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(timeout_s * 1000))
    return int(pycurl.SOCKOPT_OK)
