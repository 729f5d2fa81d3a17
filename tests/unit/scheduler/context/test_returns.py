"""When what returns is spoken of: by the person's clock, outside their silence, once."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.decisions import Cause
from domain.occasions import Occasions
from domain.people import Occasion, Profile, QuietHours, Wheel
from scheduler.context.clock import quiet_until
from scheduler.context.occasions import with_reservation
from scheduler.context.profile import with_visit
from scheduler.context.returns import Clock, Return, ahead

HELSINKI = ZoneInfo("Europe/Helsinki")
NOW = datetime(2026, 5, 6, 9, tzinfo=UTC)
NOBODY = Profile()
MINUTE = timedelta(minutes=1)
ZONES = (
    "Europe/Helsinki",
    "America/New_York",
    "Australia/Lord_Howe",
    "Asia/Kathmandu",
    "Pacific/Apia",
)


def regular(*, every: timedelta, times: int, last: datetime = NOW) -> Profile:
    known = Profile()
    for n in reversed(range(times)):
        known = with_visit(known, at=last - n * every, zone=HELSINKI, brand=Wheel())
    return known


def reserving(period: int, times: int) -> Occasions:
    """Somebody whose newest reservation was yesterday."""
    known = Occasions()
    for n in reversed(range(times)):
        known = with_reservation(
            known, NOW.date() - timedelta(days=1 + n * period), today=NOW.date()
        )
    return known


def of(
    cause: Cause,
    profile: Profile = NOBODY,
    *declared: Occasion,
    now: datetime = NOW,
    taken: Sequence[tuple[str, str]] = (),
) -> list[Return]:
    clock = Clock(now, HELSINKI, ())
    return [each for each in ahead(profile, declared, Wheel(), clock, taken) if each.cause is cause]


def test_nobody_unknown_is_spoken_to() -> None:
    assert ahead(Profile(), (), Wheel(), Clock(NOW, HELSINKI, ()), ()) == []


@pytest.mark.parametrize(
    ("every", "times", "after"),
    [
        (timedelta(days=4), 6, timedelta(days=10)),
        (timedelta(days=1), 9, timedelta(days=7)),  # a week at least
        (timedelta(days=30), 5, timedelta(days=75)),
    ],
)
def test_a_regular_is_missed_after_two_and_a_half_gaps(
    every: timedelta, times: int, after: timedelta
) -> None:
    [missed] = of(Cause.SLIPPING, regular(every=every, times=times))
    assert NOW + after <= missed.window.due_at <= NOW + after + timedelta(days=1)
    assert missed.window.key == "2026-05-06"


def test_who_came_four_times_is_no_regular_yet() -> None:
    assert of(Cause.SLIPPING, regular(every=timedelta(days=4), times=4)) == []


def test_who_was_missed_once_is_not_missed_again_before_they_come() -> None:
    profile = regular(every=timedelta(days=4), times=6)
    assert of(Cause.SLIPPING, profile, taken=[("slipping", "2026-05-06")]) == []
    assert of(Cause.SLIPPING, profile, now=NOW + timedelta(days=30)) == []


def test_a_cadence_is_spoken_of_some_days_ahead_and_then_of_the_next() -> None:
    profile = Profile(occasions=reserving(28, 6))
    [first] = of(Cause.CADENCE, profile)
    assert first.window.key == "2026-06-02"
    assert first.window.due_at.astimezone(HELSINKI).date() == date(2026, 5, 28)
    [second] = of(Cause.CADENCE, profile, taken=[("cadence", "2026-06-02")])
    assert second.window.key == "2026-06-30"


def test_declared_days_and_told_ones_wait_side_by_side() -> None:
    known = with_reservation(Occasions(), date(2026, 4, 1), today=NOW.date(), kind="anniversary")
    found = of(
        Cause.OCCASION,
        Profile(occasions=known),
        Occasion(kind="birthday", date="1990-06-24"),
        Occasion(kind="name day", date="1990-08-24"),
    )
    assert [each.window.key for each in found] == [
        "said:birthday:2026-06-24",
        "told:anniversary:2027-04-01",
    ]


def test_a_day_that_was_spoken_of_comes_again_next_year() -> None:
    birthday = Occasion(kind="birthday", date="1990-05-10")
    taken = [("occasion", "said:birthday:2026-05-10")]
    [again] = of(Cause.OCCASION, NOBODY, birthday, taken=taken)
    assert again.window.key == "said:birthday:2027-05-10"


def test_on_the_29th_of_february_two_days_meet_that_are_one_in_other_years() -> None:
    born = Occasion(kind="birthday", date="1992-02-29")
    [plain] = of(Cause.OCCASION, NOBODY, born)
    assert plain.window.key == "said:birthday:2027-02-28"
    [leap] = of(Cause.OCCASION, NOBODY, born, now=datetime(2028, 1, 1, tzinfo=UTC))
    assert leap.window.key == "said:birthday:2028-02-29"


times = st.integers(0, 7 * 365 * 24 * 60).map(
    lambda n: datetime(2024, 1, 1, tzinfo=UTC) + n * MINUTE
)
hours = st.times().map(lambda at: at.strftime("%H:%M"))
silence = st.lists(st.builds(QuietHours, from_=hours, to=hours), max_size=2)


@given(times, st.sampled_from(ZONES), silence, st.dates(date(1930, 1, 1), date(2031, 1, 1)))
def test_a_moment_ahead_is_to_come_and_never_in_hours_of_silence(
    now: datetime, zone: str, quiet: list[QuietHours], day: date
) -> None:
    profile = regular(every=timedelta(days=3), times=6, last=now)
    declared = [Occasion(kind="x", date=day.isoformat())]
    local = ZoneInfo(zone)
    for cause, window in ahead(profile, declared, Wheel(), Clock(now, local, quiet), ()):
        assert now < window.due_at < window.ends_at
        assert cause is Cause.HABIT or quiet_until(window.due_at, local, quiet) is None
