"""How each platform shows one message: what of it reaches the person's eyes. docs/emulator.md names the sources."""

from enum import StrEnum
from typing import Any

from domain.values import Value
from notifiers.emulator.records import Notification


class Shade(StrEnum):
    """Where notifications are shown: Android's shade, the iPhone's lock screen, a browser's corner."""

    ANDROID = "android"
    IOS = "ios"
    WEB = "web"


class Shown(Value):
    """What the person sees; `marks` are the words beside it: channel, level, badge, sound …"""

    title: str | None
    body: str | None
    image: str | None = None
    unseen_image: str | None = None  # why an image that was sent is not shown
    link: str | None = None
    marks: tuple[str, ...] = ()


def shown(notification: Notification, shade: Shade) -> Shown:
    """A platform's own part goes before the common one, field by field."""
    message = notification.message
    match shade:
        case Shade.ANDROID:
            return _android(message)
        case Shade.IOS:
            return _ios(message)
        case Shade.WEB:
            return _web(message)


def _android(message: dict[str, Any]) -> Shown:
    own = message.get("android", {}).get("notification", {})
    seen = _before(own, message.get("notification", {}))
    channel = own.get("channel_id")
    return Shown(
        title=seen("title"),
        body=seen("body"),
        image=seen("image"),
        marks=_marks(
            f"channel {channel}" if channel else "the app's default channel",
            _said("count", own.get("notification_count")),
            _said("sound", own.get("sound")),
        ),
    )


def _ios(message: dict[str, Any]) -> Shown:
    apns = message.get("apns", {})
    aps = _part(apns.get("payload", {}).get("aps"))
    alert = aps.get("alert")
    own = {"body": alert} if isinstance(alert, str) else _part(alert)
    common = message.get("notification", {})
    seen = _before(own, common)
    image = apns.get("fcm_options", {}).get("image") or common.get("image")
    fetched = aps.get("mutable-content") == 1
    level = aps.get("interruption-level", "active")
    return Shown(
        title=seen("title"),
        body=seen("body"),
        image=image if fetched else None,
        unseen_image="mutable-content is not 1" if image and not fetched else None,
        marks=_marks(
            str(level),
            _said("relevance", aps.get("relevance-score")),
            _said("badge", aps.get("badge")),
            _said("sound", aps.get("sound")) or "silent",
        ),
    )


def _web(message: dict[str, Any]) -> Shown:
    webpush = message.get("webpush", {})
    seen = _before(webpush.get("notification", {}), message.get("notification", {}))
    return Shown(
        title=seen("title"),
        body=seen("body"),
        image=seen("image"),
        link=webpush.get("fcm_options", {}).get("link"),
        marks=_marks(_said("urgency", webpush.get("headers", {}).get("Urgency"))),
    )


def _before(own: dict[str, Any], common: dict[str, Any]) -> Any:
    """Looks a text up in the platform's own part, then in the common one."""

    def look(name: str) -> str | None:
        found = own.get(name) or common.get(name)
        return found if isinstance(found, str) else None

    return look


def _part(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _said(name: str, value: Any) -> str | None:
    return None if value is None else f"{name} {value}"


def _marks(*marks: str | None) -> tuple[str, ...]:
    return tuple(mark for mark in marks if mark)
