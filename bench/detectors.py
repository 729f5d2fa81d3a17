"""Documented rules of others for enter, dwell and exit, and ours, behind one form: fixes and fences in, events out."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from bench.walks import Array, Fixes, moment
from domain.places import Fix
from geofence.index import FenceIndex
from geofence.presence import Rules
from geofence.shapes import Circle
from geofence.transitions import DeviceState, Fences, step

DWELL_S = 300.0


class Event(NamedTuple):
    """`told_at`: device time of the fix that brought it."""

    fence: int
    type: str
    told_at: float


class Place(NamedTuple):
    """A walk's fixes and the fences around, in metres of one plane; `to_degrees` maps (x, y) to (lon, lat)."""

    fixes: Fixes
    fences: Array
    to_degrees: Callable[[Array], Array]


Detector = Callable[[Place], Iterator[Event]]


def naive(place: Place) -> Iterator[Event]:
    """Inside is d ≤ r, fix by fix as they arrive."""
    d, r = _distances(place.fixes, place.fences)
    yield from _events(place.fixes, enter=d <= r, leave=d > r)


def radar_exits(place: Place) -> Iterator[Event]:
    """Radar with buffered exits: leave only when d > r + accuracy."""
    fixes = _in_order(place.fixes)
    d, r = _distances(fixes, place.fences)
    yield from _events(fixes, enter=d <= r, leave=d > r + fixes.accuracy_m[:, None])


def radar_both(place: Place) -> Iterator[Event]:
    """Radar with buffered entries and exits: enter already when d ≤ r + accuracy."""
    fixes = _in_order(place.fixes)
    d, r = _distances(fixes, place.fences)
    reach = r + fixes.accuracy_m[:, None]
    yield from _events(fixes, enter=d <= reach, leave=d > reach)


def android(place: Place) -> Iterator[Event]:
    """Play services: the share of the accuracy circle that the fence covers, 85 % to enter and 15 % to leave; 75 % and
    25 % where the fence is the smaller of the two.
    """
    fixes = _in_order(place.fixes)
    d, r = _distances(fixes, place.fences)
    r, accuracy = np.broadcast_arrays(r, fixes.accuracy_m[:, None], d)[:2]
    share = _overlap(d, r, accuracy) / (np.pi * accuracy**2)
    enter = share >= np.where(r >= accuracy, 0.85, 0.75)
    leave = share <= np.where(r >= accuracy, 0.15, 0.25)
    yield from _events(fixes, enter=enter, leave=leave)


def aws(place: Place) -> Iterator[Event]:
    """AWS Location's AccuracyBased filter, then d ≤ r: a move shorter than both accuracies is no update."""
    fixes = _in_order(place.fixes)
    kept = [0]
    for i in range(1, len(fixes)):
        moved = np.hypot(*(fixes.xy[i] - fixes.xy[kept[-1]]))
        if moved >= fixes.accuracy_m[i] + fixes.accuracy_m[kept[-1]]:
            kept.append(i)
    fixes = _pick(fixes, np.array(kept))
    d, r = _distances(fixes, place.fences)
    yield from _events(fixes, enter=d <= r, leave=d > r)


def ours(rules: Rules) -> Detector:
    """`geofence.transitions.step`, with these rules."""

    def detect(place: Place) -> Iterator[Event]:
        centres = place.to_degrees(place.fences[:, :2])
        circles = (
            Circle(lat, lon, r)
            for (lon, lat), r in zip(centres.tolist(), place.fences[:, 2].tolist(), strict=True)
        )
        fences = Fences(FenceIndex(enumerate(circles)), dict.fromkeys(range(len(centres)), DWELL_S))
        state = DeviceState()
        degrees = place.to_degrees(place.fixes.xy)
        for (lon, lat), at, accuracy in zip(
            degrees.tolist(), place.fixes.at.tolist(), place.fixes.accuracy_m.tolist(), strict=True
        ):
            when = moment(at)
            fix = Fix(
                event_id="", latitude=lat, longitude=lon, accuracy_m=accuracy, occurred_at=when
            )
            state, told, _ = step(state, fix, fences, now=when, rules=rules)
            for each in told:
                yield Event(each.fence, each.type.value, at)

    return detect


def _distances(fixes: Fixes, fences: Array) -> tuple[Array, Array]:
    """Metres from each fix (row) to each fence's centre (column), and the radii as one row."""
    x, y = (fixes.xy[:, None, i] - fences[None, :, i] for i in (0, 1))
    return np.hypot(x, y), fences[None, :, 2]


def _in_order(fixes: Fixes) -> Fixes:
    """Without the fixes that are not newer than one before, which a phone's own detector never sees."""
    newest = np.maximum.accumulate(np.append(-np.inf, fixes.at[:-1]))
    return _pick(fixes, np.flatnonzero(fixes.at > newest))


def _pick(fixes: Fixes, rows: "np.ndarray[tuple[int], np.dtype[np.int64]]") -> Fixes:
    return Fixes(fixes.at[rows], fixes.xy[rows], fixes.accuracy_m[rows])


def _overlap(d: Array, r: Array, a: Array) -> Array:
    """The area two circles share."""
    small, large = np.minimum(r, a), np.maximum(r, a)
    near = np.maximum(d, 1e-9)
    cos_r = np.clip((near**2 + r**2 - a**2) / (2 * near * r), -1, 1)
    cos_a = np.clip((near**2 + a**2 - r**2) / (2 * near * a), -1, 1)
    kite = (-near + r + a) * (near + r - a) * (near - r + a) * (near + r + a)
    lens = r**2 * np.arccos(cos_r) + a**2 * np.arccos(cos_a) - 0.5 * np.sqrt(np.maximum(kite, 0))
    return np.where(d >= r + a, 0.0, np.where(d <= large - small, np.pi * small**2, lens))


def _events(fixes: Fixes, *, enter: "np.ndarray", leave: "np.ndarray") -> Iterator[Event]:
    """What a two-state rule tells; in between the conditions a state is kept. A dwell comes with the first fix due."""
    said = np.where(enter, 1, np.where(leave, -1, 0))
    said[0] = np.where(enter[0], 1, -1)
    steps = np.arange(len(said))[:, None]
    inside = (
        np.take_along_axis(
            said, np.maximum.accumulate(np.where(said != 0, steps, 0), axis=0), axis=0
        )
        > 0
    )
    for fence in np.flatnonzero(inside.any(axis=0)).tolist():
        yield from _of_one(fence, inside[:, fence], fixes.at)


def _of_one(fence: int, inside: "np.ndarray", at: Array) -> Iterator[Event]:
    edges = np.flatnonzero(np.diff(inside.astype(np.int8), prepend=0, append=0))
    for start, end in zip(edges[::2], edges[1::2], strict=True):
        yield Event(fence, "enter", float(at[start]))
        due = start + np.flatnonzero(at[start:end] >= at[start] + DWELL_S)
        if len(due):
            yield Event(fence, "dwell", float(at[due[0]]))
        if end < len(at):
            yield Event(fence, "exit", float(at[end]))
