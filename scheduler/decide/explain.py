"""What the reasons of a choice speak of: facts and money as named arguments. Words are made of them when they are read. Pure."""

from collections.abc import Sequence
from typing import Any

import msgspec

from domain.context import Candidate, Context, Sky
from domain.decisions import Cause, Term
from domain.model import TermName
from domain.offers import Offer, WeatherCondition

_LOUD = 0.1  # log-odds
SURE_OF_A_HABIT = 3.0  # nats: twenty to one that the person has a rhythm of their own


def because(context: Context, offer: Offer, candidate: Candidate) -> dict[str, Any]:
    """Why this offer, in facts: what happened, how far the store is, the weather, the habit, the tastes."""
    when, about = offer.body.when, offer.body.about
    near = candidate.place if when.place else None
    found: dict[str, Any] = {}
    if not (near and context.cause is Cause.HABIT):
        found["cause"] = context.cause
    if when.place and near:
        found |= {"place": when.place.of, "times": near.times, "count": near.of}
        found["distance_m"] = round(near.distance_m, -2)
    elif candidate.distance_m is not None:
        found["distance_m"] = round(candidate.distance_m)
    if when.weather and candidate.sky:
        found["seen"] = brief(candidate.sky)
    if context.cause is Cause.HABIT and not near and context.likely.evidence > SURE_OF_A_HABIT:
        found["rhythm"] = True
    liked = sorted(set(context.interests) & {*about.items, *about.categories, *about.services})
    return {**found, "liked": liked} if liked else found


def taught(effects: Sequence[tuple[TermName, float]]) -> dict[str, list[str]]:
    """Which of what was learned speaks loudest, for and against; nothing where all of it is small."""
    loud = sorted((each for each in effects if abs(each[1]) >= _LOUD), key=lambda each: each[1])
    found = {}
    if loud and loud[-1][1] > 0:
        found["speaks_for"] = list(loud[-1][0])
    if loud and loud[0][1] < 0:
        found["speaks_against"] = list(loud[0][0])
    return found


def worth(terms: Sequence[Term], currency: str) -> dict[str, Any]:
    """What saying it is worth, in chances and money; costs are above 0."""
    value = {term.name: term.value for term in terms}
    found = {
        "before": round(value["p:before"], 4),
        "after": round(value["p:after"], 4),
        "visit": round(value["money:visit"], 4),
        "worth": round(value["money:worth"], 4),
        "discount": -round(value["money:discount"], 4),
        "interruption": -round(value["money:interruption"], 4),
        "reserve": -round(value.get("money:reserve", 0.0), 4),
    }
    return {"currency": currency, **{name: known for name, known in found.items() if known}}


def brief(weather: WeatherCondition | Sky) -> dict[str, Any]:
    """What is asked of the weather or known of it, without what is not."""
    found: dict[str, Any] = msgspec.to_builtins(weather)
    return {
        name: list(each) if isinstance(each, tuple) else each
        for name, each in found.items()
        if each is not None and each != ()
    }
