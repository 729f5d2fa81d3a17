"""The sentences of a decision: deterministic words for codes, times and terms. Pure."""

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from domain.context import Candidate, Context, Nearby, Sky
from domain.decisions import Cause, Term
from domain.model import TermName
from domain.offers import Offer, WeatherCondition
from scheduler.context.words import money
from scheduler.learn.terms import told

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def clock_time(at: datetime, zone: str | None) -> str:
    """Such as `Sat 14:30` by the person's clock, or in UTC where no clock of theirs is known."""
    local = at.astimezone(ZoneInfo(zone)) if zone else at
    return f"{_DAYS[local.weekday()]} {local:%H:%M}" + ("" if zone else " UTC")


def day_and_time(at: datetime, zone: str | None) -> str:
    """Such as `Sat 9 May 14:30`: for what may be more than a week away."""
    local = at.astimezone(ZoneInfo(zone)) if zone else at
    weekday, time = clock_time(at, zone).split(" ", maxsplit=1)
    return f"{weekday} {local.day} {_MONTHS[local.month - 1]} {time}"


def metres(distance_m: float) -> str:
    return f"{distance_m:.0f} m" if distance_m < 1000 else f"{distance_m / 1000:.1f} km"


def weather_wanted(wanted: WeatherCondition) -> str:
    """Such as `rain or snow, below 15 °C`."""
    parts = [" or ".join(wanted.any)] if wanted.any else []
    if wanted.temperature_below is not None:
        parts.append(f"below {wanted.temperature_below:g} °C")
    if wanted.temperature_above is not None:
        parts.append(f"above {wanted.temperature_above:g} °C")
    if wanted.wind_above is not None:
        parts.append(f"wind above {wanted.wind_above:g} m/s")
    return ", ".join(parts)


def weather_seen(sky: Sky) -> str:
    """Such as `clouds, 18 °C, wind 3 m/s`."""
    parts = [str(sky.word)]
    if sky.temperature is not None:
        parts.append(f"{sky.temperature:g} °C")
    if sky.wind is not None:
        parts.append(f"wind {sky.wind:g} m/s")
    return ", ".join(parts)


def percent(share: float) -> str:
    return f"{share * 100:.1f} %" if share < 0.1 else f"{share * 100:.0f} %"


_HAPPENED = {
    Cause.ENTER: "The person has just come into the area of a store.",
    Cause.DWELL: "The person has stayed in the area of a store for a while.",
    Cause.HABIT: "It is shortly before a time at which the person may come.",
    Cause.WEATHER: "The weather at a store near the person has just turned to what an offer waits for.",
    Cause.EVENT: "The person has just done something in the app or at a store.",
    Cause.SLIPPING: "The person has not come for unusually long.",
    Cause.CADENCE: "It is some days before the person's next reservation is due.",
    Cause.OCCASION: "The person has an occasion coming.",
    Cause.SLOT: "A place has become free.",
    Cause.MANUAL: "Somebody of the brand asked for a decision.",
}
_LOUD = 0.1  # log-odds
SURE_OF_A_HABIT = 3.0  # nats: twenty to one that the person has a rhythm of their own


def own_place(kind: str, near: Nearby) -> str:
    """Where the person lives or works, with the evidence, and how far a store is; to 100 m, as the place is known."""
    where = "lives around here" if kind == "home" else "works around here on weekdays"
    counted = "nights" if kind == "home" else "weekdays"
    return (
        f"The person {where}: seen there on {near.times} of the last {near.of} {counted}. "
        f"A store is about {metres(near.distance_m)} from there."
    )


def because(context: Context, offer: Offer, candidate: Candidate) -> str:
    """Why this offer, in facts: what happened, how far the store is, the weather, the habit, the tastes."""
    place = offer.body.when.place
    near = candidate.place if place else None
    facts = [] if near and context.cause is Cause.HABIT else [_HAPPENED[context.cause]]
    if place and near:
        facts.append(own_place(place.of, near))
    elif candidate.distance_m is not None:
        facts.append(f"The store is {metres(candidate.distance_m)} away.")
    if offer.body.when.weather and candidate.sky:
        facts.append(
            f"The weather there is what the offer asks for: {weather_seen(candidate.sky)}."
        )
    if context.cause is Cause.HABIT and not near and context.likely.evidence > SURE_OF_A_HABIT:
        facts.append("Their own visits so far say that this is their time.")
    about = offer.body.about
    if liked := sorted(set(context.interests) & {*about.items, *about.categories, *about.services}):
        facts.append(f"They like {', '.join(liked)}.")
    return " ".join(facts)


def taught(effects: Sequence[tuple[TermName, float]]) -> str:
    """Which of what was learned speaks loudest, for and against; nothing where all of it is small."""
    loud = sorted((each for each in effects if abs(each[1]) >= _LOUD), key=lambda each: each[1])
    words = []
    if loud and loud[-1][1] > 0:
        words.append(f"Of what was learned, {told(loud[-1][0])} speaks most for a visit.")
    if loud and loud[0][1] < 0:
        words.append(f"Of what was learned, {told(loud[0][0])} speaks most against it.")
    return " ".join(words)


def worth(terms: Sequence[Term], currency: str) -> str:
    """What saying it is worth, in chances and money."""
    value = {term.name: term.value for term in terms}
    parts = [
        f"A visit has a chance of {percent(value['p:before'])} anyway and {percent(value['p:after'])} with the push: "
        f"that brings {money(value['money:visit'], currency)}"
    ]
    if value["money:worth"]:
        parts.append(f"reading it is worth {money(value['money:worth'], currency)}")
    if value["money:discount"]:
        parts.append(f"the discount costs {money(-value['money:discount'], currency)}")
    if value["money:interruption"]:
        parts.append(f"the interruption costs {money(-value['money:interruption'], currency)}")
    return ", ".join(parts) + "."
