"""Which offers could be said to this person at this moment, and what each of the others lacks. Pure; fails closed."""

from collections.abc import Sequence
from datetime import timedelta

from domain.context import Candidate, Context, Sky
from domain.decisions import Cause, Reason
from domain.offers import Audience, Offer, OfferKind, PlaceCondition, WeatherCondition
from scheduler.decide.explain import day_and_time, metres, weather_seen, weather_wanted

LONGEST_DAYS = 3650.0  # between two sends of an offer; what lies further back is not remembered


def lacks(context: Context, offer: Offer, candidate: Candidate) -> Reason | None:
    """The first rule that rules this offer out for this person at this moment."""
    for guard in _ON_OFFER:
        if found := guard(context, offer, candidate):
            return Reason(
                code=found[0], text=found[1], would_change=found[2], offer=offer.external_id
            )
    return None


Found = tuple[str, str, str] | None


def _life(context: Context, offer: Offer, _candidate: Candidate) -> Found:
    life, now = offer.body.life, context.decided_at
    if not offer.body.active:
        return "offer_inactive", "The offer is switched off.", "The brand switches it on."
    if life.starts_at and now < life.starts_at:
        starts = day_and_time(life.starts_at, context.zone)
        return "offer_not_begun", f"The offer begins at {starts}.", "It begins."
    if life.ends_at and now >= life.ends_at:
        return "offer_over", "The offer is over.", "The brand extends it."
    return None


def _muted(context: Context, offer: Offer, _candidate: Candidate) -> Found:
    kind = offer.body.kind
    if kind not in context.preferences.muted_kinds:
        return None
    return "muted", f"The person does not want pushes of kind {kind}.", "They unmute this kind."


def _refused(_context: Context, _offer: Offer, candidate: Candidate) -> Found:
    if not candidate.refused:
        return None
    return "not_for_me", "The person answered this offer with “not for me”.", "Half a year passes."


_EVERYBODY = Audience()


def _audience(context: Context, offer: Offer, _candidate: Candidate) -> Found:
    wanted = offer.body.audience
    if wanted == _EVERYBODY:
        return None
    for has, none_of, any_of, word in (
        (context.traits, wanted.traits_none, wanted.traits_any, "trait"),
        (context.segments, wanted.segments_none, wanted.segments_any, "segment"),
    ):
        if barred := set(has) & set(none_of):
            named = ", ".join(sorted(barred))
            return "audience", f"It is not for people with the {word} {named}.", "That changes."
        if any_of and not set(has) & set(any_of):
            named = " or ".join(any_of)
            return (
                "audience",
                f"It is for people with the {word} {named}.",
                f"They have that {word}.",
            )
    return None


# Where an offer names no causes, those that its kind is made for: no birthday wish because somebody walks by.
_VIA = {
    OfferKind.OCCASION: (Cause.OCCASION, Cause.CADENCE, Cause.EVENT, Cause.MANUAL),
    OfferKind.WIN_BACK: (Cause.SLIPPING, Cause.MANUAL),
}


def _cause(context: Context, offer: Offer, _candidate: Candidate) -> Found:
    place = offer.body.when.place
    named = place.via if place and place.via else _VIA.get(offer.body.kind, ())
    if not named or context.cause in named:
        return None
    via = " or ".join(named)
    return "other_cause", f"It is said only at a moment of {via}.", f"A moment of {via} comes."


def _slot(context: Context, offer: Offer, _candidate: Candidate) -> Found:
    """A free place is offered by offers of that kind, and they offer nothing else."""
    vacancy, about = context.slot, offer.body.about.services
    if (offer.body.kind is OfferKind.SLOT) is not (context.cause is Cause.SLOT):
        if context.cause is Cause.SLOT:
            return "other_cause", "The moment is about a free place.", "Another moment comes."
        return "other_cause", "It is said only where a place is free.", "A place becomes free."
    if context.cause is not Cause.SLOT:
        return None
    if vacancy is None or vacancy.free <= 0:
        return "slot_full", "No place is left.", "A place becomes free again."
    if about and vacancy.service not in about:
        return "other_service", f"It is not about {vacancy.service}.", "Such a place becomes free."
    return None


def _place(_context: Context, offer: Offer, candidate: Candidate) -> Found:
    place = offer.body.when.place
    if candidate.elsewhere:
        return (
            "elsewhere",
            "It is not valid at this store.",
            "The person comes to one of its stores.",
        )
    if place is None:
        return None
    if place.of != "store":
        return _own_place(place, candidate)
    if place.within_m is None:
        return None
    limit = metres(place.within_m)
    if candidate.distance_m is None:
        return (
            "position_unknown",
            f"It needs the person within {limit}, and no fresh position is known.",
            "The app reports a position.",
        )
    if candidate.distance_m > place.within_m:
        far = metres(candidate.distance_m)
        return "too_far", f"The store is {far} away, more than {limit}.", "The person comes closer."
    return None


def _own_place(place: PlaceCondition, candidate: Candidate) -> Found:
    """Home or workplace: known on enough evidence, and near one of the offer's stores."""
    near = candidate.place
    if near is None:
        return (
            "place_unknown",
            f"It is not known where the person's {place.of} is.",
            "Enough days that their phone stays there tell, with their consent to location and habits.",
        )
    if place.within_m is not None and near.distance_m > place.within_m:
        far, limit = metres(near.distance_m), metres(place.within_m)
        return (
            "place_far",
            f"The nearest of its stores is about {far} from the person's {place.of}, more than {limit}.",
            "A store opens closer, or the offer reaches farther.",
        )
    return None


def _hours(_context: Context, offer: Offer, candidate: Candidate) -> Found:
    if candidate.hours_hold is False:
        hours = offer.body.when.hours
        return "offer_hours", f"It is said only within {hours}.", "That time comes."
    if candidate.store_open is False:
        return "store_closed", "The store would be closed on arrival.", "The store opens."
    return None


def _weather(_context: Context, offer: Offer, candidate: Candidate) -> Found:
    wanted = offer.body.when.weather
    if wanted is None:
        return None
    wish = weather_wanted(wanted)
    if candidate.sky is None:
        return (
            "weather_unknown",
            f"It needs {wish}; the weather is not known.",
            "Fresh weather comes.",
        )
    if holds(wanted, candidate.sky):
        return None
    return (
        "weather",
        f"It needs {wish}; the weather is {weather_seen(candidate.sky)}.",
        f"The weather turns to {wish}.",
    )


def holds(wanted: WeatherCondition, sky: Sky | None) -> bool:
    """Whether every part of the condition holds; what is unknown never does."""
    if sky is None:
        return False
    return (
        (not wanted.any or sky.word in wanted.any)
        and _below(sky.temperature, wanted.temperature_below)
        and _above(sky.temperature, wanted.temperature_above)
        and _above(sky.wind, wanted.wind_above)
    )


def _below(value: float | None, limit: float | None) -> bool:
    return limit is None or (value is not None and value < limit)


def _above(value: float | None, limit: float | None) -> bool:
    return limit is None or (value is not None and value > limit)


def _repeat(context: Context, offer: Offer, candidate: Candidate) -> Found:
    if candidate.said_in_daypart:
        return (
            "already_said",
            "The person got this offer within these three hours.",
            "The next three hours begin.",
        )
    days, last = offer.body.limits.per_customer_days, candidate.last_sent_at
    if days is None or last is None:
        return None
    frees = last + timedelta(days=min(days, LONGEST_DAYS))
    if context.decided_at >= frees:
        return None
    return (
        "repeat",
        f"The person got it within the last {days:g} days.",
        f"It may be said again from {day_and_time(frees, context.zone)}.",
    )


def _stock(_context: Context, _offer: Offer, candidate: Candidate) -> Found:
    if candidate.left is None or candidate.left > 0:
        return None
    return (
        "sold_out",
        "Its limit of sends is used up.",
        "The brand raises the limit or a day passes.",
    )


def _text(_context: Context, _offer: Offer, candidate: Candidate) -> Found:
    if candidate.unsayable is None:
        return None
    return (
        "no_text",
        f"Its text cannot be made for this person: {candidate.unsayable}.",
        "The brand gives the text a default for what may be missing.",
    )


_ON_OFFER = (
    _life,
    _muted,
    _refused,
    _audience,
    _cause,
    _slot,
    _place,
    _hours,
    _weather,
    _repeat,
    _stock,
    _text,
)


def none_fits(offers: Sequence[Offer], ruled_out: Sequence[Reason]) -> tuple[Reason, ...]:
    """The reason of a silence for want of an offer, followed by why each one was ruled out."""
    if not offers:
        return (
            Reason(
                code="no_offer",
                text="The brand has no offer.",
                would_change="The brand adds an offer.",
            ),
        )
    first = Reason(
        code="no_offer",
        text=f"None of the brand's {len(offers)} offers fits this person at this moment.",
        would_change="An offer fits; each says below what it lacks.",
    )
    return (first, *ruled_out)
