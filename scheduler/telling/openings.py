"""What could have been otherwise so that something had been said: the changes that are tried on a silence. Pure."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import msgspec

from domain.context import Candidate, Nearby, Reach, Sky
from domain.offers import Audience, Offer, OfferKind, WeatherCondition, WeatherWord
from domain.people import Purpose
from scheduler.decide import guards
from scheduler.decide.eligible import holds
from scheduler.decide.explain import brief
from scheduler.telling.cases import Case, Change, edited

_WEEK = timedelta(days=7)
_MILD, _HARDLY = 15.0, 0.1  # °C where no temperature is known, and by how much a limit is passed
_NEAR = (2000, 1000, 500, 300, 200, 100, 50)


def of_silence(case: Case) -> Iterator[Change]:
    """Every single change that is worth trying, what is nearest at hand first."""
    yield from _of_the_sky(case)
    yield from _of_the_place(case)
    yield from _of_the_person(case)
    yield from _of_the_past(case)
    yield from _of_the_offer(case)
    yield from _of_the_brand(case)


def _of_the_sky(case: Case) -> Iterator[Change]:
    for offer, candidate in case.pairs():
        wanted = offer.body.when.weather
        if wanted is None or holds(wanted, candidate.sky):
            continue
        if candidate.sky is None:
            sky = Sky(word=WeatherWord.CLOUDS, temperature=_MILD, wind=0.0)
            for *_, make in _atoms(wanted, sky):
                sky = make(sky)
            yield _on_candidate("sky.known", offer, {"wish": brief(wanted)}, sky=sky)
            continue
        for name, args, make in _atoms(wanted, candidate.sky):
            yield Change(f"sky.{name}", _with_sky(offer.id, make), args, offer.id)


Atom = tuple[str, dict[str, float], Callable[[Sky], Sky]]


def _atoms(wanted: WeatherCondition, sky: Sky) -> Iterator[Atom]:
    """Each part of the wish that does not hold, and how it would."""
    if wanted.any and sky.word not in wanted.any:
        yield wanted.any[0].value, {}, lambda seen: _sky(seen, word=wanted.any[0])
    below, above, wind = wanted.temperature_below, wanted.temperature_above, wanted.wind_above
    if below is not None and (sky.temperature is None or sky.temperature >= below):
        yield "below", {"degrees": below}, lambda seen: _sky(seen, temperature=below - _HARDLY)
    if above is not None and (sky.temperature is None or sky.temperature <= above):
        yield "above", {"degrees": above}, lambda seen: _sky(seen, temperature=above + _HARDLY)
    if wind is not None and (sky.wind is None or sky.wind <= wind):
        yield "windy", {"speed": wind}, lambda seen: _sky(seen, wind=wind + _HARDLY)


def _sky(sky: Sky, **changes: Any) -> Sky:
    return msgspec.structs.replace(sky, **changes)


def _with_sky(offer_id: str, make: Callable[[Sky], Sky]) -> Callable[[Case], Case]:
    def change(case: Case) -> Case:
        seen = next(each.sky for each in case.context.candidates if each.offer_id == offer_id)
        assert seen is not None, "only a known sky is changed in part"
        return case.with_candidate(offer_id, sky=make(seen))

    return change


def _of_the_place(case: Case) -> Iterator[Change]:
    for offer, candidate in case.pairs():
        place = offer.body.when.place
        if candidate.elsewhere:
            yield _on_candidate("here", offer, elsewhere=False)
        if place and place.of != "store":
            limit = place.within_m or 300.0
            if candidate.place is None or candidate.place.distance_m > limit:
                near = Nearby(distance_m=limit, times=1, of=1)
                yield _on_candidate("place_known", offer, {"distance_m": limit}, place=near)
        elif place and place.within_m is not None and _farther(candidate, place.within_m):
            limit = place.within_m
            yield _on_candidate("near", offer, {"distance_m": limit}, distance_m=limit)
        elif candidate.distance_m is not None:
            for distance in (each for each in _NEAR if each < candidate.distance_m):
                near_by = {"distance_m": float(distance)}
                yield _on_candidate("near", offer, near_by, distance_m=float(distance))
        if candidate.hours_hold is False:
            hours = {"hours": offer.body.when.hours}
            yield _on_candidate("hours", offer, hours, hours_hold=True)
        if candidate.store_open is False:
            yield _on_candidate("open", offer, store_open=True)


def _farther(candidate: Candidate, limit: float) -> bool:
    return candidate.distance_m is None or candidate.distance_m > limit


def _of_the_person(case: Case) -> Iterator[Change]:
    context, preferences = case.context, case.context.preferences
    for purpose in Purpose:
        if purpose not in context.permits:
            yield Change("consent", _consented(purpose), {"purpose": purpose.value})
    if context.reach is not Reach.REACHABLE:
        yield Change("reachable", lambda each: each.with_context(reach=Reach.REACHABLE))
    if preferences.paused_until and preferences.paused_until > context.decided_at:
        yield Change("unpaused", lambda each: each.with_preferences(paused_until=None))
    if preferences.quiet_hours:
        yield Change("quiet_own", lambda each: each.with_preferences(quiet_hours=()))
    if preferences.max_per_week is not None:
        more = _this_week(case) + 1
        yield Change(
            "cap_own", lambda each: each.with_preferences(max_per_week=more), {"count": more}
        )
    for offer, candidate in case.pairs():
        kind = offer.body.kind
        if kind in preferences.muted_kinds:
            yield Change("unmuted", _unmuted(kind), {"kind": kind.value})
        if candidate.refused:
            yield _on_candidate("welcome", offer, refused=False)


def _consented(purpose: Purpose) -> Callable[[Case], Case]:
    return lambda case: case.with_context(permits={**case.context.permits, purpose: ""})


def _unmuted(kind: OfferKind) -> Callable[[Case], Case]:
    def change(case: Case) -> Case:
        muted = case.context.preferences.muted_kinds
        return case.with_preferences(muted_kinds=tuple(each for each in muted if each != kind))

    return change


def _this_week(case: Case) -> int:
    context = case.context
    return sum(at > context.decided_at - _WEEK for at in context.sent_at)


def _of_the_past(case: Case) -> Iterator[Change]:
    context = case.context
    newest_first = sorted(context.sent_at, reverse=True)
    for less in range(1, _this_week(case) + 1):
        left = tuple(sorted(newest_first[less:]))
        yield Change("fewer", _sent(left), {"count": less})
    for offer, candidate in case.pairs():
        if candidate.last_sent_at or candidate.said_in_daypart:
            yield _on_candidate("not_repeated", offer, last_sent_at=None, said_in_daypart=False)
    if context.decided_at >= context.expires_at:
        in_time = context.expires_at - timedelta(microseconds=1)
        yield Change("in_time", lambda each: each.with_context(decided_at=in_time))


def _sent(left: tuple[object, ...]) -> Callable[[Case], Case]:
    return lambda case: case.with_context(sent_at=left)


def _of_the_offer(case: Case) -> Iterator[Change]:
    for offer, candidate in case.pairs():
        body = offer.body
        if not _live(case, offer):
            life = msgspec.structs.replace(body.life, starts_at=None, ends_at=None)
            yield _on_offer("live", offer, active=True, life=life)
        if body.audience != Audience():
            yield _on_offer("for_everybody", offer, audience=Audience())
        if candidate.left is not None and candidate.left <= 0:
            yield _on_candidate("left", offer, left=1)
        if candidate.kind_left == 0:
            kind = {"kind": body.kind.value}
            yield _on_candidate("kind_left", offer, kind, kind_left=1)
        if candidate.store_left == 0:
            yield _on_candidate("store_left", offer, store_left=1)
        if candidate.unsayable:
            yield _on_candidate("sayable", offer, unsayable=None)
    slot = case.context.slot
    if slot and slot.free <= 0:
        free = msgspec.structs.replace(slot, free=1)
        yield Change("place_free", lambda each: each.with_context(slot=free))


def _live(case: Case, offer: Offer) -> bool:
    life, now = offer.body.life, case.context.decided_at
    begun = life.starts_at is None or now >= life.starts_at
    return offer.body.active and begun and (life.ends_at is None or now < life.ends_at)


def _of_the_brand(case: Case) -> Iterator[Change]:
    policy, caps = case.policy, case.policy.caps
    if policy.paused:
        yield _on_policy("engine_on", paused=False)
    if policy.quiet_hours:
        yield _on_policy("quiet_brand", quiet_hours=())
    if guards.daily_cap(case.context, policy) and caps.per_day is not None:
        more = len(case.context.sent_at) + 1
        for count in range(caps.per_day + 1, more + 1):
            allowed = msgspec.structs.replace(caps, per_day=count)
            yield _on_policy("cap_day", {"count": count}, caps=allowed)
    if caps.per_week is not None and _this_week(case) >= caps.per_week:
        more = _this_week(case) + 1
        yield Change("cap_week", _weekly(more), {"count": more})
    if case.context.draw < policy.holdout_share:
        yield Change("not_held_out", lambda each: each.with_policy(holdout_share=0.0))
    if policy.hold:
        yield _on_policy("no_hold", hold=False)
    if policy.exploration > 0:
        yield _on_policy("no_lots", exploration=0.0)


def _weekly(count: int) -> Callable[[Case], Case]:
    def change(case: Case) -> Case:
        caps = msgspec.structs.replace(case.policy.caps, per_week=count)
        return case.with_policy(caps=caps)

    return change


def _on_policy(name: str, args: dict[str, Any] | None = None, **changes: Any) -> Change:
    make: Callable[[Case], Case] = lambda case: case.with_policy(**changes)  # noqa: E731 typed so
    return Change(name, make, args or {})


def _on_candidate(
    name: str, offer: Offer, args: dict[str, Any] | None = None, **changes: object
) -> Change:
    def make(case: Case) -> Case:
        return case.with_candidate(offer.id, **changes)

    return Change(name, make, args or {}, offer.id)


def _on_offer(name: str, offer: Offer, **changes: Any) -> Change:
    def make(case: Case) -> Case:
        return case.with_offer(offer.id, edited(**changes))

    return Change(name, make, {}, offer.id, inside=True)
