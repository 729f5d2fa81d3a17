"""A device at one fence: when a belief becomes an enter, a dwell or an exit. Pure; `transitions` walks over the fences."""

from datetime import UTC, datetime
from math import exp, inf, log
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
    """When beliefs become a transition. The defaults are tuned on recorded walks, see `bench/transitions.py`.

    Evidence is counted in log-odds: P = 0.95 is worth 2.9, P = 0.5 nothing. It adds up over fixes in Page's way, never
    below nothing; a fix is worth less the sooner it follows another, for their errors are nearly the same.
    """

    enter_at_once: float = 0.95  # P(inside) of one fix that is enough
    enough_to_enter: float = 3.0
    enough_to_leave: float = 5.0
    leaving_mps: float = 8.0  # one fix far outside is enough where the edge was left no faster; else it may be a glitch
    most_per_fix: float = 3.0  # no single fix is worth more, for phones misjudge their accuracy
    errors_last_s: float = 60.0  # how long errors of a phone's positions take to fade
    dwell_from: float = 0.98  # P(inside) of the last fix when a dwell is said
    fresh_s: float = 300.0  # how old the last fix may be when a dwell is said without one
    silence_s: float = 7200.0  # after so long without a fix nobody knows where the device is


class Presence(Value, array_like=True, kw_only=False, gc=False):
    """A device that is not outside of a fence: arriving (`inside` is False), inside, or leaving.

    Times are device time in epoch seconds. `since`: the first fix that speaks for being inside; a visit begins there.
    `probability`: P(inside) of the last fix. `dwell_at`: when a dwell is due; None where none is wanted or it was said.
    `evidence`: for having come in or gone out, as far as gathered; `leaving_since`: the first fix of that for going.
    """

    fence: Any
    fingerprint: int
    inside: bool
    since: float
    probability: float
    dwell_at: float | None = None
    leaving_since: float | None = None
    evidence: float = 0.0


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
    elapsed_s: float,
    dwell_s: float | None,
    rules: Rules,
    reason: str = ARRIVED,
) -> Change:
    """The presence after the next fix, `elapsed_s` after the one before (infinite where that was outside)."""
    if presence.inside and presence.evidence == 0.0 and belief.inside >= 0.5:
        if presence.dwell_at is None and presence.probability == belief.inside:
            return presence, ()  # most fixes of most visits
        return _dwelt(_seen(presence, belief), belief, here, rules)
    at_once = reason == FIRST_FIX or belief.inside >= rules.enter_at_once
    if at_once and not presence.inside:
        return _enter(presence, belief, here, dwell_s, rules, reason)
    weight = 1.0 - exp(-elapsed_s / rules.errors_last_s)
    if presence.inside:
        return _stay(
            presence, belief, here, weight, rules, left=_left(presence, belief, elapsed_s, rules)
        )
    arrived = _arriving(presence, belief, weight, rules)
    if arrived.evidence < rules.enough_to_enter:
        return (arrived if arrived.evidence else None), ()
    return _enter(arrived, belief, here, dwell_s, rules, reason)


def _arriving(presence: Presence, belief: Belief, weight: float, rules: Rules) -> Presence:
    gathered = presence.evidence + weight * _worth(belief.inside, rules)
    return _seen(presence, belief, evidence=max(0.0, round(gathered, 2)))


def _enter(
    presence: Presence,
    belief: Belief,
    here: Position,
    dwell_s: float | None,
    rules: Rules,
    reason: str,
) -> Change:
    due = None if dwell_s is None else presence.since + dwell_s
    entered = msgspec.structs.replace(
        presence, inside=True, probability=_shown(belief), evidence=0.0, dwell_at=due
    )
    sure = _sure_inside(belief, here)
    enter = _transition(entered, TransitionType.ENTER, entered.since, sure, reason)
    after, said = _dwelt(entered, belief, here, rules)
    return after, (enter, *said)


def _stay(
    presence: Presence,
    belief: Belief,
    here: Position,
    weight: float,
    rules: Rules,
    *,
    left: bool,
) -> Change:
    gathered = presence.evidence - weight * _worth(belief.inside, rules)
    if gathered <= 0.0:
        return _dwelt(_seen(presence, belief), belief, here, rules)
    since = here.at if presence.leaving_since is None else presence.leaving_since
    if gathered < rules.enough_to_leave and not left:
        return _seen(presence, belief, since, round(gathered, 2)), ()
    sure = _sure_outside(belief, here)
    return None, (_transition(_seen(presence, belief), TransitionType.EXIT, since, sure, LEFT),)


def _left(presence: Presence, belief: Belief, elapsed_s: float, rules: Rules) -> bool:
    """Whether a fix far outside is enough: at a believable speed alone, else after another that spoke for leaving."""
    on_the_way = presence.leaving_since is not None
    return belief.far_outside and (on_the_way or belief.edge_m <= rules.leaving_mps * elapsed_s)


def _worth(probability: float, rules: Rules) -> float:
    """The log-odds of a probability, cut at what one fix may be worth."""
    odds = max(probability, 1e-9) / max(1.0 - probability, 1e-9)
    return max(-rules.most_per_fix, min(log(odds), rules.most_per_fix))


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


def say_dwell(
    presence: Presence, confidence: int = LIKELY
) -> tuple[Presence, tuple[Transition, ...]]:
    """The dwell of this visit, at the time its wait ended; once."""
    due = presence.since if presence.dwell_at is None else presence.dwell_at
    told = _transition(presence, TransitionType.DWELL, due, confidence, STAYED)
    return msgspec.structs.replace(presence, dwell_at=None), (told,)


def _dwelt(presence: Presence, belief: Belief, here: Position, rules: Rules) -> Change:
    """The presence, and its dwell where this fix shows that the wait is over."""
    due = presence.dwell_at is not None and here.at >= presence.dwell_at
    if due and presence.probability >= rules.dwell_from:
        return say_dwell(presence, _sure_inside(belief, here))
    return presence, ()


def _seen(
    presence: Presence,
    belief: Belief,
    leaving_since: float | None = None,
    evidence: float = 0.0,
) -> Presence:
    """The presence after a fix; the same object where the fix says nothing new."""
    probability = _shown(belief)
    if (
        presence.probability == probability
        and presence.leaving_since == leaving_since
        and presence.evidence == evidence
    ):
        return presence
    return msgspec.structs.replace(
        presence, probability=probability, leaving_since=leaving_since, evidence=evidence
    )


def _shown(belief: Belief) -> float:
    """P(inside) as it is kept and told; most fixes are certain, and rounding them would cost more than asking."""
    inside = belief.inside
    return round(inside, 3) if 0.0 < inside < 1.0 else inside


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
    entered_at = datetime.fromtimestamp(presence.since, UTC)
    return Transition(
        fence=presence.fence,
        type=kind,
        occurred_at=entered_at if at == presence.since else datetime.fromtimestamp(at, UTC),
        entered_at=entered_at,
        confidence=confidence,
        probability=presence.probability,
        reason=reason,
    )
