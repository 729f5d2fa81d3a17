"""Where a person stands with a brand: new, growing, regular, slipping, lost or back, and the numbers that say so. Pure."""

from datetime import datetime, timedelta
from enum import StrEnum

from domain.people import Profile
from domain.values import Value
from scheduler.context.pace import RATE_DAYS

SLIPPING_AFTER = 2.5  # mean gaps without a visit, as for the moment of a slipping regular
LOST_AFTER = 6.0
REGULAR_FROM = 5  # visits
_GROWING_FROM = 3
_SLIPPING_LEAST = timedelta(days=7)
_LOST_LEAST = timedelta(days=60)
_BACK_FOR = 3  # visits after which somebody who came back is a customer like others
_FIRST_GAP = timedelta(days=16)  # of who came once: nobody knows, and two weeks are usual
_MORE_OFTEN = 1.5


class Stage(StrEnum):
    NEW = "new"
    GROWING = "growing"
    REGULAR = "regular"
    SLIPPING = "slipping"
    LOST = "lost"
    BACK = "back"


class Lifecycle(Value):
    """The stage with its evidence. Gaps and recency are in days; `overdue` is recency in mean gaps.

    `pace` is how often the person came within about 14 days against within about 45: above 1 they come more often of late.
    """

    stage: Stage
    first_at: datetime
    last_at: datetime
    visits: int
    mean_gap_days: float | None
    recency_days: float
    overdue: float
    pace: float


def lifecycle(profile: Profile, *, at: datetime) -> Lifecycle | None:
    """Where this person stands at `at`; None for whom nobody saw."""
    if profile.first_at is None or profile.last_at is None:
        return None
    gap, silent = mean_gap(profile), max(timedelta(), at - profile.last_at)
    return Lifecycle(
        stage=_stage(profile, silent),
        first_at=profile.first_at,
        last_at=profile.last_at,
        visits=profile.visits,
        mean_gap_days=_days(gap) if profile.visits > 1 else None,
        recency_days=_days(silent),
        overdue=silent / gap,
        pace=_pace(profile),
    )


def lost(profile: Profile, *, at: datetime) -> bool:
    """Whether a person who came before has been silent for so long that nobody expects them any more."""
    if profile.last_at is None:
        return False
    return at - profile.last_at > max(LOST_AFTER * mean_gap(profile), _LOST_LEAST)


def _stage(profile: Profile, silent: timedelta) -> Stage:
    if profile.last_at and lost(profile, at=profile.last_at + silent):
        return Stage.LOST
    if profile.returned and profile.visits - profile.returned < _BACK_FOR:
        return Stage.BACK
    if profile.visits < _GROWING_FROM:
        return Stage.NEW
    if silent > max(SLIPPING_AFTER * mean_gap(profile), _SLIPPING_LEAST):
        return Stage.SLIPPING
    if profile.visits < REGULAR_FROM or _pace(profile) > _MORE_OFTEN:
        return Stage.GROWING
    return Stage.REGULAR


def mean_gap(profile: Profile) -> timedelta:
    """Between visits, at least an hour: what is closer is one visit.

    The silence of somebody who had been lost and came back is no gap between visits, so theirs is at most what they show
    of late: who comes every g days has a decayed count of 45/g + ½ right after a visit.
    """
    if profile.visits < 2 or not profile.first_at or not profile.last_at:
        return _FIRST_GAP
    gap = (profile.last_at - profile.first_at) / (profile.visits - 1)
    if profile.returned:
        gap = min(gap, timedelta(days=RATE_DAYS) / max(0.5, profile.rate - 0.5))
    return max(timedelta(hours=1), gap)


def _pace(profile: Profile) -> float:
    """Of somebody who comes evenly 14 days hold 14/45 of what 45 days hold, so that this is 1 for them."""
    return (profile.rate14 + 1) / (profile.rate * 14 / 45 + 1)


def _days(span: timedelta) -> float:
    return span / timedelta(days=1)
