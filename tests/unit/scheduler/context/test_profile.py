"""When the next likely visit is, by the person's wall clock, on every day of the year."""

from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.people import Profile, QuietHours, Wheel
from scheduler.context.clock import quiet_until
from scheduler.context.profile import LEAD, next_window, with_visit

HELSINKI = ZoneInfo("Europe/Helsinki")
START = datetime(2026, 2, 2, tzinfo=HELSINKI)  # a Monday
ZONES = ("Europe/Helsinki", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "UTC")


def came(*days: int, hour: float = 12.25, zone: ZoneInfo = HELSINKI) -> Profile:
    profile = Profile()
    for day in days:
        at = datetime.combine(START.date() + timedelta(days=day), time(int(hour), 15), tzinfo=zone)
        profile = with_visit(profile, at=at, zone=zone, brand=Wheel())
    return profile


def lunches(weeks: int = 8) -> Profile:
    return came(*(7 * week + day for week in range(weeks) for day in range(5)))


def after(
    profile: Profile, now: datetime, *spans: QuietHours, taken: tuple[str, ...] = ()
) -> datetime | None:
    found = next_window(profile, Wheel(), now=now, zone=HELSINKI, quiet=spans, taken=taken)
    return found.due_at.astimezone(HELSINKI) if found else None


def on(day: int, hour: int, minute: int = 0) -> datetime:
    return datetime.combine(START.date() + timedelta(days=day), time(hour, minute), tzinfo=HELSINKI)


def test_whom_nobody_saw_has_no_next_visit() -> None:
    assert after(Profile(), on(0, 8)) is None


def test_the_moment_lies_shortly_before_the_likely_hours_of_the_next_likely_day() -> None:
    assert after(lunches(), on(56, 8)) == on(56, 10, 15)
    assert after(lunches(), on(56, 10, 15)) == on(57, 10, 15)
    assert after(lunches(), on(60, 12)) == on(63, 10, 15)  # Friday noon: Monday is next


def test_a_date_has_one_moment_and_none_after_the_visit() -> None:
    assert after(lunches(), on(56, 8), taken=(on(56, 0).date().isoformat(),)) == on(57, 10, 15)
    assert after(
        with_visit(lunches(), at=on(56, 7), zone=HELSINKI, brand=Wheel()), on(56, 8)
    ) == on(57, 10, 15)


def test_a_visit_moves_the_rhythm_as_far_as_it_came_anyway() -> None:
    before, at = lunches(), on(56, 12, 15)
    brought, half, whole = (
        with_visit(before, at=at, zone=HELSINKI, brand=Wheel(), anyway=share)
        for share in (0.0, 0.5, 1.0)
    )
    for of in (lambda each: each.rate, lambda each: each.rate14, lambda each: each.wheel.weight):
        assert of(half) - of(brought) == pytest.approx(0.5)
        assert of(whole) - of(brought) == pytest.approx(1.0)
    assert half.evidence == pytest.approx((brought.evidence + whole.evidence) / 2)
    assert brought.evidence == before.evidence
    assert brought.visits == whole.visits == before.visits + 1
    assert brought.last_at == whole.last_at == at


def test_a_moment_in_hours_of_silence_moves_to_their_end() -> None:
    assert after(lunches(), on(56, 8), QuietHours(from_="09:00", to="11:30")) == on(56, 11, 30)


def test_a_likely_time_within_silence_is_left_out() -> None:
    monday = QuietHours(from_="09:00", to="15:00", days=("mo",))
    assert after(lunches(), on(56, 8), monday) == on(57, 10, 15)
    assert after(lunches(), on(56, 8), QuietHours(from_="00:00", to="00:00")) is None


def test_signs_of_the_same_visit_count_once() -> None:
    once = came(0)
    again = with_visit(once, at=on(0, 12, 40), zone=HELSINKI, brand=Wheel())
    assert again == once
    later = with_visit(once, at=on(0, 13, 30), zone=HELSINKI, brand=Wheel())
    assert later.visits == 2


def test_a_visit_told_late_is_learned_as_the_old_one_it_is() -> None:
    now, late = came(30), with_visit(came(30), at=on(1, 12, 15), zone=HELSINKI, brand=Wheel())
    assert late.visits == 2
    assert (late.first_at, late.last_at) == (on(1, 12, 15), now.last_at)
    assert now.rate < late.rate < now.rate + 1


def test_both_changes_of_the_clock_keep_the_wall_time() -> None:
    for switch in (datetime(2026, 3, 29, tzinfo=HELSINKI), datetime(2026, 10, 25, tzinfo=HELSINKI)):
        days = range(-56, 0)
        start = (switch.date() - START.date()).days
        daily = came(*(start + day for day in days))
        found = after(daily, on(start, 0, 30))
        assert found == on(start, 10, 15)
        assert found.utcoffset() != on(start - 1, 10, 15).utcoffset()


@settings(max_examples=150)
@given(
    st.sampled_from(ZONES),
    st.lists(st.integers(0, 60), min_size=1, max_size=12),
    st.integers(0, 23),
    st.integers(0, 400 * 24 * 60).map(lambda m: START + timedelta(minutes=m)),
    st.lists(
        st.builds(
            QuietHours,
            from_=st.times().map(lambda t: f"{t:%H:%M}"),
            to=st.times().map(lambda t: f"{t:%H:%M}"),
        ),
        max_size=2,
    ),
)
def test_a_next_moment_is_ahead_in_no_silence_and_before_its_window_ends(
    name: str, days: list[int], hour: int, now: datetime, spans: list[QuietHours]
) -> None:
    zone = ZoneInfo(name)
    profile = came(*days, hour=hour, zone=zone)
    found = next_window(profile, Wheel(), now=now, zone=zone, quiet=spans, taken=())
    if found is None:
        return
    assert now < found.due_at < found.ends_at
    assert quiet_until(found.due_at, zone, spans) is None
    begins = found.ends_at - timedelta(hours=3)
    assert begins.astimezone(zone).date().isoformat() == found.key
    assert found.due_at >= begins - LEAD
