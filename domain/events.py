"""Anything a person did besides moving: an order, a reservation, an app open, an answer to a push …"""

from datetime import datetime

from domain.values import Value

KNOWN_TYPES = frozenset(
    [
        "app_open",
        "visit",
        "beacon",
        "order",
        "reservation",
        "reservation_cancelled",
        "occasion",
        "delivered",
        "opened",
        "dismissed",
        "redeemed",
        "not_for_me",
    ]
)

# What a person, or their phone, says about a push.
ANSWERS = ("delivered", "opened", "dismissed", "redeemed", "not_for_me")


class LineItem(Value):
    sku: str
    name: str | None = None
    category: str | None = None
    quantity: float = 1.0
    price: float | None = None


class Event(Value):
    event_id: str
    type: str
    occurred_at: datetime
    customer: str | None = None  # external id; with a secret key only
    store: str | None = None
    service: str | None = None
    slot: str | None = None
    items: tuple[LineItem, ...] = ()
    amount: float | None = None
    decision_id: str | None = None
    properties: dict[str, str | int | float | bool | None] = {}
