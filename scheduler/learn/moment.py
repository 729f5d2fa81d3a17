"""Will this person come within three hours? Asked of everybody known at each full hour from 6 to 21. Pure.

Beside the engine's own forecast stand the plain ones it must beat: λ for everybody or for the person, times the wheel of
everybody or of the person, each as 1 − e^(−7 λ p(window)).
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import NamedTuple

import numpy as np

from scheduler.context import chances, rhythm
from scheduler.context.pace import per_day
from scheduler.context.questions import FIRST_HOUR, HOURS
from scheduler.learn.crowd import Crowd
from scheduler.learn.histories import Counts, Histories, Numbers, next_visits
from scheduler.learn.next_visit import midnights

AHEAD_S = rhythm.WINDOW_H * 3600.0
MODELS = ("global", "rate", "rate_x_global", "rate_x_wheel", "whenabouts")


class Hours(NamedTuple):
    """Of whom, when, what each model said (one row per model of `MODELS`), and what came."""

    who: Counts
    at: Numbers
    said: Numbers
    came: Numbers


class _Everybody:
    """Visits and days of people so far: how often anybody comes."""

    def __init__(self) -> None:
        self.visits = 0.0
        self.days = 0.0

    @property
    def per_day(self) -> float:
        return (self.visits + 0.5) / (self.days + 8)


def asked(visits: Histories, *, since: float, least: int, tick: Callable[[int], None]) -> Hours:
    """Questions from `since` on, of who came at least so often by then, predicted before anything after it."""
    crowd, everybody = Crowd(visits.people, visits.zone), _Everybody()
    told: list[tuple[Counts, Numbers, Numbers]] = []
    done = 0
    for night in midnights(visits):
        local = datetime.fromtimestamp(night, visits.zone)
        morning = local - timedelta(days=1)
        crowd.dawn(morning.timestamp())
        for hour in range(FIRST_HOUR, FIRST_HOUR + HOURS):
            at = morning.replace(hour=hour)
            done = _until(crowd, visits, done, at.timestamp(), everybody, tick)
            if since <= at.timestamp() <= visits.at[-1] - AHEAD_S:
                told.append(_said(crowd, at, least, everybody))
        done = _until(crowd, visits, done, night, everybody, tick)
        everybody.days += len(crowd.known(1))
        crowd.night(night)
    if not told:
        none = np.empty(0)
        return Hours(np.empty(0, dtype=np.int64), none, np.empty((len(MODELS), 0)), none)
    who, at_s = (np.concatenate([each[n] for each in told]) for n in (0, 1))
    said = np.concatenate([each[2] for each in told], axis=1)
    return Hours(who, at_s, said, (next_visits(visits, who, at_s) < AHEAD_S).astype(float))


def _until(
    crowd: Crowd,
    visits: Histories,
    done: int,
    at: float,
    everybody: _Everybody,
    tick: Callable[[int], None],
) -> int:
    upto = int(np.searchsorted(visits.at, at))
    for number in range(done, upto):
        crowd.visit(int(visits.who[number]), float(visits.at[number]))
    everybody.visits += upto - done
    tick(upto - done)
    return upto


def _said(
    crowd: Crowd, at: datetime, least: int, everybody: _Everybody
) -> tuple[Counts, Numbers, Numbers]:
    who = crowd.known(least)
    pace, at_s = crowd.pace(who), np.full(len(who), at.timestamp())
    own = crowd.windows(who, at.weekday(), at.hour)
    anybody = crowd.everyone.window(at.weekday(), at.hour)
    midnight = at.replace(hour=0).timestamp()
    terms = chances.moment_terms(
        pace, at_s, own=own, everyone=anybody, came_today=(pace.last >= midnight).astype(float)
    )
    rate = per_day(pace, at_s)
    flat = np.full(len(who), rhythm.WINDOW_H / 168)
    said = [
        _poisson(np.full(len(who), everybody.per_day), anybody),
        _poisson(rate, flat),
        _poisson(rate, anybody),
        _poisson(rate, own),
        chances.told(crowd.brand.moment, chances.MOMENT, terms),
    ]
    return who, at_s, np.array(said, dtype=np.float32)


def _poisson(per_day: Numbers, share: Numbers) -> Numbers:
    chance: Numbers = -np.expm1(-7 * per_day * share)
    return chance
