"""When will this person's next visits be? The wheel against plain histograms, on each person's own last 30 %. Pure.

A visit counts once per person and hour. Of each person with enough visits the first 70 % teach and the last 30 % test.
`frozen` forecasts learn nothing in the test; `online` ones learn each visit after having foretold it.
"""

from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from domain.people import Wheel
from domain.rhythm import BrandRhythm
from scheduler.context import leans, rhythm
from scheduler.context.questions import leant
from scheduler.learn.histories import Counts, Histories, Numbers

SLOTS = 168
MODELS = ("uniform", "global", "personal", "dirichlet", "whenabouts")
_TRAIN = 0.7
_STRENGTHS = (5.0, 10.0, 20.0, 40.0, 80.0, 150.0, 300.0)
_AT_ONCE = 4096  # people whose 168 slots are held at a time


class Slots(NamedTuple):
    """Visits by person, when (epoch seconds), and slot of the week (24 · weekday + hour); `test`: the person's last 30 %."""

    who: Counts
    at: Numbers
    slot: Counts
    test: NDArray[np.bool_]
    people: int


class Foretold(NamedTuple):
    """Of each test visit: who, how many visits had taught, ln p of the slot, whether the day's best window held it, and its p."""

    who: Counts
    seen: Counts
    log_p: Numbers
    hit: Numbers
    p_window: Numbers


def slots(visits: Histories, *, least: int) -> Slots:
    """One visit per person and hour, of people with at least so many."""
    local = [datetime.fromtimestamp(at, visits.zone) for at in visits.at.tolist()]
    slot = np.array([each.weekday() * 24 + each.hour for each in local], dtype=np.int64)
    day = np.array([each.toordinal() for each in local], dtype=np.int64)
    hour = day * 24 + slot % 24
    order = np.lexsort((hour, visits.who))
    again = (np.diff(visits.who[order], prepend=-1) == 0) & (np.diff(hour[order], prepend=-1) == 0)
    order = order[~again]
    counts = np.bincount(visits.who[order], minlength=visits.people)
    order = order[(counts >= least)[visits.who[order]]]
    chosen = counts >= least
    who = (np.cumsum(chosen) - 1)[visits.who[order]]
    nth = np.arange(len(who)) - np.searchsorted(who, who)
    test = nth >= np.floor(counts[chosen][who] * _TRAIN)
    by_time = np.lexsort((who, visits.at[order]))
    at, slot = visits.at[order], slot[order]
    return Slots(who[by_time], at[by_time], slot[by_time], test[by_time], int(chosen.sum()))


def wheels(
    visits: Slots, read: Histories, tick: Callable[[int], None]
) -> tuple[Foretold, Foretold, BrandRhythm]:
    """What the engine's wheel foretold, frozen and online, and the brand that the training visits made."""
    own, brand, everybody = [Wheel()] * visits.people, BrandRhythm(), BrandRhythm()
    frozen: dict[int, Wheel] = {}
    seen = np.zeros(visits.people, dtype=np.int64)
    online: list[tuple[int, int, float, float, float]] = []
    shape, today = rhythm.brand_shape(brand), -1
    for who, at, slot, test in zip(*(column.tolist() for column in visits[:4]), strict=True):
        local = datetime.fromtimestamp(at, read.zone)
        if local.toordinal() != today:
            today, shape = local.toordinal(), rhythm.brand_shape(everybody)
            shape = shape._replace(lean=leans.best(brand))
        wheel, (weekday, hour) = own[who], divmod(slot, 24)
        if test:
            frozen.setdefault(who, wheel)
            person = rhythm.person_shape(wheel, shape, at=local)
            online.append((who, int(seen[who]), *_judged(person, weekday, hour)))
        else:
            brand = _taught(brand, wheel, shape, local)
        own[who] = rhythm.turned(wheel, local=local)
        everybody = rhythm.turned_by_all(everybody, local=local)
        seen[who] += 1
        tick(1)
    return _frozen(visits, frozen, brand), _table(online), brand


def _taught(brand: BrandRhythm, wheel: Wheel, shape: rhythm.Shape, local: datetime) -> BrandRhythm:
    brand = leant(brand, wheel, shape, local=local)
    return rhythm.turned_by_all(brand, local=local)


def _judged(shape: rhythm.Shape, weekday: int, hour: int) -> tuple[float, float, float]:
    start, share = rhythm.best_start(shape, weekday)
    hit = float(start <= hour < start + rhythm.WINDOW_H)
    return float(np.log(shape.of(weekday, hour))), hit, share / float(shape.days[weekday])


def _table(rows: list[tuple[int, int, float, float, float]]) -> Foretold:
    table = np.array(rows, dtype=np.float64).reshape(-1, 5).T
    return Foretold(table[0].astype(np.int64), table[1].astype(np.int64), *table[2:])


def _frozen(visits: Slots, own: dict[int, Wheel], brand: BrandRhythm) -> Foretold:
    shape = rhythm.brand_shape(brand)
    shapes = {
        who: rhythm.person_shape(wheel, shape, at=wheel.as_of)
        for who, wheel in own.items()
        if wheel.as_of
    }
    taught = np.bincount(visits.who[~visits.test], minlength=visits.people)
    rows = [
        (who, int(taught[who]), *_judged(shapes[who], *divmod(slot, 24)))
        for who, slot in zip(
            visits.who[visits.test].tolist(), visits.slot[visits.test].tolist(), strict=True
        )
    ]
    return _table(rows)


def histograms(visits: Slots) -> dict[str, Foretold]:
    """What plain histograms foretold, frozen: of everybody, of the person (Laplace), and the person's shrunk to everybody's."""
    everybody = _shares(visits.slot[~visits.test])
    inner = _inner(visits)
    strength = max(
        _STRENGTHS, key=lambda m: float(_log_p(inner, _shrunk(m, _shares_of(inner))).sum())
    )
    flat = np.full(SLOTS, 1 / SLOTS)
    return {
        "global": _foretold(visits, lambda counts: np.broadcast_to(everybody, counts.shape)),
        "personal": _foretold(visits, _shrunk(SLOTS, flat)),
        "dirichlet": _foretold(visits, _shrunk(strength, everybody)),
    }


Forecast = Callable[[Numbers], Numbers]


def _shrunk(strength: float, prior: Numbers) -> Forecast:
    def forecast(counts: Numbers) -> Numbers:
        total = counts.sum(axis=-1, keepdims=True) + strength
        shares: Numbers = (counts + strength * prior) / total
        return shares

    return forecast


def _shares(slot: Counts) -> Numbers:
    counts = np.bincount(slot, minlength=SLOTS) + 1.0
    shares: Numbers = counts / counts.sum()
    return shares


def _shares_of(visits: Slots) -> Numbers:
    return _shares(visits.slot[~visits.test])


def _inner(visits: Slots) -> Slots:
    """The training visits alone, each person's last 30 % of them as the test: where the strength is chosen."""
    kept = np.flatnonzero(~visits.test)
    who = visits.who[kept]
    order = np.argsort(who, kind="stable")
    counts = np.bincount(who, minlength=visits.people)
    nth = np.empty(len(who), dtype=np.int64)
    nth[order] = np.arange(len(who)) - np.searchsorted(who[order], who[order])
    test = nth >= np.floor(counts[who] * _TRAIN)
    return Slots(who, visits.at[kept], visits.slot[kept], test, visits.people)


def _log_p(visits: Slots, forecast: Forecast) -> Numbers:
    return _foretold(visits, forecast).log_p


def _foretold(visits: Slots, forecast: Forecast) -> Foretold:
    asked = np.flatnonzero(visits.test)
    taught = np.flatnonzero(~visits.test)
    seen = np.bincount(visits.who[taught], minlength=visits.people)
    log_p, hit, p_window = (np.empty(len(visits.who)) for _ in range(3))
    for first in range(0, visits.people, _AT_ONCE):
        inside = asked[_between(visits.who[asked], first)]
        learned = taught[_between(visits.who[taught], first)]
        counts = np.zeros((_AT_ONCE, SLOTS))
        np.add.at(counts, (visits.who[learned] - first, visits.slot[learned]), 1.0)
        week = forecast(counts)[visits.who[inside] - first]
        rows, slot = np.arange(len(inside)), visits.slot[inside]
        log_p[inside] = np.log(week[rows, slot])
        day = week.reshape(-1, 7, 24)[rows, slot // 24]
        sums = day[:, :-2] + day[:, 1:-1] + day[:, 2:]
        start = sums.argmax(axis=1)
        hit[inside] = (start <= slot % 24) & (slot % 24 < start + rhythm.WINDOW_H)
        p_window[inside] = sums[rows, start] / day.sum(axis=1)
    who = visits.who[asked]
    return Foretold(who, seen[who], log_p[asked], hit[asked], p_window[asked])


def _between(who: Counts, first: int) -> NDArray[np.bool_]:
    inside: NDArray[np.bool_] = (first <= who) & (who < first + _AT_ONCE)
    return inside
