"""Erasure: nothing of the person stays but their consent ledger, under a keyed hash, and decisions without a subject."""

import hashlib
import hmac
from collections.abc import Callable
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from domain.messages import DeliveryStatus
from domain.values import Value
from storage import consents, counts, outcomes
from storage.decisions import EMPTIED
from storage.engine import Transaction
from storage.models import (
    BrandRow,
    CustomerRow,
    DeliveryRow,
    DeviceRow,
    MessageRow,
)
from storage.personal import PERSONAL, Fate
from storage.sql import locked

_OF_LEDGER: dict[str, Any] = {
    "customer_id": None,
    "device_id": None,
    "evidence": None,
    "locale": None,
    "receipt": None,
}
_OF_DECISION: dict[str, Any] = {
    "customer_id": None,
    "store_id": None,
    "consent_entry_id": None,
    **EMPTIED,
    "reasons": [],
    "local_date": None,
    "daypart": None,
    "seed": 0,
}


class Receipt(Value):
    """What an erasure did, as rows by kind.

    `subject_hash` is what the kept ledger entries carry instead of the person: HMAC-SHA256 of the external id (of our
    own id, where the person was anonymous) under a key of the brand's. `in_flight` counts the pushes whose POST may
    have been about to start.
    """

    erased_at: datetime
    subject_hash: str
    deleted: dict[str, int]
    anonymised: dict[str, int]
    kept: dict[str, int]
    in_flight: int = 0


def erase(tx: Transaction, customer_id: str, *, now: datetime) -> Receipt:
    """Erases a person; NotFound where that has been done. They are locked first, with their devices and consents, so
    whoever else writes of them comes before and is erased, or after and finds nobody.

    A delivery under way finds its row gone when it comes to record its outcome, and records nothing.
    """
    subject = _lock(tx, customer_id)
    in_flight = _in_flight(tx, customer_id)
    outcomes.fold(tx, customer_id, now=now)
    counts.fold(tx, customer_id)
    statements: dict[Fate, Callable[[type[Any]], Any]] = {
        Fate.DELETED: sa.delete,
        Fate.ANONYMISED: lambda table: sa.update(table).values(**_OF_DECISION, redacted_at=now),
        Fate.KEPT: lambda table: sa.update(table).values(**_OF_LEDGER, subject_hash=subject),
    }
    done: dict[str, dict[str, int]] = {fate.value: {} for fate in Fate}
    for each in PERSONAL:
        statement = statements[each.fate](each.table).where(each.of(customer_id))
        done[each.fate][each.name] = tx.execute(statement).rowcount
    return Receipt(erased_at=now, subject_hash=subject, in_flight=in_flight, **done)


def subject_hash(ledger_key: str, subject: str) -> str:
    """What the ledger of an erased person carries: 64 hexadecimal digits that only the brand's key can reproduce."""
    return hmac.new(ledger_key.encode(), subject.encode(), hashlib.sha256).hexdigest()


def _lock(tx: Transaction, customer_id: str) -> str:
    """Holds the devices, then the person, in the order in which fixes take them; answers what the ledger will say."""
    own = sa.select(DeviceRow.id).where(DeviceRow.customer_id == customer_id).order_by(DeviceRow.id)
    tx.execute(locked(tx, own))
    consents.lock(tx, customer_id)
    person = tx.execute(
        sa.select(CustomerRow.external_id, BrandRow.ledger_key)
        .join(BrandRow, BrandRow.id == CustomerRow.brand_id)
        .where(CustomerRow.id == customer_id)
    ).one()
    return subject_hash(person.ledger_key, person.external_id or customer_id)


def _in_flight(tx: Transaction, customer_id: str) -> int:
    return tx.execute(
        sa.select(sa.func.count())
        .select_from(DeliveryRow)
        .join(MessageRow, MessageRow.id == DeliveryRow.message_id)
        .where(MessageRow.customer_id == customer_id, DeliveryRow.status == DeliveryStatus.SENDING)
    ).scalar_one()
