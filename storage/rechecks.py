"""What the rules on the person ask for right before a send: one short row for each person, in one statement.

Read for every message that leaves, so each row is one JSON document, which is decoded at once: a dozen rows for each
person, with their types looked up one by one, cost several times as much as all else that the sender does in storage.
"""

from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import msgspec
import sqlalchemy as sa

from domain.context import Reach
from domain.decisions import Outcome
from domain.people import Preferences, Purpose
from domain.values import Value
from storage import contexts, webhooks
from storage.engine import Transaction
from storage.models import ConsentRow, CustomerRow, DecisionRow, DeviceRow, MessageRow
from storage.sql import among

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Person(Value):
    """One person right before a send. `zones`: their devices', newest first, then what the brand wrote of them.

    `permits`: purpose → ledger entry, of the purposes that are granted. `sends`: decision → when, of those that may have
    been seen.
    """

    preferences: Preferences
    permits: dict[Purpose, str]
    reach: Reach
    zones: tuple[str, ...]
    sends: dict[str, datetime]


class _Document(Value, array_like=True):
    """A person as the statement returns them. A phone: last seen, id, permission if it has a target, zone."""

    time_zone: str | None
    preferences: Preferences | None
    permits: list[tuple[Purpose, str]] | None
    phones: list[tuple[int, str, str | None, str | None]] | None
    sends: list[tuple[str, int]] | None


_decode = msgspec.json.Decoder(_Document).decode


def people(
    tx: Transaction, customer_ids: Sequence[str], purposes: Collection[Purpose], *, since: datetime
) -> dict[str, Person]:
    """Everybody of these who is still known, by id, with what was sent to them since then."""
    query = _query(tx.dialect.name).where(among(tx, CustomerRow.id, customer_ids))
    rows = tx.execute(query, {"purposes": list(purposes), "since": since})
    found = {customer_id: _person(_decode(document)) for customer_id, document in rows.all()}
    without = [one for one, person in found.items() if person.reach is Reach.NO_DEVICE]
    for one in webhooks.in_reach(tx, without):
        found[one] = msgspec.structs.replace(found[one], reach=Reach.REACHABLE)
    return found


def _person(found: _Document) -> Person:
    phones = found.phones or []
    if len(phones) > 1:
        phones.sort(key=lambda phone: (-phone[0], phone[1]))
    reach = Reach.NO_DEVICE
    for _, _, permission, _ in phones:
        reach = contexts.reach(reach, permission is not None, permission or "")
    zones = [zone for _, _, _, zone in phones if zone]
    return Person(
        preferences=found.preferences or Preferences(),
        permits=dict(found.permits or ()),
        reach=reach,
        zones=(*zones, found.time_zone) if found.time_zone else tuple(zones),
        sends={
            decision_id: _EPOCH + timedelta(microseconds=at)
            for decision_id, at in found.sends or ()
        },
    )


@cache
def _query(dialect: str) -> sa.Select[str, str]:
    words = _Postgres if dialect == "postgresql" else _Sqlite
    document = words.array(
        CustomerRow.time_zone,
        words.json(CustomerRow.preferences),
        _permits(words),
        _phones(words),
        _sends(words),
    )
    return sa.select(CustomerRow.id, sa.cast(document, sa.Text))


def _permits(words: "type[_Words]") -> Any:
    return (
        sa.select(words.listed(words.array(ConsentRow.purpose, ConsentRow.entry_id)))
        .where(ConsentRow.customer_id == CustomerRow.id, ConsentRow.granted)
        .where(ConsentRow.purpose.in_(sa.bindparam("purposes", expanding=True)))
        .correlate(CustomerRow)
        .scalar_subquery()
    )


def _phones(words: "type[_Words]") -> Any:
    permission = sa.case((DeviceRow.target_value.is_not(None), DeviceRow.push_permission))
    phone = words.array(
        words.micros(DeviceRow.last_seen_at), DeviceRow.id, permission, DeviceRow.time_zone
    )
    return (
        sa.select(words.listed(phone))
        .where(DeviceRow.customer_id == CustomerRow.id, DeviceRow.retired_at.is_(None))
        .correlate(CustomerRow)
        .scalar_subquery()
    )


def _sends(words: "type[_Words]") -> Any:
    state = MessageRow.state
    return (
        sa.select(words.listed(words.array(DecisionRow.id, words.micros(DecisionRow.decided_at))))
        .outerjoin(MessageRow, MessageRow.decision_id == DecisionRow.id)
        .where(DecisionRow.customer_id == CustomerRow.id)
        .where(DecisionRow.decided_at >= sa.bindparam("since", type_=DecisionRow.decided_at.type))
        .where(DecisionRow.outcome == Outcome.SEND)
        .where(sa.or_(state.is_(None), state.not_in(contexts.NEVER_SEEN)))
        .correlate(CustomerRow)
        .scalar_subquery()
    )


class _Words:
    """A database's own words for lists, documents, and times in microseconds since 1970."""

    array: Callable[..., Any]
    listed: Callable[[Any], Any]
    json: Callable[[Any], Any]
    micros: Callable[[Any], Any]


class _Postgres(_Words):
    array = staticmethod(sa.func.json_build_array)
    listed = staticmethod(sa.func.json_agg)
    json = staticmethod(lambda column: column)
    micros = staticmethod(
        lambda column: sa.cast(sa.extract("epoch", column) * 1_000_000, sa.BigInteger)
    )


class _Sqlite(_Words):
    array = staticmethod(sa.func.json_array)
    listed = staticmethod(sa.func.json_group_array)
    json = staticmethod(sa.func.json)
    micros = staticmethod(lambda column: sa.type_coerce(column, sa.BigInteger))
