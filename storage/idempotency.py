"""The answers to creating POSTs, kept for 24 h under the caller's `Idempotency-Key`."""

from datetime import datetime, timedelta

import sqlalchemy as sa

from domain.errors import Conflict, Invalid
from domain.values import Value
from storage.engine import Transaction
from storage.models import IdempotencyRow
from storage.sql import try_hold

KEPT_FOR = timedelta(hours=24)


class Request(Value):
    """One attempt of a caller: its credential, its key, and a hash of what it asked for."""

    scope_id: str
    brand_id: str
    key: str
    request_hash: str


class Answer(Value):
    """What was answered, byte for byte."""

    status: int
    body: bytes


def find(tx: Transaction, request: Request, now: datetime) -> Answer | None:
    """The answer already given to this request, or None; holds the key until the transaction ends.

    Conflict where another process is answering it at this moment, Invalid where the key served another request.
    """
    if not try_hold(tx, "idempotency", request.scope_id, request.key):
        raise in_flight()
    row = tx.execute(sa.select(IdempotencyRow.__table__).where(*_same(request))).one_or_none()
    if row is None:
        return None
    if row.created_at <= now - KEPT_FOR:
        tx.execute(sa.delete(IdempotencyRow).where(*_same(request)))
        return None
    if row.request_hash != request.request_hash:
        raise Invalid(
            "This Idempotency-Key was used for another request; use a new key for each one.",
            code="idempotency_mismatch",
        )
    return Answer(status=row.status, body=row.body)


def keep(
    tx: Transaction, request: Request, answer: Answer, *, customer_id: str | None, now: datetime
) -> None:
    """Stores the answer beside the fact; `customer_id` lets an erasure of that person reach it."""
    tx.execute(
        sa.insert(IdempotencyRow).values(
            scope_id=request.scope_id,
            key=request.key,
            brand_id=request.brand_id,
            customer_id=customer_id,
            request_hash=request.request_hash,
            status=answer.status,
            body=answer.body,
            created_at=now,
        )
    )


def purge(tx: Transaction, now: datetime) -> int:
    """Drops what is older than 24 h; says how many."""
    old = IdempotencyRow.created_at <= now - KEPT_FOR
    return tx.execute(sa.delete(IdempotencyRow).where(old)).rowcount


def in_flight() -> Conflict:
    return Conflict(
        "A request with this Idempotency-Key is being answered; repeat it in a moment.",
        code="idempotency_in_flight",
    )


def _same(request: Request) -> tuple[sa.ColumnElement[bool], sa.ColumnElement[bool]]:
    return IdempotencyRow.scope_id == request.scope_id, IdempotencyRow.key == request.key
