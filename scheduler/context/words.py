"""What may be told of a person, as facts with true counts, which `scheduler.telling` puts into words. Pure, deterministic.

Nothing is said that is not beyond its evidence; a trait that was denied is not said at all.
"""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date, datetime
from typing import Any, NamedTuple

from domain.people import Customer, Preferences, Profile
from domain.tastes import Everybody, Liked
from domain.traits import denial, plain
from scheduler.context import occasions, stores, tastes, traits
from scheduler.context.evidence import SURE, against_share
from scheduler.context.lifecycle import lifecycle

CERTAIN = math.log(100)  # nats; between that and 3 something is likely
_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_NAMED_HOURS = {0: "midnight", 12: "noon"}
_AROUND = 1.5  # hours to either side
_USUALLY = 0.5
_ONE_DAY, _ONE_KIND = 0.6, 0.85  # of the visits around that hour


class When(NamedTuple):
    """A time of the week. `days`: a weekday such as `monday`, `weekdays` or `weekends`, None for all of them; `hours`:
    around, noon, midnight, before, between or after, with the full local hours (0 to 24) that these need.
    """

    days: str | None
    hours: str
    begin: int | None = None
    end: int | None = None


class Fact(NamedTuple):
    """One thing that is known: its topic, and the arguments of the sentence about it, each named for what it is.

    `times` of `of` are true counts, None where nothing was counted; `nats` the evidence.
    """

    topic: str
    args: dict[str, Any]
    times: int | None = None
    of: int | None = None
    nats: float | None = None

    @property
    def sure(self) -> str | None:
        """`certain` or `likely`; None for what was seen or said, and so is no claim."""
        return None if self.nats is None else "certain" if self.nats >= CERTAIN else "likely"


class There(NamedTuple):
    """A visit at a store, by its clock."""

    store_id: str
    name: str
    at: datetime


class Around(NamedTuple):
    """What a profile is read beside. `visits`: when the person was there, by the clocks of the places, an hour apart;
    `orders`: those with an order; `at_stores`: those at a known store."""

    customer: Customer
    preferences: Preferences
    everybody: Everybody
    visits: Sequence[datetime]
    name_of: Callable[[str], str]
    at: datetime
    today: date
    orders: Sequence[datetime] = ()
    at_stores: Sequence[There] = ()


def facts(profile: Profile, around: Around) -> list[Fact]:
    """Everything that may be said, in a fixed order."""
    told: list[Iterable[Fact]] = [
        _lifecycle(profile, around.at),
        _rhythm(profile, around.visits),
        _orders(profile, around.orders),
        _usual_store(profile, around.at_stores),
        _stores_by_hour(profile, around.at_stores),
        _likes(profile, around),
        _price(profile, around),
        _never(profile, around),
        _traits(profile, around),
        _cadence(profile, around),
        _yearly(profile, around),
    ]
    return [fact for some in told for fact in some]


def window(weekday: int, begin: int, end: int) -> When:
    """Between two full hours on one day of every week."""
    return When(_DAYS[weekday], "between", begin, end)


def _lifecycle(profile: Profile, at: datetime) -> Iterator[Fact]:
    found = lifecycle(profile, at=at)
    if found is None:
        return
    args = {"stage": found.stage.value, "since": found.first_at.date(), "ago": found.recency_days}
    if found.mean_gap_days:
        args["gap"] = found.mean_gap_days
    yield Fact("lifecycle", args, found.visits, found.visits)


def _rhythm(profile: Profile, visits: Sequence[datetime]) -> Iterator[Fact]:
    if profile.evidence < SURE or not visits:
        return
    found = _usual_time(visits)
    if found is None:
        return
    when, times = found
    yield Fact("rhythm", {"when": when}, times, len(visits), profile.evidence)


def _orders(profile: Profile, orders: Sequence[datetime]) -> Iterator[Fact]:
    """When orders come, where that is not just when the person does."""
    nats = profile.orders.evidence
    found = _usual_time(orders) if nats >= SURE and orders else None
    if found:
        when, times = found
        yield Fact("order", {"when": when}, times, len(orders), nats)


def _usual_store(profile: Profile, visits: Sequence[There]) -> Iterator[Fact]:
    """Where most visits are, of who is known at more than one store."""
    if len(profile.stores.known) < 2 or not visits:
        return
    (store_id, times), *_ = Counter(each.store_id for each in visits).most_common(1)
    nats = against_share(times, len(visits), _USUALLY)
    if times > _USUALLY * len(visits) and nats >= SURE:
        yield Fact("store", {"store": _name(visits, store_id)}, times, len(visits), nats)


def _stores_by_hour(profile: Profile, visits: Sequence[There]) -> Iterator[Fact]:
    """Where the hour tells the store: the part of the week in which the person is mostly there, more so than at other times."""
    for each in profile.stores.known:
        nats = each.nats - math.log(len(profile.stores.known))
        here = Counter(_cell(v.at) for v in visits if v.store_id == each.store_id)
        if nats < SURE or not here:
            continue
        where, times = here.most_common(1)[0]
        of = sum(_cell(visit.at) == where for visit in visits)
        if times > max(_USUALLY, here.total() / len(visits)) * of:
            args = {"store": _name(visits, each.store_id), "when": _part_of_week(where)}
            yield Fact("store", args, times, of, nats)


def _name(visits: Sequence[There], store_id: str) -> str:
    """What the store is called now."""
    return next(each.name for each in reversed(visits) if each.store_id == store_id)


def _cell(at: datetime) -> int:
    return stores.cell(at.weekday(), at.hour)


def _part_of_week(cell: int) -> When:
    days = "weekends" if cell >= 4 else "weekdays"
    edges = (None, *stores.DAYPARTS, None)
    begin, end = edges[cell % 4], edges[cell % 4 + 1]
    hours = "before" if begin is None else "after" if end is None else "between"
    return When(days, hours, begin, end)


def _usual_time(visits: Sequence[datetime]) -> tuple[When, int] | None:
    """When at least half of these visits were, and how many of them; None where there is no such time."""
    hour = _busiest(visits)
    days, counted = _when([at for at in visits if _apart(at, hour) <= _AROUND])
    if len(counted) < _USUALLY * len(visits):
        return None
    return When(days, _NAMED_HOURS.get(hour, "around"), hour), len(counted)


def _busiest(visits: Sequence[datetime]) -> int:
    """The full hour that most visits are around, and of such the one they are nearest to."""

    def crowd(hour: int) -> tuple[int, float]:
        near = [away for at in visits if (away := _apart(at, hour)) <= _AROUND]
        return len(near), -sum(near)

    return max(range(24), key=crowd)


def _apart(at: datetime, hour: int) -> float:
    """Hours from the full hour, over midnight where that is shorter."""
    away = abs(at.hour + at.minute / 60 - hour)
    return min(away, 24 - away)


def _when(near: Sequence[datetime]) -> tuple[str | None, Sequence[datetime]]:
    """On which days most of these visits were, and those that were."""
    day, most = Counter(at.weekday() for at in near).most_common(1)[0]
    if most >= _ONE_DAY * len(near):
        return _DAYS[day], [at for at in near if at.weekday() == day]
    weekdays = [at for at in near if at.weekday() < 5]
    if len(weekdays) >= _ONE_KIND * len(near):
        return "weekdays", weekdays
    if len(near) - len(weekdays) >= _ONE_KIND * len(near):
        return "weekends", [at for at in near if at.weekday() >= 5]
    return None, near


def _likes(profile: Profile, around: Around) -> Iterator[Fact]:
    known, everybody = tastes.as_of(profile.tastes, around.at), around.everybody.tastes

    def of(table: Sequence[Liked], all_: Sequence[Liked]) -> tastes.Usual | None:
        return tastes.usual(known, table, lambda name: tastes.popularity(everybody, all_, name))

    for topic, found in (
        ("item", of(known.items, everybody.items)),
        ("category", of(known.categories, everybody.categories)),
    ):
        what = found and (around.name_of(found.name) if topic == "item" else found.name)
        if found and tastes.tellable(found.name, what):
            yield Fact(topic, {topic: what}, found.times, found.orders, found.nats)


def _price(profile: Profile, around: Around) -> Iterator[Fact]:
    """The price level where it differs from everybody's: the likelihood of the person's own mean against theirs."""
    own, all_ = tastes.as_of(profile.tastes, around.at).price, around.everybody.tastes.price
    if own.weight < 5000 or all_.weight < 20_000:
        return
    spread = max(own.variance, all_.variance, 10) / 1000
    away = (own.mean - all_.mean) / 1000
    nats = own.weight / 1000 * away * away / (2 * spread) - math.log(2)
    if nats > SURE:
        level = "dearer" if away > 0 else "cheaper"
        yield Fact("price", {"level": level, "amount": math.exp(own.mean / 1000)}, nats=nats)


def _never(profile: Profile, around: Around) -> Iterator[Fact]:
    everybody = around.everybody.tastes
    if not everybody.weight:
        return
    shares = {
        each.name: min(1.0, each.weight / everybody.weight)
        for each in everybody.categories
        if tastes.tellable(each.name)
    }
    for found in tastes.never(tastes.as_of(profile.tastes, around.at), shares):
        yield Fact("never", {"category": found.name}, 0, found.orders, found.nats)


def _traits(profile: Profile, around: Around) -> Iterator[Fact]:
    declared = {plain(word) for word in (*around.customer.traits, *around.preferences.traits)}
    for each in traits.inferred(profile.traits, at=around.at):
        if each.trait in declared or denial(each.trait) in declared:
            continue
        args = {"trait": each.trait, "denial": denial(each.trait), "days": each.days}
        nats = traits.evidence(each, at=around.at)
        yield Fact("trait", args, each.orders, each.orders, nats)


def _cadence(profile: Profile, around: Around) -> Iterator[Fact]:
    found = occasions.cadence(profile.occasions, today=around.today)
    if found is None:
        return
    kept = occasions.settled(profile.occasions, today=around.today).kept
    yield Fact("cadence", {"period": found.period, "last": found.last}, kept, kept, found.nats)


def _yearly(profile: Profile, around: Around) -> Iterator[Fact]:
    for each in occasions.yearly((), profile.occasions, today=around.today):
        yield Fact("occasion", {"occasion": each.kind, "day": each.day})


def money(amount: float, currency: str) -> str:
    """Such as `1.20 EUR`."""
    return f"{amount:.2f} {currency}"
