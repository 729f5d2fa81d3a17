"""Which transport to FCM fits this installation, and why."""

from importlib import import_module
from typing import Any, Literal

from domain.values import Value

Kind = Literal["curl", "admin"]

CONCURRENCY: dict[str, int] = {"curl": 500, "admin": 32}
"""POSTs under way at once, unless told: a thread each for `admin`, a stream of a shared connection for `curl`."""


class Choice(Value):
    """A transport, and the reason to take it."""

    kind: Kind
    why: str
    has_curl: bool = True  # whether `curl` could be taken at all


def best() -> Choice:
    """`curl` where pycurl brings a libcurl with HTTP/2, else `admin`."""
    try:
        curl: Any = import_module("notifiers.curl")
    except ImportError as error:
        return Choice(kind="admin", why=f"pycurl cannot be loaded ({error})", has_curl=False)
    if not curl.has_http2():
        return Choice(kind="admin", why=f"{curl.version()} has no HTTP/2")
    return Choice(kind="curl", why=f"{curl.version()} has HTTP/2")
