"""Learning a person's rhythm from their visits, and setting the one habit moment that follows from it."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from domain.decisions import Moment
from domain.people import Mode, Profile, Purpose, Wheel
from scheduler import moments as kinds
from scheduler.context import rhythm
from scheduler.context.clock import first_zone
from scheduler.context.profile import next_window, with_visit
from storage import consents, moments, profiles
from storage.engine import Transaction
from storage.profiles import Person

_REMEMBERED = timedelta(days=3)  # a decided habit moment's date is past by then in every zone


def observe(
    tx: Transaction,
    *,
    customer_id: str,
    brand_id: str,
    mode: Mode,
    occurred_at: datetime,
    zone: str | None,
    now: datetime,
) -> bool:
    """Learns from one visit (an enter, an order, a reservation kept …) and resets the person's habit moment.

    `zone` is the IANA zone where the visit took place; without one the person's counts. Learns nothing, and answers
    False, without `habits` consent in force now; with it, also from visits of before, which the brand lawfully knows.
    Locks the person until the commit.
    """
    person = profiles.lock_person(tx, customer_id)
    allowed = consents.current(tx, customer_id).granted(Purpose.HABITS)
    where = first_zone((zone, *(person.zones if person else ())))
    if person is None or where is None or allowed is None:
        return False
    wheel = profiles.brand_wheels(tx, [brand_id]).get(brand_id, Wheel())
    profile = with_visit(profiles.get(tx, customer_id), at=occurred_at, zone=where, brand=wheel)
    profiles.save(tx, profile, customer_id=customer_id, brand_id=brand_id, now=now)
    if mode is Mode.LIVE:
        _turn_brand(tx, brand_id, occurred_at.astimezone(where), now)
    set_habits(tx, [(person, profile)], wheels={brand_id: wheel}, now=now)
    return True


def set_habits(
    tx: Transaction,
    known: Iterable[tuple[Person, Profile]],
    *,
    wheels: dict[str, Wheel],
    now: datetime,
) -> None:
    """Gives each of these people the one open habit moment that follows from their profile, or none."""
    people = {person.customer_id: (person, profile) for person, profile in known}
    taken = moments.decided_habits(tx, list(people), since=now - _REMEMBERED)
    moments.set_habits(
        tx,
        {
            id_: _next_habit(person, profile, wheels, taken.get(id_, set()), now)
            for id_, (person, profile) in people.items()
        },
    )


def _next_habit(
    person: Person, profile: Profile, wheels: dict[str, Wheel], taken: set[str], now: datetime
) -> Moment | None:
    zone = first_zone(person.zones)
    if zone is None:
        return None
    window = next_window(
        profile,
        wheels.get(person.brand_id, Wheel()),
        now=now,
        zone=zone,
        quiet=(*person.policy.quiet_hours, *person.preferences.quiet_hours),
        taken=taken,
    )
    return window and kinds.of_habit(
        brand_id=person.brand_id, mode=person.mode, customer_id=person.customer_id, window=window
    )


def _turn_brand(tx: Transaction, brand_id: str, local: datetime, now: datetime) -> None:
    wheel = profiles.lock_brand_wheel(tx, brand_id, now=now)
    if wheel is not None:
        profiles.save_brand_wheel(tx, rhythm.turned(wheel, local=local), brand_id=brand_id, now=now)
