"""What the emulator remembers: the phones' notifications and every request, the last N of each."""

import threading
from collections import OrderedDict
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import msgspec

from domain.values import Value
from notifiers.emulator.message import SendRequest, seconds

_FOUR_WEEKS_S = 2_419_200.0


class Notification(Value):
    """What one phone got. `message` is the FCM message, its field names in snake_case; `replaced` counts the earlier
    notifications in whose place it stands.
    """

    id: str  # projects/*/messages/*
    project: str
    target_kind: str
    target: str
    title: str | None
    body: str | None
    image: str | None
    link: str | None
    data: dict[str, str]
    collapse: str | None
    priority: str
    received_at: datetime
    expires_at: datetime
    message: dict[str, Any]
    replaced: int = 0

    @property
    def displays(self) -> bool:
        """A message without a notification part is handed to the app, and the phone shows nothing."""
        return bool(self.title or self.body)


class Request(Value):
    """One POST. `status` is None while it is under way, and for good where no answer was given."""

    number: int
    kind: str  # send, validate, token
    arrived_at: datetime
    project: str | None = None
    target_kind: str | None = None
    target: str | None = None
    outcome: str = "under_way"
    status: int | None = None
    error_code: str | None = None
    message_id: str | None = None
    validate_only: bool = False
    authorized: bool = False


class Phones:
    """The notification drawers of all phones, as they look when the phones come online and ask.

    A newer message with the same tag, collapse key or collapse id replaces the older one; a message whose
    time to live has passed was never delivered. Bounded: beyond `keep` the oldest are forgotten.
    """

    def __init__(self, *, keep: int) -> None:
        self._keep = keep
        self._drawer: OrderedDict[tuple[str, ...], Notification] = OrderedDict()
        self._lock = threading.Lock()

    def deliver(self, notification: Notification) -> None:
        place = (
            notification.project,
            notification.target_kind,
            notification.target,
            notification.collapse or notification.id,
        )
        with self._lock:
            if earlier := self._drawer.pop(place, None):
                notification = msgspec.structs.replace(notification, replaced=earlier.replaced + 1)
            self._drawer[place] = notification
            while len(self._drawer) > self._keep:
                self._drawer.popitem(last=False)

    def shown(self, *, now: datetime, filters: Mapping[str, str]) -> list[Notification]:
        """Newest first. `filters`: target, project, since (RFC 3339)."""
        since = _since(filters)
        with self._lock:
            drawer = list(self._drawer.values())
        return [
            notification
            for notification in reversed(drawer)
            if notification.displays
            and notification.expires_at > now
            and (since is None or notification.received_at >= since)
            and _matches(notification, filters)
        ]

    def kept(self) -> list[Notification]:
        """Everything that phones show or would have shown, had they been online in time; newest first."""
        with self._lock:
            drawer = list(self._drawer.values())
        return [notification for notification in reversed(drawer) if notification.displays]

    def clear(self) -> None:
        with self._lock:
            self._drawer.clear()


class RequestLog:
    """Every POST in the order of arrival; beyond `keep` the oldest are forgotten, yet still counted."""

    def __init__(self, *, keep: int) -> None:
        self._keep = keep
        self._requests: OrderedDict[int, Request] = OrderedDict()
        self._total = 0
        self._lock = threading.Lock()

    @property
    def total(self) -> int:
        """How many POSTs arrived since the start or the last `clear`."""
        return self._total

    def arrived(self, kind: str, *, at: datetime, project: str | None = None) -> int:
        """Records the arrival and returns its number."""
        with self._lock:
            self._total += 1
            number = self._total
            self._requests[number] = Request(
                number=number, kind=kind, arrived_at=at, project=project
            )
            while len(self._requests) > self._keep:
                self._requests.popitem(last=False)
        return number

    def update(self, number: int, **changes: Any) -> None:
        with self._lock:
            if number in self._requests:
                self._requests[number] = msgspec.structs.replace(self._requests[number], **changes)

    def listed(self, filters: Mapping[str, str]) -> list[Request]:
        """Oldest first. `filters`: target, project, kind, since (RFC 3339)."""
        since = _since(filters)
        with self._lock:
            requests = list(self._requests.values())
        return [
            request
            for request in requests
            if (since is None or request.arrived_at >= since)
            and filters.get("kind", request.kind) == request.kind
            and _matches(request, filters)
        ]

    def clear(self) -> None:
        with self._lock:
            self._requests.clear()
            self._total = 0


def notification(
    request: SendRequest, *, message_id: str, project: str, now: datetime
) -> Notification:
    """What the phone makes of a message: the platform's own part goes before the common one."""
    message = request.message
    android, apns, webpush = (message.get(name, {}) for name in ("android", "apns", "webpush"))
    shown = {
        **_strings(_alert(apns)),
        **_strings(webpush.get("notification", {})),
        **message.get("notification", {}),
        **_strings(android.get("notification", {})),
    }
    return Notification(
        id=message_id,
        project=project,
        target_kind=request.target_kind,
        target=request.target,
        title=shown.get("title"),
        body=shown.get("body"),
        image=shown.get("image"),
        link=webpush.get("fcm_options", {}).get("link") or message.get("data", {}).get("deep_link"),
        data=android.get("data", message.get("data", {})),
        collapse=_collapse(android, apns, webpush),
        priority="high" if _is_high(android, apns) else "normal",
        received_at=now,
        expires_at=_expires_at(android, apns, webpush, now),
        message=message,
    )


def _alert(apns: dict[str, Any]) -> dict[str, Any]:
    aps = apns.get("payload", {}).get("aps")
    alert = aps.get("alert") if isinstance(aps, dict) else None
    return {"body": alert} if isinstance(alert, str) else alert or {}


def _strings(part: Any) -> dict[str, str]:
    return {k: v for k, v in part.items() if isinstance(v, str)} if isinstance(part, dict) else {}


def _collapse(android: dict[str, Any], apns: dict[str, Any], webpush: dict[str, Any]) -> str | None:
    found = (
        android.get("notification", {}).get("tag"),
        android.get("collapse_key"),
        apns.get("headers", {}).get("apns-collapse-id"),
        webpush.get("notification", {}).get("tag"),
        webpush.get("headers", {}).get("Topic"),
    )
    return next((name for name in found if isinstance(name, str) and name), None)


def _is_high(android: dict[str, Any], apns: dict[str, Any]) -> bool:
    if "priority" in android:
        return bool(android["priority"].upper() == "HIGH")
    return bool(apns.get("headers", {}).get("apns-priority") == "10")


def _expires_at(
    android: dict[str, Any], apns: dict[str, Any], webpush: dict[str, Any], now: datetime
) -> datetime:
    if "ttl" in android:
        return now + timedelta(seconds=seconds(android["ttl"]))
    expiration = apns.get("headers", {}).get("apns-expiration")
    if expiration is not None:
        left_s = int(expiration) - now.timestamp()
    else:
        left_s = float(webpush.get("headers", {}).get("TTL", _FOUR_WEEKS_S))
    return now + timedelta(seconds=min(left_s, _FOUR_WEEKS_S))


def _matches(record: Notification | Request, filters: Mapping[str, str]) -> bool:
    return (
        filters.get("target", record.target) == record.target
        and filters.get("project", record.project) == record.project
    )


def _since(filters: Mapping[str, str]) -> datetime | None:
    text = filters.get("since")
    moment = datetime.fromisoformat(text) if text else None
    if moment is not None and moment.tzinfo is None:
        raise ValueError(f"since={text!r} needs an offset, such as Z")
    return moment
