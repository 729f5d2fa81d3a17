"""Durable constraints that consistent choices show: who never takes meat where others often do is a vegetarian. Pure.

Each order adds the log likelihood ratio of having the trait against choosing like everybody, from its one most telling
item, where everybody's share is that within the item's category: coffee proves nothing about meat. One choice to the
contrary throws the evidence below nothing.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

import msgspec

from domain.items import Item
from domain.tastes import Everybody
from domain.traits import RULES, TRAITS, Habit, Leaning, Rule, denial, plain
from scheduler.context.evidence import day_of

# A trait silences offers, so it takes a hundred to one and not only the twenty to one of a habit.
SURE = math.log(100)
LEAST_DAYS = 5
LEAST_ORDERS = 20  # of everybody in a category, before its shares tell anything
MEMORY_DAYS = 365.0
_SLIP = 0.01  # how often somebody with the trait chooses otherwise after all
_MOST = 2.0  # nats that one order may add
_FLOOR = -5.0
_WHOLE = 100


def with_order(
    leanings: Sequence[Leaning], items: Iterable[Item], everybody: Everybody, *, at: datetime
) -> tuple[Leaning, ...]:
    """The evidence after one more order of these items of the catalogue; `everybody` as it was before.

    Items that the catalogue does not know say nothing and must be left out.
    """
    chosen, day = tuple(items), day_of(at)
    if not chosen:
        return tuple(leanings)
    known = {each.trait: each for each in leanings}
    for rule in RULES:
        nats = _told(rule, chosen, everybody)
        if nats:
            before = known.get(rule.trait, Leaning(trait=rule.trait, day=day))
            known[rule.trait] = _moved(before, nats, day)
    return tuple(known[rule.trait] for rule in RULES if rule.trait in known)


def evidence(leaning: Leaning, *, at: datetime) -> float:
    """Nats for the trait at this time."""
    return leaning.nats / _WHOLE * _fade(leaning.day, day_of(at))


def inferred(leanings: Iterable[Leaning], *, at: datetime) -> tuple[Leaning, ...]:
    """The traits that may be claimed: on the closed list, beyond a hundred to one, on at least five different days."""
    return tuple(
        each
        for each in leanings
        if each.trait in TRAITS and each.days >= LEAST_DAYS and evidence(each, at=at) > SURE
    )


def effective(
    declared: Iterable[str], leanings: Iterable[Leaning], *, at: datetime
) -> tuple[str, ...]:
    """The traits a decision may rest on: what was declared, and what shows but was not denied (`not_vegetarian`)."""
    said = set(declared)
    denied = {plain(word) for word in said}
    shown = {each.trait for each in inferred(leanings, at=at) if denial(each.trait) not in denied}
    return tuple(sorted(said | shown))


def _told(rule: Rule, items: Sequence[Item], everybody: Everybody) -> float:
    """Nats of the most telling item; one to the contrary outweighs all others."""
    told = [
        _of_item(rule, item, everybody.share(item.category, rule.trait, least=LEAST_ORDERS))
        for item in items
    ]
    return min(told) if min(told) < 0 else min(_MOST, max(told))


def _of_item(rule: Rule, item: Item, share: float | None) -> float:
    tagged = has(rule, item)
    if rule.habit is Habit.NEVER and tagged:
        return math.log(_SLIP)
    if share is None or share <= 0:
        return 0.0  # where nobody chooses it, not choosing it is nothing
    if rule.habit is Habit.NEVER:
        return max(0.0, math.log((1 - _SLIP) / max(1e-3, 1 - share)))
    return max(0.0, math.log((1 - _SLIP) / share)) if tagged else math.log(_SLIP)


def has(rule: Rule, item: Item) -> bool:
    """Whether the item bears one of the rule's tags."""
    return any(plain(tag) in rule.tags for tag in item.tags)


def _moved(before: Leaning, nats: float, day: int) -> Leaning:
    newest = max(day, before.day)
    faded = before.nats / _WHOLE * _fade(before.day, newest)
    if nats < 0:
        left = max(_FLOOR, min(0.0, faded) + nats)
        return Leaning(
            trait=before.trait, nats=round(left * _WHOLE), day=newest, against=before.against + 1
        )
    more = faded + nats * _fade(day, newest)
    return msgspec.structs.replace(
        before,
        nats=round(more * _WHOLE),
        orders=before.orders + 1,
        days=before.days + (day != before.day or not before.orders),
        day=newest,
    )


def _fade(since: int, day: int) -> float:
    return math.exp(-max(0, day - since) / MEMORY_DAYS)


def of_everybody(items: Iterable[Item]) -> Mapping[str, frozenset[str]]:
    """What an order adds to everybody's counts: by category, the traits whose tags one of its items bears."""
    found: dict[str, frozenset[str]] = {}
    for item in items:
        traits = frozenset(rule.trait for rule in RULES if has(rule, item))
        found[item.category] = found.get(item.category, frozenset()) | traits
    return found
