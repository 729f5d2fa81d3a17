"""What FCM accepts: the checks that come after the JSON parser's, in one place per rule."""

import json
import re
from collections.abc import Callable
from contextlib import suppress
from decimal import Decimal
from typing import Any

from domain.values import Value
from notifiers.emulator.errors import Refused, invalid_argument, malformed, not_json, too_large
from notifiers.emulator.schema import send_message_request
from notifiers.payload import PAYLOAD_LIMIT, keys_and_values, reserved_keys

TARGET_KINDS = ("token", "fid", "topic", "condition")

_LONGEST_TTL_S = 2_419_200  # four weeks
_TOPIC = re.compile(r"[a-zA-Z0-9-_.~%]+")
_WHOLE_NUMBER = re.compile(r"[0-9]{1,15}")
_LABEL = re.compile(r"[a-zA-Z0-9-_.~%]{1,50}")


class SendRequest(Value):
    """A message FCM would take: exactly one target, and every field in its normal form."""

    target_kind: str
    target: str
    message: dict[str, Any]
    validate_only: bool = False


def parse(body: bytes) -> SendRequest:
    """Reads and checks the body of `messages:send`; raises Refused with FCM's answer."""
    request = send_message_request(_json(body), "")
    message = request.get("message")
    if message is None:
        raise invalid_argument("message", "Request contains an invalid argument.")
    kind = _target_kind(message)
    for check in (
        _check_data,
        _check_images,
        _check_android,
        _check_apns,
        _check_aps,
        _check_webpush,
        _check_labels,
    ):
        check(message)
    _check_size(message)
    return SendRequest(
        target_kind=kind,
        target=message[kind],
        message=message,
        validate_only=request.get("validate_only", False),
    )


def is_validation(body: bytes) -> bool:
    """Whether a request that may be refused otherwise only asks."""
    with suppress(Refused):
        request = _json(body)
        return isinstance(request, dict) and (
            request.get("validate_only", request.get("validateOnly")) is True
        )
    return False


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise not_json(str(error)) from error


def _target_kind(message: dict[str, Any]) -> str:
    kinds = [kind for kind in TARGET_KINDS if kind in message]
    if len(kinds) > 1:
        raise malformed(
            "message",
            "Invalid value at 'message' (oneof), oneof field 'target' is already set. "
            f"Cannot set '{kinds[1]}'",
        )
    if not kinds or not message[kinds[0]]:
        raise invalid_argument("message", "Recipient of the message is not set.")
    if kinds[0] == "topic" and not _TOPIC.fullmatch(message["topic"]):
        raise invalid_argument("message", "Topic name contains invalid characters.")
    return kinds[0]


def _check_data(message: dict[str, Any]) -> None:
    android = message.get("android", {})
    for field, data in (("data", message.get("data")), ("android.data", android.get("data"))):
        for key in reserved_keys(data or {}):
            raise invalid_argument(f"message.{field}", f"Invalid data payload key: {key}")


def _check_android(message: dict[str, Any]) -> None:
    ttl = message.get("android", {}).get("ttl")
    if ttl is not None and not 0 <= seconds(ttl) <= _LONGEST_TTL_S:
        raise invalid_argument(
            "message.android.ttl", f"The TTL must be between 0 and {_LONGEST_TTL_S} seconds."
        )


def _check_apns(message: dict[str, Any]) -> None:
    headers = message.get("apns", {}).get("headers", {})
    if headers.get("apns-priority", "10") not in ("1", "5", "10"):
        raise _header("apns-priority", "must be 1, 5 or 10")
    if not _WHOLE_NUMBER.fullmatch(headers.get("apns-expiration", "0")):
        raise _header("apns-expiration", "must be a UNIX time in seconds")
    if len(headers.get("apns-collapse-id", "").encode()) > 64:
        raise _header("apns-collapse-id", "must not exceed 64 bytes")


def _check_aps(message: dict[str, Any]) -> None:
    """The types and bounds of Apple's keys that FCM passes on."""
    aps = message.get("apns", {}).get("payload", {}).get("aps", {})
    for key, (rule, holds) in _APS.items():
        if isinstance(aps, dict) and key in aps and not holds(aps[key]):
            raise invalid_argument(f"message.apns.payload.aps.{key}", f"The {key} {rule}.")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


_APS: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "badge": (
        "must be a whole number",
        lambda v: _is_number(v) and v >= 0 and float(v).is_integer(),
    ),
    "sound": ("must be text or an object", lambda v: isinstance(v, str | dict)),
    "thread-id": ("must be text", lambda v: isinstance(v, str)),
    "category": ("must be text", lambda v: isinstance(v, str)),
    "content-available": ("must be 0 or 1", lambda v: v in (0, 1)),
    "mutable-content": ("must be 0 or 1", lambda v: v in (0, 1)),
    "relevance-score": ("must be a number from 0 to 1", lambda v: _is_number(v) and 0 <= v <= 1),
    "interruption-level": (
        "must be passive, active, time-sensitive or critical",
        lambda v: v in ("passive", "active", "time-sensitive", "critical"),
    ),
}


def _check_images(message: dict[str, Any]) -> None:
    android, apns = message.get("android", {}), message.get("apns", {})
    places = {
        "notification.image": message.get("notification", {}).get("image"),
        "android.notification.image": android.get("notification", {}).get("image"),
        "apns.fcm_options.image": apns.get("fcm_options", {}).get("image"),
    }
    for place, image in places.items():
        if image and not image.startswith(("https://", "http://")):
            raise invalid_argument(f"message.{place}", "The image must be a URL.")


def _header(name: str, rule: str) -> Exception:
    return invalid_argument(f"message.apns.headers.{name}", f"{name} {rule}.")


def _check_webpush(message: dict[str, Any]) -> None:
    webpush = message.get("webpush", {})
    if not _WHOLE_NUMBER.fullmatch(webpush.get("headers", {}).get("TTL", "0")):
        raise invalid_argument("message.webpush.headers.TTL", "TTL must be a non-negative integer.")
    if not webpush.get("fcm_options", {}).get("link", "https://").startswith("https://"):
        raise invalid_argument(
            "message.webpush.fcm_options.link", "The link must be an HTTPS address."
        )


def _check_labels(message: dict[str, Any]) -> None:
    platforms = ("android", "apns", "webpush")
    parts = {"": message, **{f".{name}": message.get(name, {}) for name in platforms}}
    for name, part in parts.items():
        label = part.get("fcm_options", {}).get("analytics_label")
        if label is not None and not _LABEL.fullmatch(label):
            raise invalid_argument(
                f"message{name}.fcm_options.analytics_label",
                "The analytics label must match ^[a-zA-Z0-9-_.~%]{1,50}$.",
            )


def _check_size(message: dict[str, Any]) -> None:
    """The keys and values of what one phone gets; the platform with the most decides."""
    common = message.get("data", {}), message.get("notification", {})
    android = message.get("android", {})
    own = android.get("notification", {})
    sizes = [
        keys_and_values(*common),
        keys_and_values(
            android.get("data", common[0]),
            {**common[1], **{key: value for key, value in own.items() if isinstance(value, str)}},
        ),
        keys_and_values(*common) + _json_size(message.get("apns", {}).get("payload")),
        keys_and_values(*common) + _json_size(message.get("webpush", {}).get("notification")),
    ]
    if max(sizes) > PAYLOAD_LIMIT:
        raise too_large()


def _json_size(value: Any) -> int:
    return (
        len(json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")) if value else 0
    )


def seconds(duration: str) -> float:
    """The seconds of a protobuf duration such as `3.5s`."""
    return float(Decimal(duration.removesuffix("s")))
