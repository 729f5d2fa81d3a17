"""Recorded walks with fences at the places they touch, and what a phone would have reported of them.

The recordings, smoothed, are taken for the truth. The phone's errors are made: correlated over a minute, of three kinds
of sources, with an accuracy that is itself misjudged, and now and then a jump, a late fix or a repeated one.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from domain.errors import Invalid
from service.cli.tracks import read_track

Array = NDArray[np.float64]

GAP_S = 300.0  # a longer pause in the recording begins a new walk …
REST_S, REST_M = 7200.0, 150.0  # … unless it ends where it began, as a logger indoors does
SHORTEST_S = 1200.0
FASTEST_MPS = 50.0
RADII = (50.0, 100.0, 150.0, 300.0)
FENCES_PER_USER = 120
ERRORS_LAST_S = 60.0
# Share, least and greatest true accuracy (68 % radius) of GPS, Wi-Fi and cell positions.
SOURCES = ((0.66, 4.0, 15.0), (0.29, 18.0, 50.0), (0.05, 150.0, 1000.0))
MISJUDGED = 0.3  # log-deviation of the reported accuracy
JUMPS, LATE, TWICE = 0.004, 0.01, 0.01


class Walk(NamedTuple):
    """The truth of one walk: seconds, and metres east and north of the user's middle."""

    user: str
    at: Array
    xy: Array


class Region(NamedTuple):
    """A user's walks, and the fences (x, y, radius in metres) on and beside them."""

    user: str
    middle: tuple[float, float]
    walks: list[Walk]
    fences: Array


class Fixes(NamedTuple):
    """What the phone reports of a walk, in the order of arrival."""

    at: Array
    xy: Array
    accuracy_m: Array

    def __len__(self) -> int:
        return len(self.at)


def regions(folder: Path, seed: int) -> Iterator[Region]:
    """One region per user folder (`000/Trajectory/*.plt`) below `folder`."""
    for user in sorted(path for path in folder.iterdir() if path.is_dir()):
        points = np.array([p for file in sorted(user.rglob("*.plt")) for p in _points(file)])
        if not len(points):
            continue
        middle = (float(np.median(points[:, 1])), float(np.median(points[:, 2])))
        walks = list(_walks(user.name, points, middle))
        rng = np.random.default_rng([seed, int(user.name)])
        yield Region(user.name, middle, walks, _fences(walks, rng))


def _points(file: Path) -> list[tuple[float, float, float]]:
    try:
        track = read_track(file)
    except Invalid:
        return []
    return [(p.occurred_at.timestamp(), p.latitude, p.longitude) for p in track.points]


def scale(middle: tuple[float, float]) -> Array:
    """Metres per degree of (longitude, latitude) around a middle."""
    return np.array([111_320 * np.cos(np.radians(middle[0])), 111_320.0])


def _walks(user: str, points: Array, middle: tuple[float, float]) -> Iterator[Walk]:
    points = points[np.argsort(points[:, 0], kind="stable")]
    points = points[np.diff(points[:, 0], prepend=-np.inf) > 0]
    xy = (points[:, [2, 1]] - np.array([middle[1], middle[0]])) * scale(middle)
    step = np.hypot(*np.diff(xy, axis=0).T)
    pause = np.diff(points[:, 0])
    rest = (pause <= REST_S) & (step <= REST_M)
    breaks = np.flatnonzero(((pause > GAP_S) & ~rest) | (step > FASTEST_MPS * pause + 50)) + 1
    for part in np.split(np.arange(len(points)), breaks):
        at = points[part, 0]
        if at[-1] - at[0] >= SHORTEST_S:
            yield Walk(user, at, _smoothed(xy[part]))


def _smoothed(xy: Array, width: int = 5) -> Array:
    padded = np.pad(xy, ((width // 2, width // 2), (0, 0)), mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, width, axis=0)
    return np.median(windows, axis=2)


def _fences(walks: list[Walk], rng: np.random.Generator) -> Array:
    """Two of three at stays, the rest on the way; the edge deliberately near the path."""
    stays = [place for walk in walks for place in _stays(walk)]
    ways = np.concatenate([walk.xy for walk in walks])
    made = []
    for i in range(FENCES_PER_USER):
        radius = RADII[i % len(RADII)]
        place = (
            stays[rng.integers(len(stays))] if stays and i % 3 else ways[rng.integers(len(ways))]
        )
        bearing, off = rng.uniform(0, 2 * np.pi), radius * rng.uniform(0.2, 1.2)
        made.append([*(place + off * np.array([np.cos(bearing), np.sin(bearing)])), radius])
    return np.array(made)


def _stays(walk: Walk, within_m: float = 60.0, least_s: float = 300.0) -> Iterator[Array]:
    """Places where the walk rests."""
    start = 0
    while start < len(walk.at):
        away = np.hypot(*(walk.xy[start:] - walk.xy[start]).T)
        left = np.flatnonzero(away > within_m)
        end = start + (int(left[0]) if len(left) else len(away))
        if walk.at[end - 1] - walk.at[start] >= least_s:
            yield np.median(walk.xy[start:end], axis=0)
        start = max(end, start + 1)


def report(walk: Walk, every_s: float, rng: np.random.Generator) -> Fixes:
    """The fixes of a walk, one about every `every_s` seconds."""
    at = np.arange(walk.at[0], walk.at[-1], every_s)
    at = at + rng.uniform(0, 0.1 * every_s, len(at))
    truth = np.column_stack([np.interp(at, walk.at, walk.xy[:, i]) for i in (0, 1)])
    kind = rng.choice(len(SOURCES), len(at), p=[share for share, *_ in SOURCES])
    least, most = (np.array([source[i] for source in SOURCES])[kind] for i in (1, 2))
    accuracy = np.exp(rng.uniform(np.log(least), np.log(most)))
    xy = truth + _wander(at, rng) * (accuracy / 1.5096)[:, None]
    reported = accuracy * np.exp(rng.normal(0, MISJUDGED, len(at)))
    jumps = np.flatnonzero(rng.random(len(at)) < JUMPS)
    bearing, far = rng.uniform(0, 2 * np.pi, len(jumps)), rng.uniform(500, 5_000, len(jumps))
    xy[jumps] += np.column_stack([np.cos(bearing), np.sin(bearing)]) * far[:, None]
    reported[jumps] = rng.uniform(5, 20, len(jumps))
    return _as_delivered(Fixes(at, xy, np.maximum(reported, 3.0)), every_s, rng)


def _wander(at: Array, rng: np.random.Generator) -> Array:
    """A Gauss–Markov process of unit deviation in both directions."""
    error = np.empty((len(at), 2))
    error[0] = rng.normal(size=2)
    keep = np.exp(-np.diff(at) / ERRORS_LAST_S)
    for i, k in enumerate(keep):
        error[i + 1] = k * error[i] + np.sqrt(1 - k * k) * rng.normal(size=2)
    return error


def _as_delivered(fixes: Fixes, every_s: float, rng: np.random.Generator) -> Fixes:
    """Some come late, some twice."""
    arrival = fixes.at + np.where(
        rng.random(len(fixes)) < LATE, rng.uniform(1, 5, len(fixes)) * every_s, 0
    )
    twice = np.flatnonzero(rng.random(len(fixes)) < TWICE)
    arrival = np.append(arrival, fixes.at[twice] + rng.uniform(0, 3, len(twice)) * every_s)
    order = np.append(np.arange(len(fixes)), twice)[np.argsort(arrival, kind="stable")]
    return Fixes(fixes.at[order], fixes.xy[order], fixes.accuracy_m[order])


def truly_inside(walk: Walk, fence: Array) -> list[tuple[float, float]]:
    """The spans of seconds in which the walk is inside the circle."""
    at = np.arange(walk.at[0], walk.at[-1], 5.0)
    xy = np.column_stack([np.interp(at, walk.at, walk.xy[:, i]) for i in (0, 1)])
    inside = np.hypot(*(xy - fence[:2]).T) <= fence[2]
    edges = np.flatnonzero(np.diff(inside.astype(np.int8), prepend=0, append=0))
    return [
        (float(at[a]), float(at[min(b, len(at) - 1)]))
        for a, b in zip(edges[::2], edges[1::2], strict=True)
    ]


def moment(seconds: float) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
