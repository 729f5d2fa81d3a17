"""Which offers could be said to this person at this moment, and what each of the others lacks. Pure; fails closed."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, NamedTuple

from domain.context import Candidate, Context, Sky
from domain.decisions import Cause, Reason, reason
from domain.offers import Audience, Offer, OfferKind, PlaceCondition, WeatherCondition
from scheduler.decide.explain import brief

LONGEST_DAYS = 3650.0  # between two sends of an offer; what lies further back is not remembered


class Lack(NamedTuple):
    """What an offer lacks: the code, which of its sentences, and what they speak of."""

    code: str
    args: dict[str, Any] = {}
    which: str = ""


def lacks(context: Context, offer: Offer, candidate: Candidate) -> Reason | None:
    """The first rule that rules this offer out for this person at this moment."""
    for guard in _ON_OFFER:
        if found := guard(context, offer, candidate):
            return reason(found.code, which=found.which, offer=offer.external_id, **found.args)
    return None


def _life(context: Context, offer: Offer, _candidate: Candidate) -> Lack | None:
    life, now = offer.body.life, context.decided_at
    if not offer.body.active:
        return Lack("offer_inactive")
    if life.starts_at and now < life.starts_at:
        return Lack("offer_not_begun", {"starts": life.starts_at, "zone": context.zone})
    if life.ends_at and now >= life.ends_at:
        return Lack("offer_over")
    return None


def _muted(context: Context, offer: Offer, _candidate: Candidate) -> Lack | None:
    kind = offer.body.kind
    return Lack("muted", {"kind": kind}) if kind in context.preferences.muted_kinds else None


def _refused(_context: Context, _offer: Offer, candidate: Candidate) -> Lack | None:
    return Lack("not_for_me") if candidate.refused else None


def _caps(_context: Context, offer: Offer, candidate: Candidate) -> Lack | None:
    """The brand's own limits per person: of pushes of one kind, and of those about one store."""
    if candidate.kind_left == 0:
        return Lack("kind_cap", {"kind": offer.body.kind})
    return Lack("store_cap") if candidate.store_left == 0 else None


def _sensitive(context: Context, offer: Offer, _candidate: Candidate) -> Lack | None:
    """What others had better not see on a phone is said to those alone who asked for such things by name."""
    if not offer.body.sensitive or declared(context, offer):
        return None
    return Lack("sensitive")


def declared(context: Context, offer: Offer) -> set[str]:
    """Of what the offer is about, that which the person named as an interest, or the brand for them."""
    about = offer.body.about
    return set(context.interests) & {*about.items, *about.categories, *about.services}


_EVERYBODY = Audience()


def _audience(context: Context, offer: Offer, _candidate: Candidate) -> Lack | None:
    wanted = offer.body.audience
    if wanted == _EVERYBODY:
        return None
    for has, none_of, any_of, word in (
        (context.traits, wanted.traits_none, wanted.traits_any, "trait"),
        (context.segments, wanted.segments_none, wanted.segments_any, "segment"),
    ):
        if barred := set(has) & set(none_of):
            return Lack("audience", {"words": sorted(barred)}, f"barred_{word}")
        if any_of and not set(has) & set(any_of):
            return Lack("audience", {"words": list(any_of)}, f"wanted_{word}")
    return None


# Where an offer names no causes, those that its kind is made for: no birthday wish because somebody walks by.
_VIA = {
    OfferKind.OCCASION: (Cause.OCCASION, Cause.CADENCE, Cause.EVENT, Cause.MANUAL),
    OfferKind.WIN_BACK: (Cause.SLIPPING, Cause.MANUAL),
}


def _cause(context: Context, offer: Offer, _candidate: Candidate) -> Lack | None:
    place = offer.body.when.place
    named = place.via if place and place.via else _VIA.get(offer.body.kind, ())
    if not named or context.cause in named:
        return None
    return Lack("other_cause", {"causes": list(named)})


def _slot(context: Context, offer: Offer, _candidate: Candidate) -> Lack | None:
    """A free place is offered by offers of that kind, and they offer nothing else."""
    vacancy, about = context.slot, offer.body.about.services
    if (offer.body.kind is OfferKind.SLOT) is not (context.cause is Cause.SLOT):
        return Lack("other_cause", which="slot" if context.cause is Cause.SLOT else "no_slot")
    if context.cause is not Cause.SLOT:
        return None
    if vacancy is None or vacancy.free <= 0:
        return Lack("slot_full")
    if about and vacancy.service not in about:
        return Lack("other_service", {"service": vacancy.service})
    return None


def _place(_context: Context, offer: Offer, candidate: Candidate) -> Lack | None:
    place = offer.body.when.place
    if candidate.elsewhere:
        return Lack("elsewhere")
    if place is None:
        return None
    if place.of != "store":
        return _own_place(place, candidate)
    if place.within_m is None:
        return None
    if candidate.distance_m is None:
        return Lack("position_unknown", {"limit_m": place.within_m})
    if candidate.distance_m > place.within_m:
        far = round(candidate.distance_m)
        return Lack("too_far", {"distance_m": far, "limit_m": place.within_m})
    return None


def _own_place(place: PlaceCondition, candidate: Candidate) -> Lack | None:
    """Home or workplace: known on enough evidence, and near one of the offer's stores."""
    near = candidate.place
    if near is None:
        return Lack("place_unknown", which=place.of)
    if place.within_m is not None and near.distance_m > place.within_m:
        far = round(near.distance_m, -2)
        return Lack("place_far", {"distance_m": far, "limit_m": place.within_m}, place.of)
    return None


def _hours(_context: Context, offer: Offer, candidate: Candidate) -> Lack | None:
    if candidate.hours_hold is False:
        return Lack("offer_hours", {"hours": offer.body.when.hours})
    return Lack("store_closed") if candidate.store_open is False else None


def _weather(_context: Context, offer: Offer, candidate: Candidate) -> Lack | None:
    wanted = offer.body.when.weather
    if wanted is None:
        return None
    if candidate.sky is None:
        return Lack("weather_unknown", {"wish": brief(wanted)})
    if holds(wanted, candidate.sky):
        return None
    return Lack("weather", {"wish": brief(wanted), "seen": brief(candidate.sky)})


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


def _repeat(context: Context, offer: Offer, candidate: Candidate) -> Lack | None:
    if candidate.said_in_daypart:
        return Lack("already_said")
    days, last = offer.body.limits.per_customer_days, candidate.last_sent_at
    if days is None or last is None:
        return None
    frees = last + timedelta(days=min(days, LONGEST_DAYS))
    if context.decided_at >= frees:
        return None
    return Lack("repeat", {"count": days, "frees": frees, "zone": context.zone})


def _stock(_context: Context, _offer: Offer, candidate: Candidate) -> Lack | None:
    return None if candidate.left is None or candidate.left > 0 else Lack("sold_out")


def _text(_context: Context, _offer: Offer, candidate: Candidate) -> Lack | None:
    return Lack("no_text", {"problem": candidate.unsayable}) if candidate.unsayable else None


_ON_OFFER = (
    _life,
    _muted,
    _refused,
    _caps,
    _sensitive,
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
        return (reason("no_offer", which="none"),)
    return (reason("no_offer", count=len(offers)), *ruled_out)
