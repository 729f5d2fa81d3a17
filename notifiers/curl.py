"""The `curl` transport: FCM over HTTP/2, many messages at once on each connection, through libcurl.

Credentials and the form of a message are firebase-admin's; only the POST is libcurl's, at a twentieth of the CPU.
"""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from functools import partial
from urllib.parse import urlsplit

import msgspec
import requests
from requests.utils import get_environ_proxies, select_proxy

from domain.messages import Envelope, Outcome
from domain.values import Value
from notifiers import access, outcomes
from notifiers.access import ANONYMOUS, GOOGLE, Accounts, AccountUnusable, OpenAccounts, Route
from notifiers.base import Start
from notifiers.bearer import Bearer, NoAccessToken
from notifiers.multiplex import Multiplexer
from notifiers.splice import Encoder
from notifiers.transfer import Failed, Fault, Options, Request, Result, has_http2, version
from notifiers.wire import OneAttempt, Watchdog, session

__all__ = ["CurlNotifier", "has_http2", "version"]

_CONTENT = ["Content-Type: application/json", "Expect:", "Accept: application/json"]
_MOST_CONNECTIONS = 10

Ready = Callable[[list[str] | NoAccessToken], None]
"""Told the headers that carry an access token, or why there is none."""


class _Sent(Value):
    name: str


_read_sent = msgspec.json.Decoder(_Sent).decode


class CurlNotifier:
    """Sends through FCM v1; the same promises as the `admin` transport's, and many sends at once without a thread each.

    `connections` is how many POSTs are under way at most: over HTTP/2 a hundred share a connection, and there are
    ten of these at most; over HTTP/1.1 each has its own. Raises ValueError when it is made, never later.
    """

    validates = True

    def __init__(
        self,
        *,
        accounts: Accounts,
        endpoint: str = GOOGLE,
        timeout_s: float = 15.0,
        ca_file: str | None = None,
        connections: int = 1000,
    ) -> None:
        self._route = route = access.route(
            endpoint=endpoint, timeout_s=timeout_s, ca_file=ca_file, connections=connections
        )
        self._watchdog = Watchdog()
        self._accounts = OpenAccounts(accounts, open_one=self._opened)
        self._multiplexer = Multiplexer(_options(route))
        self._encoder = Encoder()
        self._encoding = threading.Lock()

    def check(self, project: str) -> None:
        """Raises AccountUnusable where sends for `project` cannot work as configured. Contacts nobody."""
        self._accounts.of(project)

    def send(self, envelope: Envelope) -> Outcome:
        ended: Future[Outcome | None] = Future()
        self.start([Start(envelope=envelope, done=ended.set_result)])
        outcome = ended.result()
        assert outcome is not None, "without `start_by` nothing is too late"
        return outcome

    def start(self, starts: Sequence[Start]) -> None:
        """Starts all of these and returns at once, whatever FCM does; each `done` is called on another thread."""
        ready: list[Request] = []
        for start in starts:
            try:
                self._start(start, ready)
            except AccountUnusable as error:
                start.done(outcomes.not_sent("ACCOUNT_UNUSABLE", str(error)))
            except Exception as error:  # noqa: BLE001 - an envelope that cannot be sent must not keep the others
                start.done(outcomes.unsendable(str(error)))
        self._multiplexer.submit(ready)

    def close(self) -> None:
        self._accounts.close()
        self._multiplexer.close()
        self._watchdog.close()

    def _start(self, start: Start, ready: list[Request]) -> None:
        with self._encoding:
            body = self._encoder.body(start.envelope)
        if start.envelope.validate_only:
            body = b'{"validate_only": true, ' + body[1:]
        account = self._accounts.of(start.envelope.project)
        if headers := account.headers():
            ready.append(self._request(start, account, body, headers))
        else:
            account.when_ready(partial(self._go_on, start, account, body))

    def _go_on(
        self, start: Start, account: "_Account", body: bytes, headers: list[str] | NoAccessToken
    ) -> None:
        """Once there is an access token, or none to be had."""
        if isinstance(headers, NoAccessToken):
            start.done(outcomes.not_sent("NO_ACCESS_TOKEN", str(headers)))
        else:
            self._multiplexer.submit([self._request(start, account, body, headers)])

    def _request(
        self, start: Start, account: "_Account", body: bytes, headers: list[str]
    ) -> Request:
        return Request(
            account.url,
            headers,
            body,
            partial(self._ended, start, account, headers),
            start.start_by,
        )

    def _ended(self, start: Start, account: "_Account", headers: list[str], result: Result) -> None:
        if isinstance(result, Failed):
            start.done(_failed(result, self._route.timeout_s))
            return
        outcome = _answered(result.status, result.body, result.retry_after_s)
        if outcome.error_code == "UNAUTHENTICATED":
            account.refused(headers)
        start.done(outcome)

    def _opened(self, project: str, secret: str) -> "_Account":
        return _Account(project, secret, route=self._route, watchdog=self._watchdog)


class _Account:
    """One project's address and the headers of its requests; its access token is fetched on a thread of its own."""

    def __init__(self, project: str, secret: str, *, route: Route, watchdog: Watchdog) -> None:
        self.url = route.address(project)
        self._bearer: Bearer | None = None
        self._session: requests.Session | None = None
        if secret != ANONYMOUS:
            google, token_uri = access.service_account(secret, endpoint=route.endpoint)
            adapter = OneAttempt(timeout_s=route.token_wait_s, connections=2, watchdog=watchdog)
            self._session = session(adapter, url=token_uri, ca_file=route.ca_file)
            self._bearer = Bearer(google, session=self._session)
        self._headers: tuple[str | None, list[str]] = (None, _CONTENT)
        self._lock = threading.Lock()
        self._waiting: list[Ready] = []
        self._fetching = False

    def headers(self) -> list[str] | None:
        """The headers with a usable access token, the same list as long as the token is; None while there is none."""
        if self._bearer is None:
            return _CONTENT
        headers = self._with(self._bearer.usable)
        # Where there is none, `when_ready` asks: a try made here could fail before it, and be made twice.
        if headers and not self._bearer.fresh:
            self._fetch()
        return headers

    def when_ready(self, ready: Ready) -> None:
        """Calls `ready` once an access token was fetched, or could not be."""
        with self._lock:
            self._waiting.append(ready)
        self._fetch()

    def refused(self, headers: list[str]) -> None:
        """FCM did not take the access token in these; one that was renewed meanwhile is not meant."""
        if self._bearer and headers is self._headers[1]:
            self._bearer.refused()

    def close(self) -> None:
        if self._session:
            self._session.close()

    def _with(self, token: str | None) -> list[str] | None:
        if token is None:
            return None
        known, headers = self._headers
        if known != token:
            headers = [*_CONTENT, f"Authorization: Bearer {token}"]
            self._headers = token, headers
        return headers

    def _fetch(self) -> None:
        with self._lock:
            if self._fetching:
                return
            self._fetching = True
        threading.Thread(target=self._fetched, name="fcm-token", daemon=True).start()

    def _fetched(self) -> None:
        """One try, whose result goes to everybody who waited for it."""
        assert self._bearer is not None, "anonymous accounts fetch no token"
        result: list[str] | NoAccessToken
        try:
            self._bearer.ready()
            result = self._with(self._bearer.usable) or NoAccessToken("it was refused at once")
        except NoAccessToken as error:
            result = error
        with self._lock:
            self._fetching = False
            waiting, self._waiting = self._waiting, []
        for ready in waiting:
            ready(result)


def _options(route: Route) -> Options:
    secure = route.endpoint.startswith("https:")
    streams = max(1, route.connections)
    return Options(
        secure=secure,
        timeout_s=route.timeout_s,
        ca_file=route.ca_file,
        proxy=_proxy(route.endpoint),
        connections=min(_MOST_CONNECTIONS, streams) if secure else streams,
        streams=streams,
    )


def _proxy(endpoint: str) -> str:
    """The environment's proxy for the endpoint, as the `admin` transport finds it: once, at the start."""
    chosen = select_proxy(endpoint, get_environ_proxies(endpoint))
    if chosen and not urlsplit(chosen).scheme:
        return f"http://{chosen}"
    return str(chosen or "")


def _failed(failed: Failed, timeout_s: float) -> Outcome | None:
    match failed.fault:
        case Fault.LATE:
            return None
        case Fault.NOT_SENT:
            return outcomes.not_sent("NOT_REACHED", failed.text)
        case Fault.TIMED_OUT:
            return outcomes.lost("TIMEOUT", f"no answer within {timeout_s:g} s")
        case Fault.TOO_LONG:
            return outcomes.lost("UNREADABLE_ANSWER", failed.text)
        case Fault.LOST:
            return outcomes.lost("CONNECTION_LOST", failed.text)


def _answered(status: int, body: bytes, retry_after_s: int) -> Outcome:
    if status != 200:
        headers = {"Retry-After": str(retry_after_s)} if retry_after_s else {}
        return outcomes.of_answer(status, body, headers)
    try:
        return outcomes.accepted(_read_sent(body).name)
    except msgspec.DecodeError as error:
        return outcomes.lost("UNREADABLE_ANSWER", str(error))
