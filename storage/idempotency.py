"""The answers to creating POSTs, kept for 24 h under the caller's `Idempotency-Key`."""

import hashlib
from datetime import datetime, timedelta

import sqlalchemy as sa

from domain.errors import Conflict, Invalid
from domain.values import Value
from storage.engine import Transaction
from storage.models import IdempotencyRow

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
    _hold(tx, request)
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


def _hold(tx: Transaction, request: Request) -> None:
    """SQLite has one writer; on PostgreSQL a lock of this transaction keeps other processes off the key."""
    if tx.dialect.name != "postgresql":
        return
    name = hashlib.sha256(f"{request.scope_id}\n{request.key}".encode()).digest()
    number = int.from_bytes(name[:8], "big", signed=True)
    if not tx.execute(sa.select(sa.func.pg_try_advisory_xact_lock(number))).scalar_one():
        raise in_flight()


def _same(request: Request) -> tuple[sa.ColumnElement[bool], sa.ColumnElement[bool]]:
    return IdempotencyRow.scope_id == request.scope_id, IdempotencyRow.key == request.key
