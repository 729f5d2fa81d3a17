"""What follows from transitions: visits begin, dwell and end; moments open; habits are learned."""

from collections.abc import Sequence
from datetime import datetime

from domain.decisions import Moment
from domain.people import Mode
from domain.places import TransitionType
from domain.values import Value
from geofence.presence import FENCE_CHANGED, Transition
from scheduler import moments, profiles, proof, slots
from scheduler.receipts import Passage
from storage import fences, visits
from storage.engine import Transaction
from storage.fences import Named
from storage.moments import open_many


class Whose(Value):
    """The device that moved, and its person. `fences_revision`: of the brand's fences that it was matched with."""

    device_id: str
    customer_id: str
    brand_id: str
    mode: Mode
    fences_revision: int | None = None


def follow_up(
    tx: Transaction, whose: Whose, transitions: Sequence[Transition], *, now: datetime
) -> tuple[Passage, ...]:
    """Stores what happened, in the order in which it did, and tells it as the app knows it.

    A fence that is gone ends its visit, but the app, which no longer knows it, is not told.
    """
    if not transitions:
        return ()
    names = fences.named(tx, {each.fence for each in transitions})
    visits.add(
        tx,
        [_visit(whose, each, names) for each in transitions if each.type is TransitionType.ENTER],
    )
    visits.change(
        tx, [_change(whose, each) for each in transitions if each.type is not TransitionType.ENTER]
    )
    at_stores = [each for each in transitions if _is_at_store(each, names)]
    open_many(tx, [_moment(whose, each, names[each.fence], now) for each in at_stores])
    profiles.observe_many(
        tx,
        [_sign(whose, each, names) for each in at_stores if each.type is TransitionType.DWELL],
        brand_id=whose.brand_id,
        mode=whose.mode,
        now=now,
    )
    stays = [
        (names[each.fence].store_id or "", each.occurred_at)
        for each in at_stores
        if each.type is TransitionType.DWELL
    ]
    slots.note_stays(tx, whose.customer_id, stays, brand_id=whose.brand_id)
    times = [at for _, at in stays]
    proof.note_stays(tx, whose.customer_id, times, brand_id=whose.brand_id, mode=whose.mode)
    return tuple(
        Passage(
            geofence=names[each.fence].external_id,
            type=each.type,
            occurred_at=each.occurred_at,
            confidence=each.confidence,
        )
        for each in transitions
        if each.fence in names
    )


def _visit(whose: Whose, enter: Transition, names: dict[str, Named]) -> visits.Visit:
    name = names.get(enter.fence)
    return visits.Visit(
        id=_visit_id(whose, enter),
        brand_id=whose.brand_id,
        customer_id=whose.customer_id,
        device_id=whose.device_id,
        geofence_id=enter.fence,
        store_id=name.store_id if name else None,
        confidence=enter.confidence,
        entered_at=enter.entered_at,
    )


def _change(whose: Whose, told: Transition) -> visits.Change:
    if told.type is TransitionType.DWELL:
        return visits.Change(visit_id=_visit_id(whose, told), dwelled_at=told.occurred_at)
    return visits.Change(
        visit_id=_visit_id(whose, told), exited_at=told.occurred_at, end_reason=told.reason
    )


def _visit_id(whose: Whose, told: Transition) -> str:
    return visits.visit_id(
        device_id=whose.device_id, geofence_id=told.fence, entered_at=told.entered_at
    )


def _is_at_store(told: Transition, names: dict[str, Named]) -> bool:
    """Whether somebody came to a store or stays there; nobody came where only the fence was redrawn."""
    fence = names.get(told.fence)
    came = told.type is not TransitionType.EXIT and told.reason != FENCE_CHANGED
    return came and fence is not None and fence.store_id is not None


def _moment(whose: Whose, told: Transition, fence: Named, now: datetime) -> Moment:
    return moments.of_transition(
        brand_id=whose.brand_id,
        mode=whose.mode,
        customer_id=whose.customer_id,
        device_id=whose.device_id,
        type=told.type,
        visit_id=_visit_id(whose, told),
        geofence_id=told.fence,
        store_id=fence.store_id,
        occurred_at=told.occurred_at,
        now=now,
        fences_revision=whose.fences_revision,
    )


def _sign(whose: Whose, dwell: Transition, names: dict[str, Named]) -> profiles.Sign:
    return profiles.Sign(
        customer_id=whose.customer_id,
        occurred_at=dwell.occurred_at,
        zone=names[dwell.fence].time_zone,
        store_id=names[dwell.fence].store_id,
    )
