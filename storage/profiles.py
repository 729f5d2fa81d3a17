"""What is known of people's habits, as msgpack: a profile per person and a wheel per brand."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa

from domain.decisions import forgotten
from domain.messages import MessageState
from domain.offers import OfferKind
from domain.people import Mode, Occasion, Preferences, Profile
from domain.policy import Policy
from domain.rhythm import BrandRhythm
from domain.traits import TRAITS, plain
from domain.values import Value
from storage import brand_rows, reasons
from storage.engine import Transaction
from storage.models import (
    BrandProfileRow,
    BrandRow,
    CustomerRow,
    DecisionRow,
    DeviceRow,
    MessageRow,
    OfferRow,
    ProfileRow,
)
from storage.packing import packed, unpacked
from storage.prepared import OfMany
from storage.sql import insert_all, inserts

_rhythm = msgspec.msgpack.Decoder(BrandRhythm)
_pack = msgspec.msgpack.Encoder()


class Person(Value):
    """Whom a habit belongs to: the zones to read their clock by, best first, and whose silence counts."""

    customer_id: str
    brand_id: str
    mode: Mode
    zones: tuple[str | None, ...]
    preferences: Preferences
    policy: Policy
    occasions: tuple[Occasion, ...] = ()


_NEWEST_ZONE = (
    sa.select(DeviceRow.time_zone)
    .where(DeviceRow.customer_id == CustomerRow.id, DeviceRow.retired_at.is_(None))
    .order_by(DeviceRow.last_seen_at.desc(), DeviceRow.id)
    .limit(1)
    .scalar_subquery()
)
_PEOPLE = (
    sa.select(
        CustomerRow.id,
        CustomerRow.brand_id,
        CustomerRow.mode,
        CustomerRow.time_zone,
        CustomerRow.preferences,
        CustomerRow.details,
        _NEWEST_ZONE.label("device_zone"),
        BrandRow.time_zone.label("brand_zone"),
        BrandRow.policy,
    )
    .join(BrandRow, BrandRow.id == CustomerRow.brand_id)
    .where(CustomerRow.id.in_(sa.bindparam("customers", expanding=True)))
    .order_by(CustomerRow.id)
)


def lock_people(tx: Transaction, customer_ids: Collection[str]) -> dict[str, Person]:
    """These people, locked until the commit, so that a withdrawal of `habits` comes either before or after; who was
    erased is absent.
    """
    query = _PEOPLE
    if tx.dialect.name == "postgresql":
        query = query.with_for_update(of=CustomerRow, key_share=True)
    rows = tx.execute(query, {"customers": list(customer_ids)})
    return {row.id: _person(row) for row in rows}


def _person(row: sa.Row[Any]) -> Person:
    return Person(
        customer_id=row.id,
        brand_id=row.brand_id,
        mode=Mode(row.mode),
        zones=(row.device_zone, row.time_zone, row.brand_zone),
        preferences=msgspec.convert(row.preferences or {}, Preferences),
        policy=msgspec.convert(row.policy, Policy),
        occasions=msgspec.convert(row.details.get("occasions", ()), tuple[Occasion, ...]),
    )


def get(tx: Transaction, customer_id: str) -> Profile:
    """The person's profile; an empty one where nothing is known."""
    return of_many(tx, [customer_id]).get(customer_id, Profile())


_OF_MANY = OfMany(sa.select(ProfileRow.customer_id, ProfileRow.body), ProfileRow.customer_id)


def of_many(tx: Transaction, customer_ids: Sequence[str]) -> dict[str, Profile]:
    """The profiles there are, by customer."""
    return {whose: unpacked(body) for whose, body in _OF_MANY.of(tx, customer_ids)}


def unchanged(
    tx: Transaction, *, after: str, before: datetime, limit: int
) -> tuple[list[str], str | None]:
    """Of the next `limit` people after this id: whose profile has not changed since `before`, and where to go on.

    None to go on from where these were the last. Reads the same few rows however many people there are.
    """
    page = tx.execute(
        sa.select(ProfileRow.customer_id, ProfileRow.updated_at)
        .where(ProfileRow.customer_id > after)
        .order_by(ProfileRow.customer_id)
        .limit(limit)
    ).all()
    still = [row.customer_id for row in page if row.updated_at < before]
    return still, page[-1].customer_id if len(page) == limit else None


def save_many(
    tx: Transaction, known: Mapping[str, Profile], *, brand_id: str, now: datetime
) -> None:
    """Stores what is known now of people of one brand, by customer."""
    rows = [
        {
            "customer_id": customer_id,
            "brand_id": brand_id,
            "body": packed(profile),
            "updated_at": now,
        }
        for customer_id, profile in known.items()
    ]
    insert_all(tx, _SAVE, rows)


def _upsert(statement: Any) -> Any:
    new = {name: statement.excluded[name] for name in ("body", "updated_at")}
    return statement.on_conflict_do_update(index_elements=["customer_id"], set_=new)


_SAVE = inserts(ProfileRow, _upsert)


def brand_wheels(tx: Transaction, brand_ids: Sequence[str]) -> dict[str, BrandRhythm]:
    """What everybody of each brand does together; a brand without visits is absent."""
    rows = tx.execute(
        sa.select(BrandProfileRow.brand_id, BrandProfileRow.body).where(
            BrandProfileRow.brand_id.in_(brand_ids)
        )
    )
    return {row.brand_id: _rhythm.decode(row.body) for row in rows}


def lock_brand_wheel(tx: Transaction, brand_id: str, *, now: datetime) -> BrandRhythm | None:
    """The brand's wheel to be turned, or None where another transaction is turning it."""
    empty = _pack.encode(BrandRhythm())
    body = brand_rows.lock(tx, BrandProfileRow, brand_id, empty=empty, now=now)
    return None if body is None else _rhythm.decode(body)


def save_brand_wheel(tx: Transaction, wheel: BrandRhythm, *, brand_id: str, now: datetime) -> None:
    brand_rows.save(tx, BrandProfileRow, brand_id, body=_pack.encode(wheel), now=now)


def pushes(
    tx: Transaction, customer_ids: Collection[str], *, since: datetime
) -> dict[str, list[datetime]]:
    """When pushes to these people were accepted since then; who got none is absent."""
    rows = tx.execute(
        sa.select(MessageRow.customer_id, MessageRow.finished_at).where(
            MessageRow.customer_id.in_(customer_ids),
            MessageRow.state == MessageState.SENT,
            MessageRow.finished_at > since,
        )
    )
    found: dict[str, list[datetime]] = {}
    for row in rows:
        found.setdefault(row.customer_id, []).append(row.finished_at)
    return found


def offered(tx: Transaction, decision_ids: Collection[str]) -> dict[str, tuple[str, OfferKind]]:
    """The offer that each of these decisions chose, and its kind."""
    rows = tx.execute(
        sa.select(DecisionRow.id, OfferRow.id.label("offer_id"), OfferRow.body)
        .join(OfferRow, OfferRow.id == DecisionRow.offer_id)
        .where(DecisionRow.id.in_(decision_ids))
    )
    return {row.id: (row.offer_id, OfferKind(row.body["kind"])) for row in rows}


def forget(tx: Transaction, customer_id: str) -> int:
    """Deletes a person's profile, and what the reasons of decisions tell of traits it showed; counts the former."""
    about = sa.cast(DecisionRow.reasons, sa.Text).contains(_OF_AUDIENCE)
    reasons.rewrite(tx, customer_id, _without_trait, (about,))
    return tx.execute(sa.delete(ProfileRow).where(ProfileRow.customer_id == customer_id)).rowcount


_OF_AUDIENCE = "audience"
_UNTOLD = "It is not for this person."


def _without_trait(reason: dict[str, Any]) -> dict[str, Any]:
    if reason["code"] != _OF_AUDIENCE:
        return reason
    if any(trait in reason.get("text", "") for trait in TRAITS):
        return {**reason, "text": _UNTOLD}
    named = {plain(word) for word in reason.get("args", {}).get("words", ())}
    return forgotten(reason) if named & TRAITS else reason
