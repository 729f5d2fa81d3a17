"""From what FCM answered, or did not answer, to our outcomes: the one table.

The rows follow FCM's error reference and its page on scaling (docs/fcm.md names them). Three rules
stand above the rows:

- Only three answers prove a target dead: UNREGISTERED, SENDER_ID_MISMATCH, and the INVALID_ARGUMENT that
  names the registration token. Any other 400 may be a bad template, and must not empty the device table.
- `unavailable` means that FCM said it did not take the message, or never saw it.
- `unknown` means that the request may have arrived and no readable answer came back.
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from domain.messages import DeliveryStatus, Outcome
from domain.values import Value

INVALID_TOKEN = "The registration token is not a valid FCM registration token"
"""FCM's wording for a malformed or dead token; the only thing that tells it from a bad payload."""

_OLDER_INVALID_TOKEN = "Invalid registration token"
_TARGET_FIELDS = frozenset(["message.token", "message.fid"])
_FCM_ERROR = "type.googleapis.com/google.firebase.fcm.v1.FcmError"
_BAD_REQUEST = "type.googleapis.com/google.rpc.BadRequest"
_LONGEST_DETAIL = 300
_LONGEST_NAME = 300
_LONGEST_CODE = 64
_DAY_S = 86_400.0

_REJECTED = DeliveryStatus.REJECTED
_UNAVAILABLE = DeliveryStatus.UNAVAILABLE

_BY_ERROR: Mapping[tuple[int, str], tuple[DeliveryStatus, bool]] = {
    # (HTTP status, FcmError.errorCode): (outcome, is the target proved dead)
    (404, "UNREGISTERED"): (DeliveryStatus.UNREGISTERED, True),
    (403, "SENDER_ID_MISMATCH"): (_REJECTED, True),
    (400, "INVALID_ARGUMENT"): (_REJECTED, False),  # the token's own case is settled by its text
    (401, "THIRD_PARTY_AUTH_ERROR"): (_REJECTED, False),  # APNs or web push key of the project
    (401, "APNS_AUTH_ERROR"): (_REJECTED, False),  # its older name
    (429, "QUOTA_EXCEEDED"): (_UNAVAILABLE, False),
    (500, "INTERNAL"): (_UNAVAILABLE, False),
    (503, "UNAVAILABLE"): (_UNAVAILABLE, False),
}

_BY_STATUS: Mapping[int, DeliveryStatus] = {
    408: _UNAVAILABLE,  # the request never arrived whole
    429: _UNAVAILABLE,
    504: DeliveryStatus.UNKNOWN,  # a gateway gave up waiting for FCM, which may have taken it
}


ERROR_CODES = frozenset(code for _, code in _BY_ERROR) | frozenset(
    [
        "UNAUTHENTICATED",
        "PERMISSION_DENIED",
        "NOT_FOUND",
        "HTTP_502",
        "HTTP_504",
        "TIMEOUT",
        "CONNECTION_LOST",
        "UNREADABLE_ANSWER",
        "NOT_REACHED",
        "NO_ACCESS_TOKEN",
        "ACCOUNT_UNUSABLE",
        "UNSENDABLE",
    ]
)
"""The codes that an outcome may bear and docs/fcm.md explains; a far end may make up others."""


class Answer(Value):
    """An HTTP answer of FCM, read."""

    status: int
    error: str | None = None  # FcmError.errorCode
    code: str | None = None  # google.rpc.Status.status
    message: str | None = None
    names_the_token: bool = False
    retry_after_s: float | None = None


def of_answer(status: int, body: bytes, headers: Mapping[str, str]) -> Outcome:
    """The outcome of any answer other than a readable 200. Never raises, whatever the body holds."""
    answer = read(status, body, headers)
    verdict, retire = _verdict(answer)
    return Outcome(
        status=verdict,
        error_code=_plain(answer.error or answer.code or f"HTTP_{status}", _LONGEST_CODE),
        detail=_shortened(answer.message),
        retire=retire,
        retry_after_s=answer.retry_after_s,
    )


def accepted(name: str) -> Outcome:
    """FCM took the message under `name` (`projects/*/messages/{id}`); it says nothing about delivery."""
    return Outcome(status=DeliveryStatus.ACCEPTED, provider_id=_plain(name, _LONGEST_NAME))


def lost(error_code: str, detail: str) -> Outcome:
    """The request may have arrived; what became of it is not known."""
    return Outcome(status=DeliveryStatus.UNKNOWN, error_code=error_code, detail=_shortened(detail))


def not_sent(error_code: str, detail: str) -> Outcome:
    """No byte of the request left: nobody can have received anything."""
    return Outcome(status=_UNAVAILABLE, error_code=error_code, detail=_shortened(detail))


def unsendable(detail: str) -> Outcome:
    """The envelope cannot be put into FCM's form; no attempt was made."""
    return Outcome(status=_REJECTED, error_code="UNSENDABLE", detail=_shortened(detail))


def read(status: int, body: bytes, headers: Mapping[str, str]) -> Answer:
    """Reads a `google.rpc.Status`; what is missing or malformed (an HTML page, say) stays None."""
    error = _as_dict(_as_dict(_json(body)).get("error"))
    details = [detail for detail in _as_list(error.get("details")) if isinstance(detail, dict)]
    return Answer(
        status=status,
        error=_fcm_error(details),
        code=_as_text(error.get("status")),
        message=_as_text(error.get("message")),
        names_the_token=_names_the_token(error, details),
        retry_after_s=retry_after(headers),
    )


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds of `Retry-After`, at most a day (RFC 9110 §10.2.3: a number, or a date held against `Date`)."""
    lowered = {name.lower(): value for name, value in headers.items()}
    value = lowered.get("retry-after", "").strip()
    if value.isascii() and value.isdigit():
        return min(float(value), _DAY_S)
    until, sent = _http_date(value), _http_date(lowered.get("date", ""))
    if until is None or sent is None:
        return None
    return min(max(0.0, (until - sent).total_seconds()), _DAY_S)


def _verdict(answer: Answer) -> tuple[DeliveryStatus, bool]:
    if answer.status == 400 and answer.names_the_token:
        return _REJECTED, True
    named = _BY_ERROR.get((answer.status, answer.error or ""))
    return named or (_BY_STATUS.get(answer.status) or _by_class(answer.status), False)


def _by_class(status: int) -> DeliveryStatus:
    """4xx: refused. 5xx, and redirections (FCM has none; a captive portal does): not now. Else: who knows."""
    if 400 <= status < 500:
        return _REJECTED
    if 300 <= status < 400 or 500 <= status < 600:
        return _UNAVAILABLE
    return DeliveryStatus.UNKNOWN


def _names_the_token(error: dict[str, Any], details: list[dict[str, Any]]) -> bool:
    if error.get("message") == INVALID_TOKEN:
        return True
    return any(
        violation.get("field") in _TARGET_FIELDS
        and violation.get("description") in (INVALID_TOKEN, _OLDER_INVALID_TOKEN)
        for detail in details
        if detail.get("@type") == _BAD_REQUEST
        for violation in _as_list(detail.get("fieldViolations"))
        if isinstance(violation, dict)
    )


def _fcm_error(details: list[dict[str, Any]]) -> str | None:
    codes = (d.get("errorCode") for d in details if d.get("@type") == _FCM_ERROR)
    return next((code for code in codes if isinstance(code, str)), None)


def _json(body: bytes) -> object:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _http_date(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _as_dict(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _as_list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _as_text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _shortened(text: str | None) -> str | None:
    return _plain(text, _LONGEST_DETAIL) if text else None


def _plain(text: str, longest: int) -> str:
    """What any store takes: a far end may send NUL or half a character, and no outcome may be lost for that."""
    short = text[:longest]
    return short if short.isprintable() else "".join(c if c.isprintable() else " " for c in short)
