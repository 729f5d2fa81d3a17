"""Who lives in a world, what they do anyway, and the weather: drawn once for each seed, the same for every policy."""

from datetime import timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from bench.world.spec import Level, Peak, World
from scheduler.context.clock import quiet_until
from scheduler.context.profile import LEAD

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

ENTER, HABIT, WEATHER = 0, 1, 2
WINDOW_H = 3
DAYPARTS = 8
_OPEN, _CLOSE = 7, 22  # nobody comes at night
_HOURS = np.arange(24)
_AT_H = LEAD.total_seconds() / 3600


class People(NamedTuple):
    """What is hidden of each person (rows). `days` (n, 7): P(a visit that day); `hours` (n, 2, 24): of its hour, on weekdays
    and weekend days; `taste`, `slot` (n, 8) and the rest are the log-odds of `docs/simulator.md`.
    """

    days: Floats
    hours: Floats
    passes: Floats
    pass_hours: Floats
    person: Floats
    taste: Floats
    slot: Floats
    rain: Floats
    distance_m: Floats
    sensitive: Floats


class Moments(NamedTuple):
    """Times at which something may be said, oldest first: whose, hours since the beginning, why."""

    who: Ints
    at: Floats
    cause: Ints


class Town(NamedTuple):
    """A world with its people and all that happens without a push. Times are hours since pushes begin; days too.

    `visits` (n, days) is NaN where nobody came; its first column is the first day of the history. `chosen`: the offer to
    whose taste the visit's order was. `wet` (hours of the whole time) and `turns` (the hours at which rain begins).
    """

    world: World
    seed: int
    people: People
    visits: Floats
    chosen: Ints
    passing: Floats
    wet: Bools
    turns: Floats
    moments: Moments

    @property
    def first_day(self) -> int:
        return -7 * self.world.history_weeks

    @property
    def last_day(self) -> int:
        return 7 * self.world.weeks

    def visit(self, who: Ints, day: Ints) -> Floats:
        """When these people come on that day anyway; NaN where they do not."""
        return np.asarray(self.visits[who, day - self.first_day])

    def is_wet(self, at: Floats) -> Bools:
        return np.asarray(self.wet[np.floor(at).astype(int) - 24 * self.first_day])


def settle(world: World, seed: int) -> Town:
    """The town of this seed."""
    lots = np.random.default_rng([seed, 1])
    people = _people(world, lots)
    first, last = -7 * world.history_weeks, 7 * world.weeks
    visits = _times(people.days, people.hours, first, last, np.random.default_rng([seed, 2]))
    passing = _times(people.passes, people.pass_hours, 0, last, np.random.default_rng([seed, 3]))
    wet = _sky(world, 24 * (last - first), np.random.default_rng([seed, 4]))
    begins = np.flatnonzero(wet[1:] & ~wet[:-1]) + 1.0 + 24 * first
    step = world.step_minutes / 60
    passing = np.ceil(passing / step) * step
    return Town(
        world=world,
        seed=seed,
        people=people,
        visits=visits,
        chosen=_chosen(
            world.response.orders * people.taste, visits.shape, np.random.default_rng([seed, 5])
        ),
        passing=passing,
        wet=wet,
        turns=begins,
        moments=_moments(world, people, passing, begins[begins >= 0]),
    )


def p_anyway(town: Town, who: Ints, at: Floats, *, within_h: float = WINDOW_H) -> Floats:
    """P(a visit that comes anyway within so many hours), of people of whom it is known whether they came today already."""
    day = np.floor(at / 24).astype(int)
    p_day, shape = town.people.days[who, day % 7], town.people.hours[who, _weekend(day)]
    before = _mass(shape, at - 24 * day)
    there = _mass(shape, np.minimum(24.0, at - 24 * day + within_h)) - before
    came = town.visit(who, day) <= at
    return np.where(came, 0.0, p_day * there / np.maximum(1 - p_day * before, 1e-9))


def came_today(town: Town, who: Ints, at: Floats) -> Bools:
    """Whether they came by themselves earlier that day."""
    return np.asarray(town.visit(who, np.floor(at / 24).astype(int)) <= at)


def likeness(town: Town, who: Ints, at: Floats) -> Floats:
    """How much of their own hour the next three are: 1 at the best of that kind of day, 0 where they never come."""
    day = np.floor(at / 24).astype(int)
    shape = town.people.hours[who, _weekend(day)]
    hour = at - 24 * day
    there = _mass(shape, np.minimum(24.0, hour + WINDOW_H)) - _mass(shape, hour)
    best = (shape[:, :-2] + shape[:, 1:-1] + shape[:, 2:]).max(axis=1)
    return np.asarray(there / best)


def _mass(shape: Floats, hour: Floats) -> Floats:
    """The share of the visits of a day that lies before an hour."""
    whole = np.minimum(np.floor(hour).astype(int), 23)
    sums = np.concatenate([np.zeros((len(shape), 1)), np.cumsum(shape, axis=1)], axis=1)
    rows = np.arange(len(shape))
    return np.asarray(sums[rows, whole] + (hour - whole) * shape[rows, whole])


def _weekend(day: Ints) -> Ints:
    return (day % 7 >= 5).astype(int)


def _people(world: World, lots: np.random.Generator) -> People:
    n, offers = world.people, len(world.offers)
    rhythm, passing, said = world.rhythm, world.passing, world.response
    own = 1 + lots.gamma(4.0, 0.25, (n, 7))
    days = _level(rhythm.visits_per_week, n, lots)[:, None] * _week(own, rhythm.weekend)
    passes = _level(passing.per_week, n, lots)[:, None] * _week(np.ones((n, 7)), 2 / 7)
    return People(
        days=np.minimum(days, 0.95),
        hours=_hours(rhythm.peaks, rhythm.regularity, n, lots),
        passes=np.minimum(passes, 0.95),
        pass_hours=_hours(passing.peaks, 0.8, n, lots),
        person=lots.normal(0, 1, n) * said.person,
        taste=lots.normal(0, 1, (n, offers)) * said.taste,
        slot=lots.normal(0, 1, (n, DAYPARTS)) * said.slot,
        rain=lots.normal(0, 1, n) * world.weather.person,
        distance_m=_level(said.distance_m, n, lots),
        sensitive=lots.normal(0, 1, n) * world.annoyance.spread,
    )


def _level(level: Level, n: int, lots: np.random.Generator) -> Floats:
    return np.asarray(level.median * np.exp(level.spread * lots.normal(0, 1, n)))


def _week(own: Floats, weekend: float) -> Floats:
    share = own * np.array([(1 - weekend) / 5] * 5 + [weekend / 2] * 2)
    return np.asarray(share / share.sum(axis=1, keepdims=True))


def _hours(peaks: tuple[Peak, ...], regularity: float, n: int, lots: np.random.Generator) -> Floats:
    """Of each person, the hours of a visit on weekdays and weekend days: their own hour, and everybody's."""
    shares = np.array([peak.share for peak in peaks])
    bells = np.array([_bell(peak) for peak in peaks])
    everybody = (shares / shares.sum()) @ bells
    own = bells[lots.choice(len(peaks), n, p=shares / shares.sum())]
    return np.stack(
        [regularity * own + (1 - regularity) * everybody, (own + 3 * everybody) / 4], axis=1
    )


def _bell(peak: Peak) -> Floats:
    heights = np.exp(-(((_HOURS + 0.5 - peak.at) / peak.spread) ** 2) / 2)
    heights[(_HOURS < _OPEN) | (_HOURS >= _CLOSE)] = 0
    return np.asarray((heights + 1e-9) / (heights + 1e-9).sum())


def _times(days: Floats, hours: Floats, first: int, last: int, lots: np.random.Generator) -> Floats:
    """(n, days): when each person comes on each day, NaN where they do not; once a day at most."""
    dates = np.arange(first, last)
    n, many = len(days), len(dates)
    comes = lots.random((n, many)) < days[:, dates % 7]
    where, within = lots.random((n, many)), lots.random((n, many))
    sums = np.cumsum(hours, axis=2)[:, (dates % 7 >= 5).astype(int)]
    hour = (where[..., None] > sums).sum(axis=2).clip(0, 23)
    return np.where(comes, 24 * dates + hour + 0.98 * within + 0.01, np.nan)


def _sky(world: World, hours: int, lots: np.random.Generator) -> Bools:
    """Rain with its share and mean length, from one hour to the next."""
    share, length = world.weather.rain_share, world.weather.mean_hours
    ends = 1 / length
    begins = min(1.0, ends * share / (1 - share)) if share < 1 else 1.0
    draws, wet = lots.random(hours), np.zeros(hours, dtype=bool)
    wet[0] = draws[0] < share
    for n in range(1, hours):
        wet[n] = draws[n] >= ends if wet[n - 1] and share < 1 else draws[n] < begins
    return wet


def _chosen(taste: Floats, shape: tuple[int, ...], lots: np.random.Generator) -> Ints:
    """Whose item each visit's order is about: the likelier the more it is to their taste."""
    gumbel = lots.gumbel(size=(*shape, taste.shape[1]))
    return np.asarray((taste[:, None, :] + gumbel).argmax(axis=2))


def _moments(world: World, people: People, passing: Floats, turns: Floats) -> Moments:
    """Passing by, shortly before the own hour of each day, and where rain begins over somebody who has just passed by."""
    who, at = np.nonzero(~np.isnan(passing))
    parts = [(who, passing[who, at], np.full(len(who), ENTER)), _habits(world, people)]
    if any(offer.only_in_rain for offer in world.offers):
        since = turns[:, None, None] - passing[None]
        turn, near, _ = np.nonzero((since >= 0) & (since <= 1))
        parts.append((near, turns[turn], np.full(len(near), WEATHER)))
    whose, times, causes = (np.concatenate(each) for each in zip(*parts, strict=True))
    speaks = ~_quiet(world)[np.floor(times * 60 / world.step_minutes).astype(int) % _steps(world)]
    order = np.lexsort((whose, causes, times))
    order = order[speaks[order] & (times[order] < 24 * 7 * world.weeks)]
    return Moments(whose[order], times[order], causes[order])


def _habits(world: World, people: People) -> tuple[Ints, Floats, Ints]:
    """45 minutes before the likeliest three hours of each day, or as soon as hours of silence end after that."""
    days = np.arange(7 * world.weeks)
    sums = people.hours[..., :-2] + people.hours[..., 1:-1] + people.hours[..., 2:]
    start = sums.argmax(axis=2)[:, (days % 7 >= 5).astype(int)]
    step = world.step_minutes
    minute = np.ceil((start - _AT_H) * 60 / step).astype(int) * step
    quiet = _quiet(world)
    number = ((days % 7) * 1440 + minute) // step
    for _ in range(_steps(world)):
        number = np.where(quiet[number % _steps(world)], number + 1, number)
    at = days * 24 + (number * step / 60 - (days % 7) * 24)
    late = at > days * 24 + start + WINDOW_H
    who, day = np.nonzero(~late)
    return who, at[who, day], np.full(len(who), HABIT)


def _steps(world: World) -> int:
    return 7 * 1440 // world.step_minutes


def _quiet(world: World) -> Bools:
    """Of the steps of a week, which lie in the brand's hours of silence."""
    zone, step = ZoneInfo("UTC"), timedelta(minutes=world.step_minutes)
    spans = world.quiet
    times = (world.begins + n * step for n in range(_steps(world)))
    return np.array([quiet_until(at, zone, spans) is not None for at in times])
