"""Will this person come within 7 or 30 days? Asked of everybody known at midnights, and answered by what followed. Pure."""

from collections.abc import Callable, Sequence
from datetime import datetime, time, timedelta
from typing import NamedTuple

import numpy as np

from scheduler.context import chances
from scheduler.context.chances import Days
from scheduler.context.pace import DAY_S, per_day
from scheduler.learn.crowd import Crowd
from scheduler.learn.histories import Counts, Histories, Numbers, next_visits


class Asked(NamedTuple):
    """Of whom, when (epoch seconds), their visits with first and last until then, what was said and what came.

    `plain`: 1 − e^(−λ·days) with the person's decayed rate alone.
    """

    who: Counts
    at: Numbers
    visits: Numbers
    first: Numbers
    last: Numbers
    plain: Numbers
    said: Numbers
    came: Numbers


def midnights(visits: Histories) -> list[float]:
    """Every local midnight after the first visit up to the end of the last one's day (epoch seconds)."""
    first, last = (datetime.fromtimestamp(at, visits.zone).date() for at in visits.at[[0, -1]])
    return [
        datetime.combine(first + timedelta(days=n), time(), visits.zone).timestamp()
        for n in range(1, (last - first).days + 2)
    ]


def asked(
    visits: Histories,
    horizons: Sequence[Days],
    *,
    since: float,
    least: int,
    every: int,
    tick: Callable[[int], None],
) -> dict[Days, Asked]:
    """Questions at every so many-th midnight from `since`, of who came at least so often by then, before anything after it."""
    crowd = Crowd(visits.people, visits.zone)
    told: dict[Days, list[Asked]] = {days: [] for days in horizons}
    done = 0
    for number, night in enumerate(midnights(visits)):
        upto = int(np.searchsorted(visits.at, night))
        for each in range(done, upto):
            crowd.visit(int(visits.who[each]), float(visits.at[each]))
        tick(upto - done)
        done = upto
        crowd.night(night)
        for days in horizons:
            if number % every == 0 and since <= night <= visits.at[-1] - days * DAY_S:
                told[days].append(_said(crowd, visits, night, days, least))
    return {days: _joined(parts) for days, parts in told.items() if parts}


def _joined(parts: Sequence[Asked]) -> Asked:
    return Asked(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def _said(crowd: Crowd, visits: Histories, night: float, days: Days, least: int) -> Asked:
    who = crowd.known(least)
    pace, at = crowd.pace(who), np.full(len(who), night)
    terms = chances.within_terms(pace, at, days=days)
    return Asked(
        who=who,
        at=at,
        visits=pace.visits,
        first=pace.first,
        last=pace.last,
        plain=-np.expm1(-days * per_day(pace, at)),
        said=chances.told(chances.within(crowd.brand, days), chances.WITHIN, terms),
        came=(next_visits(visits, who, at) < days * DAY_S).astype(float),
    )
