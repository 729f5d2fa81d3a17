"""Slots of a brand: their places, whom those were promised to, and who booked them."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa

from domain.decisions import Cause
from domain.errors import Fault, Invalid
from domain.ids import new_id
from domain.people import Mode
from domain.slots import Slot, Wanted
from domain.values import Value
from storage import stores
from storage.engine import Transaction
from storage.models import BookingRow, DecisionRow, MomentRow, PromiseRow, SlotRow, StoreRow
from storage.sql import insert, locked


class Listed(Value):
    """A slot with its store's external id, as it is shown."""

    slot: Slot
    store: str


class Booked(Value):
    """A reservation of one place (+1) or its cancellation (−1)."""

    slot: str  # external id
    customer_id: str
    places: int


def put_many(
    tx: Transaction, wanted: Sequence[Wanted], *, brand_id: str, mode: Mode, now: datetime
) -> list[Slot]:
    """Adds or replaces slots, and looks for people anew where there is room; Invalid where a store is not there."""
    known = stores.ids(tx, brand_id, {each.store for each in wanted})
    _refuse_unknown_stores(wanted, known)
    there = _by_name(tx, brand_id, mode, [each.id for each in wanted], now=now)
    for each in sorted(wanted, key=lambda one: one.id):
        row = {
            "store_id": known[each.store],
            "service": each.service,
            "starts_at": each.starts_at,
            "ends_at": each.ends_at,
            "capacity": each.capacity,
            "price": each.price,
            "next_wave_at": now if each.starts_at > now else None,
            "updated_at": now,
        }
        if old := there.get(each.id):
            tx.execute(sa.update(SlotRow).where(SlotRow.id == old.id).values(**row))
        else:
            names = {"brand_id": brand_id, "mode": mode, "external_id": each.id}
            tx.execute(sa.insert(SlotRow).values(id=new_id(), filled=0, **names, **row))
    saved = _by_name(tx, brand_id, mode, [each.id for each in wanted], now=now)
    return [saved[each.id] for each in wanted]


def page(
    tx: Transaction,
    *,
    brand_id: str,
    mode: Mode,
    store: str | None,
    after: str | None,
    limit: int,
    now: datetime,
) -> list[Listed]:
    """Up to `limit` slots that have not ended, in the order of their external ids, from behind `after`."""
    query = _slots(now).add_columns(StoreRow.external_id.label("store"))
    query = query.join(StoreRow, StoreRow.id == SlotRow.store_id).where(
        SlotRow.brand_id == brand_id, SlotRow.mode == mode, SlotRow.ends_at > now
    )
    if after is not None:
        query = query.where(SlotRow.external_id > after)
    if store is not None:
        query = query.where(StoreRow.external_id == store)
    rows = tx.execute(query.order_by(SlotRow.external_id).limit(limit))
    return [Listed(slot=_slot(row), store=row.store) for row in rows]


def by_ids(tx: Transaction, slot_ids: Collection[str], *, now: datetime) -> dict[str, Slot]:
    """These slots with what is promised now."""
    if not slot_ids:
        return {}
    rows = tx.execute(_slots(now).where(SlotRow.id.in_(slot_ids)))
    return {row.id: _slot(row) for row in rows}


def due(tx: Transaction, *, now: datetime, limit: int) -> list[str]:
    """The slots for which it is time to ask somebody, by their index, oldest first."""
    query = sa.select(SlotRow.id).where(SlotRow.next_wave_at <= now)
    return list(tx.execute(query.order_by(SlotRow.next_wave_at).limit(limit)).scalars())


def hold(tx: Transaction, slot_id: str, *, now: datetime) -> Slot | None:
    """The slot, kept from everybody else until the commit; None where it is gone."""
    mine = sa.select(SlotRow.id).where(SlotRow.id == slot_id)
    tx.execute(locked(tx, mine))
    return by_ids(tx, [slot_id], now=now).get(slot_id)


def look_again(tx: Transaction, slot_id: str, at: datetime | None) -> None:
    """When to look for people next; None for never, until something changes."""
    tx.execute(sa.update(SlotRow).where(SlotRow.id == slot_id).values(next_wave_at=at))


def promise(
    tx: Transaction, slot_id: str, customer_id: str, *, until: datetime, now: datetime
) -> bool:
    """Keeps a place for this person, or keeps theirs longer; False where none is left.

    Holds the slot until the commit, so that no number of engines promises more than there is.
    """
    slot = hold(tx, slot_id, now=now)
    if slot is None or slot.starts_at <= now:
        return False
    own = (slot_id, customer_id) in promised(tx, [slot_id], [customer_id], now=now)
    if slot.capacity - slot.filled - slot.promised + own <= 0:
        return False
    row = insert(tx, PromiseRow).values(slot_id=slot_id, customer_id=customer_id, until=until)
    tx.execute(
        row.on_conflict_do_update(index_elements=["slot_id", "customer_id"], set_={"until": until})
    )
    sooner = sa.or_(SlotRow.next_wave_at.is_(None), SlotRow.next_wave_at > until)
    tx.execute(sa.update(SlotRow).where(SlotRow.id == slot_id, sooner).values(next_wave_at=until))
    return True


def release(tx: Transaction, slot_id: str, customer_id: str) -> None:
    """Takes back a promise that did not come to be."""
    mine = sa.and_(PromiseRow.slot_id == slot_id, PromiseRow.customer_id == customer_id)
    tx.execute(sa.delete(PromiseRow).where(mine))


def next_lapse(tx: Transaction, slot_id: str, *, now: datetime) -> datetime | None:
    """When the first of the open promises ends; None where there is none."""
    query = sa.select(sa.func.min(PromiseRow.until)).where(
        PromiseRow.slot_id == slot_id, PromiseRow.until > now
    )
    found: datetime | None = tx.execute(query).scalar_one()
    return found


def promised(
    tx: Transaction, slot_ids: Collection[str], customer_ids: Collection[str], *, now: datetime
) -> set[tuple[str, str]]:
    """Which of these slots are promised to which of these people."""
    query = sa.select(PromiseRow.slot_id, PromiseRow.customer_id).where(
        PromiseRow.slot_id.in_(slot_ids),
        PromiseRow.customer_id.in_(customer_ids),
        PromiseRow.until > now,
    )
    return {(row.slot_id, row.customer_id) for row in tx.execute(query)}


def asked(tx: Transaction, slot_id: str, customer_ids: Collection[str]) -> set[str]:
    """Who of these people was asked already: nobody is asked twice."""
    query = sa.select(MomentRow.customer_id).where(
        MomentRow.customer_id.in_(customer_ids),
        MomentRow.cause == Cause.SLOT,
        MomentRow.key == slot_id,
    )
    return set(tx.execute(query).scalars())


def book(
    tx: Transaction, booked: Iterable[Booked], *, brand_id: str, mode: Mode, now: datetime
) -> None:
    """Fills and frees places, each once; what is promised to whom books is theirs and no promise any more."""
    changes: dict[str, list[Booked]] = {}
    for each in booked:
        changes.setdefault(each.slot, []).append(each)
    slots = _by_name(tx, brand_id, mode, sorted(changes), now=now)
    for name, slot in sorted(slots.items()):
        tx.execute(locked(tx, sa.select(SlotRow.id).where(SlotRow.id == slot.id)))
        gained = sum(_booked(tx, slot.id, each) for each in changes[name])
        tx.execute(
            sa.update(SlotRow)
            .where(SlotRow.id == slot.id)
            .values(filled=SlotRow.filled + gained, next_wave_at=now)
        )


def _booked(tx: Transaction, slot_id: str, change: Booked) -> int:
    """The places gained by one reservation, or lost by its cancellation; what was not booked cannot be cancelled."""
    mine = sa.and_(BookingRow.slot_id == slot_id, BookingRow.customer_id == change.customer_id)
    before = tx.execute(sa.select(BookingRow.places).where(mine)).scalar_one_or_none() or 0
    after = max(0, before + change.places)
    if after == before:
        return 0
    names = {"slot_id": slot_id, "customer_id": change.customer_id}
    row = insert(tx, BookingRow).values(**names, places=after)
    tx.execute(
        row.on_conflict_do_update(index_elements=["slot_id", "customer_id"], set_={"places": after})
    )
    if change.places > 0:
        release(tx, slot_id, change.customer_id)
    return after - before


def decline(tx: Transaction, decision_ids: Collection[str], *, now: datetime) -> None:
    """Frees what was promised by these decisions, and looks for the next person at once."""
    if not decision_ids:
        return
    query = (
        sa.select(MomentRow.key, MomentRow.customer_id)
        .join(DecisionRow, DecisionRow.moment_id == MomentRow.id)
        .where(DecisionRow.id.in_(decision_ids), DecisionRow.cause == Cause.SLOT)
    )
    for slot_id, customer_id in sorted(tuple(row) for row in tx.execute(query)):
        tx.execute(locked(tx, sa.select(SlotRow.id).where(SlotRow.id == slot_id)))
        release(tx, slot_id, customer_id)
        look_again(tx, slot_id, now)


def purge(tx: Transaction, *, before: datetime, limit: int) -> int:
    """Deletes slots that ended before then, with what was promised and booked; says how many."""
    old = list(
        tx.execute(sa.select(SlotRow.id).where(SlotRow.ends_at < before).limit(limit)).scalars()
    )
    for table in (PromiseRow, BookingRow):
        tx.execute(sa.delete(table).where(table.slot_id.in_(old)))
    tx.execute(sa.delete(SlotRow).where(SlotRow.id.in_(old)))
    return len(old)


def join(tx: Transaction, from_id: str, to_id: str) -> None:
    """Makes an anonymous person's promises and bookings the known one's, who stays as they are where both have some."""
    for table in (PromiseRow, BookingRow):
        theirs = sa.select(table.slot_id).where(table.customer_id == to_id)
        mine = table.customer_id == from_id
        tx.execute(sa.delete(table).where(mine, table.slot_id.in_(theirs)))
        tx.execute(sa.update(table).where(mine).values(customer_id=to_id))


def _slots(now: datetime) -> sa.Select[Any]:
    promised = (
        sa.select(sa.func.count())
        .where(PromiseRow.slot_id == SlotRow.id, PromiseRow.until > now)
        .correlate(SlotRow)
        .scalar_subquery()
    )
    columns = [getattr(SlotRow, name) for name in Slot.__struct_fields__ if name != "promised"]
    return sa.select(*columns, promised.label("promised"))


def _by_name(
    tx: Transaction, brand_id: str, mode: Mode, names: Sequence[str], *, now: datetime
) -> dict[str, Slot]:
    rows = tx.execute(
        _slots(now).where(
            SlotRow.brand_id == brand_id, SlotRow.mode == mode, SlotRow.external_id.in_(names)
        )
    )
    return {row.external_id: _slot(row) for row in rows}


def _slot(row: sa.Row[Any]) -> Slot:
    return msgspec.convert(row._mapping, Slot)


def _refuse_unknown_stores(wanted: Sequence[Wanted], known: Mapping[str, str]) -> None:
    faults = tuple(
        Fault(
            pointer=f"/slots/{n}/store",
            detail=f"There is no store {each.store!r}; PUT it to /v1/stores first.",
        )
        for n, each in enumerate(wanted)
        if each.store not in known
    )
    if faults:
        raise Invalid("A slot names a store that there is not.", faults=faults)
