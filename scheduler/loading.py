"""Loads a claimed batch: a handful of set queries, whatever its size, and one `Scene` per moment."""

from collections.abc import Container, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec

from domain.context import Ground, Known
from domain.decisions import Cause, Moment
from domain.holdout import NEVER, Member
from domain.ids import parse_id
from domain.offers import Offer
from domain.people import Consents, Customer, Mode, Profile, Wheel
from domain.places import Store
from domain.policy import Brand
from domain.slots import Slot
from domain.weather import Cell, Observation
from scheduler import proof
from scheduler.context.build import Scene, scene
from scheduler.context.clock import first_zone
from scheduler.context.places import of_a_place
from scheduler.context.premises import Premises
from scheduler.context.profile import LEAD
from scheduler.context.stores import usual
from scheduler.decide.eligible import LONGEST_DAYS
from storage import (
    brands,
    consents,
    contexts,
    customers,
    events,
    offers,
    places,
    profiles,
    slots,
    stores,
    weather,
)
from storage.contexts import Phones
from storage.engine import Transaction

MEMORY = timedelta(days=30)
REFUSED_FOR = timedelta(days=180)
_USUAL = timedelta(days=90)
_SKEW = timedelta(minutes=5)  # how far ahead of our clock a provider's may be


def scenes(
    tx: Transaction,
    moments: Sequence[Moment],
    *,
    now: datetime,
    weather_max_age: timedelta,
    draft: Offer | None = None,
) -> list[Scene]:
    """What is known around each of these moments. A moment of an erased person has no scene.

    With a `draft`, its brand's offers are those there would be if it were stored.
    """
    grounds = _grounds(tx, moments, now, weather_max_age, draft)
    people = _people(tx, moments, grounds.values(), now)
    premises = {key: Premises(ground.stores) for key, ground in grounds.items()}
    vacancies = _slots(tx, moments, now)
    return [
        scene(
            moment,
            people[moment.customer_id],
            grounds[_key(moment)],
            premises[_key(moment)],
            now=now,
        )._replace(slot=vacancies.get(moment.id))
        for moment in moments
        if moment.customer_id in people
    ]


def _slots(tx: Transaction, moments: Sequence[Moment], now: datetime) -> dict[str, Slot]:
    """The slot of each moment that is about one, without the place that is kept for this very person."""
    about = [each for each in moments if each.cause is Cause.SLOT and parse_id(each.key)]
    if not about:
        return {}
    found = slots.by_ids(tx, {each.key for each in about}, now=now)
    own = slots.promised(tx, list(found), [each.customer_id for each in about], now=now)
    return {
        each.id: msgspec.structs.replace(
            slot, promised=slot.promised - ((each.key, each.customer_id) in own)
        )
        for each in about
        if (slot := found.get(each.key))
    }


def today(brand: Brand, now: datetime) -> str:
    """The day that an offer's daily limit counts by: the brand's own."""
    return now.astimezone(first_zone([brand.time_zone]) or UTC).date().isoformat()


def _key(moment: Moment) -> tuple[str, Mode]:
    return moment.brand_id, moment.mode


def _grounds(
    tx: Transaction,
    moments: Sequence[Moment],
    now: datetime,
    max_age: timedelta,
    draft: Offer | None,
) -> dict[tuple[str, Mode], Ground]:
    keys = {_key(moment) for moment in moments}
    wheels = profiles.brand_wheels(tx, sorted({brand_id for brand_id, _ in keys}))
    return {
        key: _ground(tx, key, wheels.get(key[0], Wheel()), now, max_age, draft)
        for key in sorted(keys)
    }


def _ground(
    tx: Transaction,
    key: tuple[str, Mode],
    wheel: Wheel,
    now: datetime,
    max_age: timedelta,
    draft: Offer | None,
) -> Ground:
    brand_id, mode = key
    brand = brands.by_id(tx, brand_id)
    said = with_draft(offers.active(tx, brand_id, now), draft)
    places = tuple(stores.of_brand(tx, brand_id))
    return Ground(
        brand=brand,
        offers=said,
        stores=places,
        skies=_skies(tx, said, places, now, max_age),
        sold=contexts.sold(tx, [each.id for each in said], mode=mode, day=today(brand, now)),
        wheel=wheel,
    )


def with_draft(stored: Sequence[Offer], draft: Offer | None) -> tuple[Offer, ...]:
    """The offers there would be if the draft were stored: in place of its former revision, else as the newest."""
    if draft is None:
        return tuple(stored)
    others = [offer for offer in stored if offer.id != draft.id]
    return tuple(sorted((*others, draft), key=lambda offer: offer.id))


def _skies(
    tx: Transaction,
    said: Iterable[Offer],
    places: Iterable[Store],
    now: datetime,
    max_age: timedelta,
) -> dict[str, Observation]:
    if not any(offer.body.when.weather for offer in said):
        return {}
    cells = {Cell.at(latitude=each.latitude, longitude=each.longitude).key for each in places}
    return weather.latest(tx, sorted(cells), since=now - max_age, before=now + _SKEW)


def _people(
    tx: Transaction, moments: Sequence[Moment], grounds: Iterable[Ground], now: datetime
) -> dict[str, Known]:
    ids = sorted({moment.customer_id for moment in moments})
    habitual = {each.customer_id for each in moments if each.cause is Cause.HABIT}
    phones = contexts.phones(tx, ids)
    allowed = consents.of_many(tx, ids)
    kinds = any(ground.brand.policy.caps.kinds for ground in grounds)
    sent = contexts.sends(tx, ids, since=now - _memory(grounds), with_kinds=kinds)
    not_theirs = refused(tx, ids, now)
    known = profiles.of_many(tx, ids)
    asked = any(of_a_place(offer) for ground in grounds for offer in ground.offers)
    haunts = places.of_many(tx, ids) if asked else {}
    seen = contexts.whereabouts(tx, ids)
    people = customers.of_many(tx, ids)
    standing = proof.members(tx, [customer for customer, _ in people.values()])
    brands_of = {ground.brand.id: ground.brand for ground in grounds}
    zones = {
        id_: _zone(phones.get(id_, Phones()), customer, brands_of[customer.brand_id])
        for id_, (customer, _) in people.items()
        if id_ in habitual
    }
    there = {store.id for ground in grounds for store in ground.stores} if habitual else set()
    usual_store = _usual_stores(tx, zones, known, there, now)
    return {
        id_: Known(
            customer=customer,
            preferences=preferences,
            consents=allowed.get(id_, Consents()),
            reach=phones.get(id_, Phones()).reach,
            zones=phones.get(id_, Phones()).zones,
            locale=phones.get(id_, Phones()).locale,
            sent=tuple(sent.get(id_, ())),
            refused=not_theirs.get(id_, ()),
            profile=known.get(id_),
            whereabouts=seen.get(id_),
            usual_store_id=usual_store.get(id_),
            member=standing.get(id_, Member(draw=NEVER)),
            places=haunts.get(id_),
        )
        for id_, (customer, preferences) in people.items()
    }


def _zone(phones: Phones, customer: Customer, brand: Brand) -> ZoneInfo | None:
    return first_zone((*phones.zones, customer.time_zone, brand.time_zone))


def _usual_stores(
    tx: Transaction,
    zones: Mapping[str, ZoneInfo | None],
    known: Mapping[str, Profile],
    there: Container[str],
    now: datetime,
) -> dict[str, str]:
    """Where each of these people likely is when they come at the time that their moment precedes, by their own clock.

    Of the stores that are still `there`. Where no store was learned yet, the one they were at most often of late.
    """
    ahead = {id_: (now + LEAD).astimezone(zone) if zone else None for id_, zone in zones.items()}
    learned = {
        id_: store_id
        for id_, local in ahead.items()
        if id_ in known and (store_id := usual(known[id_].stores, local=local, among=there))
    }
    others = sorted(zones.keys() - learned)
    of_late = contexts.usual_stores(tx, others, since=now - _USUAL) if others else {}
    return of_late | learned


def refused(
    tx: Transaction, customer_ids: Sequence[str], now: datetime
) -> dict[str, tuple[str, ...]]:
    """The offers of which each of these people said, lately enough, that they are not for them."""
    answers = events.answers(tx, customer_ids, now - REFUSED_FOR)
    return {
        id_: tuple(sorted({a.offer_id for a in said if a.type == "not_for_me" and a.offer_id}))
        for id_, said in answers.items()
    }


def _memory(grounds: Iterable[Ground]) -> timedelta:
    """How far back sends count: a month, or the longest distance that an offer keeps between two."""
    days = (offer.body.limits.per_customer_days or 0 for each in grounds for offer in each.offers)
    return max(MEMORY, timedelta(days=min(LONGEST_DAYS, max(days, default=0))))
