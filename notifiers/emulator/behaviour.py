"""How a target asks for an answer: `unregistered-…`, `slow-250-…`, `quota-…`; every other one is accepted.

A number after the word is its parameter: milliseconds for `slow`, seconds of Retry-After for `quota` and
`unavailable`, the number of failures for `flaky`.
"""

import re
from enum import StrEnum

from domain.values import Value
from notifiers.emulator import errors
from notifiers.emulator.errors import FcmFailure

_ASKED = re.compile(r"([a-z]+)(?:-(\d{1,6}))?-")

_FAILURES: dict[str, FcmFailure] = {
    "unregistered": errors.UNREGISTERED,
    "invalid": errors.INVALID_TARGET,
    "mismatch": errors.SENDER_MISMATCH,
    "quota": errors.QUOTA,
    "unavailable": errors.UNAVAILABLE,
    "internal": errors.INTERNAL,
    "thirdparty": errors.THIRD_PARTY,
    "unauthenticated": errors.bad_credentials().failure,
}
_VALIDATED = ("unregistered", "invalid", "mismatch", "thirdparty", "unauthenticated")
_RETRY_AFTER_S = {"quota": 60, "unavailable": 30}


class Wire(StrEnum):
    """What happens to the connection."""

    ANSWER = "answer"  # answered as HTTP wants it
    HANG = "hang"  # never answered
    RESET = "reset"  # reset before an answer
    LOST = "lost"  # accepted, then cut before the answer
    TRICKLE = "trickle"  # accepted, answered one byte a second
    REFUSE = "refuse"  # not looked at: HTTP/2's REFUSED_STREAM
    GOAWAY = (
        "goaway"  # not looked at: the connection ends with a GOAWAY that names an earlier stream
    )


class Behaviour(Value):
    """What a target asks for. `accepts` says whether a phone gets the message."""

    accepts: bool = True
    failure: FcmFailure | None = None
    retry_after_s: int | None = None
    delay_ms: int = 0
    wire: Wire = Wire.ANSWER
    body: bytes | None = None  # in place of FCM's own
    status: int = 200


def asked_by(target: str, *, earlier_failures: int) -> Behaviour:
    """The behaviour that `target` asks for, given how often it has failed already."""
    match = _ASKED.match(target)
    word, number = (match[1], match[2]) if match else ("", None)
    if word == "flaky":
        failing = earlier_failures < int(number or 1)
        word, number = ("unavailable", "10") if failing else ("", None)
    if word in ("refused", "goaway"):
        first = earlier_failures < int(number or 1)
        wire = Wire.REFUSE if word == "refused" else Wire.GOAWAY
        return Behaviour(accepts=False, wire=wire) if first else Behaviour()
    if word in _FAILURES:
        retry_after_s = int(number) if number else _RETRY_AFTER_S.get(word)
        return Behaviour(
            accepts=False,
            failure=_FAILURES[word],
            retry_after_s=retry_after_s if word in _RETRY_AFTER_S else None,
        )
    return _ODD.get(word) or _slow(word, number)


def of_itself(target: str) -> Behaviour:
    """What `target` asks for where nothing is to be sent: only what it is counts, not what happens on the way."""
    match = _ASKED.match(target)
    if match is None or match[1] not in _VALIDATED:
        return Behaviour()
    return asked_by(target, earlier_failures=0)


def asks(target: str) -> bool:
    """Whether a target asks for a behaviour of its own."""
    match = _ASKED.match(target)
    return match is not None and match[1] in _WORDS


def _slow(word: str, number: str | None) -> Behaviour:
    return Behaviour(delay_ms=int(number or 1000) if word == "slow" else 0)


_ODD = {
    "badgateway": Behaviour(accepts=False, status=502, body=errors.BAD_GATEWAY.encode()),
    "garbage": Behaviour(body=b"<html>not JSON</html>"),
    "hang": Behaviour(accepts=False, wire=Wire.HANG),
    "reset": Behaviour(accepts=False, wire=Wire.RESET),
    "lost": Behaviour(wire=Wire.LOST),
    "trickle": Behaviour(wire=Wire.TRICKLE),
    "huge": Behaviour(body=b'{"name": "good so far"}' + b" " * 3_000_000),
}
COUNTED = frozenset(["flaky", "refused", "goaway"])
"""Words whose targets change their behaviour with each attempt."""

_WORDS = COUNTED | {"slow"} | _FAILURES.keys() | _ODD.keys()
