"""Who comes to which store and for which service: the index by which a free place finds its people."""

from collections.abc import Collection, Iterable
from datetime import datetime
from itertools import product
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from domain.decisions import Cause
from domain.people import Purpose
from domain.places import LatLon
from domain.slots import Slot
from domain.values import Value
from geofence.distance import metres
from storage.engine import Transaction
from storage.models import (
    ConsentRow,
    CustomerRow,
    DeviceRow,
    MomentRow,
    PatronRow,
    PositionRow,
)

ANY = ""  # the service that stands for all
MOST = 400  # people that each of the searches brings
NEAR_M = 5_000.0


class Came(Value):
    """Somebody came to a store, or booked there, on a day (an ordinal of the brand's zone)."""

    brand_id: str
    customer_id: str
    store_id: str
    service: str
    day: int


class Prospect(NamedTuple):
    """Somebody whom a place might suit. Times and days (ordinals; 0 for never) at this store, for this service there,
    and for this service anywhere; metres from the store where that is known."""

    customer_id: str
    times_here: int = 0
    last_here: int = 0
    times_service: int = 0
    last_service: int = 0
    times_elsewhere: int = 0
    distance_m: float | None = None


def _adding(insert: Any) -> Any:
    """Only with `habits` consent in force; signs of the same day count once."""
    allowed = sa.select(
        sa.bindparam("store_id", type_=PatronRow.store_id.type),
        sa.bindparam("service", type_=PatronRow.service.type),
        ConsentRow.customer_id,
        ConsentRow.brand_id,
        sa.literal_column("1"),
        sa.bindparam("day", type_=sa.Integer),
    ).where(
        ConsentRow.customer_id == sa.bindparam("whom", type_=ConsentRow.customer_id.type),
        ConsentRow.purpose == Purpose.HABITS,
        ConsentRow.granted,
    )
    names = ["store_id", "service", "customer_id", "brand_id", "times", "last_day"]
    row = insert(PatronRow).from_select(names, allowed)
    new = sa.case((PatronRow.last_day != row.excluded.last_day, 1), else_=0)
    later = sa.case(
        (PatronRow.last_day < row.excluded.last_day, row.excluded.last_day),
        else_=PatronRow.last_day,
    )
    return row.on_conflict_do_update(
        index_elements=["store_id", "service", "customer_id"],
        set_={"times": PatronRow.times + new, "last_day": later},
    )


_ADD = {"postgresql": _adding(postgresql.insert), "sqlite": _adding(sqlite.insert)}


def add(tx: Transaction, came: Iterable[Came]) -> None:
    """Notes who came, in one statement for any number; of people without `habits` consent nothing."""
    rows = [
        {"store_id": c.store_id, "service": service, "whom": c.customer_id, "day": c.day}
        for c in sorted(came, key=lambda each: (each.store_id, each.customer_id, each.day))
        for service in sorted({ANY, c.service})
    ]
    if rows:
        tx.execute(_ADD[tx.dialect.name], rows)


def join(tx: Transaction, from_id: str, to_id: str) -> None:
    """Makes an anonymous person's stores the known one's; where both came, the known one's count stays."""
    there = sa.orm.aliased(PatronRow)
    both = sa.exists().where(
        there.customer_id == to_id,
        there.store_id == PatronRow.store_id,
        there.service == PatronRow.service,
    )
    mine = PatronRow.customer_id == from_id
    tx.execute(sa.delete(PatronRow).where(mine, both))
    tx.execute(sa.update(PatronRow).where(mine).values(customer_id=to_id))


def forget(tx: Transaction, customer_id: str) -> int:
    return tx.execute(sa.delete(PatronRow).where(PatronRow.customer_id == customer_id)).rowcount


def prospects(
    tx: Transaction, slot: Slot, *, store: LatLon, today: int, since: datetime
) -> list[Prospect]:
    """Up to a few hundred people of each kind: the most regular and the latest of the last year at the store, and for
    this service there, who has this service elsewhere, and who is near by; without those who were asked already, who allow no push or
    no habits, and who have no phone. `since` is how old a position may be.
    """
    found: dict[str, Prospect] = {}

    def known(customer_id: str) -> Prospect:
        return found.get(customer_id, Prospect(customer_id))

    for service, order in product((slot.service, ANY), (PatronRow.times, PatronRow.last_day)):
        for row in tx.execute(_best(slot, service, today, order)):
            if service == ANY:
                changed = known(row[0])._replace(times_here=row[1], last_here=row[2])
            else:
                changed = known(row[0])._replace(times_service=row[1], last_service=row[2])
            found[row[0]] = changed
    for row in tx.execute(_of_the_service(slot, today)):
        if row[2] != slot.store_id:
            found[row[0]] = known(row[0])._replace(times_elsewhere=row[1])
    for row in tx.execute(_near(slot, store, since)):
        away = metres(row[1], row[2], store.latitude, store.longitude)
        if away <= NEAR_M:
            found[row[0]] = known(row[0])._replace(distance_m=away)
    free = _who_may_be_asked(tx, slot, list(found))
    return [each for id_, each in found.items() if id_ in free]


def _best(slot: Slot, service: str, today: int, order: Any) -> sa.Select[*tuple[Any, ...]]:
    """The most regular, or the latest, in the order of an index: the rest of a store's people is never read."""
    return (
        sa.select(PatronRow.customer_id, PatronRow.times, PatronRow.last_day)
        .where(
            PatronRow.store_id == slot.store_id,
            PatronRow.service == service,
            PatronRow.last_day >= today - 365,
        )
        .order_by(order.desc())
        .limit(MOST)
    )


def _of_the_service(slot: Slot, today: int) -> sa.Select[*tuple[Any, ...]]:
    """The brand's most regular for this service; those of this very store, known already, are left out afterwards."""
    return (
        sa.select(PatronRow.customer_id, PatronRow.times, PatronRow.store_id)
        .where(
            PatronRow.brand_id == slot.brand_id,
            PatronRow.service == slot.service,
            PatronRow.last_day >= today - 365,
        )
        .order_by(PatronRow.times.desc())
        .limit(MOST)
    )


def _near(slot: Slot, store: LatLon, since: datetime) -> sa.Select[*tuple[Any, ...]]:
    """A band of latitude by its index; the rest is measured."""
    reach = NEAR_M / 111_000
    return (
        sa.select(PositionRow.customer_id, PositionRow.latitude, PositionRow.longitude)
        .where(
            PositionRow.brand_id == slot.brand_id,
            PositionRow.latitude.between(store.latitude - reach, store.latitude + reach),
            PositionRow.occurred_at >= since,
        )
        .order_by(PositionRow.occurred_at.desc())
        .limit(MOST)
    )


def _who_may_be_asked(tx: Transaction, slot: Slot, ids: Collection[str]) -> set[str]:
    """Those of these people whom the rules could ever let through, by the keys of what they rest on."""

    def consents(purpose: Purpose) -> sa.Exists:
        return sa.exists().where(
            ConsentRow.customer_id == CustomerRow.id,
            ConsentRow.purpose == purpose,
            ConsentRow.granted,
        )

    phone = sa.exists().where(
        DeviceRow.customer_id == CustomerRow.id,
        DeviceRow.retired_at.is_(None),
        DeviceRow.target_value.is_not(None),
    )
    asked = sa.exists().where(
        MomentRow.customer_id == CustomerRow.id,
        MomentRow.cause == Cause.SLOT,
        MomentRow.key == slot.id,
    )
    query = sa.select(CustomerRow.id).where(
        CustomerRow.id.in_(ids),
        CustomerRow.mode == slot.mode,
        consents(Purpose.PUSH),
        consents(Purpose.HABITS),
        phone,
        ~asked,
    )
    return set(tx.execute(query).scalars())
