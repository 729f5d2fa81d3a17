"""What an event teaches of a person beyond their rhythm: tastes, traits, occasions and weariness. Pure, O(1)."""

from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from domain.events import ANSWERS, Event, LineItem
from domain.fatigue import Fatigue
from domain.items import Item
from domain.occasions import Occasions
from domain.offers import OfferKind
from domain.people import Profile
from domain.tastes import Everybody
from scheduler.context import fatigue, occasions, tastes, traits

_BOOKED_AHEAD = timedelta(days=730)  # what lies further off is a mistake
_RETURNING = ("reservation", "reservation_cancelled", "occasion")
TYPES = frozenset(("order", "visit", *_RETURNING, *ANSWERS))


class Offered(NamedTuple):
    """The offer that a push was about."""

    id: str
    kind: OfferKind


class Meaning(NamedTuple):
    """What the names in a batch of events stand for: items by sku, and what was offered by decision."""

    items: Mapping[str, Item]
    offered: Mapping[str, Offered]


def learned(
    profile: Profile,
    event: Event,
    meaning: Meaning,
    everybody: Everybody,
    *,
    zone: ZoneInfo,
    now: datetime,
) -> Profile:
    """The profile after this event, by the clock of `zone`; `everybody`: what all choose, as it was before."""
    if event.type == "order":
        return _ordered(profile, event, meaning.items, everybody)
    if event.type in _RETURNING:
        known = _returning(profile.occasions, event, zone, today=now.astimezone(zone).date())
        profile = msgspec.structs.replace(profile, occasions=known)
    if event.type in ("reservation", "visit") and event.service:
        liked = tastes.with_order(profile.tastes, (), at=event.occurred_at, service=event.service)
        return msgspec.structs.replace(profile, tastes=liked)
    if event.type in ANSWERS:
        return msgspec.structs.replace(profile, fatigue=_answered(profile, event, meaning))
    return profile


def joined(everybody: Everybody, order: Event, items: Mapping[str, Item]) -> Everybody:
    """What all choose, after one more order."""
    return tastes.of_all(
        everybody,
        _lines(order, items),
        traits.of_everybody(_known(order, items)),
        at=order.occurred_at,
        service=order.service,
    )


def _ordered(
    profile: Profile, order: Event, items: Mapping[str, Item], everybody: Everybody
) -> Profile:
    at = order.occurred_at
    return msgspec.structs.replace(
        profile,
        tastes=tastes.with_order(
            profile.tastes, _lines(order, items), at=at, service=order.service
        ),
        traits=traits.with_order(profile.traits, _known(order, items), everybody, at=at),
    )


def _known(order: Event, items: Mapping[str, Item]) -> list[Item]:
    return [items[line.sku] for line in order.items if line.sku in items]


def _lines(order: Event, items: Mapping[str, Item]) -> list[LineItem]:
    """The order's lines with what the catalogue knows of them, but for items that bear words of health or faith."""
    lines = []
    for line in order.items:
        item = items.get(line.sku)
        if item is None:
            lines.append(line)
        elif tastes.tellable(item.name, item.category, *item.tags):
            price = item.price if line.price is None else line.price
            lines.append(msgspec.structs.replace(line, category=item.category, price=price))
    return lines


def _returning(known: Occasions, event: Event, zone: ZoneInfo, *, today: date) -> Occasions:
    said = _said_day(event, zone)
    day = said or event.occurred_at.astimezone(zone).date()
    kind = _text(event, "occasion") or _text(event, "kind")
    if event.type == "occasion":  # without a day that can be read nothing was said
        return occasions.with_yearly(known, said, kind=kind or "occasion") if said else known
    if event.type == "reservation":
        near = abs(day - event.occurred_at.date()) <= _BOOKED_AHEAD
        return occasions.with_reservation(known, day, today=today, kind=kind) if near else known
    return occasions.without(known, said)


def _said_day(event: Event, zone: ZoneInfo) -> date | None:
    """The local day that `properties.starts_at` or `properties.date` names, a date or a time with its offset."""
    texts = (_text(event, name) for name in ("starts_at", "date"))
    return next((day for text in texts if text and (day := _read(text, zone))), None)


def _read(text: str, zone: ZoneInfo) -> date | None:
    try:
        at = datetime.fromisoformat(text)
        return at.astimezone(zone).date() if at.tzinfo else at.date()
    except (ValueError, OverflowError):
        return None


def _text(event: Event, name: str) -> str | None:
    value = event.properties.get(name)
    return value if isinstance(value, str) and value else None


def _answered(profile: Profile, event: Event, meaning: Meaning) -> Fatigue:
    offered = meaning.offered.get(event.decision_id or "")
    return fatigue.with_answer(
        profile.fatigue,
        event.type,
        at=event.occurred_at,
        offer_id=offered.id if offered else None,
        kind=offered.kind if offered else None,
    )


def skus(events: Iterable[Event]) -> set[str]:
    """The items that these orders name."""
    return {line.sku for event in events if event.type == "order" for line in event.items}
