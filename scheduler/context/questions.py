"""What a brand learns from one person's visit or silence: a few questions drawn from the time that passed. Pure.

Between two visits lie many hours at which "will they come within three hours?" could have been asked, and many
midnights for "within 7 days?" and "within 30?". When the person comes, all these questions have their answers: no for
most, yes for the last ones. A few are drawn, yes and no apart, and each counts for those it stands for. Who stays away
teaches too: a silence is learned from as far as its answers are certain, so that people who never come back are not
left out. The stretches of one person follow each other without a gap: every question is answered once. Nothing is drawn by chance: the same life gives the same lessons.

A clock that is put forward or back meanwhile does not move the questions: they are asked by the offset at the last visit.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

import msgspec
import numpy as np
from numpy.typing import NDArray

from domain.people import Profile, Wheel
from domain.rhythm import BrandRhythm, Forecast
from scheduler.context import chances, leans, rhythm
from scheduler.context.chances import MONTH, WEEK, Days, Rows
from scheduler.context.pace import DAY_S, Pace
from scheduler.context.profile import is_another

Numbers = NDArray[np.float64]

FIRST_HOUR, HOURS = 6, 16  # questions are asked at the full hours from 6 to 21
_HOUR_S = 3600.0
_YOUNG = timedelta(days=14)  # twice as long as a silence lasts before it teaches
_EACH = 3  # questions drawn of those answered yes, and of those answered no
_GOLDEN = 0.6180339887498949


class Stretch(NamedTuple):
    """A part of a person's life: the profile that held throughout, and whether it ended with a visit at `until`.

    It begins where the profile was last learned from: at its last visit, or at `told_at`. `anyway` is how probable it is that the
    visit would have come without a push: the answers it gives are yes only so far.
    """

    before: Profile
    until: datetime
    came: bool
    zone: ZoneInfo
    anyway: float = 1.0


class _Grid(NamedTuple):
    """Times of the local clock at which questions are asked: `hours` in each day, from `first` on."""

    first: int
    hours: int

    def until(self, local_s: Numbers) -> NDArray[np.int64]:
        """How many questions there are up to and including this local time (seconds)."""
        hour = np.floor_divide(local_s, _HOUR_S).astype(np.int64)
        today = np.clip(hour % 24 - self.first + 1, 0, self.hours)
        return hour // 24 * self.hours + today

    def time(self, number: NDArray[np.int64]) -> Numbers:
        """The local time of the question of that number."""
        day, hour = np.divmod(number - 1, self.hours)
        seconds: Numbers = (day * 24 + self.first + hour) * _HOUR_S
        return seconds


_MIDNIGHTS = _Grid(0, 1)
_HOURS = _Grid(FIRST_HOUR, HOURS)


class _Drawn(NamedTuple):
    """Questions: of which stretch, when (epoch seconds), what the answer is, and for how many each counts."""

    whose: NDArray[np.int64]
    at: Numbers
    came: Numbers
    weight: Numbers


def taught(brand: BrandRhythm, stretches: Sequence[Stretch], *, at: datetime) -> BrandRhythm:
    """The brand after these stretches, each of which it foretold as it was before all of them."""
    fresh = [each for each in stretches if not each.came or is_another(each.before, each.until)]
    known = [each for each in fresh if each.before.visits]
    if known:
        shape = rhythm.brand_shape(brand)
        brand = msgspec.structs.replace(
            _leant(brand, shape, [each for each in known if each.came]),
            moment=brand.moment if _is_young(brand, at) else _moments(brand, known, shape, at),
            week=chances.learned(brand.week, chances.WITHIN, within_rows(known, WEEK), at=at),
            month=chances.learned(brand.month, chances.WITHIN, within_rows(known, MONTH), at=at),
        )
    for each in fresh:
        if each.came:
            local = each.until.astimezone(each.zone)
            brand = rhythm.turned_by_all(brand, local=local, anyway=each.anyway)
    return brand


def _is_young(brand: BrandRhythm, at: datetime) -> bool:
    """Whether only those who come back at once have answered so far: they would make everybody a regular."""
    return brand.since is not None and at - brand.since < _YOUNG


def _moments(
    brand: BrandRhythm, known: Sequence[Stretch], shape: rhythm.Shape, at: datetime
) -> Forecast:
    return chances.learned(brand.moment, chances.MOMENT, moment_rows(known, shape), at=at)


def _leant(brand: BrandRhythm, shape: rhythm.Shape, visits: Sequence[Stretch]) -> BrandRhythm:
    for each in visits:
        local = each.until.astimezone(each.zone)
        brand = leant(brand, each.before.wheel, shape, local=local, anyway=each.anyway)
    return brand


def leant(
    brand: BrandRhythm,
    wheel: Wheel,
    shape: rhythm.Shape,
    *,
    local: datetime,
    anyway: float = 1.0,
) -> BrandRhythm:
    """The brand after each strength foretold one visit at this local time by the person's wheel before it."""
    fade = rhythm.faded(wheel.as_of, local)
    return leans.weighed(
        brand,
        np.array(wheel.days) * fade,
        np.array(wheel.hours) * fade,
        (shape.days, shape.hours),
        local.weekday(),
        local.hour,
        anyway=anyway,
    )


def within_rows(stretches: Sequence[Stretch], days: Days) -> Rows:
    """Questions at midnights: will this person come within so many days?"""
    drawn = _all_drawn(stretches, days * DAY_S, _MIDNIGHTS)
    pace = Pace.of([each.before for each in stretches]).each(drawn.whose)
    return Rows(chances.within_terms(pace, drawn.at, days=days), drawn.came, drawn.weight / days)


def moment_rows(stretches: Sequence[Stretch], brand: rhythm.Shape) -> Rows:
    """Questions at full hours of the day: will this person come within three hours?"""
    drawn = _all_drawn(stretches, rhythm.WINDOW_H * _HOUR_S, _HOURS)
    profiles = [each.before for each in stretches]
    days = np.array([each.wheel.days for each in profiles])[drawn.whose]
    hours = np.array([each.wheel.hours for each in profiles])[drawn.whose]
    pace = Pace.of(profiles).each(drawn.whose)
    fade = np.exp(-np.maximum(0.0, drawn.at - pace.as_of) / rhythm.TAU_S)
    own = rhythm.leaning(days * fade[:, None], hours * fade[:, None, None], brand)
    where = [
        datetime.fromtimestamp(at, stretches[whose].zone)
        for at, whose in zip(drawn.at.tolist(), drawn.whose.tolist(), strict=True)
    ]
    weekday = np.array([local.weekday() for local in where], dtype=np.int64)
    hour = np.array([local.hour for local in where], dtype=np.int64)
    terms = chances.moment_terms(
        pace,
        drawn.at,
        own=own.window(weekday, hour),
        everyone=brand.window(weekday, hour),
        came_today=_same_day(pace.last, drawn.at, stretches, drawn.whose),
    )
    return Rows(terms, drawn.came, drawn.weight / rhythm.WINDOW_H)


def _all_drawn(stretches: Sequence[Stretch], ahead_s: float, grid: _Grid) -> _Drawn:
    """Of each stretch, a few of its questions about the next `ahead_s` seconds that have their answer now."""
    begins = np.array([_begin(each, ahead_s) for each in stretches])
    ends = np.array([each.until.timestamp() for each in stretches])
    came = np.array([each.came for each in stretches])
    anyway = np.array([each.anyway for each in stretches])
    ahead = np.array([_offset(each) for each in stretches])
    turn = np.maximum(begins, ends - ahead_s)  # the questions after it are answered by the visit
    first, middle, last = (grid.until(time + ahead) for time in (begins, turn, ends))
    seed = _GOLDEN * (np.floor(ends) + [each.before.visits for each in stretches]) % 1.0
    no = _some(first, middle, seed)
    yes = _some(middle, np.where(came, last, middle), seed)
    whose = np.concatenate([no[0], yes[0]])
    return _Drawn(
        whose,
        grid.time(np.concatenate([no[1], yes[1]])) - ahead[whose],
        np.concatenate([np.zeros(len(no[0])), anyway[yes[0]]]),
        np.concatenate([no[2], yes[2]]),
    )


def _some(
    after: NDArray[np.int64], upto: NDArray[np.int64], seed: Numbers
) -> tuple[NDArray[np.int64], NDArray[np.int64], Numbers]:
    """Of the questions after … up to, one row of numbers per stretch, at most `_EACH`, evenly apart: whose, which, for how many."""
    there = np.maximum(0, upto - after)
    drawn = np.minimum(there, _EACH)
    whose = np.repeat(np.arange(len(there)), drawn)
    step = np.arange(len(whose)) - np.repeat(np.cumsum(drawn) - drawn, drawn)
    stride = there[whose] / drawn[whose]
    which = after[whose] + 1 + np.floor((step + seed[whose]) * stride).astype(np.int64)
    return whose, which, stride


def _begin(stretch: Stretch, ahead_s: float) -> float:
    told, last = stretch.before.told_at, stretch.before.last_at
    since = last.timestamp() if last else stretch.until.timestamp()
    return max(since, told.timestamp() - ahead_s) if told else since


def _offset(stretch: Stretch) -> float:
    """Of the clock at the last visit, so that a silence which is learned from in parts has one grid throughout."""
    offset = (stretch.before.last_at or stretch.until).astimezone(stretch.zone).utcoffset()
    return offset.total_seconds() if offset else 0.0


def _same_day(
    last: Numbers, at: Numbers, stretches: Sequence[Stretch], whose: NDArray[np.int64]
) -> Numbers:
    ahead = np.array([_offset(each) for each in stretches])[whose]
    same: Numbers = ((last + ahead) // DAY_S == (at + ahead) // DAY_S).astype(float)
    return same
