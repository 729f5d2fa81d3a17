"""Enter, dwell and exit on recorded walks: ours beside the documented rules of others.

`python -m bench.transitions FOLDER [--json] [--quick] [--seeds 5] [--users 003,004,005]`, FOLDER as `walks.regions` wants
it. Each seed places other fences and makes other errors. The rules were tuned on the users 000, 001 and 002; the others
are for reporting.
"""

import statistics
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

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
from bench.walks import Array, Fixes, Region, Walk, regions, report, scale, truly_inside
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

    def figures(self) -> list[float]:
        """What `COLUMNS` names."""
        visits = max(self.counts["visits"], 1)
        shares = [100 * self.counts[kind] / visits for kind in ("missed", "merged")]
        return [
            *(self.counts[kind] for kind in COUNTED),
            *shares,
            *map(self.delay, ("enter", "exit")),
        ]

    def delay(self, kind: str) -> float:
        """The median seconds from the truth to what was told."""
        return statistics.median(self.delays[kind] or [0.0])

    @property
    def wrong_dwells(self) -> int:
        """False and repeated ones."""
        return self.counts["false dwells"] + self.counts["repeated dwells"]


COUNTED = ("false enters", "repeated enters", "false exits", "false dwells", "repeated dwells")
COLUMNS = ("rule", *COUNTED, "missed %", "merged %", "enter delay s", "exit delay s")

Scores = dict[str, Score]


class Goal(NamedTuple):
    """What ours is to reach: a figure, and the most it may be."""

    name: str
    figure: Callable[[Scores], float]
    most: float


def goals(every_s: float) -> list[Goal]:
    """The lines to reach at this interval."""
    false, repeated, missed = (0.25, 0.2, 4.0) if every_s < 60 else (1 / 6, 0.1, 3.0)
    return [
        Goal("false enters, share of d ≤ r's", lambda s: _share(s, "false enters"), false),
        Goal("repeated enters, share of d ≤ r's", lambda s: _share(s, "repeated enters"), repeated),
        Goal("missed visits %", lambda s: s["ours"].figures()[5], missed),
        Goal("enter delay, intervals", lambda s: s["ours"].delay("enter") / every_s, 1.5),
        Goal("wrong dwells, share of the best peer's", _share_of_dwells, 1.0),
    ]


def _share(scores: Scores, kind: str) -> float:
    return scores["ours"].counts[kind] / max(scores["naive d ≤ r"].counts[kind], 1)


def _share_of_dwells(scores: Scores) -> float:
    best = min(score.wrong_dwells for name, score in scores.items() if name != "ours")
    return scores["ours"].wrong_dwells / max(best, 1)


def reached(every_s: float, by_seed: Sequence[Scores]) -> Iterable[tuple[object, ...]]:
    """A line per goal: over the seeds the median, the best, the worst, and whether that is good enough."""
    for goal in goals(every_s):
        figures = sorted(goal.figure(scores) for scores in by_seed)
        good = sum(figure <= goal.most for figure in figures)
        verdict = "reached" if good == len(figures) else f"not reached, {good} of {len(figures)}"
        middle = statistics.median(figures)
        yield (
            f"{goal.name}, every {every_s:g} s",
            goal.most,
            middle,
            figures[0],
            figures[-1],
            verdict,
        )


def means(by_seed: Sequence[Scores]) -> Iterable[tuple[object, ...]]:
    """A line per rule: the means over the seeds."""
    for name in by_seed[0]:
        columns = zip(*(scores[name].figures() for scores in by_seed), strict=True)
        means = [statistics.fmean(column) for column in columns]
        counts, others = means[: len(COUNTED)], means[len(COUNTED) :]
        yield (name, *(round(mean) for mean in counts), *(round(mean, 1) for mean in others))


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
    walk: Walk, region: Region, fixes: Fixes, detectors: dict[str, Detector], scores: Scores
) -> None:
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
    found: Array = fences[near]
    return found


def main() -> None:
    parser = arguments(__doc__ or "")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--users", default="003,004,005", help="folders to report on")
    parser.add_argument("--seeds", type=int, default=5, help="how many times, each with others")
    asked = parser.parse_args()
    users = set(asked.users.split(","))
    seeds = range(1, asked.seeds + 1)
    worlds = {
        seed: [region for region in regions(asked.folder, seed) if region.user in users]
        for seed in seeds
    }
    tables, lines = [], list[tuple[object, ...]]()
    for every_s in (150.0,) if asked.quick else (30.0, 150.0):
        by_seed = []
        for seed in seeds:
            progress(f"fixes every {every_s:g} s, seed {seed}")
            by_seed.append(run(worlds[seed], DETECTORS, every_s, seed))
        visits = sum(scores["ours"].counts["visits"] for scores in by_seed) / len(by_seed)
        hours = sum(w.at[-1] - w.at[0] for region in worlds[1] for w in region.walks) / 3600
        tables.append(
            Table(
                title=f"fixes every {every_s:g} s: {hours:.0f} h of walks, {visits:.0f} visits",
                columns=COLUMNS,
                rows=tuple(means(by_seed)),
                note=f"means of {len(by_seed)} seeds",
            )
        )
        lines += reached(every_s, by_seed)
    tables.append(
        Table(
            title="what ours is to reach",
            columns=("figure", "at most", "median", "best seed", "worst seed", "verdict"),
            rows=tuple(lines),
            note="reached: by every seed",
        )
    )
    publish("transitions", tables, as_json=asked.json, quick=asked.quick)


if __name__ == "__main__":
    main()
