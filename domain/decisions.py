"""Moments and what was decided at them."""

from datetime import datetime
from enum import StrEnum

from domain.people import Mode
from domain.values import Value


class Cause(StrEnum):
    ENTER = "enter"
    DWELL = "dwell"
    HABIT = "habit"
    WEATHER = "weather"
    EVENT = "event"
    SLIPPING = "slipping"
    CADENCE = "cadence"
    OCCASION = "occasion"
    SLOT = "slot"
    MANUAL = "manual"


# How the keys of occasions begin: said by the person or brand, or told by a reservation.
SAID, TOLD = "said:", "told:"


class Moment(Value):
    """A time at which one customer may be worth speaking to. After `expires_at` it is decided as too late.

    `key` makes it unique per customer and cause: the visit for a transition, the local date for a habit …
    """

    id: str
    brand_id: str
    mode: Mode
    customer_id: str
    cause: Cause
    key: str
    due_at: datetime
    expires_at: datetime
    device_id: str | None = None
    store_id: str | None = None
    geofence_id: str | None = None
    visit_id: str | None = None


class Outcome(StrEnum):
    SEND = "send"
    HOLD = "hold"
    SILENCE = "silence"


class Reason(Value):
    """Why: a stable `code`, a sentence, and what would have changed it (None where nothing would).

    `account` is the reckoning in the brand's money, which is told to the brand only.
    """

    code: str
    text: str
    would_change: str | None = None
    offer: str | None = None  # external id, where the reason concerns one offer
    account: str | None = None


class Term(Value):
    """One named summand of a score, in log-odds or money as its name says."""

    name: str
    value: float


class Decision(Value):
    """What was chosen at a moment. `inputs` is the whole context the choice rested on, None once redacted."""

    id: str
    brand_id: str
    mode: Mode
    customer_id: str | None
    moment_id: str
    cause: Cause
    decided_at: datetime
    outcome: Outcome
    reasons: tuple[Reason, ...]
    offer_id: str | None = None
    offer: str | None = None  # external id
    offer_revision: int | None = None
    store_id: str | None = None
    consent_entry_id: str | None = None
    terms: tuple[Term, ...] = ()
    propensity: float = 1.0
    seed: int = 0
    local_date: str | None = None
    daypart: int | None = None
    inputs: dict[str, object] | None = None
