"""Who a free hour would suit best: taste, rhythm at that hour, history at the store, cadence and distance. Pure.

Each part is in log-odds, 0 where nothing is known, and added; the weights are a start that is written down. Ranked are
some hundred people at once, as arrays.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from domain.people import Profile
from storage.patrons import Prospect

Floats = NDArray[np.float64]

_TASTE = 1.2  # per ln(1 + times) of the service at the store; half as much for elsewhere
_HISTORY = 0.6  # per ln(1 + times) at the store, faded with half a year
_RHYTHM = 0.7  # per ln(share of their visits within these hours, against everybody's)
_CADENCE = (
    0.8  # less per (ln(days since / usual days))², at most 2: too soon and long gone count alike
)
_DISTANCE = 0.5  # less per ln(1 + km)
_FADE_DAYS = 180.0
_PLAIN = 8.0  # visits of which a person's own hours must outweigh a plain day of business


def best_first(
    people: Sequence[Prospect],
    profiles: Mapping[str, Profile],
    *,
    starts_at: datetime,
    zone: ZoneInfo,
) -> list[str]:
    """The ids of these people, best first; equal ones by id, so that every process ranks alike."""
    if not people:
        return []
    known = [profiles.get(each.customer_id) or Profile() for each in people]
    local = starts_at.astimezone(zone)
    scores = (
        _tastes(people)
        + _histories(people, local.toordinal())
        + _RHYTHM * _rhythms(known, local)
        - _CADENCE * _cadences(known, starts_at)
        - _DISTANCE * _distances(people)
    )
    order = sorted(range(len(people)), key=lambda n: (-scores[n], people[n].customer_id))
    return [people[n].customer_id for n in order]


def _tastes(people: Sequence[Prospect]) -> Floats:
    here = np.array([each.times_service for each in people], float)
    elsewhere = np.array([each.times_elsewhere for each in people], float)
    return np.asarray(_TASTE * np.log1p(here + elsewhere / 2))


def _histories(people: Sequence[Prospect], day: int) -> Floats:
    times = np.array([max(each.times_here, each.times_service) for each in people], float)
    last = np.array([max(each.last_here, each.last_service) or day for each in people], float)
    fade = np.exp(-np.maximum(day - last, 0) / _FADE_DAYS)
    return np.asarray(_HISTORY * np.log1p(times) * fade)


def _rhythms(known: Sequence[Profile], local: datetime) -> Floats:
    """ln of how much likelier this weekday and these three hours are for them than for a plain day of business."""
    weekend = int(local.weekday() >= 5)
    days = np.array([each.wheel.days for each in known], float)
    hours = np.array([each.wheel.hours[weekend] for each in known], float)
    window = [(local.hour + step) % 24 for step in (-1, 0, 1)]
    of_day = (days[:, local.weekday()] + _PLAIN / 7) / (days.sum(1) + _PLAIN) * 7
    of_hour = (hours[:, window].sum(1) + _PLAIN * 3 / 13) / (hours.sum(1) + _PLAIN) * 13 / 3
    return np.asarray(np.log(of_day) + np.log(of_hour))


def _cadences(known: Sequence[Profile], at: datetime) -> Floats:
    """(ln(days since the last visit / the usual days between two))², at most 2; 0 for whom no cadence is known."""
    found = np.zeros(len(known))
    for n, each in enumerate(known):
        if each.visits >= 3 and each.first_at and each.last_at:
            usual = (each.last_at - each.first_at).total_seconds() / (each.visits - 1)
            since = (at - each.last_at).total_seconds()
            if usual > 0:
                found[n] = min(2.0, np.log(max(since, usual / 8) / usual) ** 2)
    return found


def _distances(people: Sequence[Prospect]) -> Floats:
    away = np.array([each.distance_m or 0.0 for each in people], float)
    return np.asarray(np.log1p(away / 1000))
