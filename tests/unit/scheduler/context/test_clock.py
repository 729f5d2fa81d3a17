"""Wall clocks: zones, both DST days, spans of silence."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.people import QuietHours
from scheduler.context.clock import daypart, first_zone, quiet_until, to_utc, zone_named

HELSINKI = ZoneInfo("Europe/Helsinki")
ZONES = sorted(available_timezones())
NIGHT = QuietHours(from_="21:00", to="08:00")


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[arg-type, misc]  # year … minute


@pytest.mark.parametrize(
    "name", [None, "", "Mars/Base", "Europe", "../etc/passwd", "x" * 500, "\x00"]
)
def test_what_is_no_zone_is_none(name: str | None) -> None:
    assert zone_named(name) is None


def test_the_first_known_zone_counts() -> None:
    assert first_zone([None, "Mars/Base", "Europe/Helsinki", "UTC"]) == HELSINKI
    assert first_zone(["Mars/Base"]) is None


@pytest.mark.parametrize(
    ("day", "at", "instant"),
    [
        (date(2026, 5, 6), time(12), utc(2026, 5, 6, 9)),
        (date(2026, 3, 29), time(3, 30), utc(2026, 3, 29, 1, 30)),  # in the gap: 04:30 local
        (date(2026, 10, 25), time(3, 30), utc(2026, 10, 25, 0, 30)),  # in the fold: the first one
    ],
)
def test_a_wall_time_becomes_an_instant(day: date, at: time, instant: datetime) -> None:
    assert to_utc(day, at, HELSINKI) == instant


@given(
    st.sampled_from(ZONES),
    st.dates(date(2026, 1, 1), date(2027, 12, 31)),
    st.times().map(lambda t: t.replace(second=0, microsecond=0)),
)
def test_a_wall_time_is_shown_again_unless_it_lies_in_a_gap(name: str, day: date, at: time) -> None:
    zone = ZoneInfo(name)
    shown = to_utc(day, at, zone).astimezone(zone).replace(tzinfo=None)
    wanted = datetime.combine(day, at)
    assert shown == wanted or timedelta(0) < shown - wanted <= timedelta(days=1)


@pytest.mark.parametrize(("hour", "part"), [(0, 0), (2, 0), (3, 1), (12, 4), (23, 7)])
def test_a_day_has_eight_parts(hour: int, part: int) -> None:
    assert daypart(datetime(2026, 5, 6, hour, 59, tzinfo=UTC)) == part


@pytest.mark.parametrize(
    ("at", "until"),
    [
        (utc(2026, 5, 6, 17, 59), None),
        (utc(2026, 5, 6, 18, 0), utc(2026, 5, 7, 5, 0)),
        (utc(2026, 5, 6, 22, 0), utc(2026, 5, 7, 5, 0)),
        (utc(2026, 5, 7, 4, 59), utc(2026, 5, 7, 5, 0)),
        (utc(2026, 5, 7, 5, 0), None),
        (utc(2026, 3, 29, 0, 30), utc(2026, 3, 29, 5, 0)),  # the night of the gap is short
        (utc(2026, 10, 25, 0, 30), utc(2026, 10, 25, 6, 0)),  # the night of the fold is long
    ],
)
def test_a_night_of_silence_ends_in_the_morning(at: datetime, until: datetime | None) -> None:
    assert quiet_until(at, HELSINKI, [NIGHT]) == until


def test_a_silence_that_ends_within_the_fold_holds_both_times() -> None:
    span = QuietHours(from_="22:00", to="03:30")
    again = utc(2026, 10, 25, 1, 15)  # 03:15 for the second time
    assert again.astimezone(HELSINKI).fold == 1
    assert quiet_until(again, HELSINKI, [span]) == utc(2026, 10, 25, 1, 30)
    assert quiet_until(utc(2026, 10, 25, 0, 15), HELSINKI, [span]) == utc(2026, 10, 25, 1, 30)


def test_the_days_are_those_on_which_a_silence_begins() -> None:
    friday = QuietHours(from_="21:00", to="08:00", days=("fr",))
    assert quiet_until(utc(2026, 5, 8, 20), HELSINKI, [friday]) == utc(2026, 5, 9, 5)
    assert quiet_until(utc(2026, 5, 9, 3), HELSINKI, [friday]) == utc(2026, 5, 9, 5)
    assert quiet_until(utc(2026, 5, 9, 20), HELSINKI, [friday]) is None
    assert quiet_until(utc(2026, 5, 8, 3), HELSINKI, [friday]) is None


def test_silences_that_follow_each_other_are_one() -> None:
    spans = [QuietHours(from_="21:00", to="08:00"), QuietHours(from_="08:00", to="10:00")]
    assert quiet_until(utc(2026, 5, 6, 20), HELSINKI, spans) == utc(2026, 5, 7, 7)


def test_equal_ends_mean_the_whole_day() -> None:
    always = QuietHours(from_="09:00", to="09:00")
    until = quiet_until(utc(2026, 5, 6, 20), HELSINKI, [always])
    assert until
    assert until > utc(2026, 5, 20, 0)
    sunday = QuietHours(from_="00:00", to="00:00", days=("su",))
    assert quiet_until(utc(2026, 5, 10, 20), HELSINKI, [sunday]) == utc(2026, 5, 10, 21)


@given(
    st.sampled_from(ZONES),
    st.integers(0, 2 * 365 * 24 * 60).map(lambda m: utc(2026, 1, 1) + timedelta(minutes=m)),
    st.times(),
    st.times(),
)
def test_a_silence_ends_later_than_now_and_outside_every_span(
    name: str, at: datetime, begins: time, ends: time
) -> None:
    zone = ZoneInfo(name)
    span = QuietHours(from_=f"{begins:%H:%M}", to=f"{ends:%H:%M}")
    until = quiet_until(at, zone, [span])
    if until is None:
        return
    assert until > at
    assert quiet_until(until, zone, [span]) is None or span.from_ == span.to
