"""What is known of a person, in sentences with true counts: for the brand, and for the person. Pure, deterministic.

Nothing is said that is not beyond its evidence; a trait that was denied is not said at all.
"""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date, datetime
from typing import NamedTuple

from domain.people import Customer, Preferences, Profile
from domain.tastes import Everybody, Liked
from domain.traits import RULES, Habit, denial, plain
from scheduler.context import occasions, stores, tastes, traits
from scheduler.context.evidence import SURE, against_share
from scheduler.context.lifecycle import lifecycle

CERTAIN = math.log(100)  # nats; between that and 3 something is likely
_DAYS = ("Mondays", "Tuesdays", "Wednesdays", "Thursdays", "Fridays", "Saturdays", "Sundays")
_MONTHS = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]
_AROUND = 1.5  # hours to either side
_USUALLY = 0.5
_ONE_DAY, _ONE_KIND = 0.6, 0.85  # of the visits around that hour
_ITSELF = {
    "vegetarian": ("takes neither meat nor fish", "take neither meat nor fish"),
    "no_alcohol": ("takes no alcohol", "take no alcohol"),
}


class Fact(NamedTuple):
    """One thing that is known. `times` of `of` are true counts, None where nothing was counted; `nats` the evidence."""

    topic: str
    brand: str
    person: str
    times: int | None = None
    of: int | None = None
    nats: float | None = None


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


def _lifecycle(profile: Profile, at: datetime) -> Iterator[Fact]:
    found = lifecycle(profile, at=at)
    if found is None:
        return
    came = "1 visit" if found.visits == 1 else f"{found.visits} visits"
    since = f"since {_day(found.first_at.date())} {found.first_at.year}"
    gap = f", every {_span(found.mean_gap_days)}" if found.mean_gap_days else ""
    ago = f"the last {_span(found.recency_days)} ago"
    yield Fact(
        "lifecycle",
        f"{found.stage}: {came} {since}{gap}, {ago}",
        f"We know of {came} of yours {since}, {ago}.",
        found.visits,
        found.visits,
    )


def _span(days: float) -> str:
    if days < 2:
        hours = round(days * 24)
        return "1 hour" if hours == 1 else f"{hours} hours"
    return f"{days:.0f} days" if days >= 10 else f"{days:.1f} days".replace(".0 ", " ")


def _rhythm(profile: Profile, visits: Sequence[datetime]) -> Iterator[Fact]:
    if profile.evidence < SURE or not visits:
        return
    found = _usual_time(visits)
    if found is None:
        return
    when, times, of = *found, len(visits)
    yield Fact(
        "rhythm",
        f"usually comes {when}: {times} of {of} visits, {_surely(profile.evidence)}",
        f"You usually come {when}: {times} of {of} visits.",
        times,
        of,
        profile.evidence,
    )


def _orders(profile: Profile, orders: Sequence[datetime]) -> Iterator[Fact]:
    """When orders come, where that is not just when the person does."""
    nats = profile.orders.evidence
    found = _usual_time(orders) if nats >= SURE and orders else None
    if found:
        when, times, of = *found, len(orders)
        yield Fact(
            "order",
            f"usually orders {when}: {times} of {of} orders, {_surely(nats)}",
            f"You usually order {when}: {times} of {of} orders.",
            times,
            of,
            nats,
        )


def _usual_store(profile: Profile, visits: Sequence[There]) -> Iterator[Fact]:
    """Where most visits are, of who is known at more than one store."""
    if len(profile.stores.known) < 2 or not visits:
        return
    (store_id, times), *_ = Counter(each.store_id for each in visits).most_common(1)
    nats = against_share(times, len(visits), _USUALLY)
    if times > _USUALLY * len(visits) and nats >= SURE:
        yield _at_store(visits, store_id, "", times, len(visits), nats)


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
            yield _at_store(visits, each.store_id, f" {_part_of_week(where)}", times, of, nats)


def _at_store(
    visits: Sequence[There], store_id: str, when: str, times: int, of: int, nats: float
) -> Fact:
    name = next(each.name for each in reversed(visits) if each.store_id == store_id)
    counted = f"{times} of {of} visits" + (" at that time" if when else "")
    return Fact(
        "store",
        f"usually comes to {name}{when}: {counted}, {_surely(nats)}",
        f"You usually come to {name}{when}: {counted}.",
        times,
        of,
        nats,
    )


def _cell(at: datetime) -> int:
    return stores.cell(at.weekday(), at.hour)


def _part_of_week(cell: int) -> str:
    noon, afternoon, evening = (f"{hour}:00" for hour in stores.DAYPARTS)
    daypart = (
        f"before {noon}",
        f"between {noon} and {afternoon}",
        f"between {afternoon} and {evening}",
        f"after {evening}",
    )[cell % 4]
    return f"{'at weekends' if cell >= 4 else 'on weekdays'} {daypart}"


def _usual_time(visits: Sequence[datetime]) -> tuple[str, int] | None:
    """In words, when at least half of these visits were, and how many of them; None where there is no such time."""
    hour = _busiest(visits)
    days, counted = _when([at for at in visits if _apart(at, hour) <= _AROUND])
    if len(counted) < _USUALLY * len(visits):
        return None
    return f"{days} {_hour(hour)}".strip(), len(counted)


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


def _when(near: Sequence[datetime]) -> tuple[str, Sequence[datetime]]:
    """On which days most of these visits were, and those that were."""
    day, most = Counter(at.weekday() for at in near).most_common(1)[0]
    if most >= _ONE_DAY * len(near):
        return f"on {_DAYS[day]}", [at for at in near if at.weekday() == day]
    weekdays = [at for at in near if at.weekday() < 5]
    if len(weekdays) >= _ONE_KIND * len(near):
        return "on weekdays", weekdays
    if len(near) - len(weekdays) >= _ONE_KIND * len(near):
        return "at weekends", [at for at in near if at.weekday() >= 5]
    return "", near


def _hour(hour: int) -> str:
    return {12: "around noon", 0: "around midnight"}.get(hour, f"around {hour:02d}:00")


def _surely(nats: float) -> str:
    return "certain" if nats >= CERTAIN else "likely"


def _likes(profile: Profile, around: Around) -> Iterator[Fact]:
    known, everybody = tastes.as_of(profile.tastes, around.at), around.everybody.tastes

    def of(table: Sequence[Liked], all_: Sequence[Liked]) -> tastes.Usual | None:
        return tastes.usual(known, table, lambda name: tastes.popularity(everybody, all_, name))

    for topic, verb, found in (
        ("item", "take", of(known.items, everybody.items)),
        ("category", "take something of", of(known.categories, everybody.categories)),
    ):
        what = found and (around.name_of(found.name) if topic == "item" else found.name)
        if found and tastes.tellable(found.name, what):
            counted = f"{found.times} of {found.orders} orders"
            yield Fact(
                topic,
                f"usually {verb.replace('take', 'takes', 1)} {what}: {counted}, {_surely(found.nats)}",
                f"You usually {verb} {what}: {counted}.",
                found.times,
                found.orders,
                found.nats,
            )


def _price(profile: Profile, around: Around) -> Iterator[Fact]:
    """The price level where it differs from everybody's: the likelihood of the person's own mean against theirs."""
    own, all_ = tastes.as_of(profile.tastes, around.at).price, around.everybody.tastes.price
    if own.weight < 5000 or all_.weight < 20_000:
        return
    spread = max(own.variance, all_.variance, 10) / 1000
    away = (own.mean - all_.mean) / 1000
    nats = own.weight / 1000 * away * away / (2 * spread) - math.log(2)
    if nats > SURE:
        than = "dearer" if away > 0 else "cheaper"
        about = f"about {math.exp(own.mean / 1000):.2f} each"
        yield Fact(
            "price",
            f"usually chooses what is {than} than others take, {about}, {_surely(nats)}",
            f"You usually choose what is {than} than others take, {about}.",
            nats=nats,
        )


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
        counted = f"0 of {found.orders} orders"
        yield Fact(
            "never",
            f"never chose {found.name}: {counted}, {_surely(found.nats)}",
            f"You never chose {found.name}: {counted}.",
            0,
            found.orders,
            found.nats,
        )


def _traits(profile: Profile, around: Around) -> Iterator[Fact]:
    declared = {plain(word) for word in (*around.customer.traits, *around.preferences.traits)}
    habits = {rule.trait: rule.habit for rule in RULES}
    for each in traits.inferred(profile.traits, at=around.at):
        if each.trait in declared or denial(each.trait) in declared:
            continue
        word = each.trait.replace("_", " ")
        brand, person = _ITSELF.get(each.trait, (f"always takes {word}", f"always take {word}"))
        counted = f"{each.orders} orders in a row on {each.days} days"
        kept = "" if habits[each.trait] is Habit.ALWAYS else ", where others often do"
        nats = traits.evidence(each, at=around.at)
        yield Fact(
            "trait",
            f"{brand}{kept}: {counted}, {_surely(nats)}",
            f"You {person}: {counted}. If that is wrong, put `{denial(each.trait)}` among the traits of your preferences.",
            each.orders,
            each.orders,
            nats,
        )


def _cadence(profile: Profile, around: Around) -> Iterator[Fact]:
    found = occasions.cadence(profile.occasions, today=around.today)
    if found is None:
        return
    kept = occasions.settled(profile.occasions, today=around.today).kept
    every = "every week" if found.period == 7 else f"every {found.period // 7} weeks"
    last = f"the last on {_day(found.last)}"
    yield Fact(
        "cadence",
        f"reserves {every}: {kept} reservations, {last}, {_surely(found.nats)}",
        f"You reserve {every}: {kept} reservations, {last}.",
        kept,
        kept,
        found.nats,
    )


def _yearly(profile: Profile, around: Around) -> Iterator[Fact]:
    for each in occasions.yearly((), profile.occasions, today=around.today):
        yield Fact(
            "occasion",
            f"{each.kind} on {_day(each.day)}, as they said",
            f"{each.kind} on {_day(each.day)}, as you said.",
        )


def _day(day: date) -> str:
    return f"{day.day} {_MONTHS[day.month - 1]}"


def money(amount: float, currency: str) -> str:
    """Such as `1.20 EUR`."""
    return f"{amount:.2f} {currency}"
