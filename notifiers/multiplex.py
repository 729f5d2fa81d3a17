"""Any number of POSTs at once over few connections: one thread, libcurl, and the truth about each request.

libcurl repeats a request by itself when a reused connection dies before any answer, POST or not. Here a body is handed
out once and never rewound, so that no request leaves twice: whatever libcurl wants to repeat comes back as a failure
instead. Three things are known of it, and nothing is guessed: whether the body was asked for at all (if not, nothing
was sent), whether the far end said that it had not looked at it (HTTP/2's REFUSED_STREAM, or a GOAWAY that names an
earlier stream: RFC 9113 §8.7), or else that it may have arrived.
"""

import selectors
import socket
import threading
import time
from collections.abc import Sequence
from contextlib import suppress

import pycurl
import structlog

from notifiers.transfer import (
    LONGEST_ANSWER,
    Failed,
    Fault,
    Options,
    Request,
    Result,
    Transfer,
)

_STREAMS = 100  # on one connection; what Google's front end is reported to allow
_MOST_TRIES = 10  # of a request that the far end refuses unseen
_IDLE_TRANSFERS = 1000
_EVENTS = {
    pycurl.POLL_IN: selectors.EVENT_READ,
    pycurl.POLL_OUT: selectors.EVENT_WRITE,
    pycurl.POLL_INOUT: selectors.EVENT_READ | selectors.EVENT_WRITE,
}
_log = structlog.get_logger()


class Multiplexer:
    """Posts what it is given from one thread of its own. `done` of a request is called there, once; it must be quick."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._selector = selectors.DefaultSelector()
        self._woken, self._waker = socket.socketpair()
        self._woken.setblocking(False)
        self._selector.register(self._woken, selectors.EVENT_READ)
        self._lock = threading.Lock()
        self._submitted: list[Request] = []
        self._closed = False
        self._idle: list[Transfer] = []
        self._lanes = [_Lane(options, self._selector)]
        self._thread = threading.Thread(target=self._run, name="fcm-multiplexer", daemon=True)
        self._thread.start()

    def submit(self, requests: Sequence[Request]) -> None:
        """Takes requests and returns at once; from any thread."""
        with self._lock:
            refused, idle = self._closed, not self._submitted
            if not refused:
                self._submitted += requests
        if refused:
            for request in requests:
                request.done(Failed(Fault.NOT_SENT, "the notifier is closed"))
        elif idle and requests:
            self._wake()

    def close(self) -> None:
        """Ends what is under way, as lost or not sent, and frees the connections. Safe to call twice."""
        with self._lock:
            self._closed = True
        self._wake()
        if threading.current_thread() is not self._thread:
            self._thread.join()

    def _wake(self) -> None:
        with suppress(OSError):  # it has ended already
            self._waker.send(b"!")

    def _run(self) -> None:
        while not self._closed:
            try:
                self._round()
            except Exception:  # noqa: BLE001 - whatever libcurl does, no request may be left without its end
                _log.exception("multiplexer_failed")
                self._abandon("the transport failed")
        self._abandon("the notifier was closed")
        self._selector.close()
        self._woken.close()
        self._waker.close()

    def _round(self) -> None:
        self._wait()
        with self._lock:
            submitted, self._submitted = self._submitted, []
        if submitted and self._lanes[-1].hung_up():
            self._new_lane()
        for request in submitted:
            self._begin(request)
        for lane in list(self._lanes):
            lane.turn()
            for transfer, code, text in lane.ended():
                self._end(lane, transfer, code, text)
        self._drop_drained()

    def _wait(self) -> None:
        timers = [lane.timer for lane in self._lanes if lane.timer is not None]
        timeout = max(0.0, min(timers) - time.monotonic()) if timers else None
        for key, ready in self._selector.select(timeout):
            if key.data is None:
                self._woken.recv(4096)
            else:
                key.data.ready(key.fd, ready)

    def _begin(self, request: Request, *, tries: int = 1, deadline: float | None = None) -> None:
        try:
            transfer = self._idle.pop() if self._idle else Transfer(self._options)
            self._lanes[-1].begin(transfer, request, tries=tries, deadline=deadline)
        except Exception as error:  # noqa: BLE001 - what libcurl does not take must not keep the others
            _log.exception("request_not_taken")
            self._tell(request, Failed(Fault.NOT_SENT, f"libcurl did not take it: {error}"))

    def _end(self, lane: "_Lane", transfer: Transfer, code: int, text: str) -> None:
        result = _result(transfer, code, text)
        request, tries, deadline = transfer.request, transfer.tries, transfer.deadline
        refused = isinstance(result, Failed) and transfer.was_refused(code, text)
        silent = code == pycurl.E_OPERATION_TIMEDOUT and transfer.begun > lane.last_answer
        if len(self._idle) < _IDLE_TRANSFERS:
            self._idle.append(transfer)
        else:
            transfer.close()
        if silent and transfer.taken and lane is self._lanes[-1]:
            # Nothing has come since: the connections may be dead without knowing.
            self._new_lane()
        if refused and tries < _MOST_TRIES:
            self._begin(request, tries=tries + 1, deadline=deadline)
        else:
            self._tell(
                request, Failed(Fault.NOT_SENT, f"refused unseen: {text}") if refused else result
            )

    def _new_lane(self) -> None:
        """The next requests get new connections; those under way end on theirs."""
        self._lanes.append(_Lane(self._options, self._selector))

    def _tell(self, request: Request, result: Result) -> None:
        try:
            request.done(result)
        except Exception:  # noqa: BLE001 - one listener's fault must not take the others' answers
            _log.exception("answer_not_taken")

    def _drop_drained(self) -> None:
        for lane in self._lanes[:-1]:
            if not lane.live:
                self._lanes.remove(lane)
                lane.close()

    def _abandon(self, why: str) -> None:
        with self._lock:
            submitted, self._submitted = self._submitted, []
        for request in submitted:
            self._tell(request, Failed(Fault.NOT_SENT, why))
        lanes, self._lanes = self._lanes, [_Lane(self._options, self._selector)]
        for lane in lanes:
            for transfer in lane.abandoned():
                fault = Fault.LOST if transfer.taken else Fault.NOT_SENT
                self._tell(transfer.request, Failed(fault, why))
                transfer.close()
            lane.close()


class _Lane:
    """libcurl's connections and the transfers on them."""

    def __init__(self, options: Options, selector: selectors.BaseSelector) -> None:
        self.live: dict[pycurl.Curl, Transfer] = {}
        self.timer: float | None = None
        self.last_answer = 0.0
        self._options = options
        self._selector = selector
        # Sockets that libcurl keeps for the next request, or has closed.
        self._unused: set[int] = set()
        self._version = 0  # as the far end's first answer shows: 2 is HTTP/2, 1 and 10 are older
        self._multi = multi = pycurl.CurlMulti()
        multi.setopt(pycurl.M_PIPELINING, pycurl.PIPE_MULTIPLEX)
        multi.setopt(pycurl.M_MAX_CONCURRENT_STREAMS, _STREAMS)
        multi.setopt(pycurl.M_MAX_HOST_CONNECTIONS, options.connections)
        multi.setopt(pycurl.M_SOCKETFUNCTION, self._watch)
        multi.setopt(pycurl.M_TIMERFUNCTION, self._set_timer)

    def begin(
        self, transfer: Transfer, request: Request, *, tries: int, deadline: float | None
    ) -> None:
        transfer.load(request, tries=tries, deadline=deadline, strict=self._version == _HTTP_2)
        self._multi.add_handle(transfer.easy)
        self.live[transfer.easy] = transfer

    def ready(self, fd: int, events: int) -> None:
        mask = pycurl.CSELECT_IN if events & selectors.EVENT_READ else 0
        if events & selectors.EVENT_WRITE:
            mask |= pycurl.CSELECT_OUT
        self._multi.socket_action(fd, mask)

    def turn(self) -> None:
        """Lets libcurl do what its timer asked for."""
        while self.timer is not None and self.timer <= time.monotonic():
            self.timer = None
            self._multi.socket_action(pycurl.SOCKET_TIMEOUT, 0)

    def ended(self) -> list[tuple[Transfer, int, str]]:
        """The transfers that have ended since, out of libcurl's hands: each with its code (0: answered) and text."""
        found: list[tuple[Transfer, int, str]] = []
        left = 1
        while left:
            left, answered, failed = self._multi.info_read()
            found += [(self._out(easy), 0, "") for easy in answered]
            found += [(self._out(easy), code, text) for easy, code, text in failed]
            if answered:
                self.last_answer = time.monotonic()
                self._learn(answered[0])
        return found

    def hung_up(self) -> bool:
        """Whether the far end has hung up on a connection that waits for its next request.

        libcurl looks for these once a second; a request that leaves on one in between would count as lost.
        """
        states = {fd: _tcp_state(fd) for fd in self._unused}
        self._unused -= {fd for fd, state in states.items() if state is None}
        return any(state not in (None, _ESTABLISHED) for state in states.values())

    def abandoned(self) -> list[Transfer]:
        return [self._out(easy) for easy in list(self.live)]

    def close(self) -> None:
        self._multi.close()

    def _out(self, easy: pycurl.Curl) -> Transfer:
        self._multi.remove_handle(easy)
        return self.live.pop(easy)

    def _learn(self, answered: pycurl.Curl) -> None:
        if self._version:
            return
        self._version = int(answered.getinfo(pycurl.INFO_HTTP_VERSION))
        if (
            self._version != _HTTP_2
        ):  # one request at a time on each connection: it takes more of them
            self._multi.setopt(pycurl.M_MAX_HOST_CONNECTIONS, self._options.streams)

    def _watch(self, event: int, fd: int, _multi: object, _data: object) -> None:
        known = fd in self._selector.get_map()
        self._unused.discard(fd)
        if event == pycurl.POLL_REMOVE:
            self._unused.add(fd)
            if known:
                self._selector.unregister(fd)
        elif known:
            self._selector.modify(fd, _EVENTS[event], self)
        else:
            self._selector.register(fd, _EVENTS[event], self)

    def _set_timer(self, timeout_ms: int) -> None:
        self.timer = None if timeout_ms < 0 else time.monotonic() + timeout_ms / 1000


_ESTABLISHED = 1  # of Linux's TCP states; a far end that hung up leaves CLOSE_WAIT


def _tcp_state(fd: int) -> int | None:
    """The state of a connection; None for what is no open one, or where the system does not tell."""
    if not hasattr(socket, "TCP_INFO"):
        return None
    try:
        same = socket.socket(fileno=fd)
    except OSError:
        return None
    try:
        return same.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0]
    except OSError:
        return None
    finally:
        same.detach()  # it is libcurl's to close


_HTTP_2 = pycurl.CURL_HTTP_VERSION_2_0


def _result(transfer: Transfer, code: int, text: str) -> Result:
    if code == 0:
        return transfer.reply()
    if transfer.late:
        return Failed(Fault.LATE, "it could not start in time")
    if not transfer.taken:
        return Failed(Fault.NOT_SENT, text)
    if code == pycurl.E_OPERATION_TIMEDOUT:
        return Failed(Fault.TIMED_OUT, text)
    if transfer.too_long:
        return Failed(Fault.TOO_LONG, f"the answer is longer than {LONGEST_ANSWER} bytes")
    return Failed(Fault.LOST, text)
