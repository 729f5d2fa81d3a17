"""Enter, dwell and exit on recorded walks: ours beside the documented rules of others.

`python -m bench.transitions FOLDER [--json] [--quick] [--users 003,004,005]`, FOLDER as `walks.regions` wants it. The
rules were tuned on the users 000, 001 and 002; the others are for reporting.
"""

import statistics
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from bench.detectors import (
    DWELL_S,
    Detector,
    Event,
    Place,
    android,
    aws,
    naive,
    ours,
    radar_both,
    radar_exits,
)
from bench.report import Table, arguments, progress, publish
from bench.walks import Array, Region, Walk, regions, report, scale, truly_inside
from geofence.presence import Rules

Spans = list[tuple[float, float]]

DETECTORS: dict[str, Detector] = {
    "naive d ≤ r": naive,
    "Radar, buffered exits": radar_exits,
    "Radar, buffered entries and exits": radar_both,
    "Android overlap 85/15": android,
    "AWS accuracy filter + d ≤ r": aws,
    "ours": ours(Rules()),
}
NEARBY_M = 7_000.0


class Score:
    """Counts over all walks and fences of one detector at one sampling interval."""

    def __init__(self, every_s: float) -> None:
        self.every_s = every_s
        self.counts: Counter[str] = Counter()
        self.delays: defaultdict[str, list[float]] = defaultdict(list)

    def add(self, spans: Spans, events: Sequence[Event]) -> None:
        """Judges what was told of one fence on one walk, against the spans truly inside."""
        by_type = {
            kind: [e.told_at for e in events if e.type == kind]
            for kind in ("enter", "dwell", "exit")
        }
        entered = self._enters(spans, by_type["enter"])
        self._visits(spans, by_type, entered)
        self._exits(spans, by_type["exit"])
        self._dwells(spans, by_type["dwell"])

    def _enters(self, spans: Spans, enters: list[float]) -> dict[int, float]:
        """The first enter of each span; the others are false or repeated."""
        entered: dict[int, float] = {}
        for told in enters:
            span = self._span_at(spans, told)
            if span is None:
                self.counts["false enters"] += 1
            elif span in entered:
                self.counts["repeated enters"] += 1
            else:
                entered[span] = told
        return entered

    def _visits(
        self, spans: Spans, told: dict[str, list[float]], entered: dict[int, float]
    ) -> None:
        stays = list(_stays(told["enter"], told["exit"]))
        for i, (start, end) in enumerate(spans):
            if end - start < max(3 * self.every_s, 120.0):
                continue
            self.counts["visits"] += 1
            if i in entered:
                self.delays["enter"].append(max(0.0, entered[i] - start))
                left = [t for t in told["exit"] if t >= end]
                self.delays["exit"] += [left[0] - end] if left else []
            elif any(a <= end and b >= start for a, b in stays):
                self.counts["merged"] += 1
            else:
                self.counts["missed"] += 1

    def _exits(self, spans: Spans, exits: list[float]) -> None:
        """False where the person was inside all the time around it."""
        w = self.every_s
        self.counts["false exits"] += sum(
            any(a <= t - w and t + w <= b for a, b in spans) for t in exits
        )

    def _dwells(self, spans: Spans, dwells: list[float]) -> None:
        """True where the person was inside for four fifths of the wait."""
        seen: set[int] = set()
        for told in dwells:
            inside = sum(max(0.0, min(b, told) - max(a, told - DWELL_S)) for a, b in spans)
            span = self._span_at(spans, told)
            if inside < 0.8 * DWELL_S:
                self.counts["false dwells"] += 1
            elif span is not None and span in seen:
                self.counts["repeated dwells"] += 1
            if span is not None:
                seen.add(span)

    def _span_at(self, spans: Spans, told: float) -> int | None:
        """The span within one sampling interval of the time told, the nearest one."""
        gaps = [max(a - told, told - b, 0.0) for a, b in spans]
        best = min(range(len(gaps)), key=gaps.__getitem__, default=None)
        return best if best is not None and gaps[best] <= self.every_s else None

    def row(self, name: str) -> tuple[object, ...]:
        """The line of the table."""
        n, visits = self.counts, max(self.counts["visits"], 1)
        shares = (100 * n["missed"] / visits, 100 * n["merged"] / visits)
        delays = (statistics.median(self.delays[k] or [0.0]) for k in ("enter", "exit"))
        counted = (
            "false enters",
            "repeated enters",
            "false exits",
            "false dwells",
            "repeated dwells",
        )
        return (name, *(n[k] for k in counted), *(round(v, 1) for v in (*shares, *delays)))


COLUMNS = (
    "rule", "false enters", "repeated enters", "false exits", "false dwells", "repeated dwells",
    "missed %", "merged %", "enter delay s", "exit delay s",
)  # fmt: skip


def _stays(enters: list[float], exits: list[float]) -> Iterable[tuple[float, float]]:
    leaving = iter([*exits, float("inf")])
    end = -float("inf")
    for start in enters:
        while end < start:
            end = next(leaving)
        yield start, end


def run(
    worlds: Iterable[Region], detectors: dict[str, Detector], every_s: float, seed: int
) -> dict[str, Score]:
    """Every detector on the same fixes."""
    scores = {name: Score(every_s) for name in detectors}
    for region in worlds:
        for number, walk in enumerate(region.walks):
            rng = np.random.default_rng([seed, int(region.user), number, int(every_s)])
            judge(walk, region, report(walk, every_s, rng), detectors, scores)
    return scores


def judge(
    walk: Walk, region: Region, fixes, detectors: dict[str, Detector], scores: dict[str, Score]
) -> None:  # type: ignore[no-untyped-def]
    fences = _nearby(walk, region.fences)
    per_degree, middle = scale(region.middle), np.array([region.middle[1], region.middle[0]])
    place = Place(fixes, fences, lambda xy: xy / per_degree + middle)
    truth = [truly_inside(walk, fence) for fence in fences]
    for name, detect in detectors.items():
        events: defaultdict[int, list[Event]] = defaultdict(list)
        for event in detect(place):
            events[event.fence].append(event)
        for i, spans in enumerate(truth):
            if spans or events[i]:
                scores[name].add(spans, events[i])


def _nearby(walk: Walk, fences: Array) -> Array:
    least, most = walk.xy.min(axis=0) - NEARBY_M, walk.xy.max(axis=0) + NEARBY_M
    near = ((fences[:, :2] >= least) & (fences[:, :2] <= most)).all(axis=1)
    return fences[near]


def main() -> None:
    parser = arguments(__doc__ or "")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--users", default="003,004,005", help="folders to report on")
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    users = set(asked.users.split(","))
    worlds = [region for region in regions(asked.folder, asked.seed) if region.user in users]
    tables = []
    for every_s in (150.0,) if asked.quick else (30.0, 150.0):
        progress(f"fixes every {every_s:g} s")
        scores = run(worlds, DETECTORS, every_s, asked.seed)
        visits = scores["ours"].counts["visits"]
        hours = sum(w.at[-1] - w.at[0] for region in worlds for w in region.walks) / 3600
        tables.append(
            Table(
                title=f"fixes every {every_s:g} s: {hours:.0f} h of walks, {visits} visits",
                columns=COLUMNS,
                rows=tuple(score.row(name) for name, score in scores.items()),
            )
        )
    publish("transitions", tables, as_json=asked.json, quick=asked.quick)


if __name__ == "__main__":
    main()
