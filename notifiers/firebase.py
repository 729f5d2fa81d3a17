"""The `admin` transport: firebase-admin's `messaging.send`, held to one attempt and to the endpoint we name."""

import ssl
import threading
from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

from domain.messages import Envelope, Outcome
from notifiers import outcomes
from notifiers.account import ANONYMOUS, GOOGLE, Account, AccountUnusable, Route, SdkChanged
from notifiers.bearer import NoAccessToken
from notifiers.encode import encode
from notifiers.wire import Watchdog

__all__ = ["ANONYMOUS", "GOOGLE", "AccountUnusable", "Accounts", "FirebaseNotifier", "SdkChanged"]

Accounts = Mapping[str, str] | Callable[[str], str | None]
"""From a Firebase project to its credentials: the path of a service-account file, or `anonymous`."""


class FirebaseNotifier:
    """Sends through FCM v1. Each brand may have its own Firebase project and credentials.

    A send takes `timeout_s` at most, and up to 5 s more when an access token has to be fetched. No host is
    contacted but the endpoint and, with a service account, its token endpoint. `accounts` is asked at each
    send, so that new brands and changed credentials take effect at once. Raises SdkChanged or ValueError
    when it is made, never later.
    """

    def __init__(
        self,
        *,
        accounts: Accounts,
        endpoint: str = GOOGLE,
        timeout_s: float = 15.0,
        ca_file: str | None = None,
        connections: int = 100,
    ) -> None:
        self._secret_of = accounts.get if isinstance(accounts, Mapping) else accounts
        self._route = Route(
            endpoint=_origin(endpoint),
            timeout_s=_positive(timeout_s),
            ca_file=_readable(ca_file),
            connections=connections,
        )
        self._watchdog = Watchdog()
        self._accounts: dict[tuple[str, str], Account] = {}
        self._lock = threading.Lock()
        self._closed = False
        # An SDK that changed must stop the start, not the first message of a brand.
        self._opened("sdk-check", ANONYMOUS).close()

    def check(self, project: str) -> None:
        """Raises AccountUnusable where sends for `project` cannot work as configured. Contacts nobody."""
        self._account(project)

    def send(self, envelope: Envelope) -> Outcome:
        try:
            message = encode(envelope)
        except (ValueError, TypeError, OverflowError, AttributeError) as error:
            return outcomes.unsendable(str(error))
        try:
            account = self._account(envelope.project)
            if account.bearer:
                account.bearer.ready()
        except AccountUnusable as error:
            return outcomes.not_sent("ACCOUNT_UNUSABLE", str(error))
        except NoAccessToken as error:
            return outcomes.not_sent("NO_ACCESS_TOKEN", str(error))
        return account.post(message)

    def close(self) -> None:
        with self._lock:
            self._closed = True
            accounts, self._accounts = list(self._accounts.values()), {}
        for account in accounts:
            account.close()
        self._watchdog.close()

    def _account(self, project: str) -> Account:
        secret = self._secret_of(project)
        if not secret:
            raise AccountUnusable(
                f"no credentials for the Firebase project {project!r}: give the brand its own, or the process"
            )
        with self._lock:
            if self._closed:
                raise AccountUnusable("the notifier is closed")
            if (project, secret) not in self._accounts:
                self._accounts[project, secret] = self._opened(project, secret)
            return self._accounts[project, secret]

    def _opened(self, project: str, secret: str) -> Account:
        return Account(project, secret, route=self._route, watchdog=self._watchdog)


def _origin(endpoint: str) -> str:
    parts = urlsplit(endpoint)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise ValueError(
            f"the FCM endpoint {endpoint!r} is not a web address: write it like {GOOGLE} or "
            "http://127.0.0.1:9400"
        )
    return endpoint.rstrip("/")


def _positive(timeout_s: float) -> float:
    if not timeout_s > 0:
        raise ValueError(f"the FCM time-out must be above 0 s, not {timeout_s!r}")
    return timeout_s


def _readable(ca_file: str | None) -> str | None:
    if ca_file is None:
        return None
    try:
        ssl.create_default_context(cafile=ca_file)
    except OSError as error:
        raise ValueError(f"the CA file {ca_file} is no readable PEM bundle: {error}") from error
    return ca_file
