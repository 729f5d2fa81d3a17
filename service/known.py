"""What is known of a person, in words for that person, with its evidence."""

from datetime import datetime
from typing import Any

from domain.people import Profile, Wheel
from scheduler.context import rhythm
from scheduler.decide.explain import SURE_OF_A_HABIT

_DAYS = (
    "Mondays",
    "Tuesdays",
    "Wednesdays",
    "Thursdays",
    "Fridays",
    "Saturdays",
    "Sundays",
)


def habits(profile: Profile, brand: Wheel, *, now: datetime) -> dict[str, Any] | None:
    """The rhythm that this person's visits show; None where no visit is known."""
    if not profile.visits:
        return None
    claimed = profile.evidence >= SURE_OF_A_HABIT
    return {
        "sentence": _usual_time(profile, brand, now) if claimed else _too_few(profile),
        "claimed": claimed,
        "visits": profile.visits,
        "first_at": profile.first_at,
        "last_at": profile.last_at,
        "evidence_nats": round(profile.evidence, 2),
    }


def _usual_time(profile: Profile, brand: Wheel, now: datetime) -> str:
    shape = rhythm.person_shape(profile.wheel, rhythm.brand_shape(brand), at=now)
    starts = [rhythm.best_start(shape, weekday) for weekday in range(7)]
    day = max(range(7), key=lambda weekday: starts[weekday][1])
    hour = starts[day][0]
    return (
        f"You usually come on {_DAYS[day]} between {hour:02}:00 and {hour + rhythm.WINDOW_H:02}:00."
    )


def _too_few(profile: Profile) -> str:
    visits = "1 visit is" if profile.visits == 1 else f"{profile.visits} visits are"
    return f"{visits} known, which is not enough to call anything a habit."
