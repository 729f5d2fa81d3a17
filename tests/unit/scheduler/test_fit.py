"""Whom a free hour suits best: each part of the ranking, alone."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from domain.people import Profile, Wheel
from scheduler.context.rhythm import turned
from scheduler.fit import best_first
from storage.patrons import Prospect

ZONE = ZoneInfo("Europe/Helsinki")
THREE = datetime(2026, 5, 6, 12, 0, tzinfo=UTC)  # a Wednesday, three in the afternoon in Helsinki
TODAY = THREE.toordinal()


def regular(hour: int, *, weeks: int = 12, every: int = 1, last: int = 1) -> Profile:
    """Came on Wednesdays at this hour by the clock, every so many weeks, the last time so many weeks ago."""
    times = [THREE - timedelta(weeks=last + n * every) for n in range(weeks)]
    wheel = Wheel()
    for at in sorted(times):
        wheel = turned(wheel, local=at.astimezone(ZONE).replace(hour=hour))
    return Profile(wheel=wheel, visits=weeks, first_at=times[-1], last_at=times[0])


def ranked(*people: Prospect, **profiles: Profile) -> list[str]:
    return best_first(people, profiles, starts_at=THREE, zone=ZONE)


def came(name: str, **more: int | float) -> Prospect:
    return Prospect(name, times_here=5, last_here=TODAY - 30)._replace(**more)  # type: ignore[arg-type]  # the names say which


@pytest.mark.parametrize(
    ("better", "worse"),
    [
        pytest.param({"times_service": 5}, {}, id="who has this service here"),
        pytest.param({"times_elsewhere": 5}, {}, id="who has this service at another store"),
        pytest.param({"times_here": 20}, {}, id="who comes more often"),
        pytest.param({}, {"last_here": TODAY - 350}, id="who came lately"),
        pytest.param({"distance_m": 100.0}, {"distance_m": 4500.0}, id="who is nearer"),
    ],
)
def test_comes_first(better: dict[str, int], worse: dict[str, int]) -> None:
    assert ranked(came("a", **worse), came("b", **better)) == ["b", "a"]


def test_whose_hours_these_are_comes_first() -> None:
    people = came("a"), came("b")
    assert ranked(*people, a=regular(9), b=regular(15)) == ["b", "a"]


def test_who_is_due_comes_before_who_was_just_here_and_who_is_long_gone() -> None:
    people = came("fresh"), came("gone"), came("due")
    first, *_ = ranked(
        *people,
        fresh=regular(15, every=8, last=1),
        gone=regular(15, every=2, last=30),
        due=regular(15, every=4, last=4),
    )
    assert first == "due"


def test_nobody_known_ranks_by_name_and_nobody_at_all_is_no_mistake() -> None:
    assert ranked(Prospect("b"), Prospect("a")) == ["a", "b"]
    assert ranked() == []
