"""What is known of people's places, one row per person, and the one open moment that follows from them."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from domain.decisions import Cause, Moment, forgotten
from domain.haunts import TELL_A_PLACE, PlaceKind, Places
from domain.values import Value
from storage import reasons
from storage.engine import Transaction
from storage.models import DecisionRow, MomentRow, OfferRow, PlacesRow
from storage.moments import open_many

_places = msgspec.msgpack.Decoder(Places)
_pack = msgspec.msgpack.Encoder()
_place = OfferRow.body["when"]["place"]["of"].as_string()
_hours = OfferRow.body["when"]["hours"].as_string()
_ends_at = OfferRow.body["life"]["ends_at"].as_string()
_FORGOTTEN = "It rested on a place of the person's that is not known any more."


class Wish(Value):
    """An active offer asks for people's places of this kind, within these hours (OSM syntax, None: any)."""

    kind: PlaceKind
    hours: str | None


def of_many(tx: Transaction, customer_ids: Sequence[str]) -> dict[str, Places]:
    """What there is, by customer."""
    rows = tx.execute(
        sa.select(PlacesRow.customer_id, PlacesRow.body).where(
            PlacesRow.customer_id.in_(customer_ids)
        )
    )
    return {row.customer_id: _places.decode(row.body) for row in rows}


def get(tx: Transaction, customer_id: str) -> Places:
    """The person's places; empty where nothing is known."""
    return of_many(tx, [customer_id]).get(customer_id, Places())


def save(tx: Transaction, known: Places, *, customer_id: str, brand_id: str, now: datetime) -> None:
    """Replaces what is known of one person, whom the caller holds."""
    values = {
        "customer_id": customer_id,
        "brand_id": brand_id,
        "body": _pack.encode(known),
        "updated_at": now,
    }
    tx.execute(_SAVE[tx.dialect.name], values)


def _upsert(insert: Any) -> Any:
    statement = insert(PlacesRow)
    new = {name: statement.excluded[name] for name in ("body", "updated_at")}
    return statement.on_conflict_do_update(index_elements=["customer_id"], set_=new)


_SAVE = {"postgresql": _upsert(postgresql.insert), "sqlite": _upsert(sqlite.insert)}


def purge(tx: Transaction, *, before: datetime, limit: int = 10_000) -> int:
    """Deletes up to `limit` rows that nothing was added to since `before`; says how many."""
    old = sa.select(PlacesRow.customer_id).where(PlacesRow.updated_at < before).limit(limit)
    return tx.execute(sa.delete(PlacesRow).where(PlacesRow.customer_id.in_(old))).rowcount


def forget(tx: Transaction, customer_id: str) -> int:
    """Deletes what is known of a person's places, and what decisions and their moments tell of it; counts the former."""
    marked = (sa.cast(DecisionRow.reasons, sa.Text).contains(mark) for mark in _MARKS)
    reasons.rewrite(tx, customer_id, _without_place, (sa.or_(*marked),))
    tx.execute(
        sa.update(MomentRow)
        .where(MomentRow.customer_id == customer_id, MomentRow.decided_at.is_not(None))
        .where(sa.or_(*(MomentRow.key.startswith(f"{kind.value}:") for kind in PlaceKind)))
        .values(key=sa.cast(MomentRow.id, MomentRow.key.type))
    )
    return tx.execute(sa.delete(PlacesRow).where(PlacesRow.customer_id == customer_id)).rowcount


def _without_place(reason: dict[str, Any]) -> dict[str, Any]:
    """Of a reason that tells of a place the code is left, the offer, and what there is apart from it."""
    args = reason.get("args", {})
    if reason["code"] in TELL_A_PLACE:
        return forgotten(reason)
    if "place" in args:
        kept = {name: each for name, each in args.items() if name not in _OF_A_PLACE}
        return {**reason, "args": kept}
    tells = any(mark in reason.get("text", "") for mark in TELL_A_PLACE)
    return {**reason, "text": _FORGOTTEN} if tells else reason


_MARKS = (*TELL_A_PLACE, '"place"')  # the last is the name of an argument
_OF_A_PLACE = ("place", "times", "count", "distance_m")


def wishes(tx: Transaction, brand_id: str, *, now: datetime) -> list[Wish]:
    """What the brand's active offers ask of homes and workplaces; in one query that reads no offer's texts."""
    rows = tx.execute(
        sa.select(_place.label("kind"), _hours.label("hours"), _ends_at.label("ends_at"))
        .where(
            OfferRow.brand_id == brand_id,
            OfferRow.deleted_at.is_(None),
            OfferRow.body["active"].as_boolean(),
            _place.in_([kind.value for kind in PlaceKind]),
        )
        .distinct()
    )
    return [
        Wish(kind=PlaceKind(row.kind), hours=row.hours)
        for row in rows
        if row.ends_at is None or datetime.fromisoformat(row.ends_at) > now
    ]


def set_moments(tx: Transaction, wanted: Mapping[str, Moment | None], *, now: datetime) -> None:
    """Replaces each person's one moment of a place that is yet to come, or only removes it; by customer id."""
    if not wanted:
        return
    tx.execute(
        sa.delete(MomentRow).where(
            MomentRow.customer_id.in_(list(wanted)),
            MomentRow.cause == Cause.HABIT,
            MomentRow.decided_at.is_(None),
            MomentRow.due_at > now,  # what is due already will be decided
            MomentRow.key >= "a",  # a rhythm's begin with their date
        )
    )
    open_many(tx, _there(wanted.values()))


def _there(wanted: Iterable[Moment | None]) -> Iterable[Moment]:
    return (moment for moment in wanted if moment)
