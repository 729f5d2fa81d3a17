"""Customers of a brand: what its admins wrote of them, and the preferences they set for themselves."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa

from domain.errors import NotFound, Stale
from domain.ids import new_id
from domain.people import Customer, Mode, Preferences
from storage.engine import Transaction
from storage.models import CustomerRow
from storage.named import Counts
from storage.prepared import OfMany
from storage.sql import insert, locked

_DETAILS = ("occasions", "traits", "interests", "segments", "attributes")
_AT_ONCE = 1000  # names in one IN (…), well below every driver's limit
_REPLACE = sa.update(CustomerRow).where(CustomerRow.id == sa.bindparam("row_id"))
_BY_ID = sa.select(CustomerRow.__table__).where(CustomerRow.id == sa.bindparam("id"))


def put(
    tx: Transaction, customer: Customer, *, now: datetime, expected: int | None = None
) -> tuple[Customer, bool]:
    """Adds or replaces the customer with this external id; says whether they are new. Preferences stay.

    Stale where `expected` (from If-Match) is not the newest revision.
    """
    found = _revision(tx, customer)
    if expected is not None and (found is None or found.revision != expected):
        raise Stale("This customer was changed meanwhile; read it again and repeat your change.")
    if found is None:
        return add(tx, msgspec.structs.replace(customer, id=new_id(), revision=1), now=now), True
    saved = msgspec.structs.replace(customer, id=found.id, revision=found.revision + 1)
    tx.execute(sa.update(CustomerRow).where(CustomerRow.id == found.id).values(**_columns(saved)))
    return saved, False


def put_many(tx: Transaction, wanted: Sequence[Customer], *, now: datetime) -> Counts:
    """Adds or replaces many customers of one brand and mode, each with another external id, in a few statements.

    Preferences stay, and whoever is the same already stays as they are.
    """
    there = {each.external_id: each for each in _there(tx, wanted)}
    fresh, changed = [], []
    for customer in wanted:
        old = there.get(customer.external_id)
        if old is None:
            added = msgspec.structs.replace(customer, id=new_id(), revision=1)
            fresh.append({**_columns(added), "created_at": now})
        elif msgspec.structs.replace(customer, id=old.id, revision=old.revision) != old:
            revised = msgspec.structs.replace(customer, id=old.id, revision=old.revision + 1)
            changed.append({**_columns(revised), "row_id": old.id})
    if fresh:
        tx.execute(sa.insert(CustomerRow), fresh)
    if changed:
        tx.execute(_REPLACE, changed)
    same = len(wanted) - len(fresh) - len(changed)
    return Counts(created=len(fresh), updated=len(changed), unchanged=same)


def add(tx: Transaction, customer: Customer, *, now: datetime) -> Customer:
    """Adds a customer whose id the caller made."""
    tx.execute(sa.insert(CustomerRow).values(**_columns(customer), created_at=now))
    return customer


def anonymous(tx: Transaction, *, brand_id: str, mode: Mode, now: datetime) -> Customer:
    """A new person of whom nothing is known yet."""
    return add(tx, Customer(id=new_id(), brand_id=brand_id, mode=mode), now=now)


def known(
    tx: Transaction, *, brand_id: str, mode: Mode, external_id: str, now: datetime
) -> Customer:
    """The customer with this external id, added where there is none yet."""
    fresh = Customer(id=new_id(), brand_id=brand_id, mode=mode, external_id=external_id)
    tx.execute(
        insert(tx, CustomerRow).values(**_columns(fresh), created_at=now).on_conflict_do_nothing()
    )
    return get(tx, brand_id=brand_id, mode=mode, external_id=external_id)


def get(tx: Transaction, *, brand_id: str, mode: Mode, external_id: str) -> Customer:
    """The customer with this external id; NotFound where this brand and mode have none."""
    row = tx.execute(
        sa.select(CustomerRow.__table__).where(*_mine(brand_id, mode, external_id))
    ).one_or_none()
    if row is None:
        raise NotFound(f"There is no customer {external_id!r}.")
    return _customer(row)


def by_id(tx: Transaction, customer_id: str) -> Customer:
    """The customer with this id of ours; NotFound once erased."""
    row = tx.execute(_BY_ID, {"id": customer_id}).one_or_none()
    if row is None:
        raise NotFound("There is no such customer (any more).")
    return _customer(row)


_NAMES = tuple(column.name for column in CustomerRow.__table__.columns)
_OF_MANY = OfMany(sa.select(CustomerRow.__table__), CustomerRow.id)


def of_many(
    tx: Transaction, customer_ids: Sequence[str]
) -> dict[str, tuple[Customer, Preferences]]:
    """The customers of these ids that there are, each with their preferences."""
    found: dict[str, tuple[Customer, Preferences]] = {}
    for values in _OF_MANY.of(tx, customer_ids):
        row = dict(zip(_NAMES, values, strict=True))
        customer = msgspec.convert(row | row["details"], Customer)
        found[customer.id] = customer, _preferences(row["preferences"])
    return found


def ids(tx: Transaction, *, brand_id: str, mode: Mode, external_ids: Sequence[str]) -> list[str]:
    """Our ids of the customers of these names that there are."""
    query = sa.select(CustomerRow.id).where(
        CustomerRow.brand_id == brand_id, CustomerRow.mode == mode
    )
    return [
        id_
        for start in range(0, len(external_ids), _AT_ONCE)
        for id_ in tx.execute(
            query.where(CustomerRow.external_id.in_(external_ids[start : start + _AT_ONCE]))
        ).scalars()
    ]


def page(
    tx: Transaction, *, brand_id: str, mode: Mode, after: str | None, limit: int
) -> list[Customer]:
    """Up to `limit` known customers in the order of their external ids, from behind `after`."""
    query = sa.select(CustomerRow.__table__).where(
        CustomerRow.brand_id == brand_id,
        CustomerRow.mode == mode,
        CustomerRow.external_id.is_not(None),
    )
    if after is not None:
        query = query.where(CustomerRow.external_id > after)
    return [
        _customer(row) for row in tx.execute(query.order_by(CustomerRow.external_id).limit(limit))
    ]


def preferences(tx: Transaction, customer_id: str) -> Preferences:
    """What the person set for themselves; the defaults where that is nothing."""
    return _preferences(
        tx.execute(
            sa.select(CustomerRow.preferences).where(CustomerRow.id == customer_id)
        ).scalar_one_or_none()
    )


def save_preferences(tx: Transaction, customer_id: str, wanted: Preferences) -> None:
    """Replaces the person's preferences; NotFound once erased. The admins' revision stays."""
    saved = tx.execute(
        sa.update(CustomerRow)
        .where(CustomerRow.id == customer_id)
        .values(preferences=msgspec.to_builtins(wanted))
    )
    if not saved.rowcount:
        raise NotFound("There is no such customer (any more).")


def _there(tx: Transaction, wanted: Sequence[Customer]) -> Iterator[Customer]:
    """Those of these customers that there are, kept from other writers."""
    for start in range(0, len(wanted), _AT_ONCE):
        some = wanted[start : start + _AT_ONCE]
        query = sa.select(CustomerRow.__table__).where(
            CustomerRow.brand_id == some[0].brand_id,
            CustomerRow.mode == some[0].mode,
            CustomerRow.external_id.in_([each.external_id for each in some]),
        )
        yield from (_customer(row) for row in tx.execute(locked(tx, query)))


def _revision(tx: Transaction, customer: Customer) -> sa.Row[str, int] | None:
    mine = _mine(customer.brand_id, customer.mode, customer.external_id)
    query = sa.select(CustomerRow.id, CustomerRow.revision).where(*mine)
    return tx.execute(locked(tx, query)).one_or_none()


def _mine(
    brand_id: str, mode: Mode, external_id: str | None
) -> tuple[sa.ColumnElement[bool], sa.ColumnElement[bool], sa.ColumnElement[bool]]:
    return (
        CustomerRow.brand_id == brand_id,
        CustomerRow.mode == mode,
        CustomerRow.external_id == external_id,
    )


def _columns(customer: Customer) -> dict[str, Any]:
    columns: dict[str, Any] = msgspec.to_builtins(customer)
    details = {name: columns.pop(name) for name in _DETAILS}
    return {**columns, "details": details}


def _customer(row: sa.Row[Any]) -> Customer:
    return msgspec.convert({**row._mapping, **row.details}, Customer)


def _preferences(stored: dict[str, Any] | None) -> Preferences:
    return msgspec.convert(stored or {}, Preferences)
