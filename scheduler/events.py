"""Taking events: stored, learned from, and turned into moments, in the caller's transaction."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from uuid import UUID, uuid5

import msgspec

from domain.access import Principal
from domain.decisions import Cause, Moment
from domain.events import Event
from domain.ids import new_id, parse_id
from domain.people import Consents
from domain.values import Value
from scheduler import judging, lessons, profiles, proof, slots
from scheduler.moments import LIFE
from scheduler.receipts import Code, Judged, Receipt, sift
from storage import consents as ledger
from storage import devices
from storage import events as storage
from storage.engine import Transaction
from storage.events import Place, StoredEvent
from storage.moments import open_many

_VISITS = ("visit", "order", "beacon")  # events that show that somebody was there
_TEACHING = lessons.TYPES.union(_VISITS)


class Names(Value):
    """What a batch's words stand for. `owner` is the device's customer, None where a backend is calling."""

    owner: str | None
    customers: dict[str, str]
    consents: dict[str, Consents]
    stores: dict[str, Place]
    deciders: dict[str, str | None]

    def customer(self, event: Event) -> str | None:
        """Whose event it is; None where nobody is known by that name."""
        return self.owner or self.customers.get(event.customer or "")


def take(
    tx: Transaction, principal: Principal, given: Sequence[Event], *, now: datetime
) -> Receipt:
    """Takes a batch of a device or of the brand's backend; every row is judged singly.

    Raises Unauthenticated where the device was retired meanwhile.
    """
    events = [_canonical(event) for event in given]
    names = _look_up(tx, principal, events)
    judged = [Judged(event_id=each.event_id, code=_refusal(each, names, now)) for each in events]
    sifted = sift(tx, judged, scope_id=_scope(principal), now=now)
    taken = [_stored(each, names, principal) for each in _countable(events, judged, sifted.fresh)]
    storage.add(tx, taken, now=now)
    open_many(tx, _at_beacons(taken, now))
    signs = [_sign(each, names) for each in taken if each.event.type in _TEACHING]
    profiles.observe_many(
        tx,
        sorted(signs, key=lambda sign: sign.occurred_at),
        brand_id=principal.brand_id,
        mode=principal.mode,
        now=now,
    )
    slots.note_events(tx, taken, brand_id=principal.brand_id, mode=principal.mode, now=now)
    proof.note_events(tx, taken, brand_id=principal.brand_id, mode=principal.mode)
    return Receipt(accepted=len(taken), duplicates=sifted.duplicates, rejected=sifted.rejected)


def _canonical(event: Event) -> Event:
    if event.decision_id is None:
        return event
    spelled = parse_id(event.decision_id) or event.decision_id
    return msgspec.structs.replace(event, decision_id=spelled)


def _look_up(tx: Transaction, principal: Principal, events: Sequence[Event]) -> Names:
    owner = devices.owner(tx, principal.device_id) if principal.device_id else None
    customers = {} if owner else _customers(tx, principal, events)
    decisions = {each.decision_id for each in events if parse_id(each.decision_id or "")}
    stores = {each.store for each in events if each.store}
    return Names(
        owner=owner,
        customers=customers,
        consents=ledger.of_many(tx, [owner] if owner else list(customers.values())),
        stores=storage.stores(tx, brand_id=principal.brand_id, external_ids=stores),
        deciders=storage.deciders(tx, {each for each in decisions if each}),
    )


def _customers(tx: Transaction, principal: Principal, events: Sequence[Event]) -> dict[str, str]:
    return storage.customers(
        tx,
        brand_id=principal.brand_id,
        mode=principal.mode,
        external_ids={each.customer for each in events if each.customer},
    )


def _scope(principal: Principal) -> str:
    """Whose event ids these are: a device's own, or those of the brand's backend, live and test apart."""
    return principal.device_id or str(uuid5(UUID(principal.brand_id), principal.mode))


def _refusal(event: Event, names: Names, now: datetime) -> Code | None:
    if names.owner and event.customer is not None:
        return Code.CUSTOMER_NOT_ALLOWED
    if not names.owner and event.customer is None:
        return Code.CUSTOMER_MISSING
    customer_id = names.customer(event)
    if customer_id is None:
        return Code.UNKNOWN_CUSTOMER
    if event.type == "beacon" and event.store is None:
        return Code.STORE_MISSING
    if event.store is not None and event.store not in names.stores:
        return Code.UNKNOWN_STORE
    if event.decision_id is not None and names.deciders.get(event.decision_id) != customer_id:
        return Code.UNKNOWN_DECISION
    return judging.event(event, names.consents[customer_id], now, by_device=names.owner is not None)


def _countable(
    events: Sequence[Event], judged: Sequence[Judged], fresh: set[str]
) -> Iterator[Event]:
    """The first event of each fresh id that nothing speaks against."""
    left = set(fresh)
    for event, row in zip(events, judged, strict=True):
        if row.code is None and row.event_id in left:
            left.discard(row.event_id)
            yield event


def _stored(event: Event, names: Names, principal: Principal) -> StoredEvent:
    place = names.stores.get(event.store or "")
    return StoredEvent(
        event=msgspec.structs.replace(event, occurred_at=event.occurred_at.astimezone(UTC)),
        brand_id=principal.brand_id,
        mode=principal.mode,
        customer_id=names.customer(event) or "",
        device_id=principal.device_id,
        store_id=place.id if place else None,
    )


def _at_beacons(taken: Sequence[StoredEvent], now: datetime) -> Iterator[Moment]:
    """A beacon is an enter at its store, unless it is history that was imported."""
    for each in taken:
        recent = each.event.occurred_at >= now - judging.OLDEST
        if each.event.type == "beacon" and each.store_id and recent:
            yield _at_beacon(each, each.store_id, now)


def _sign(stored: StoredEvent, names: Names) -> profiles.Sign:
    place = names.stores.get(stored.event.store or "")
    return profiles.Sign(
        customer_id=stored.customer_id,
        occurred_at=stored.event.occurred_at,
        zone=place.time_zone if place else None,
        there=stored.event.type in _VISITS,
        event=stored.event,
        store_id=stored.store_id,
    )


def _at_beacon(stored: StoredEvent, store_id: str, now: datetime) -> Moment:
    """An enter at the beacon's store. Phones report a beacon over and over: one moment per store and hour is enough."""
    at = stored.event.occurred_at
    return Moment(
        id=new_id(),
        brand_id=stored.brand_id,
        mode=stored.mode,
        customer_id=stored.customer_id,
        cause=Cause.ENTER,
        key=f"beacon:{store_id}:{at:%Y-%m-%dT%H}",
        due_at=min(at, now),
        expires_at=at + LIFE[Cause.ENTER],
        device_id=stored.device_id,
        store_id=store_id,
    )
