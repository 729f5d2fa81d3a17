"""Learning from what people do, and setting the moments that follow from what is then known."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from domain.decisions import Moment
from domain.events import Event
from domain.people import Mode, Profile, Purpose, Wheel
from domain.rhythm import BrandRhythm
from domain.values import Value
from scheduler import moments as kinds
from scheduler.choices import Choices
from scheduler.context.clock import first_zone
from scheduler.context.orders import with_order
from scheduler.context.profile import with_visit
from scheduler.context.questions import Stretch, taught
from scheduler.context.returns import Clock, Taken, ahead
from scheduler.prompts import Prompts
from storage import consents, moments, profiles
from storage.engine import Transaction
from storage.profiles import Person

_REMEMBERED = timedelta(days=10)  # what a decided moment was about is past by then in every zone


class Sign(Value):
    """Something to learn from. `there`: it shows that the person was there, as a dwell or an order does.

    `zone` is the IANA zone of the place; without one the person's counts. `event` is what was reported, if anything was,
    and `store_id` where, if that is known.
    """

    customer_id: str
    occurred_at: datetime
    zone: str | None
    there: bool = True
    event: Event | None = None
    store_id: str | None = None


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
    """Learns from what people did, in the order given, and resets these people's moments; says from how many signs.

    Learns nothing of a person without `habits` consent in force now; with it, also from visits of before, which the brand
    lawfully knows. Locks the people until the commit. Takes as many statements for many signs as for one.
    """
    if not signs:
        return 0
    people = profiles.lock_people(tx, {sign.customer_id for sign in signs})
    heeded = _heeded(tx, signs, people)
    if not heeded:
        return 0
    ids = sorted({each.sign.customer_id for each in heeded})
    wheel = profiles.brand_wheels(tx, [brand_id]).get(brand_id, BrandRhythm())
    visits: list[Stretch] = []
    choices = Choices(tx, [each.sign for each in heeded], brand_id=brand_id)
    known = choices.with_pushes(tx, ids, profiles.of_many(tx, ids), now=now)
    prompts = Prompts(tx, [each.sign for each in heeded if each.sign.there])
    for sign, zone in heeded:
        profile = known[sign.customer_id]
        if sign.there:
            anyway = prompts.anyway(sign)
            visits.append(Stretch(profile, sign.occurred_at, True, zone, anyway))
            profile = _came(profile, sign, zone, wheel, anyway)
        known[sign.customer_id] = choices.learned(profile, sign.event, zone=zone, now=now)
    profiles.save_many(tx, known, brand_id=brand_id, now=now)
    if mode is Mode.LIVE:
        _teach_brand(tx, brand_id, visits, now)
        choices.tell_everybody(tx, now=now)
    whom = [(people[customer_id], profile) for customer_id, profile in known.items()]
    came = {each.sign.customer_id for each in heeded if each.sign.there}
    set_moments(tx, whom, wheels={brand_id: wheel}, now=now, came=came)
    return len(heeded)


def _came(profile: Profile, sign: Sign, zone: ZoneInfo, brand: Wheel, anyway: float) -> Profile:
    """The profile after a sign that the person was there; what it says of their orders is weighed before the visit counts."""
    at = sign.occurred_at
    if sign.event and sign.event.type == "order":
        profile = with_order(profile, at=at, zone=zone, brand=brand, anyway=anyway)
    return with_visit(profile, at=at, zone=zone, brand=brand, store_id=sign.store_id, anyway=anyway)


class _Heeded(NamedTuple):
    """A sign that may be learned from, and the clock it is read by."""

    sign: Sign
    zone: ZoneInfo


def _heeded(tx: Transaction, signs: Sequence[Sign], people: dict[str, Person]) -> list[_Heeded]:
    """Those of people who consent to `habits`, and whose clock is known."""
    allowed = consents.of_many(tx, list(people))
    heeded = []
    for sign in signs:
        person = people.get(sign.customer_id)
        if person is None or not allowed[sign.customer_id].granted(Purpose.HABITS):
            continue
        if zone := first_zone((sign.zone, *person.zones)):
            heeded.append(_Heeded(sign, zone))
    return heeded


def set_moments(
    tx: Transaction,
    known: Iterable[tuple[Person, Profile]],
    *,
    wheels: Mapping[str, Wheel],
    now: datetime,
    came: Collection[str] = (),
) -> None:
    """Gives each of these people the open moments that follow from what is known of them, one of each kind at most.

    Of those who just `came`, by id, what waited for that is dropped.
    """
    people = {person.customer_id: (person, profile) for person, profile in known}
    if not people:
        return
    taken = moments.decided_of_profiles(tx, list(people), since=now - _REMEMBERED)
    moments.replace_of_profiles(
        tx,
        list(people),
        [
            moment
            for id_, (person, profile) in people.items()
            for moment in _moments(person, profile, wheels, taken.get(id_, set()), now)
        ],
        came=list(came),
        now=now,
    )


def refresh(tx: Transaction, customer_ids: Sequence[str], *, now: datetime) -> None:
    """Sets the moments of these people anew, as after a change of the days that matter to them. Locks them."""
    if not customer_ids:
        return
    people = profiles.lock_people(tx, customer_ids)
    known = profiles.of_many(tx, list(people))
    wheels = profiles.brand_wheels(tx, sorted({each.brand_id for each in people.values()}))
    whom = [(person, known.get(id_, Profile())) for id_, person in people.items()]
    set_moments(tx, whom, wheels=wheels, now=now)


def _moments(
    person: Person, profile: Profile, wheels: Mapping[str, Wheel], taken: Taken, now: datetime
) -> Iterator[Moment]:
    zone = first_zone(person.zones)
    if zone is None:
        return
    quiet = (*person.policy.quiet_hours, *person.preferences.quiet_hours)
    wheel = wheels.get(person.brand_id, Wheel())
    for cause, window in ahead(profile, person.occasions, wheel, Clock(now, zone, quiet), taken):
        yield kinds.of_profile(
            brand_id=person.brand_id,
            mode=person.mode,
            customer_id=person.customer_id,
            cause=cause,
            window=window,
        )


def learn_silence(tx: Transaction, customer_ids: Sequence[str], *, now: datetime) -> int:
    """Lets the brands learn from these people's staying away until now; says from how many. Locks them.

    What they were last seen to do does not change, only until when it was learned from.
    """
    people = profiles.lock_people(tx, customer_ids)
    allowed = consents.of_many(tx, list(people))
    silent: dict[tuple[str, Mode], dict[str, Stretch]] = {}
    for id_, profile in profiles.of_many(tx, list(people)).items():
        person = people[id_]
        zone = first_zone(person.zones)
        if zone and profile.visits and allowed[id_].granted(Purpose.HABITS):
            stretch = Stretch(profile, now, False, zone)
            silent.setdefault((person.brand_id, person.mode), {})[id_] = stretch
    for (brand_id, mode), stretches in sorted(silent.items()):
        told = {
            id_: msgspec.structs.replace(each.before, told_at=now)
            for id_, each in stretches.items()
        }
        profiles.save_many(tx, told, brand_id=brand_id, now=now)
        if mode is Mode.LIVE:
            _teach_brand(tx, brand_id, list(stretches.values()), now)
    return sum(map(len, silent.values()))


def _teach_brand(tx: Transaction, brand_id: str, visits: Sequence[Stretch], now: datetime) -> None:
    brand = profiles.lock_brand_wheel(tx, brand_id, now=now) if visits else None
    if brand is not None:
        profiles.save_brand_wheel(tx, taught(brand, visits, at=now), brand_id=brand_id, now=now)
