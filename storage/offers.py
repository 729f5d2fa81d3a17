"""Offers of a brand, every revision of them, and the counters of their sends."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from domain.decisions import Outcome
from domain.errors import Fault, Invalid, NotFound, Stale
from domain.ids import new_id
from domain.offers import Offer, OfferBody, OfferKind
from domain.people import Mode
from storage import stores
from storage.engine import Transaction
from storage.models import DecisionRow, EventRow, OfferCounterRow, OfferRevisionRow, OfferRow
from storage.offer_checks import UNSUSPENDED
from storage.sql import among, locked

IN_ALL = ""  # the counter of all days together
PLEDGED = "pledged"  # that of discounts which may still be asked for, or were


def put(
    tx: Transaction,
    *,
    brand_id: str,
    external_id: str,
    body: OfferBody,
    now: datetime,
    expected: int | None = None,
) -> tuple[Offer, bool]:
    """Saves the next revision of the offer; says whether it is new. One that was deleted comes back.

    Stale where `expected` (from If-Match) is not the newest revision; Invalid where a store of it is not there.
    """
    _refuse_unknown_stores(tx, brand_id, body.stores)
    found = _newest(tx, brand_id, external_id)
    there = found is not None and found.deleted_at is None
    if expected is not None and (not there or found.revision != expected):
        raise _stale()
    saved = Offer(
        id=found.id if found else new_id(),
        brand_id=brand_id,
        external_id=external_id,
        revision=found.revision + 1 if found else 1,
        body=body,
    )
    _save(tx, saved, now=now, is_new=found is None)
    return saved, not there


def get(tx: Transaction, *, brand_id: str, external_id: str) -> Offer:
    row = tx.execute(
        sa.select(OfferRow.__table__).where(*_there(brand_id), OfferRow.external_id == external_id)
    ).one_or_none()
    if row is None:
        raise NotFound(f"There is no offer {external_id!r}.")
    return _offer(row)


def page(tx: Transaction, *, brand_id: str, after: str | None, limit: int) -> list[Offer]:
    """Up to `limit` offers in the order of their external ids, from behind `after`."""
    query = sa.select(OfferRow.__table__).where(*_there(brand_id))
    if after is not None:
        query = query.where(OfferRow.external_id > after)
    return [_offer(row) for row in tx.execute(query.order_by(OfferRow.external_id).limit(limit))]


def active(tx: Transaction, brand_id: str, at: datetime | None = None) -> list[Offer]:
    """The offers that are switched on and not suspended, oldest first; with `at`, those whose life has not ended by then."""
    query = sa.select(OfferRow.__table__).where(*_there(brand_id), UNSUSPENDED)
    query = query.order_by(OfferRow.id)
    offers = (_offer(row) for row in tx.execute(query))
    return [offer for offer in offers if offer.body.active and not _ended(offer.body, at)]


def still_active(tx: Transaction, offer_ids: Collection[str], at: datetime) -> dict[str, OfferKind]:
    """Those of these offers that are switched on, not suspended, and whose life has not ended by then; with their kinds."""
    query = sa.select(OfferRow.__table__).where(
        among(tx, OfferRow.id, offer_ids), OfferRow.deleted_at.is_(None), UNSUSPENDED
    )
    offers = (_offer(row) for row in tx.execute(query))
    return {
        offer.id: offer.body.kind
        for offer in offers
        if offer.body.active and not _ended(offer.body, at)
    }


def as_of(tx: Transaction, offer_id: str, revision: int) -> Offer | None:
    """The offer as a decision saw it; None where there was no such revision."""
    row = tx.execute(
        sa.select(OfferRevisionRow.__table__, OfferRow.external_id, OfferRow.id)
        .join(OfferRow, OfferRow.id == OfferRevisionRow.offer_id)
        .where(OfferRevisionRow.offer_id == offer_id, OfferRevisionRow.revision == revision)
    ).one_or_none()
    return None if row is None else _offer(row)


def delete(
    tx: Transaction,
    *,
    brand_id: str,
    external_id: str,
    now: datetime,
    expected: int | None = None,
) -> None:
    """Takes the offer out of use; its revisions stay, so that what was decided with it can be explained."""
    found = _newest(tx, brand_id, external_id)
    if found is None or found.deleted_at is not None:
        raise NotFound(f"There is no offer {external_id!r}.")
    if expected is not None and found.revision != expected:
        raise _stale()
    tx.execute(sa.update(OfferRow).where(OfferRow.id == found.id).values(deleted_at=now))


def reserve(tx: Transaction, offer: Offer, *, mode: Mode, day: str, wanted: int = 1) -> int:
    """Counts up to `wanted` sends in all and on `day` (a date of the brand's zone); says how many its limits allow.

    Holds the counters until the end of the transaction, so that no number of schedulers passes a limit; who reserves
    several offers does so in the order of their ids, or PostgreSQL may have to break a deadlock.
    """
    limits = offer.body.limits
    whole = min((n for n in (limits.total, limits.stock) if n is not None), default=None)
    pledges = _pledges(offer, mode)
    counters = ((IN_ALL, whole), (day, limits.per_day), (PLEDGED, pledges))
    left = [limit - _held(tx, offer.id, mode, on) for on, limit in counters if limit is not None]
    granted = min([wanted, *left])
    if granted <= 0:
        return 0
    _count(tx, offer.id, mode, granted, *_days(offer, mode, day))
    return granted


def release(tx: Transaction, offer: Offer, *, mode: Mode, day: str) -> None:
    """Takes back one send that was reserved but did not come to be."""
    _count(tx, offer.id, mode, -1, *_days(offer, mode, day))


def _pledges(offer: Offer, mode: Mode) -> int | None:
    """How many discounts its budget pays for; a test customer's costs nothing."""
    return None if mode is Mode.TEST else offer.body.limits.pledges(offer.body.value.discount)


def _days(offer: Offer, mode: Mode, day: str) -> tuple[str, ...]:
    return (day,) if _pledges(offer, mode) is None else (day, PLEDGED)


def give_back(tx: Transaction, decision_ids: Collection[str]) -> None:
    """Takes back the pledges of these decisions whose time for an answer is over and that were not redeemed."""
    redeemed = sa.exists().where(
        EventRow.customer_id == DecisionRow.customer_id,
        EventRow.decision_id == DecisionRow.id,
        EventRow.type == "redeemed",
    )
    query = (
        sa.select(OfferCounterRow.offer_id, OfferCounterRow.mode, sa.func.count())
        .join(
            DecisionRow,
            (DecisionRow.offer_id == OfferCounterRow.offer_id)
            & (DecisionRow.mode == OfferCounterRow.mode),
        )
        .where(
            among(tx, DecisionRow.id, decision_ids),
            DecisionRow.outcome == Outcome.SEND,
            OfferCounterRow.day == PLEDGED,
            ~redeemed,
        )
        .group_by(OfferCounterRow.offer_id, OfferCounterRow.mode)
        .order_by(OfferCounterRow.offer_id, OfferCounterRow.mode)
    )
    for offer_id, mode, many in tx.execute(query).all():
        tx.execute(
            sa.update(OfferCounterRow)
            .where(
                OfferCounterRow.offer_id == offer_id,
                OfferCounterRow.mode == mode,
                OfferCounterRow.day == PLEDGED,
            )
            .values(sends=_less(many))
        )


def _less(many: int) -> sa.ColumnElement[int]:
    """What was sent before the offer had a budget was never pledged."""
    left = OfferCounterRow.sends - many
    return sa.case((left > 0, left), else_=0)


def _counting(insert: Any) -> Any:
    row = insert(OfferCounterRow)
    return row.on_conflict_do_update(
        index_elements=["offer_id", "mode", "day"],
        set_={"sends": OfferCounterRow.sends + row.excluded.sends},
    )


_COUNT = {"postgresql": _counting(postgresql.insert), "sqlite": _counting(sqlite.insert)}
_HELD = sa.select(OfferCounterRow.sends).where(
    OfferCounterRow.offer_id == sa.bindparam("offer"),
    OfferCounterRow.mode == sa.bindparam("in_mode"),
    OfferCounterRow.day == sa.bindparam("on"),
)


def _count(tx: Transaction, offer_id: str, mode: Mode, sends: int, *days: str) -> None:
    row = {"offer_id": offer_id, "mode": mode, "sends": sends}
    tx.execute(_COUNT[tx.dialect.name], [row | {"day": day} for day in (IN_ALL, *days)])


def _held(tx: Transaction, offer_id: str, mode: Mode, day: str) -> int:
    """The sends counted so far, with the counter locked, so that two engines cannot pass a limit together."""
    tx.execute(
        _COUNT[tx.dialect.name], {"offer_id": offer_id, "mode": mode, "sends": 0, "day": day}
    )
    named = {"offer": offer_id, "in_mode": mode, "on": day}
    return int(tx.execute(_HELD, named).scalar_one())


def _save(tx: Transaction, offer: Offer, *, now: datetime, is_new: bool) -> None:
    body = msgspec.to_builtins(offer.body)
    row = {"revision": offer.revision, "body": body, "updated_at": now, "deleted_at": None}
    if is_new:
        names = {"id": offer.id, "brand_id": offer.brand_id, "external_id": offer.external_id}
        tx.execute(sa.insert(OfferRow).values(**names, **row))
    else:
        tx.execute(sa.update(OfferRow).where(OfferRow.id == offer.id).values(**row))
    tx.execute(
        sa.insert(OfferRevisionRow).values(
            offer_id=offer.id,
            revision=offer.revision,
            brand_id=offer.brand_id,
            body=body,
            saved_at=now,
        )
    )


def _newest(tx: Transaction, brand_id: str, external_id: str) -> Any:
    query = sa.select(OfferRow.id, OfferRow.revision, OfferRow.deleted_at).where(
        OfferRow.brand_id == brand_id, OfferRow.external_id == external_id
    )
    return tx.execute(locked(tx, query)).one_or_none()


def _stale() -> Stale:
    return Stale("This offer was changed meanwhile; read it again and repeat your change.")


def _refuse_unknown_stores(tx: Transaction, brand_id: str, names: Sequence[str]) -> None:
    there = stores.ids(tx, brand_id, names)
    faults = tuple(
        Fault(pointer=f"/stores/{n}", detail="There is no such store; PUT it to /v1/stores first.")
        for n, name in enumerate(names)
        if name not in there
    )
    if faults:
        raise Invalid("The offer names a store that there is not.", faults=faults)


def _ended(body: OfferBody, at: datetime | None) -> bool:
    return at is not None and body.life.ends_at is not None and body.life.ends_at <= at


def _there(brand_id: str) -> tuple[sa.ColumnElement[bool], sa.ColumnElement[bool]]:
    return OfferRow.brand_id == brand_id, OfferRow.deleted_at.is_(None)


def _offer(row: sa.Row[Any]) -> Offer:
    return msgspec.convert(row._mapping, Offer)
