"""What a person likes: decayed counts of what they chose, and what that says about the next choice. Pure, O(1).

Weights fade with τ = 60 days. The chance of an item in the next order mixes its decayed share, smoothed towards its
popularity at the brand, with the items of the order before: people repeat themselves. A usual item is claimed only
where the share of a person's orders with it defies its popularity by more than 3 nats.
"""

import base64
import hashlib
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

import msgspec

from domain.events import LineItem
from domain.offers import About
from domain.people import sensitive_word
from domain.tastes import Everybody, Liked, Price, Tagged, Tastes
from scheduler.context.evidence import SURE, against_share, day_of

TAU_DAYS = 60.0
LONGEST_NAME = 24  # bytes of UTF-8; what is longer is stored as a hash
_SMOOTHING = 1.0  # orders that the brand's popularity counts for
_AGAIN = 0.1  # how much of the next choice is the last one repeated
_USUAL_SHARE = 0.5
_FEW = 3  # orders, below which nothing is said of what was not chosen
_OFTEN, _MOSTLY = 0.2, 0.45  # of the orders
_WHOLE = 1000  # weights are stored in thousandths


_LAST = 2  # items of the last order that are remembered


class Table(NamedTuple):
    """What a table may hold: so many entries, and so many bytes of names in all."""

    entries: int
    bytes: int


class Room(NamedTuple):
    """How much may be known: of a person so little that it fits into their profile, of a brand enough to compare with."""

    items: Table
    categories: Table
    services: Table


PERSON = Room(Table(10, 90), Table(5, 50), Table(3, 30))
BRAND = Room(Table(200, 4800), Table(60, 1440), Table(40, 960))


class Usual(NamedTuple):
    """What a person usually takes: in `times` of `orders` orders, with that many nats of evidence."""

    name: str
    times: int
    orders: int
    nats: float


def short(name: str) -> str:
    """The name as it is stored: itself, or nine characters that stand for it where it is too long."""
    raw = name.encode()
    if len(raw) <= LONGEST_NAME:
        return name
    digest = hashlib.blake2b(raw, digest_size=5).digest()
    return "~" + base64.b32encode(digest).decode().rstrip("=")


def with_order(
    tastes: Tastes,
    items: Sequence[LineItem],
    *,
    at: datetime,
    service: str | None = None,
    room: Room = PERSON,
) -> Tastes:
    """The tastes after one more order, which may be older than the newest known one; `at` is aware.

    Each thing counts once per order, however many were bought. What tells of health, faith or the like is never learned.
    """
    chosen = [item for item in items if tellable(item.sku, item.name, item.category)]
    services = [service] if service and tellable(service) else []
    if not chosen and not services:
        return tastes
    day = day_of(at)
    newest, then = _faded(tastes, day), math.exp(min(0, day - tastes.as_of) / TAU_DAYS)
    gain = round(_WHOLE * then)
    categories = {item.category for item in chosen if item.category}
    liked, lost = _more(newest.categories, categories, gain, room.categories)
    skus = list(dict.fromkeys(short(item.sku) for item in chosen))
    return msgspec.structs.replace(
        newest,
        orders=tastes.orders + bool(chosen),
        weight=newest.weight + (gain if chosen else 0),
        items=_more(newest.items, skus, gain, room.items)[0],
        categories=liked,
        services=_more(newest.services, services, gain, room.services)[0],
        last=tuple(skus[:_LAST]) if skus and day >= tastes.as_of else tastes.last,
        forgotten=tastes.forgotten + lost,
        price=_priced(newest.price, chosen, then),
    )


def tellable(*names: str | None) -> bool:
    """Whether none of these names tells of what must never be known of a person."""
    return not any(sensitive_word(name) for name in names if name)


class Choices:
    """What a person chose, as offers ask for it."""

    def __init__(self, tastes: Tastes) -> None:
        tables = (tastes.items, tastes.categories, tastes.services)
        known = tastes.orders >= _FEW or bool(tastes.services)
        self._of = [{each.name: each.weight for each in table} for table in tables] if known else []
        most = max((each.weight for each in tastes.services), default=0)
        self._weights = (tastes.weight, tastes.weight, most)

    def word(self, about: About) -> str | None:
        """How often they chose what an offer is about; None where too little is known or it is about nothing."""
        names = (about.items, about.categories, about.services)
        shares = [
            of.get(short(name), 0) / weight
            for wanted, of, weight in zip(names, self._of, self._weights, strict=False)
            for name in wanted
            if weight
        ]
        if not shares:
            return None
        best = max(shares)
        if best >= _MOSTLY:
            return "mostly"
        return "often" if best >= _OFTEN else "at times" if best else "never"


def ranked(
    tastes: Tastes, *, at: datetime, population: Mapping[str, float] | None = None
) -> list[str]:
    """Items by the chance of being in the next order, best first.

    `population`: how often everybody takes each item, in any unit; names in it come back as they were given.
    """
    everyone = population or {}
    total = sum(everyone.values()) or 1.0
    names = {short(name): name for name in everyone}
    own = {each.name: each.weight * _fade(tastes, at) for each in tastes.items}
    known = tastes.weight * _fade(tastes, at) + _SMOOTHING * _WHOLE

    def chance(name: str) -> tuple[float, float]:
        popular = everyone.get(names.get(name, name), 0.0) / total
        share = (own.get(name, 0.0) + _SMOOTHING * _WHOLE * popular) / known
        return (1 - _AGAIN) * share + _AGAIN * (name in tastes.last), popular

    return [names.get(name, name) for name in sorted({*own, *names}, key=_first_best(chance))]


def popularity(everybody: Tastes, table: Sequence[Liked], name: str) -> float | None:
    """The share of everybody's orders with this name; of one that is not in the full table, at most its least. None where
    nobody's choices are known.
    """
    if not everybody.weight or not table:
        return None
    known = next((each.weight for each in table if each.name == short(name)), None)
    weight = min(each.weight for each in table) if known is None else known
    return min(1.0, weight / everybody.weight)


def as_of(tastes: Tastes, at: datetime) -> Tastes:
    """What is left of them by then, so that what nobody chose for long is no longer claimed."""
    return _faded(tastes, day_of(at))


def usual(
    tastes: Tastes, table: Sequence[Liked], popularity: Callable[[str], float | None]
) -> Usual | None:
    """What of this table is in at least half of the person's orders, beyond 3 nats against its popularity; else None.

    `popularity`: the share of the brand's orders with it, None where unknown, which proves nothing. The evidence is of
    the best of several, so it is less the logarithm of their number.
    """
    best = max(table, key=lambda each: (each.weight, each.name), default=None)
    share = popularity(best.name) if best else None
    if best is None or share is None or best.weight < _USUAL_SHARE * tastes.weight:
        return None
    nats = against_share(best.weight / _WHOLE, tastes.weight / _WHOLE, share) - math.log(len(table))
    return Usual(best.name, best.times, tastes.orders, nats) if nats > SURE else None


def never(tastes: Tastes, popularity: Mapping[str, float]) -> list[Usual]:
    """The categories that the person never chose although nearly everybody would have by now, surest first."""
    if tastes.forgotten:
        return []
    chosen = {each.name for each in tastes.categories}
    missed = [
        Usual(name, 0, tastes.orders, -tastes.weight / _WHOLE * math.log(max(1e-9, 1 - share)))
        for name, share in popularity.items()
        if short(name) not in chosen
    ]
    # Whichever of so many categories stands out by chance must not be taken for a taste.
    sure = SURE + math.log(max(1, len(popularity)))
    return sorted((each for each in missed if each.nats > sure), key=lambda each: -each.nats)


def of_all(
    everybody: Everybody,
    items: Sequence[LineItem],
    tagged: Mapping[str, frozenset[str]],
    *,
    at: datetime,
    service: str | None = None,
) -> Everybody:
    """What all choose, after one more order; `tagged`: the traits whose tags it bears, by category of the catalogue."""
    tastes = with_order(everybody.tastes, items, at=at, service=service, room=BRAND)
    fade = _fade(everybody.tastes, at)
    gain = round(_WHOLE * math.exp(min(0, day_of(at) - everybody.tastes.as_of) / TAU_DAYS))
    known = {each.category: each for each in everybody.tagged}
    for category, traits in tagged.items():
        known[category] = _tagged_more(known.get(category), category, traits, gain, fade)
    return Everybody(
        tastes=msgspec.structs.replace(tastes, as_of=max(tastes.as_of, day_of(at))),
        tagged=tuple(
            each if name in tagged else _tagged_more(each, name, None, 0, fade)
            for name, each in list(known.items())[-BRAND.categories.entries :]
        ),
    )


def _tagged_more(
    old: Tagged | None, category: str, traits: frozenset[str] | None, gain: int, fade: float
) -> Tagged:
    before = old or Tagged(category=category, weight=0)
    more = {trait: round(weight * fade) for trait, weight in before.traits.items()}
    for trait in traits or ():
        more[trait] = more.get(trait, 0) + gain
    return Tagged(category=category, weight=round(before.weight * fade) + gain, traits=more)


def _first_best(
    chance: Callable[[str], tuple[float, float]],
) -> Callable[[str], tuple[float, float, str]]:
    def order(name: str) -> tuple[float, float, str]:
        likely, popular = chance(name)
        return -likely, -popular, name

    return order


def _fade(tastes: Tastes, at: datetime) -> float:
    return math.exp(-max(0, day_of(at) - tastes.as_of) / TAU_DAYS)


def _faded(tastes: Tastes, day: int) -> Tastes:
    """The same, relative to that day where it is later."""
    if day <= tastes.as_of:
        return tastes
    fade = math.exp((tastes.as_of - day) / TAU_DAYS)
    return msgspec.structs.replace(
        tastes,
        as_of=day,
        weight=round(tastes.weight * fade),
        items=_all_faded(tastes.items, fade),
        categories=_all_faded(tastes.categories, fade),
        services=_all_faded(tastes.services, fade),
        price=msgspec.structs.replace(tastes.price, weight=round(tastes.price.weight * fade)),
    )


def _all_faded(table: Iterable[Liked], fade: float) -> tuple[Liked, ...]:
    return tuple(
        Liked(name=each.name, weight=round(each.weight * fade), times=each.times) for each in table
    )


def _more(
    table: Sequence[Liked], names: Iterable[str], gain: int, room: Table
) -> tuple[tuple[Liked, ...], int]:
    """The table with these chosen once more, and how many of the weakest had to leave it."""
    by_name = {each.name: each for each in table}
    fresh = {short(name) for name in names}
    for name in sorted(fresh):
        old = by_name.get(name, Liked(name=name, weight=0, times=0))
        by_name[name] = Liked(name=name, weight=old.weight + gain, times=old.times + 1)
    by_strength = sorted(
        by_name.values(), key=lambda each: (each.weight, each.name in fresh, each.times, each.name)
    )
    lost = 0
    while _too_many(by_strength[lost:], room):
        lost += 1
    return tuple(reversed(by_strength[lost:])), lost


def _too_many(table: Sequence[Liked], room: Table) -> bool:
    return len(table) > room.entries or sum(len(each.name.encode()) for each in table) > room.bytes


def _priced(price: Price, items: Iterable[LineItem], gain: float) -> Price:
    """Welford's update with weights: `gain` for each price."""
    for item in items:
        if not item.price or item.price <= 0:
            continue
        weight = price.weight / _WHOLE + gain
        x, mean, variance = math.log(item.price), price.mean / _WHOLE, price.variance / _WHOLE
        step = (x - mean) * gain / weight
        spread = variance * (weight - gain) / weight + step * (x - mean - step)
        price = Price(
            mean=round((mean + step) * _WHOLE),
            variance=round(spread * _WHOLE),
            weight=round(weight * _WHOLE),
        )
    return price
