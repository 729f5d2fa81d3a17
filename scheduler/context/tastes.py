"""What a person likes: decayed counts of what they chose, and what that says about the next choice. Pure, O(1).

Weights fade with τ = 60 days. The chance of an item in the next order mixes its decayed share, smoothed towards its
popularity at the brand, with the items of the order before: people repeat themselves. A usual item is claimed only
where the share of a person's orders with it defies its popularity by more than 3 nats.
"""

import base64
import hashlib
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

import msgspec

from domain.events import LineItem
from domain.people import sensitive_word
from domain.tastes import Liked, Price, Tastes
from scheduler.context.evidence import SURE, against_share

TAU_DAYS = 60.0
LONGEST_NAME = 24  # bytes of UTF-8; what is longer is stored as a hash
_SMOOTHING = 1.0  # orders that the brand's popularity counts for
_AGAIN = 0.2  # how much of the next choice is the last one repeated
_USUAL_SHARE = 0.5
_WHOLE = 1000  # weights are stored in thousandths


class _Room(NamedTuple):
    """What a table may hold: so many entries, and so many bytes of names in all."""

    entries: int
    bytes: int


ITEMS, CATEGORIES, SERVICES, LAST = _Room(12, 132), _Room(6, 66), _Room(4, 44), _Room(2, 48)


class Usual(NamedTuple):
    """What a person usually takes: in `times` of `orders` orders, with that many nats of evidence."""

    name: str
    times: int
    orders: int
    nats: float


def short(name: str) -> str:
    """The name as it is stored: itself, or eleven characters that stand for it where it is too long."""
    raw = name.encode()
    if len(raw) <= LONGEST_NAME:
        return name
    digest = hashlib.blake2b(raw, digest_size=6).digest()
    return "~" + base64.b32encode(digest).decode().rstrip("=")


def with_order(
    tastes: Tastes, items: Sequence[LineItem], *, at: datetime, service: str | None = None
) -> Tastes:
    """The tastes after one more order, which may be older than the newest known one; `at` is aware.

    Each thing counts once per order, however many were bought. What tells of health, faith or the like is never learned.
    """
    chosen = [item for item in items if tellable(item.sku, item.name, item.category)]
    services = [service] if service and tellable(service) else []
    if not chosen and not services:
        return tastes
    day = _day(at)
    newest, then = _faded(tastes, day), math.exp(min(0, day - tastes.as_of) / TAU_DAYS)
    gain = round(_WHOLE * then)
    categories = {item.category for item in chosen if item.category}
    liked, lost = _more(newest.categories, categories, gain, CATEGORIES)
    skus = list(dict.fromkeys(short(item.sku) for item in chosen))
    return msgspec.structs.replace(
        newest,
        orders=tastes.orders + bool(chosen),
        weight=newest.weight + (gain if chosen else 0),
        items=_more(newest.items, skus, gain, ITEMS)[0],
        categories=liked,
        services=_more(newest.services, services, gain, SERVICES)[0],
        last=tuple(skus[: LAST.entries]) if skus and day >= tastes.as_of else tastes.last,
        forgotten=tastes.forgotten + lost,
        price=_priced(newest.price, chosen, then),
    )


def tellable(*names: str | None) -> bool:
    """Whether none of these names tells of what must never be known of a person."""
    return not any(sensitive_word(name) for name in names if name)


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


def _first_best(
    chance: Callable[[str], tuple[float, float]],
) -> Callable[[str], tuple[float, float, str]]:
    def order(name: str) -> tuple[float, float, str]:
        likely, popular = chance(name)
        return -likely, -popular, name

    return order


def _day(at: datetime) -> int:
    return int(at.astimezone(UTC).timestamp() // 86_400)


def _fade(tastes: Tastes, at: datetime) -> float:
    return math.exp(-max(0, _day(at) - tastes.as_of) / TAU_DAYS)


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
    table: Sequence[Liked], names: Iterable[str], gain: int, room: _Room
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


def _too_many(table: Sequence[Liked], room: _Room) -> bool:
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
