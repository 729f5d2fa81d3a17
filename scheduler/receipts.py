"""What an app is told about the fixes and events it sent, and the sieve that keeps repeats out."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum

from domain.places import TransitionType
from domain.values import Value
from storage import fixes
from storage.engine import Transaction


class Code(StrEnum):
    """Why an event was not taken; for fixes `geofence.gate.Rejection` has more. Apps rely on these words."""

    FUTURE = "future"
    TOO_OLD = "too_old"
    CONSENT_MISSING = "consent_missing"
    BEFORE_CONSENT = "before_consent"
    CUSTOMER_MISSING = "customer_missing"
    CUSTOMER_NOT_ALLOWED = "customer_not_allowed"
    UNKNOWN_CUSTOMER = "unknown_customer"
    STORE_MISSING = "store_missing"
    UNKNOWN_STORE = "unknown_store"
    UNKNOWN_DECISION = "unknown_decision"


class Rejected(Value):
    event_id: str
    code: str


class Passage(Value):
    """A transition as the app is told: the fence by its external id; confidence 1, 2 or 3 (surest)."""

    geofence: str
    type: TransitionType
    occurred_at: datetime
    confidence: int


class Receipt(Value):
    """What became of a batch. Every row is accepted, a duplicate or rejected."""

    accepted: int
    duplicates: int
    rejected: tuple[Rejected, ...] = ()
    transitions: tuple[Passage, ...] = ()


class Judged(Value):
    """One row's id, and why it is not taken; None where nothing speaks against it."""

    event_id: str
    code: str | None


class Sifted(Value):
    """The ids that are new and may count, each once; how many rows were repeats; and the rest."""

    fresh: set[str]
    duplicates: int
    rejected: tuple[Rejected, ...]


def sift(tx: Transaction, judged: Sequence[Judged], *, scope_id: str, now: datetime) -> Sifted:
    """Notes the ids of the rows that may count. Whatever was taken once is a duplicate ever after, whatever it is now.

    A row that is rejected leaves no trace: sent again when its reason has passed, it counts.
    """
    passing = {row.event_id for row in judged if row.code is None}
    fresh = fixes.remember(tx, scope_id=scope_id, ids=passing, now=now)
    refused = [Rejected(event_id=row.event_id, code=row.code) for row in judged if row.code]
    taken = fixes.known(tx, scope_id=scope_id, ids={row.event_id for row in refused})
    rejected = tuple(row for row in refused if row.event_id not in taken)
    return Sifted(
        fresh=fresh, duplicates=len(judged) - len(fresh) - len(rejected), rejected=rejected
    )
