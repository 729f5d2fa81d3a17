"""One HTTP attempt, and the truth about it: at most one request leaves, in bounded time.

The SDK's own session re-sends a POST up to four times and counts its time-out anew with every byte that
trickles in. This session does neither, follows no redirection, keeps no cookies, and tells a request that
was never sent from one whose answer was lost.
"""

import io
import socket
import threading
import time
from contextlib import suppress
from http.cookiejar import DefaultCookiePolicy
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from requests.utils import get_environ_proxies
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import HTTPError
from urllib3.util import Timeout

_LONGEST_ANSWER = 1024 * 1024


class NeverSent(requests.ConnectionError):
    """The far end was not reached (name, connection, TLS, proxy): no byte of the request left."""


class AnswerLost(requests.ConnectionError):
    """The request was on its way, and no whole answer came back."""


class TimedOut(AnswerLost):
    """The request was on its way, and the answer was not there in time."""


class Watchdog:
    """Shuts down sockets whose time is up, so that no answer, however slowly it trickles, holds a thread."""

    def __init__(self) -> None:
        self._deadlines: dict[socket.socket, float] = {}
        self._changed = threading.Condition()
        self._closed = False
        threading.Thread(target=self._run, name="fcm-watchdog", daemon=True).start()

    def watch(self, sock: socket.socket, deadline: float) -> None:
        with self._changed:
            self._deadlines[sock] = deadline
            self._changed.notify()

    def release(self, sock: socket.socket, deadline: float) -> None:
        """Ends the watch, unless the socket already carries the next request of another thread."""
        with self._changed:
            if self._deadlines.get(sock) == deadline:
                del self._deadlines[sock]

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify()

    def _run(self) -> None:
        with self._changed:
            while not self._closed:
                self._shut_down_the_late(time.monotonic())
                nearest = min(self._deadlines.values(), default=None)
                self._changed.wait(None if nearest is None else nearest - time.monotonic())

    def _shut_down_the_late(self, now: float) -> None:
        for sock in [sock for sock, deadline in self._deadlines.items() if deadline <= now]:
            del self._deadlines[sock]
            # The plain socket's method, for ssl's own would pull the state away from under its reader.
            with suppress(OSError):
                socket.socket.shutdown(sock, socket.SHUT_RDWR)


class _Attempt:
    """What is known of one request: when its time is up, and the socket it was written to, if it was."""

    def __init__(self, timeout_s: float) -> None:
        self.deadline = time.monotonic() + timeout_s
        self.sock: socket.socket | None = None

    @property
    def is_late(self) -> bool:
        return time.monotonic() >= self.deadline


class OneAttempt(HTTPAdapter):
    """Sends a request once and reads the whole answer within `timeout_s` in total.

    Raises NeverSent or AnswerLost, and nothing else, when there is no answer. Looking up the host's name is
    the one thing that cannot be cut short; it has the resolver's own limit.
    """

    def __init__(self, *, timeout_s: float, connections: int, watchdog: Watchdog) -> None:
        self._timeout_s = timeout_s
        self._watchdog = watchdog
        self._under_way = threading.local()
        super().__init__(pool_connections=2, pool_maxsize=connections, max_retries=0)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = _pools(self)

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:
        manager = super().proxy_manager_for(*args, **kwargs)
        manager.pool_classes_by_scheme = _pools(self)
        return manager

    def send(
        self, request: requests.PreparedRequest, *args: Any, **kwargs: Any
    ) -> requests.Response:
        attempt = self._under_way.attempt = _Attempt(self._timeout_s)
        # A host may have several addresses, and each is given the connect time-out anew.
        kwargs["timeout"] = Timeout(connect=self._timeout_s / 3, total=self._timeout_s)
        try:
            return _whole(super().send(request, *args, **kwargs))
        except (OSError, HTTPError) as error:
            raise _told(error, attempt, request) from error
        finally:
            del self._under_way.attempt
            if attempt.sock is not None:
                self._watchdog.release(attempt.sock, attempt.deadline)

    def writing_to(self, sock: socket.socket) -> None:
        """From here on the request may have arrived."""
        attempt: _Attempt = self._under_way.attempt
        attempt.sock = sock
        self._watchdog.watch(sock, attempt.deadline)


def session(adapter: OneAttempt, *, url: str, ca_file: str | None) -> requests.Session:
    """A session for `url` alone, which reads the environment's proxies once and nothing else of it.

    Left alone, requests would read the environment again for each request, and a `.netrc` that names the
    host would replace the access token.
    """
    made = requests.Session()
    made.trust_env = False
    made.proxies = get_environ_proxies(url)
    made.verify = ca_file or True
    made.max_redirects = 0
    made.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    made.mount("https://", adapter)
    made.mount("http://", adapter)
    return made


def _pools(adapter: OneAttempt) -> dict[str, type[HTTPConnectionPool]]:
    """urllib3's pools, with connections that tell the adapter the moment from which bytes may leave."""

    class Plain(HTTPConnection):
        def request(self, *args: Any, **kwargs: Any) -> None:
            _announce(self, adapter)
            super().request(*args, **kwargs)

    class Encrypted(HTTPSConnection):
        def request(self, *args: Any, **kwargs: Any) -> None:
            _announce(self, adapter)
            super().request(*args, **kwargs)

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = Plain

    class EncryptedPool(HTTPSConnectionPool):
        ConnectionCls = Encrypted

    return {"http": PlainPool, "https": EncryptedPool}


def _announce(connection: HTTPConnection, adapter: OneAttempt) -> None:
    if connection.sock is None:
        connection.connect()
    assert connection.sock is not None  # connect() either sets it or raises
    adapter.writing_to(connection.sock)


def _whole(response: requests.Response) -> requests.Response:
    """The response with its body read, while the watch still lasts."""
    body = response.raw.read(_LONGEST_ANSWER + 1, decode_content=True)
    if len(body) > _LONGEST_ANSWER:
        response.raw.close()
        raise OSError(f"the answer is longer than {_LONGEST_ANSWER} bytes")
    response.raw.release_conn()
    response.raw = io.BytesIO(body)
    return response


def _told(
    error: Exception, attempt: _Attempt, request: requests.PreparedRequest
) -> requests.RequestException:
    if attempt.sock is None:
        return NeverSent(f"not reached: {error}", request=request)
    if attempt.is_late or isinstance(error, requests.Timeout):
        return TimedOut("no answer in time", request=request)
    return AnswerLost(f"the connection broke before the answer: {error}", request=request)
