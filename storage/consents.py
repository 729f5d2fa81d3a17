"""The consent ledger, and where each purpose of a person stands by it."""

from collections.abc import Sequence
from datetime import datetime

import msgspec
import sqlalchemy as sa

from domain import ledger
from domain.errors import NotFound
from domain.ids import new_id
from domain.ledger import Receipt, Standing, Statement
from domain.people import Consent, Consents, Mode, Purpose
from domain.values import Value
from storage import withdrawal
from storage.engine import Transaction
from storage.models import ConsentEntryRow, ConsentRow, CustomerRow
from storage.prepared import OfMany
from storage.sql import insert


class Entry(Value):
    """One row of the ledger. `counts` is False for a grant that a withdrawal outlived."""

    id: str
    customer_id: str
    device_id: str | None
    purpose: Purpose
    granted: bool
    counts: bool
    wording: str
    wording_version: str
    locale: str | None
    source: str
    evidence: str | None
    occurred_at: datetime
    recorded_at: datetime
    receipt: Receipt | None


_OF_MANY = OfMany(
    sa.select(
        ConsentRow.customer_id,
        ConsentRow.purpose,
        ConsentRow.granted,
        ConsentRow.entry_id,
        ConsentRow.since,
    ),
    ConsentRow.customer_id,
)
_CURRENT = sa.select(ConsentRow.__table__).where(ConsentRow.customer_id == sa.bindparam("customer"))


def current(tx: Transaction, customer_id: str, *, held: bool = False) -> Consents:
    """Where the person's purposes stand. `held`: no withdrawal takes effect before this transaction ends."""
    query = _CURRENT
    if held and tx.dialect.name == "postgresql":
        query = query.with_for_update(read=True)
    rows = tx.execute(query, {"customer": customer_id})
    return Consents(of={Purpose(row.purpose): _consent(row) for row in rows})


def of_many(
    tx: Transaction, customer_ids: Sequence[str], purposes: Sequence[Purpose] = tuple(Purpose)
) -> dict[str, Consents]:
    """`current` of each person, as to these purposes, in one query; whoever never said anything has none."""
    found: dict[str, dict[Purpose, Consent]] = {each: {} for each in customer_ids}
    named = {purpose.value: purpose for purpose in purposes}
    for whose, name, granted, entry_id, since in _OF_MANY.of(tx, found):
        if purpose := named.get(name):
            consent = Consent(purpose=purpose, granted=granted, entry_id=entry_id, since=since)
            found[whose][purpose] = consent
    return {customer_id: Consents(of=standing) for customer_id, standing in found.items()}


def append(
    tx: Transaction,
    statements: Sequence[Statement],
    *,
    brand_id: str,
    mode: Mode,
    customer_id: str,
    now: datetime,
    device_id: str | None = None,
) -> list[Entry]:
    """Adds statements to the person's ledger, in their order; a withdrawal deletes what it covers at once.

    A statement from the future is dated to its receipt. NotFound where the person was erased or merged meanwhile.
    """
    lock(tx, customer_id)
    before = standings(tx, customer_id)
    stated = [
        msgspec.structs.replace(each, occurred_at=min(each.occurred_at, now)) for each in statements
    ]
    counts = _counts(before, stated)
    entries = [
        Entry(
            id=new_id(),
            customer_id=customer_id,
            device_id=device_id,
            counts=does_count,
            recorded_at=now,
            receipt=None
            if each.granted
            else withdrawal.carry_out(tx, each.purpose, customer_id=customer_id, now=now),
            **msgspec.structs.asdict(each),
        )
        for each, does_count in zip(stated, counts, strict=True)
    ]
    if entries:
        tx.execute(sa.insert(ConsentEntryRow), [_row(each, brand_id, mode) for each in entries])
    for purpose in {each.purpose for each in stated}:
        batch = [(e.id, s) for e, s in zip(entries, stated, strict=True) if s.purpose is purpose]
        if standing := ledger.after(before.get(purpose), batch, now):
            save(tx, purpose, standing, customer_id=customer_id, brand_id=brand_id)
    return entries


def page(
    tx: Transaction, customer_id: str, *, after: str | None = None, limit: int | None = None
) -> list[Entry]:
    """The person's ledger in the order in which it was received, from behind the entry `after`."""
    query = sa.select(ConsentEntryRow.__table__).where(ConsentEntryRow.customer_id == customer_id)
    if after is not None:
        query = query.where(ConsentEntryRow.id > after)
    rows = tx.execute(query.order_by(ConsentEntryRow.id).limit(limit))
    return [msgspec.convert(row._mapping, Entry) for row in rows]


def lock(tx: Transaction, *customer_ids: str) -> None:
    """Holds these people and their consents until the transaction ends, against decisions, sends, fixes and events.

    Whoever writes of a person only holds them lightly (FOR KEY SHARE), so this lock is the heaviest there is.
    """
    people = sa.select(CustomerRow.id).where(CustomerRow.id.in_(customer_ids))
    people = people.order_by(CustomerRow.id)
    consents = sa.select(ConsentRow.purpose).where(ConsentRow.customer_id.in_(customer_ids))
    consents = consents.order_by(ConsentRow.customer_id, ConsentRow.purpose)
    if tx.dialect.name == "postgresql":
        people = people.with_for_update()
        consents = consents.with_for_update()
    if len(tx.execute(people).all()) != len(set(customer_ids)):
        raise NotFound("This customer is gone.")
    tx.execute(consents)


def standings(tx: Transaction, customer_id: str) -> dict[Purpose, Standing]:
    """Where each purpose stands, with the last withdrawal even where a later grant is in force."""
    rows = tx.execute(_CURRENT, {"customer": customer_id})
    return {Purpose(row.purpose): msgspec.convert(row._mapping, Standing) for row in rows}


def save(
    tx: Transaction, purpose: Purpose, standing: Standing, *, customer_id: str, brand_id: str
) -> None:
    """Stores where a purpose stands."""
    values = msgspec.structs.asdict(standing)
    tx.execute(
        insert(tx, ConsentRow)
        .values(customer_id=customer_id, purpose=purpose, brand_id=brand_id, **values)
        .on_conflict_do_update(index_elements=["customer_id", "purpose"], set_=values)
    )


def _counts(before: dict[Purpose, Standing], stated: list[Statement]) -> list[bool]:
    by_purpose = {
        purpose: iter(
            ledger.counting(before.get(purpose), [s for s in stated if s.purpose is purpose])
        )
        for purpose in {each.purpose for each in stated}
    }
    return [next(by_purpose[each.purpose]) for each in stated]


def _row(entry: Entry, brand_id: str, mode: Mode) -> dict[str, object]:
    receipt = msgspec.to_builtins(entry.receipt)
    return {
        **msgspec.structs.asdict(entry),
        "receipt": receipt,
        "brand_id": brand_id,
        "mode": mode,
    }


def _consent(row: sa.Row[tuple[object, ...]]) -> Consent:
    return msgspec.convert(row._mapping, Consent)
