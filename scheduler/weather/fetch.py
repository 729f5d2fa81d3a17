"""One careful GET: no redirect, a limit on time and size, and one error for whatever goes wrong."""

import time
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple, TypeVar

import requests
import structlog
from urllib3.exceptions import HTTPError

CONNECT_S = 5.0
READ_S = 10.0
WHOLE_S = 20.0
LIMIT = 4 * 1024 * 1024
_CHUNK = 64 * 1024
_log = structlog.get_logger()
Ask = TypeVar("Ask")
Got = TypeVar("Got")


class Unavailable(Exception):
    """The weather could not be had; `retry_after_s` is the provider's wish, where it gave one."""

    def __init__(self, why: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(why)
        self.retry_after_s = retry_after_s


class Answer(NamedTuple):
    """`body` is empty where the provider says that nothing changed (304)."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def get(
    session: requests.Session,
    url: str,
    *,
    params: Mapping[str, str],
    headers: Mapping[str, str] | None = None,
    whole_s: float = WHOLE_S,
) -> Answer:
    """The answer with status 200, 203 or 304; Unavailable for all else, and for one that is too slow or too large."""
    deadline = time.monotonic() + whole_s
    try:
        with session.get(
            url,
            params=dict(params),
            headers=dict(headers or {}),
            timeout=(min(CONNECT_S, whole_s), min(READ_S, whole_s)),
            allow_redirects=False,
            stream=True,
        ) as response:
            if response.status_code not in {200, 203, 304}:
                raise Unavailable(
                    f"the provider answered {response.status_code}",
                    retry_after_s=_seconds(response.headers.get("Retry-After")),
                )
            return Answer(response.status_code, response.headers, _body(response, deadline))
    except (requests.RequestException, HTTPError) as error:
        # The URL may carry a key, so only the kind of failure is told.
        raise Unavailable(f"the provider is out of reach ({type(error).__name__})") from None


def of_all(asks: Iterable[Ask], ask: Callable[[Ask], list[Got]]) -> list[Got]:
    """What the calls bring together: one that fails does not spoil the others, unless the provider asks us to wait.

    Unavailable where none brought anything.
    """
    got: list[Got] = []
    failure: Unavailable | None = None
    for each in asks:
        try:
            got += ask(each)
        except Unavailable as error:
            _log.warning("weather_call_failed", why=str(error))
            failure = error
            if error.retry_after_s is not None:
                break
    if failure and not got:
        raise failure
    return got


def _body(response: requests.Response, deadline: float) -> bytes:
    """Read as it comes: waiting for a whole chunk would let an answer that trickles in last for ever."""
    body = bytearray()
    while piece := response.raw.read1(_CHUNK, decode_content=True):
        body += piece
        if len(body) > LIMIT:
            raise Unavailable(f"the answer is larger than {LIMIT} bytes")
        if time.monotonic() > deadline:
            raise Unavailable("the answer takes too long")
    return bytes(body)


def _seconds(retry_after: str | None) -> float | None:
    return float(retry_after) if retry_after and retry_after.isdigit() else None
