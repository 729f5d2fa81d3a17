"""Enter, dwell and exit: a pure function from (state, fix, fences) to (state, transitions).

A state belongs to one device. It remembers the last accepted fix, a jump it does not believe yet, and one `Presence` per
fence that the device is not outside of, so it stays small. The caller stores it with the fix in one transaction and
applies the fixes of a device in order of device time; a fix that comes twice or late changes nothing.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from math import inf, sqrt
from typing import Any, NamedTuple

from domain.places import Fix
from domain.values import Value
from geofence.belief import Belief, believe, believe_circle, believe_polygon
from geofence.gate import Position, Rejection, follow, read, refuse
from geofence.index import FenceIndex
from geofence.packed import Match, Shape
from geofence.presence import (
    ARRIVED,
    FENCE_CHANGED,
    FENCE_DELETED,
    FIRST_FIX,
    SILENCE,
    Change,
    Presence,
    Rules,
    Transition,
    abandon,
    dwell_time,
    meet,
    say_dwell,
)

RULES = Rules()


class DeviceState(Value, omit_defaults=True):
    """What is remembered of one device: about 60 bytes as JSON (`msgspec.json.encode`), and 90 per fence it is in."""

    last: Position | None = None
    held: Position | None = None
    presences: tuple[Presence, ...] = ()


class Fences(Value, kw_only=False):
    """A brand's fences at one time: where they are, and after how many seconds those that want a dwell want it."""

    index: FenceIndex
    dwell_s: Mapping[Any, float | None] = {}


class Step(NamedTuple):
    """What came of a fix: the state to keep, what there is to tell, and why the fix was left out, if it was."""

    state: DeviceState
    transitions: tuple[Transition, ...] = ()
    rejected: Rejection | None = None


def step(
    state: DeviceState,
    fix: Fix,
    fences: Fences,
    *,
    now: datetime,
    consent_since: datetime | None = None,
    rules: Rules = RULES,
) -> Step:
    """The next state of a device after one fix, as received at `now`.

    A rejected fix leaves the state as it was, but for a jump, which is held until a second fix confirms it.
    """
    rejected = refuse(fix, now=now, consent_since=consent_since)
    if rejected:
        return Step(state, (), rejected)
    here, rejected = follow(state.last, state.held, read(fix))
    if rejected:
        return Step(_holding(state, here, rejected), (), rejected)
    matches = fences.index.matches(here.lat, here.lon)
    if not matches and not state.presences:
        return Step(DeviceState(last=here))
    return _walk(state, here, fences, matches, rules)


def tick(state: DeviceState, fences: Fences, *, now: datetime, rules: Rules = RULES) -> Step:
    """The next state where time passes without a fix: dwells that are due, visits that fell silent or lost their fence.

    A dwell is said only while the last fix is fresh and spoke for being inside; else it waits for the next fix.
    """
    if state.last is None:
        return Step(state)
    kept: list[Presence] = []
    told: list[Transition] = []
    at = now.timestamp()
    for presence in state.presences:
        shape = fences.index.shape(presence.fence)
        fingerprint = None if shape is None else shape.fingerprint
        ended = _ended(presence, fingerprint, at - state.last.at, rules)
        if ended:
            told += abandon(presence, state.last, ended)
        elif at >= dwell_time(presence, state.last, rules):
            stays, said = say_dwell(presence)
            told += said
            kept.append(stays)
        else:
            kept.append(presence)
    if tuple(kept) == state.presences:
        return Step(state)
    return Step(DeviceState(last=state.last, held=state.held, presences=tuple(kept)), tuple(told))


def dwell_due(state: DeviceState, rules: Rules = RULES) -> datetime | None:
    """When `tick` will say the next dwell if no fix comes before; None where it would say none."""
    if state.last is None:
        return None
    due = min((dwell_time(p, state.last, rules) for p in state.presences), default=inf)
    return None if due == inf else datetime.fromtimestamp(due, UTC)


def silence_due(state: DeviceState, rules: Rules = RULES) -> datetime | None:
    """When `tick` will give up this device's visits if no fix comes before; None where there are none."""
    if state.last is None or not state.presences:
        return None
    return datetime.fromtimestamp(state.last.at + rules.silence_s, UTC)


def _holding(state: DeviceState, here: Position, rejected: Rejection) -> DeviceState:
    """The state that remembers a jump, the latest one; a repeat of the held fix must not confirm it."""
    if rejected is not Rejection.TELEPORT or (state.held and here.at <= state.held.at):
        return state
    return DeviceState(last=state.last, held=here, presences=state.presences)


def _walk(
    state: DeviceState, here: Position, fences: Fences, matches: list[Match], rules: Rules
) -> Step:
    """Every fence the device is at, then every fence it comes to."""
    last = state.last or here
    gap = here.at - last.at
    kept: list[Presence] = []
    told: list[Transition] = []
    around = {match.id: match for match in matches}
    for presence in state.presences:
        match = around.get(presence.fence)
        place = match or fences.index.shape(presence.fence)
        ended = _ended(presence, None if place is None else place.fingerprint, gap, rules)
        if ended or place is None:
            told += abandon(presence, last, ended)
            continue
        if match is not None:
            del around[presence.fence]
        wait = fences.dwell_s.get(presence.fence)
        after, said = meet(presence, _believe(place, here), here, gap, wait, rules)
        told += said
        if after:
            kept.append(after)
    for match in around.values():
        after, said = _appear(match, here, fences, rules, _reason(state, match.id, gap, rules))
        told += said
        if after:
            kept.append(after)
    return Step(DeviceState(last=here, presences=tuple(kept)), tuple(told))


def _appear(match: Match, here: Position, fences: Fences, rules: Rules, reason: str) -> Change:
    """The first fix within a fence that the device was outside of."""
    unseen = Presence(match.id, match.fingerprint, inside=False, since=here.at, probability=0.0)
    belief, wait = _believe(match, here), fences.dwell_s.get(match.id)
    return meet(unseen, belief, here, inf, wait, rules, reason)


def _reason(state: DeviceState, fence: Any, gap: float, rules: Rules) -> str:
    """Why a device may appear at a fence: where it was just now, the fence has changed around it."""
    if state.last is None:
        return FIRST_FIX
    known = gap <= rules.silence_s and any(p.fence == fence for p in state.presences)
    return FENCE_CHANGED if known else ARRIVED


def _believe(place: Match | Shape, here: Position) -> Belief:
    """What the fix says about being inside; of a match, its distance is known already."""
    if not isinstance(place, Match):
        return believe(place, here.lat, here.lon, here.accuracy_m)
    if place.polygon is not None:
        return believe_polygon(place.polygon, here.lat, here.lon, here.accuracy_m)
    return believe_circle(sqrt(place.chord_squared), place.radius_m, here.accuracy_m)


def _ended(presence: Presence, fingerprint: int | None, silent_s: float, rules: Rules) -> str:
    """Why a presence ends without a fix that says so; empty where it goes on."""
    if silent_s > rules.silence_s:
        return SILENCE
    if fingerprint is None:
        return FENCE_DELETED
    return "" if fingerprint == presence.fingerprint else FENCE_CHANGED
