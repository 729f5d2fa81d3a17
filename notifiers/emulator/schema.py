"""The shape of a `SendMessageRequest` as proto3 JSON, and the refusals of FCM's JSON parser.

Both spellings of a field name are taken (`collapse_key`, `collapseKey`) and answered in the first; null is
the same as leaving a field out; of two equal keys the last one wins.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

from notifiers.emulator.errors import malformed

Check = Callable[[Any, str], Any]
"""Takes a value and its path, returns the value in its normal form, or raises Refused."""

_DURATION = re.compile(r"-?\d+(\.\d{1,9})?s")
_FCM = "type.googleapis.com/google.firebase.fcm.v1"


def _wrong(path: str, kind: str, value: object) -> Exception:
    shown = f'"{value}"' if isinstance(value, str) else str(value)
    return malformed(path, f"Invalid value at '{path}' ({kind}), {shown}")


def text(value: Any, path: str) -> Any:
    if not isinstance(value, str):
        raise _wrong(path, "TYPE_STRING", value)
    return value


def flag(value: Any, path: str) -> Any:
    if not isinstance(value, bool):
        raise _wrong(path, "TYPE_BOOL", value)
    return value


def number(value: Any, path: str) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _wrong(path, "TYPE_INT32", value)
    return value


def struct(value: Any, path: str) -> Any:
    """Any JSON object, as it is."""
    if not isinstance(value, dict):
        raise _wrong(path, "type.googleapis.com/google.protobuf.Struct", value)
    return value


def duration(value: Any, path: str) -> Any:
    if not isinstance(value, str) or not _DURATION.fullmatch(value):
        kind = "type.googleapis.com/google.protobuf.Duration"
        field = path.rpartition(".")[2]
        raise malformed(
            path,
            f"Invalid value at '{path}' ({kind}), Field '{field}', "
            "Illegal duration format; duration must end with 's'",
        )
    return value


def text_map(value: Any, path: str) -> Any:
    if not isinstance(value, dict):
        raise _wrong(path, "Map", value)
    for position, item in enumerate(value.values()):
        text(item, f"{path}[{position}].value")
    return value


def texts(value: Any, path: str) -> Any:
    return _each(text)(value, path)


def _each(check: Check) -> Check:
    def checked(value: Any, path: str) -> Any:
        if not isinstance(value, list):
            raise _wrong(path, "repeated field", value)
        return [check(item, f"{path}[{position}]") for position, item in enumerate(value)]

    return checked


def _one_of(kind: str, *names: str) -> Check:
    def checked(value: Any, path: str) -> Any:
        if not isinstance(value, str) or value.upper() not in names:
            raise _wrong(path, f"{_FCM}.{kind}", value)
        return value

    return checked


def _fields(kind: str, fields: Mapping[str, Check]) -> Check:
    def checked(value: Any, path: str) -> Any:
        if not isinstance(value, dict):
            raise _wrong(path, f"{_FCM}.{kind}", value)
        read = {}
        for name, item in value.items():
            field = re.sub(r"[A-Z]", lambda upper: f"_{upper[0].lower()}", name)
            if field not in fields:
                place = f" at '{path}'" if path else ""
                raise malformed(
                    path,
                    f'Invalid JSON payload received. Unknown name "{name}"{place}: '
                    "Cannot find field.",
                )
            if item is not None:
                read[field] = fields[field](item, f"{path}.{field}" if path else field)
        return read

    return checked


_label = {"analytics_label": text}

_notification = _fields("Notification", {"title": text, "body": text, "image": text})

_android_notification = _fields(
    "AndroidNotification",
    {
        **dict.fromkeys(
            ["title", "body", "icon", "color", "sound", "tag", "click_action", "channel_id"], text
        ),
        **dict.fromkeys(["body_loc_key", "title_loc_key", "ticker", "image"], text),
        **dict.fromkeys(["body_loc_args", "title_loc_args"], texts),
        **dict.fromkeys(["sticky", "local_only", "bypass_proxy_notification"], flag),
        **dict.fromkeys(
            ["default_sound", "default_vibrate_timings", "default_light_settings"], flag
        ),
        "event_time": text,
        "notification_priority": _one_of(
            "NotificationPriority",
            *(
                f"PRIORITY_{name}"
                for name in ("UNSPECIFIED", "MIN", "LOW", "DEFAULT", "HIGH", "MAX")
            ),
        ),
        "vibrate_timings": _each(duration),
        "visibility": _one_of(
            "Visibility", "VISIBILITY_UNSPECIFIED", "PRIVATE", "PUBLIC", "SECRET"
        ),
        "notification_count": number,
        "light_settings": struct,
        "proxy": _one_of("Proxy", "PROXY_UNSPECIFIED", "ALLOW", "DENY", "IF_PRIORITY_LOWERED"),
    },
)

_android = _fields(
    "AndroidConfig",
    {
        "collapse_key": text,
        "priority": _one_of("AndroidMessagePriority", "NORMAL", "HIGH"),
        "ttl": duration,
        "restricted_package_name": text,
        "data": text_map,
        "notification": _android_notification,
        "fcm_options": _fields("AndroidFcmOptions", _label),
        "direct_boot_ok": flag,
        "bandwidth_constrained_ok": flag,
        "restricted_satellite_ok": flag,
    },
)

_webpush = _fields(
    "WebpushConfig",
    {
        "headers": text_map,
        "data": text_map,
        "notification": struct,
        "fcm_options": _fields("WebpushFcmOptions", {**_label, "link": text}),
    },
)

_apns = _fields(
    "ApnsConfig",
    {
        "headers": text_map,
        "payload": struct,
        "fcm_options": _fields("ApnsFcmOptions", {**_label, "image": text}),
        "live_activity_token": text,
    },
)

_message = _fields(
    "Message",
    {
        **dict.fromkeys(["name", "token", "fid", "topic", "condition"], text),
        "data": text_map,
        "notification": _notification,
        "android": _android,
        "webpush": _webpush,
        "apns": _apns,
        "fcm_options": _fields("FcmOptions", _label),
    },
)

send_message_request: Check = _fields(
    "SendMessageRequest", {"validate_only": flag, "message": _message}
)
