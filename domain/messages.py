"""One push to one customer, and its delivery at each device."""

from datetime import datetime, timedelta
from enum import StrEnum

from domain.people import Mode, Platform, Target
from domain.values import Value

# A sender starts a POST only within this time of committing its intent, else it checks again; a withdrawal answers
# only when every intent older than itself has started or lapsed. Together: no POST starts after the answer.
POST_STARTS_WITHIN_S = 1.0

# Of a message whose answer was lost, where the brand chose at-least-once. FCM asks for ten seconds before a retry.
MOST_RESENDS = 2
FIRST_RESEND_AFTER = timedelta(seconds=10)


class MessageState(StrEnum):
    """`queued` and `sending` are on the way; every other state is final."""

    QUEUED = "queued"
    SENDING = "sending"
    SENT = "sent"
    FAILED = "failed"
    UNKNOWN = "unknown"
    EXPIRED = "expired"
    CANCELLED = "cancelled"


class DeliveryStatus(StrEnum):
    """The outcome at one device. `sending` is the committed intent; the rest is final."""

    SENDING = "sending"
    ACCEPTED = "accepted"
    UNREGISTERED = "unregistered"
    REJECTED = "rejected"
    UNAVAILABLE = "unavailable"
    UNKNOWN = "unknown"
    EXPIRED = "expired"
    CANCELLED = "cancelled"


class Interruption(StrEnum):
    """How much an iPhone lets a push disturb. Apple's `critical`, which breaks silence, is not for offers."""

    PASSIVE = "passive"
    ACTIVE = "active"
    TIME_SENSITIVE = "time-sensitive"


class Style(Value, omit_defaults=True):
    """How phones show a push, beside its words; what is None is left to the phone and its app.

    `image` and `link` (what a web push opens) are HTTPS addresses, `channel` is Android's, `relevance_score` (0 to 1)
    ranks an app's pushes in the iPhone's summary, `sound` is `default` or a file in the app.
    """

    image: str | None = None
    link: str | None = None
    channel: str | None = None
    interruption_level: Interruption | None = None
    relevance_score: float | None = None
    badge: int | None = None
    sound: str | None = None


class Push(Value):
    """What the phone shows and the data that rides along; all strings, as FCM wants them."""

    title: str
    body: str
    data: dict[str, str] = {}
    style: Style = Style()


class Message(Value):
    id: str
    brand_id: str
    mode: Mode
    customer_id: str
    decision_id: str
    offer_id: str
    push: Push
    expires_at: datetime
    state: MessageState = MessageState.QUEUED


class Envelope(Value):
    """One POST to make: a push, the device it is for, and how long it stays worth showing.

    Where it goes to a webhook, `target` holds the webhook's id, and `customer` names the person to the receiver.
    """

    delivery_id: str
    message_id: str
    project: str
    platform: Platform
    target: Target
    push: Push
    ttl_s: int
    expires_at: datetime
    high_priority: bool = True
    customer: str | None = None  # their external id
    label: str | None = None  # under which the push service counts it
    validate_only: bool = False  # asks whether it would be taken; no phone gets it


class Outcome(Value):
    """What one POST came to. `retire` says that the answer proves the target dead; the caller acts on it.

    `spared`: it would, but so many do at once that somebody is to look first.
    """

    status: DeliveryStatus
    provider_id: str | None = None
    error_code: str | None = None
    detail: str | None = None
    retire: bool = False
    spared: bool = False
    retry_after_s: float | None = None
