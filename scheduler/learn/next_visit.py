"""Will this person come within 7 or 30 days? Asked of everybody known at midnights, and answered by what followed. Pure."""

from collections.abc import Callable
from datetime import datetime, time, timedelta
from typing import NamedTuple

import numpy as np

from scheduler.context import chances
from scheduler.context.chances import Days
from scheduler.context.pace import DAY_S, Pace
from scheduler.learn.crowd import Crowd
from scheduler.learn.histories import Counts, Histories, Numbers, next_visits


class Asked(NamedTuple):
    """Of whom, when (epoch seconds), the pace they were known by, what was said and what came."""

    who: Counts
    at: Numbers
    pace: Pace
    said: Numbers
    came: Numbers


def midnights(visits: Histories) -> list[float]:
    """Every local midnight after the first visit up to the last one's day's end (epoch seconds)."""
    first, last = (datetime.fromtimestamp(at, visits.zone).date() for at in visits.at[[0, -1]])
    return [
        datetime.combine(first + timedelta(days=n), time(), visits.zone).timestamp()
        for n in range(1, (last - first).days + 2)
    ]


def asked(
    visits: Histories, *, days: Days, least: int, every: int, tick: Callable[[int], None]
) -> Asked:
    """Questions at every so many-th midnight, of who came at least so often by then, predicted before anything after it."""
    crowd = Crowd(visits.people, visits.zone)
    told: list[tuple[Counts, Numbers, Pace, Numbers]] = []
    done, end = 0, visits.at[-1] - days * DAY_S
    for number, night in enumerate(midnights(visits)):
        upto = int(np.searchsorted(visits.at, night))
        for who, at in zip(
            visits.who[done:upto].tolist(), visits.at[done:upto].tolist(), strict=True
        ):
            crowd.visit(who, at)
        tick(upto - done)
        done = upto
        crowd.night(night)
        if number % every == 0 and night <= end:
            told.append(_said(crowd, night, days, least))
    who, at, said = (np.concatenate([each[n] for each in told]) for n in (0, 1, 3))
    pace = Pace(
        *(np.concatenate(column) for column in zip(*(each[2] for each in told), strict=True))
    )
    return Asked(who, at, pace, said, (next_visits(visits, who, at) < days * DAY_S).astype(float))


def _said(
    crowd: Crowd, night: float, days: Days, least: int
) -> tuple[Counts, Numbers, Pace, Numbers]:
    who = crowd.known(least)
    pace, at = crowd.pace(who), np.full(len(who), night)
    terms = chances.within_terms(pace, at, days=days)
    return who, at, pace, chances.told(chances.within(crowd.brand, days), chances.WITHIN, terms)
