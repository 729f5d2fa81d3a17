"""With which credentials a project's messages are posted, and where: what every transport to FCM shares."""

import json
import ssl
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar
from urllib.parse import quote, urlsplit

from firebase_admin import credentials

from domain.values import Value

ANONYMOUS = "anonymous"
GOOGLE = "https://fcm.googleapis.com"

Accounts = Mapping[str, str] | Callable[[str], str | None]
"""From a Firebase project to its credentials: the path of a service-account file, or `anonymous`."""

_SCOPE = "https://www.googleapis.com/auth/firebase.messaging"
_LONGEST_TOKEN_WAIT_S = 5.0


class AccountUnusable(ValueError):
    """A project's credentials are missing, unreadable or unfit for the endpoint; the message says what to do."""


class Route(Value):
    """Where requests go, and within which bounds. `timeout_s` covers a whole POST, answer included."""

    endpoint: str = GOOGLE
    timeout_s: float = 15.0
    ca_file: str | None = None
    connections: int = 100

    @property
    def token_wait_s(self) -> float:
        """How long an access token may take."""
        return min(_LONGEST_TOKEN_WAIT_S, self.timeout_s)

    def address(self, project: str) -> str:
        """Where a project's messages are posted."""
        return f"{self.endpoint}/v1/projects/{quote(project, safe=':.')}/messages:send"


class _Closing(Protocol):
    def close(self) -> None: ...


A = TypeVar("A", bound=_Closing)


class OpenAccounts(Generic[A]):
    """One open account per project and credentials, opened when first needed. Safe for many threads.

    `accounts` is asked each time, so that new brands and changed credentials take effect at once.
    """

    def __init__(self, accounts: Accounts, *, open_one: Callable[[str, str], A]) -> None:
        self._secret_of = accounts.get if isinstance(accounts, Mapping) else accounts
        self._open_one = open_one
        self._open: dict[tuple[str, str], A] = {}
        self._lock = threading.Lock()
        self._closed = False

    def of(self, project: str) -> A:
        """The project's account; raises AccountUnusable."""
        secret = self._secret_of(project)
        if not secret:
            raise AccountUnusable(
                f"no credentials for the Firebase project {project!r}: give the brand its own, or the process"
            )
        with self._lock:
            if self._closed:
                raise AccountUnusable("the notifier is closed")
            if (project, secret) not in self._open:
                self._open[project, secret] = self._open_one(project, secret)
            return self._open[project, secret]

    def close(self) -> None:
        with self._lock:
            self._closed = True
            opened, self._open = list(self._open.values()), {}
        for account in opened:
            account.close()


def route(*, endpoint: str, timeout_s: float, ca_file: str | None, connections: int) -> Route:
    """The route, checked; raises ValueError that says which option is wrong."""
    return Route(
        endpoint=_origin(endpoint),
        timeout_s=_positive(timeout_s),
        ca_file=_readable(ca_file),
        connections=connections,
    )


def service_account(path: str, *, endpoint: str) -> tuple[Any, str]:
    """google-auth's credentials in a file, for messaging alone, and the address of their token endpoint.

    Raises AccountUnusable, also where the access token would travel unencrypted.
    """
    google, token_uri = _read(path)
    if token_uri.startswith("https:") and endpoint.startswith("http:"):
        raise AccountUnusable(
            f"{path} is an account of {urlsplit(token_uri).hostname}, and its access token would "
            f"travel unencrypted to {endpoint}: use https, or, for an emulator, an "
            f"account made for it or '{ANONYMOUS}'"
        )
    return google, token_uri


def _read(path: str) -> tuple[Any, str]:
    try:
        info = json.loads(Path(path).read_text(encoding="utf-8"))
        google = credentials.Certificate(info).get_credential().with_scopes([_SCOPE])
        return google, str(info["token_uri"])
    except (OSError, ValueError, TypeError, AttributeError, KeyError) as error:
        raise AccountUnusable(
            f"{path} is not a readable service-account file ({error}): download one from the Firebase "
            "console (Project settings, Service accounts) and name its path"
        ) from error


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
