"""What is known of a person, in words for that person and for the brand, with its evidence."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from domain.people import Customer, Profile, Wheel
from domain.tastes import Tastes
from scheduler.context import fatigue, rhythm
from scheduler.context.clock import first_zone, zone_named
from scheduler.context.lifecycle import lifecycle
from scheduler.context.profile import SAME_VISIT
from scheduler.context.tastes import short
from scheduler.context.words import Around, Fact, There, When, facts, window
from scheduler.decide.explain import SURE_OF_A_HABIT
from scheduler.telling.sentences import Voice
from storage import brands, contexts, customers, items, profiles, signs, tastes
from storage.contexts import Phones
from storage.engine import Transaction

_COUNTED = timedelta(days=180)  # as long as a rhythm is remembered


def habits(profile: Profile, brand: Wheel, voice: Voice, *, now: datetime) -> dict[str, Any] | None:
    """The rhythm that this person's visits show; None where no visit is known."""
    if not profile.visits:
        return None
    claimed = profile.evidence >= SURE_OF_A_HABIT
    return {
        "sentence": voice.say("known.habit", when=_usual_time(profile, brand, now))
        if claimed
        else voice.say("known.no_habit", count=profile.visits),
        "claimed": claimed,
        "visits": profile.visits,
        "first_at": profile.first_at,
        "last_at": profile.last_at,
        "evidence_nats": round(profile.evidence, 2),
    }


def _usual_time(profile: Profile, brand: Wheel, now: datetime) -> When:
    shape = rhythm.person_shape(profile.wheel, rhythm.brand_shape(brand), at=now)
    starts = [rhythm.best_start(shape, weekday) for weekday in range(7)]
    day = max(range(7), key=lambda weekday: starts[weekday][1])
    hour = starts[day][0]
    return window(day, hour, hour + rhythm.WINDOW_H)


def to_the_person(
    tx: Transaction, customer: Customer, profile: Profile, voice: Voice, *, now: datetime
) -> list[dict[str, Any]]:
    """All that may be said of the person, to them."""
    return _told(_facts(tx, customer, profile, now), voice)


def to_the_brand(
    tx: Transaction, customer: Customer, voice: Voice, *, now: datetime
) -> dict[str, Any] | None:
    """The person's profile with its evidence in words; None where nothing is known of them."""
    profile = profiles.of_many(tx, [customer.id]).get(customer.id)
    if profile is None:
        return None
    return {
        "lifecycle": lifecycle(profile, at=now),
        "facts": _told(_facts(tx, customer, profile, now), voice),
        "fatigue": {
            "pushes": round(fatigue.pushes(profile.fatigue, at=now), 1),
            "ignored": profile.fatigue.ignored,
            "last_answer": profile.fatigue.answer or None,
        },
    }


def _told(known: Iterable[Fact], voice: Voice) -> list[dict[str, Any]]:
    return [
        {
            "topic": fact.topic,
            "sentence": voice.known(fact),
            "times": fact.times,
            "of": fact.of,
            "evidence_nats": None if fact.nats is None else round(fact.nats, 2),
        }
        for fact in known
    ]


def _facts(tx: Transaction, customer: Customer, profile: Profile, now: datetime) -> list[Fact]:
    zone = _zone(tx, customer)
    seen = signs.of_customer(tx, customer.id, since=now - _COUNTED)
    names = _names(tx, customer.brand_id, profile.tastes)
    around = Around(
        customer=customer,
        preferences=customers.preferences(tx, customer.id),
        everybody=tastes.of_brand(tx, customer.brand_id),
        visits=_visits(seen, zone),
        name_of=lambda name: names.get(name, name),
        at=now,
        today=now.astimezone(zone).date(),
        orders=_visits([sign for sign in seen if sign.order], zone),
        at_stores=_at_stores(seen, zone),
    )
    return facts(profile, around)


def _zone(tx: Transaction, customer: Customer) -> ZoneInfo:
    phones = contexts.phones(tx, [customer.id]).get(customer.id, Phones())
    brand = brands.by_id(tx, customer.brand_id)
    return first_zone((*phones.zones, customer.time_zone, brand.time_zone)) or ZoneInfo("UTC")


def _visits(seen: Iterable[signs.Sign], zone: ZoneInfo) -> list[datetime]:
    """The signs by the clocks of their places, one for each visit."""
    return [_local(sign, zone) for sign in _first_of_each(seen)]


def _at_stores(seen: Iterable[signs.Sign], zone: ZoneInfo) -> list[There]:
    return [
        There(sign.store_id, sign.store or "", _local(sign, zone))
        for sign in _first_of_each(seen)
        if sign.store_id
    ]


def _first_of_each(seen: Iterable[signs.Sign]) -> list[signs.Sign]:
    """The first sign of each visit."""
    visits: list[signs.Sign] = []
    for sign in seen:
        if not visits or sign.at - visits[-1].at >= SAME_VISIT:
            visits.append(sign)
    return visits


def _local(sign: signs.Sign, zone: ZoneInfo) -> datetime:
    return sign.at.astimezone(zone_named(sign.zone) or zone)


def _names(tx: Transaction, brand_id: str, known: Tastes) -> dict[str, str]:
    """What the catalogue calls the items that were liked."""
    liked = {each.name for each in known.items}
    if any(name.startswith("~") for name in liked):
        found = {short(item.sku): item.name for item in items.of_brand(tx, brand_id)}
    else:
        found = {sku: item.name for sku, item in items.of_skus(tx, brand_id, liked).items()}
    return {name: found[name] for name in liked if name in found}
