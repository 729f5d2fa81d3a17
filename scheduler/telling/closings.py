"""What could have been otherwise so that nothing had been said: the changes that are tried on a send. Pure."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from zoneinfo import ZoneInfo

import msgspec

from domain.context import Candidate, Sky
from domain.offers import Offer, WeatherCondition, WeatherWord
from domain.people import Purpose, QuietHours
from scheduler.context.clock import zone_named
from scheduler.telling.cases import Case, Change, edited

_WEEK = timedelta(days=7)
_FAR = (300, 500, 1000, 2000, 5000, 10_000)


def settings(case: Case, offer: Offer) -> Iterator[Change]:
    """What the person could have set."""
    yield from _settings(case, offer)
    yield from _consents(case)


def circumstances(offer: Offer, candidate: Candidate) -> Iterator[Change]:
    """What could have been otherwise in the world, and with the brand."""
    yield from _world(offer, candidate)
    yield from _brand(offer)


def _settings(case: Case, offer: Offer) -> Iterator[Change]:
    context, preferences = case.context, case.context.preferences
    week = sum(at > context.decided_at - _WEEK for at in context.sent_at)
    yield Change("cap_own", _preferring(max_per_week=week), {"count": week})
    if zone := zone_named(context.zone):
        hours = _hour_around(case, zone)
        quiet = (*preferences.quiet_hours, hours)
        yield Change("quiet", _preferring(quiet_hours=quiet), {"from": hours.from_, "to": hours.to})
    kind = offer.body.kind
    muted = (*preferences.muted_kinds, kind.value)
    yield Change("muted", _preferring(muted_kinds=muted), {"kind": kind.value})
    until = context.decided_at + timedelta(days=1)
    yield Change("paused", _preferring(paused_until=until))
    yield Change(
        "refused", lambda each: each.with_candidate(offer.id, refused=True), offer=offer.id
    )


def _preferring(**changes: object) -> Callable[[Case], Case]:
    return lambda case: case.with_preferences(**changes)


def _hour_around(case: Case, zone: ZoneInfo) -> QuietHours:
    hour = case.context.decided_at.astimezone(zone).hour
    return QuietHours(from_=f"{hour:02}:00", to=f"{(hour + 1) % 24:02}:00")


def _consents(case: Case) -> Iterator[Change]:
    for purpose in Purpose:
        if purpose in case.context.permits:
            yield Change("no_consent", _without(purpose), {"purpose": purpose.value})


def _without(purpose: Purpose) -> Callable[[Case], Case]:
    def change(case: Case) -> Case:
        left = {name: each for name, each in case.context.permits.items() if name is not purpose}
        return case.with_context(permits=left)

    return change


def _world(offer: Offer, candidate: Candidate) -> Iterator[Change]:
    wanted = offer.body.when.weather
    if wanted and candidate.sky:
        sky = _otherwise(wanted, candidate.sky)
        yield Change(
            "sky.other", lambda each: each.with_candidate(offer.id, sky=sky), offer=offer.id
        )
    if candidate.distance_m is not None and candidate.place is None:
        for far in (each for each in _FAR if each > candidate.distance_m):
            yield Change("far", _away(offer.id, float(far)), {"distance_m": far}, offer.id)


def _away(offer_id: str, distance: float) -> Callable[[Case], Case]:
    return lambda case: case.with_candidate(offer_id, distance_m=distance)


def _otherwise(wanted: WeatherCondition, sky: Sky) -> Sky:
    """A sky that the offer does not ask for."""
    if wanted.any:
        other = next((word for word in WeatherWord if word not in wanted.any), sky.word)
        return msgspec.structs.replace(sky, word=other)
    if wanted.temperature_below is not None:
        return msgspec.structs.replace(sky, temperature=wanted.temperature_below)
    if wanted.temperature_above is not None:
        return msgspec.structs.replace(sky, temperature=wanted.temperature_above)
    return msgspec.structs.replace(sky, wind=wanted.wind_above)


def _brand(offer: Offer) -> Iterator[Change]:
    yield Change("held_out", lambda each: each.with_policy(holdout_share=1.0))
    yield Change(
        "inactive",
        lambda each: each.with_offer(offer.id, edited(active=False)),
        {"offer": offer.external_id},
        offer.id,
        inside=True,
    )
    yield Change("no_lots", lambda each: each.with_policy(exploration=0.0), inside=True)
    yield Change("engine_off", lambda each: each.with_policy(paused=True), inside=True)
