"""Free places looking for people: whom to ask, in waves, and what reservations and refusals change."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta

import structlog

from domain.clock import Clock
from domain.context import Likely
from domain.decisions import Cause, Decision, Moment, Outcome
from domain.ids import new_id, parse_id
from domain.people import Mode
from domain.places import Store
from domain.slots import Slot
from scheduler import fit
from scheduler.context import build
from scheduler.context.build import POSITION_FRESH
from scheduler.context.clock import first_zone, zone_of
from scheduler.decide import guards
from scheduler.loading import scenes
from scheduler.moments import LIFE
from storage import brands, moments, patrons, profiles, slots, stores
from storage.engine import Database, Transaction
from storage.events import StoredEvent
from storage.patrons import Came
from storage.slots import Booked

WAIT = timedelta(minutes=10)  # where nobody may be asked now, as in hours of silence
_AT_ONCE = 20  # slots per round
_CHUNK = 40  # people whose rules are looked at together
_MOST_CHUNKS = 8
_NO_WEATHER = timedelta(0)  # the rules on the person do not look at the sky
_CAME = ("visit", "order", "reservation")
_BOOKED = {"reservation": 1, "reservation_cancelled": -1}
_DECLINED = ("dismissed", "not_for_me")
_log = structlog.get_logger()


class Waves:
    """`tick` asks the next people for every slot that has room for them. Any number of processes may tick at once.

    A place is kept for a person from when they are asked: until the engine has decided, then for as long as the push
    lives. So no more people are asked than there are places. `wake` is called after moments were opened.
    """

    def __init__(
        self, *, database: Database, clock: Clock, wake: Callable[[], None] = lambda: None
    ) -> None:
        self._database = database
        self._clock = clock
        self._wake = wake

    def waiting(self) -> bool:
        """Whether any slot has its time to ask: a look into an index, which needs no lease."""
        with self._database.read() as tx:
            return bool(slots.due(tx, now=self._clock.now(), limit=1))

    def tick(self) -> int:
        """Returns how many people were asked."""
        now = self._clock.now()
        with self._database.read() as tx:
            due = slots.due(tx, now=now, limit=_AT_ONCE)
        asked = sum(self._wave(slot_id, now) for slot_id in due)
        if asked:
            _log.info("asked_for_slots", slots=len(due), people=asked)
            self._wake()
        return asked

    def _wave(self, slot_id: str, now: datetime) -> int:
        """The search reads only, so that nobody waits for it; the places are taken in a short transaction after it."""
        with self._database.read() as tx:
            slot = slots.by_ids(tx, [slot_id], now=now).get(slot_id)
            people = whom_to_ask(tx, slot, now=now) if slot else []
        return self._database.write(lambda tx: ask(tx, slot_id, people, now=now))


def whom_to_ask(tx: Transaction, slot: Slot, *, now: datetime) -> list[str]:
    """As many people as there are free places, best first, to whom no rule forbids to speak now."""
    store = next(
        (each for each in stores.of_brand(tx, slot.brand_id) if each.id == slot.store_id), None
    )
    if store is None or slot.free <= 0 or slot.starts_at <= now:
        return []
    ranked = search(tx, slot, store, now=now)
    chosen: list[str] = []
    for begin in range(0, min(len(ranked), _CHUNK * _MOST_CHUNKS), _CHUNK):
        chosen += _unforbidden(tx, slot, ranked[begin : begin + _CHUNK], now)
        if len(chosen) >= slot.free:
            break
    return chosen[: slot.free]


def search(tx: Transaction, slot: Slot, store: Store, *, now: datetime) -> list[str]:
    """Everybody whom the free hour might suit, best first."""
    zone = zone_of(brands.zone(tx, slot.brand_id))
    found = patrons.prospects(
        tx,
        slot,
        store=store.position,
        today=now.astimezone(zone).toordinal(),
        since=now - POSITION_FRESH,
    )
    known = profiles.of_many(tx, [each.customer_id for each in found])
    here = first_zone([store.time_zone]) or zone
    return fit.best_first(found, known, starts_at=slot.starts_at, zone=here)


def ask(tx: Transaction, slot_id: str, people: Sequence[str], *, now: datetime) -> int:
    """Keeps a place for each of these people as long as there are any, and opens their moments; says how many."""
    slot = slots.hold(tx, slot_id, now=now)
    if slot is None:
        return 0
    if slot.starts_at <= now:
        slots.look_again(tx, slot_id, None)
        return 0
    before = slots.asked(tx, slot_id, people)
    fresh = [each for each in people if each not in before]
    asked = [moment_of(slot, each, now) for each in fresh[: slot.free]]
    for moment in asked:
        slots.promise(tx, slot_id, moment.customer_id, until=moment.expires_at, now=now)
    moments.open_many(tx, asked)
    later = [now + WAIT] if len(asked) < slot.capacity - slot.filled - slot.promised else []
    if lapse := slots.next_lapse(tx, slot_id, now=now):
        later.append(lapse)
    slots.look_again(tx, slot_id, min(later, default=None))
    return len(asked)


def moment_of(slot: Slot, customer_id: str, now: datetime) -> Moment:
    """One per person and slot; it lives an hour, at most until the slot begins."""
    return Moment(
        id=new_id(),
        brand_id=slot.brand_id,
        mode=slot.mode,
        customer_id=customer_id,
        cause=Cause.SLOT,
        key=slot.id,
        due_at=now,
        expires_at=min(now + LIFE[Cause.SLOT], slot.starts_at),
        store_id=slot.store_id,
    )


def settle(
    tx: Transaction, claimed: Iterable[Moment], done: Iterable[Decision], *, now: datetime
) -> None:
    """Frees the places of those who were not spoken to after all, and looks for the next ones at once."""
    silent = {each.moment_id for each in done if each.outcome is not Outcome.SEND}
    about = [each for each in claimed if each.cause is Cause.SLOT and each.id in silent]
    for moment in sorted(about, key=lambda each: each.key):
        if parse_id(moment.key) and slots.hold(tx, moment.key, now=now):
            slots.release(tx, moment.key, moment.customer_id)
            slots.look_again(tx, moment.key, now)


def note_events(
    tx: Transaction, taken: Sequence[StoredEvent], *, brand_id: str, mode: Mode, now: datetime
) -> None:
    """Notes who came where and for what, fills and frees places, and takes a refusal for an answer."""
    came = [each for each in taken if each.event.type in _CAME and each.store_id]
    if came:
        zone = zone_of(brands.zone(tx, brand_id))
        patrons.add(tx, [_came(each, each.event.occurred_at.astimezone(zone)) for each in came])
    booked = [_booked(each) for each in taken if each.event.type in _BOOKED and each.event.slot]
    if booked:
        slots.book(tx, booked, brand_id=brand_id, mode=mode, now=now)
    slots.decline(tx, _declined(taken), now=now)


def note_stays(
    tx: Transaction, customer_id: str, stays: Sequence[tuple[str, datetime]], *, brand_id: str
) -> None:
    """Notes that a person stayed at stores, by their ids, at these times."""
    if not stays:
        return
    zone = zone_of(brands.zone(tx, brand_id))
    patrons.add(
        tx,
        [
            Came(
                brand_id=brand_id,
                customer_id=customer_id,
                store_id=store_id,
                service=patrons.ANY,
                day=at.astimezone(zone).toordinal(),
            )
            for store_id, at in stays
        ],
    )


def _unforbidden(tx: Transaction, slot: Slot, people: Sequence[str], now: datetime) -> list[str]:
    """Those of these people whom no rule forbids to speak to now; the others keep their turn.

    When they are likely to come is left out: no rule on the person asks for it.
    """
    loaded = scenes(
        tx, [moment_of(slot, each, now) for each in people], now=now, weather_max_age=_NO_WEATHER
    )
    return [
        at.known.customer.id
        for at in loaded
        if not guards.on_person(build.person(at._replace(likely=Likely())), at.ground.brand.policy)
    ]


def _came(stored: StoredEvent, local: datetime) -> Came:
    return Came(
        brand_id=stored.brand_id,
        customer_id=stored.customer_id,
        store_id=stored.store_id or "",
        service=stored.event.service or patrons.ANY,
        day=local.toordinal(),
    )


def _booked(stored: StoredEvent) -> Booked:
    return Booked(
        slot=stored.event.slot or "",
        customer_id=stored.customer_id,
        places=_BOOKED[stored.event.type],
    )


def _declined(taken: Iterable[StoredEvent]) -> set[str]:
    return {
        each.event.decision_id
        for each in taken
        if each.event.type in _DECLINED and each.event.decision_id
    }
