"""A device at one fence: when a belief becomes an enter, a dwell or an exit. Pure; `transitions` walks over the fences."""

from datetime import UTC, datetime
from math import inf
from typing import Any

import msgspec

from domain.places import TransitionType
from domain.values import Value
from geofence.belief import Belief
from geofence.gate import Position

FIRST_FIX = "first_fix"  # the first that is known of the device lies inside
ARRIVED = "arrived"
STAYED = "stayed"
LEFT = "left"
SILENCE = "silence"
FENCE_CHANGED = "fence_changed"
FENCE_DELETED = "fence_deleted"

SURE, LIKELY, POSSIBLE = 3, 2, 1
LIKELY_FROM = 0.75


class Rules(Value):
    """When a belief becomes a transition. The defaults are tuned on recorded tracks, see `bench/transitions.py`."""

    enter_at_once: float = 0.9  # P(inside) of one fix that is enough
    enter_supported: float = 0.5  # P(inside) of fixes that are enough together
    leave_supported: float = 0.15  # P(inside) of fixes that are enough together to leave
    apart_s: float = (
        20.0  # how far apart supporting fixes are, for their errors last about that long
    )
    dwell_from: float = 0.75  # P(inside) of the last fix when a dwell is said
    fresh_s: float = 300.0  # how old the last fix may be when a dwell is said without one
    silence_s: float = 7200.0  # after so long without a fix nobody knows where the device is


class Presence(Value, array_like=True, kw_only=False, gc=False):
    """A device that is not outside of a fence: arriving (`inside` is False), inside, or leaving.

    Times are device time in epoch seconds. `since`: the first fix that speaks for being inside; a visit begins there.
    `probability`: P(inside) of the last fix. `dwell_at`: when a dwell is due; None where none is wanted or it was said.
    `leaving_since`: the first of the fixes that speak for having left.
    """

    fence: Any
    fingerprint: int
    inside: bool
    since: float
    probability: float
    dwell_at: float | None = None
    leaving_since: float | None = None


class Transition(Value):
    """What happened at one fence. (device, fence, `entered_at`) names a visit; it has one enter and one exit.

    `occurred_at` is device time: of the first fix that speaks for it, of the end of the dwell's wait, or, where a visit
    is given up, of the last fix (or the first that spoke for leaving). `confidence`: 3 where the circle of accuracy lies wholly on that side of the edge, 2
    where that side is at least 75 % likely, else 1.
    """

    fence: Any
    type: TransitionType
    occurred_at: datetime
    entered_at: datetime
    confidence: int
    probability: float
    reason: str

    @property
    def duration_s(self) -> float:
        """Seconds since the visit began."""
        return (self.occurred_at - self.entered_at).total_seconds()


Change = tuple[Presence | None, tuple[Transition, ...]]
"""What a fix makes of a presence (None: outside), and what there is to tell."""


def meet(
    presence: Presence,
    belief: Belief,
    here: Position,
    dwell_s: float | None,
    rules: Rules,
    reason: str = ARRIVED,
) -> Change:
    """The presence after the next fix. A first fix of all enters whatever its accuracy."""
    if presence.inside:
        return _stay(presence, belief, here, rules)
    return _arrive(presence, belief, here, dwell_s, rules, reason)


def _arrive(
    presence: Presence,
    belief: Belief,
    here: Position,
    dwell_s: float | None,
    rules: Rules,
    reason: str,
) -> Change:
    supported = belief.inside >= rules.enter_supported
    together = supported and here.at - presence.since >= rules.apart_s
    if not (reason == FIRST_FIX or together or belief.inside >= rules.enter_at_once):
        return (_seen(presence, belief) if supported else None), ()
    entered = Presence(
        fence=presence.fence,
        fingerprint=presence.fingerprint,
        inside=True,
        since=presence.since,
        probability=round(belief.inside, 3),
        dwell_at=None if dwell_s is None else presence.since + dwell_s,
    )
    enter = _transition(
        entered, TransitionType.ENTER, entered.since, _sure_inside(belief, here), reason
    )
    after, said = _dwelt(entered, here, rules)
    return after, (enter, *said)


def _stay(presence: Presence, belief: Belief, here: Position, rules: Rules) -> Change:
    if belief.inside > rules.leave_supported:
        return _dwelt(_seen(presence, belief), here, rules)
    since = presence.leaving_since or here.at
    if not (belief.far_outside or here.at - since >= rules.apart_s):
        return _seen(presence, belief, leaving_since=since), ()
    left = _seen(presence, belief)
    confidence = _sure_outside(belief, here)
    return None, (_transition(left, TransitionType.EXIT, since, confidence, LEFT),)


def abandon(presence: Presence, last: Position, reason: str) -> tuple[Transition, ...]:
    """The end of a visit that no fix ended: where it began to leave, or at the last fix that is known."""
    if not presence.inside:
        return ()
    at = presence.leaving_since or last.at
    return (_transition(presence, TransitionType.EXIT, at, POSSIBLE, reason),)


def dwell_time(presence: Presence, last: Position, rules: Rules) -> float:
    """When a dwell may be said without another fix, in epoch seconds; infinity where it may not."""
    due = presence.dwell_at
    if due is None or presence.leaving_since is not None:
        return inf
    stays = presence.inside and presence.probability >= rules.dwell_from
    return due if stays and due <= last.at + rules.fresh_s else inf


def say_dwell(presence: Presence) -> tuple[Presence, tuple[Transition, ...]]:
    """The dwell of this visit, at the time its wait ended; once."""
    due = presence.since if presence.dwell_at is None else presence.dwell_at
    told = _transition(presence, TransitionType.DWELL, due, LIKELY, STAYED)
    return msgspec.structs.replace(presence, dwell_at=None), (told,)


def _dwelt(presence: Presence, here: Position, rules: Rules) -> Change:
    """The presence, and its dwell where this fix shows that the wait is over."""
    due = presence.dwell_at is not None and here.at >= presence.dwell_at
    if due and presence.probability >= rules.dwell_from:
        return say_dwell(presence)
    return presence, ()


def _seen(presence: Presence, belief: Belief, leaving_since: float | None = None) -> Presence:
    """The presence after a fix; the same object where the fix says nothing new."""
    probability = round(belief.inside, 3)
    if probability == presence.probability and leaving_since == presence.leaving_since:
        return presence
    return msgspec.structs.replace(presence, probability=probability, leaving_since=leaving_since)


def _sure_inside(belief: Belief, here: Position) -> int:
    if -belief.edge_m >= here.accuracy_m:
        return SURE
    return LIKELY if belief.inside >= LIKELY_FROM else POSSIBLE


def _sure_outside(belief: Belief, here: Position) -> int:
    if belief.edge_m >= here.accuracy_m:
        return SURE
    return LIKELY if belief.inside <= 1 - LIKELY_FROM else POSSIBLE


def _transition(
    presence: Presence, kind: TransitionType, at: float, confidence: int, reason: str
) -> Transition:
    return Transition(
        fence=presence.fence,
        type=kind,
        occurred_at=datetime.fromtimestamp(at, UTC),
        entered_at=datetime.fromtimestamp(presence.since, UTC),
        confidence=confidence,
        probability=presence.probability,
        reason=reason,
    )
