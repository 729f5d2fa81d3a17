"""Envelopes for these tests."""

from datetime import UTC, datetime
from typing import Any

from domain.messages import Envelope, Push
from domain.people import Platform, Target, TargetKind

EXPIRES_AT = datetime(2026, 5, 6, 10, 0, tzinfo=UTC)
MESSAGE_ID = "01997b4e-7d9a-7c3e-9a51-0123456789ab"


def push(**changes: Any) -> Push:
    return Push(**{"title": "Hot soup, Aino?", "body": "Kallio is 120 m away.", **changes})


def envelope(target: str = "phone-1", **changes: Any) -> Envelope:
    kind = changes.pop("kind", TargetKind.TOKEN)
    given = {
        "delivery_id": "delivery-1",
        "message_id": MESSAGE_ID,
        "project": "demo",
        "platform": Platform.ANDROID,
        "target": Target(kind=kind, value=target),
        "push": push(),
        "ttl_s": 1800,
        "expires_at": EXPIRES_AT,
    }
    return Envelope(**{**given, **changes})
