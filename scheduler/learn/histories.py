"""Visits of many people, as a backtest reads them: who and when, in the order of time."""

from collections.abc import Iterable
from typing import NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]
Counts = NDArray[np.int64]


class Histories(NamedTuple):
    """Visit i was by person `who[i]` (0 …) at `at[i]` (epoch seconds), sorted by time; the clock is read in `zone`."""

    who: Counts
    at: Numbers
    people: int
    zone: ZoneInfo


def histories(visits: Iterable[tuple[int, float]], zone: ZoneInfo) -> Histories:
    """Visits (person, epoch seconds) in any order; people are numbered from 0 on without a gap."""
    table = np.array(list(visits)).reshape(-1, 2)
    table = table[np.lexsort((table[:, 0], table[:, 1]))]
    who = table[:, 0].astype(np.int64)
    return Histories(who, table[:, 1], int(who.max(initial=-1)) + 1, zone)


def next_visits(visits: Histories, who: Counts, at: Numbers) -> Numbers:
    """Seconds from each `at` to that person's next visit at or after it; infinity where none is known."""
    order = np.lexsort((visits.at, visits.who))
    by_person, times = visits.who[order], visits.at[order]
    begin, span = visits.at[0], visits.at[-1] - visits.at[0] + 1.0
    keys = by_person * 2 * span + (times - begin)
    found = np.searchsorted(keys, who * 2 * span + np.clip(at - begin, 0, span))
    there = np.minimum(found, len(keys) - 1)
    theirs = (found < len(keys)) & (by_person[there] == who)
    wait: Numbers = np.where(theirs, times[there] - at, np.inf)
    return wait
