"""Learning a person's rhythm from their visits, and setting the one habit moment that follows from it."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from domain.decisions import Moment
from domain.people import Mode, Profile, Purpose, Wheel
from domain.values import Value
from scheduler import moments as kinds
from scheduler.context import rhythm
from scheduler.context.clock import first_zone
from scheduler.context.profile import next_window, with_visit
from storage import consents, moments, profiles
from storage.engine import Transaction
from storage.profiles import Person

_REMEMBERED = timedelta(days=3)  # a decided habit moment's date is past by then in every zone


class Sign(Value):
    """Something that shows that a person was there: an enter, an order, a reservation kept …

    `zone` is the IANA zone of the place; without one the person's counts.
    """

    customer_id: str
    occurred_at: datetime
    zone: str | None


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
    """`observe_many` for one sign; True where it was learned from."""
    sign = Sign(customer_id=customer_id, occurred_at=occurred_at, zone=zone)
    return observe_many(tx, [sign], brand_id=brand_id, mode=mode, now=now) == 1


def observe_many(
    tx: Transaction, signs: Sequence[Sign], *, brand_id: str, mode: Mode, now: datetime
) -> int:
    """Learns from visits, in the order given, and resets these people's habit moments; says how many it learned from.

    Learns nothing of a person without `habits` consent in force now; with it, also from visits of before, which the brand
    lawfully knows. Locks the people until the commit. Takes as many statements for many signs as for one.
    """
    if not signs:
        return 0
    people = profiles.lock_people(tx, {sign.customer_id for sign in signs})
    allowed = consents.of_many(tx, list(people))
    known = profiles.of_many(tx, list(people))
    wheel = profiles.brand_wheels(tx, [brand_id]).get(brand_id, Wheel())
    learned: dict[str, Profile] = {}
    local: list[datetime] = []
    for sign in signs:
        person = people.get(sign.customer_id)
        if person is None or not allowed[sign.customer_id].granted(Purpose.HABITS):
            continue
        where = first_zone((sign.zone, *person.zones))
        if where is None:
            continue
        before = learned.get(sign.customer_id) or known.get(sign.customer_id, Profile())
        learned[sign.customer_id] = with_visit(before, at=sign.occurred_at, zone=where, brand=wheel)
        local.append(sign.occurred_at.astimezone(where))
    profiles.save_many(tx, learned, brand_id=brand_id, now=now)
    if mode is Mode.LIVE and local:
        _turn_brand(tx, brand_id, local, now)
    whom = [(people[customer_id], profile) for customer_id, profile in learned.items()]
    set_habits(tx, whom, wheels={brand_id: wheel}, now=now)
    return len(local)


def set_habits(
    tx: Transaction,
    known: Iterable[tuple[Person, Profile]],
    *,
    wheels: dict[str, Wheel],
    now: datetime,
) -> None:
    """Gives each of these people the one open habit moment that follows from their profile, or none."""
    people = {person.customer_id: (person, profile) for person, profile in known}
    if not people:
        return
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


def _turn_brand(tx: Transaction, brand_id: str, local: Sequence[datetime], now: datetime) -> None:
    wheel = profiles.lock_brand_wheel(tx, brand_id, now=now)
    if wheel is not None:
        for at in local:
            wheel = rhythm.turned(wheel, local=at)
        profiles.save_brand_wheel(tx, wheel, brand_id=brand_id, now=now)
