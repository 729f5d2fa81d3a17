"""Opening hours: the wall clock, holidays, midnight, and mistakes that teach."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import holidays
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opening_hours import OpeningHours

from domain.errors import Invalid
from domain.places import LatLon
from scheduler.context.hours import OpeningTimes, check, has_calendar

HELSINKI = "Europe/Helsinki"


def _at(local: str, zone: str = HELSINKI) -> datetime:
    """A local time as UTC, so that every question also tests the conversion."""
    return datetime.fromisoformat(local).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


def _change(times: OpeningTimes, local: str, zone: str = HELSINKI) -> str | None:
    found = times.next_change(_at(local, zone))
    return found and found.astimezone(ZoneInfo(zone)).strftime("%Y-%m-%d %H:%M")


@pytest.mark.parametrize(
    ("expression", "local", "is_open", "change"),
    [
        ("Mo-Fr 10:30-13:30", "2026-05-06 10:29", False, "2026-05-06 10:30"),
        ("Mo-Fr 10:30-13:30", "2026-05-06 10:30", True, "2026-05-06 13:30"),
        ("Mo-Fr 10:30-13:30", "2026-05-06 13:30", False, "2026-05-07 10:30"),
        ("Mo-Fr 10:30-13:30", "2026-05-08 14:00", False, "2026-05-11 10:30"),
        ("Mo-Fr 10:00-13:00,14:00-18:00", "2026-05-06 13:30", False, "2026-05-06 14:00"),
        ("24/7", "2026-05-06 03:00", True, None),
        ("off", "2026-05-06 03:00", False, None),
        ("Fr-Sa 18:00-02:00", "2026-05-09 01:59", True, "2026-05-09 02:00"),
        ("Fr-Sa 18:00-02:00", "2026-05-10 01:59", True, "2026-05-10 02:00"),
        ("Fr-Sa 18:00-02:00", "2026-05-11 01:59", False, "2026-05-15 18:00"),
        # the night belongs to the day on which it begins, whatever the next day's rule says
        ("Sa 18:00-02:00; Su 12:00-20:00", "2026-05-10 01:59", True, "2026-05-10 02:00"),
        ("Sa 18:00-02:00; Su 12:00-20:00", "2026-05-10 02:00", False, "2026-05-10 12:00"),
        ("Mo-Th 11:00-01:00; Fr-Sa 11:00-26:30; Su off", "2026-05-10 02:29", True, "2026-05-10 02:30"),
        ("Mo-Th 11:00-01:00; Fr-Sa 11:00-26:30; Su off", "2026-05-08 00:30", True, "2026-05-08 01:00"),
        ("Mo-Th 11:00-01:00; Fr-Sa 11:00-26:30; Su off", "2026-05-11 00:30", False, "2026-05-11 11:00"),
        ("Mo-Su 00:00-24:00; Su off", "2026-05-10 00:30", False, "2026-05-11 00:00"),
        ("Mo-Sa 10:00-10:00; Su off", "2026-05-10 09:00", True, "2026-05-10 10:00"),
        ('Fr 18:00-02:00 "till 02:00-03:00"; Sa off', "2026-05-09 01:00", True, "2026-05-09 02:00"),
        ("Fr-Sa 18:00+", "2026-05-08 18:30", True, "2026-05-09 00:00"),
        ("Mo-Fr 10:00-12:00 unknown", "2026-05-06 11:00", False, None),
        ('Mo 10:00-11:00 "a"; Mo 11:00-12:00 "b"', "2026-05-04 11:30", True, "2026-05-04 12:00"),
        ("2099 Mo 10:00-12:00", "2026-05-06 11:00", False, None),
        ("week 1-53/2 We 10:00-12:00", "2026-05-06 11:00", True, "2026-05-06 12:00"),
        ("Mo[1] 10:00-12:00", "2026-05-04 11:00", True, "2026-05-04 12:00"),
    ],
)  # fmt: skip
def test_hours_hold_at_the_places_wall_clock(
    expression: str, local: str, is_open: bool, change: str | None
) -> None:
    times = OpeningTimes(expression, zone=HELSINKI)
    assert times.is_open(_at(local)) is is_open
    assert _change(times, local) == change


@pytest.mark.parametrize(
    ("utc", "is_open", "change"),
    [
        # 29 March: 03:00 becomes 04:00, so 02:00-05:00 lasts two hours
        ("2026-03-28T23:59", False, "2026-03-29T00:00"),
        ("2026-03-29T00:00", True, "2026-03-29T02:00"),
        ("2026-03-29T01:00", True, "2026-03-29T02:00"),
        ("2026-03-29T02:00", False, "2026-03-29T23:00"),
        # 25 October: 04:00 becomes 03:00 again, so it lasts four
        ("2026-10-24T22:59", False, "2026-10-24T23:00"),
        ("2026-10-24T23:00", True, "2026-10-25T03:00"),
        ("2026-10-25T00:30", True, "2026-10-25T03:00"),
        ("2026-10-25T01:30", True, "2026-10-25T03:00"),
        ("2026-10-25T03:00", False, "2026-10-26T00:00"),
    ],
)
def test_both_days_on_which_the_clock_changes(utc: str, is_open: bool, change: str) -> None:
    times = OpeningTimes("02:00-05:00", zone=HELSINKI)
    at = datetime.fromisoformat(utc).replace(tzinfo=UTC)
    assert times.is_open(at) is is_open
    assert times.next_change(at) == datetime.fromisoformat(change).replace(tzinfo=UTC)


def test_a_night_is_whole_on_the_day_after_the_clock_changed() -> None:
    times = OpeningTimes("Sa-Su 20:00-04:30; Mo off", zone=HELSINKI)
    assert times.is_open(
        _at("2026-03-30 03:30")
    )  # a wall-clock time that did not exist the day before
    assert _change(times, "2026-03-30 03:30") == "2026-03-30 04:30"
    assert times.is_open(_at("2026-03-29 04:15"))


US, NEW_YORK = "US", "America/New_York"


@pytest.mark.parametrize(
    ("expression", "country", "zone", "local", "is_open", "change"),
    [
        # the library's calendar misses the Fourth on a Saturday, and has no India at all
        ("10:00-20:00; PH off", US, NEW_YORK, "2026-07-04 12:00", False, "2026-07-05 10:00"),
        ("10:00-20:00; PH off", "IN", "Asia/Kolkata", "2026-08-15 12:00", False, "2026-08-16 10:00"),
        # and it believes Sweden closes on Christmas Eve
        ("10:00-20:00; PH off", "SE", "Europe/Stockholm", "2026-12-24 12:00", True, "2026-12-24 20:00"),
        ("Mo-Fr 10:00-20:00; Su,PH 12:00-17:00", US, NEW_YORK, "2026-07-04 16:00", True, "2026-07-04 17:00"),
        ("Mo-Fr 10:00-20:00; Su,PH 12:00-17:00", US, NEW_YORK, "2026-07-11 16:00", False, "2026-07-12 12:00"),
        ("24/7; PH off", US, NEW_YORK, "2026-07-05 12:00", True, "2026-09-07 00:00"),
        ("24/7; PH off", US, NEW_YORK, "2026-09-07 12:00", False, "2026-09-08 00:00"),
        # a rule for weekdays after the holidays' own wins, as OSM says
        ("PH off; Mo-Su 10:00-20:00", US, NEW_YORK, "2026-07-04 12:00", True, "2026-07-04 20:00"),
        # the night after a holiday belongs to the holiday, the night into it to the day before
        ("Mo-Su 10:00-20:00; PH 18:00-02:00", US, NEW_YORK, "2026-07-05 01:00", True, "2026-07-05 02:00"),
        ("Mo-Su 10:00-20:00; PH 18:00-02:00", US, NEW_YORK, "2026-07-06 01:00", False, "2026-07-06 10:00"),
        ("Mo-Th 18:00-02:00; PH 12:00-14:00", US, NEW_YORK, "2026-11-26 13:00", True, "2026-11-26 14:00"),
        # the eve and the day after
        ("PH -1 day 10:00-12:00", US, NEW_YORK, "2026-12-24 11:00", True, "2026-12-24 12:00"),
        ("PH +1 day 10:00-12:00", US, NEW_YORK, "2026-12-26 11:00", True, "2026-12-26 12:00"),
        ("PH -1 day 10:00-12:00", US, NEW_YORK, "2026-12-25 11:00", False, "2026-12-31 10:00"),
        # without a country, or with one nobody knows, no day is a holiday
        ("10:00-20:00; PH off", None, NEW_YORK, "2026-07-04 12:00", True, "2026-07-04 20:00"),
        ("10:00-20:00; PH off", "XX", NEW_YORK, "2026-07-04 12:00", True, "2026-07-04 20:00"),
        ('10:00-20:00 "not PH"', US, NEW_YORK, "2026-07-04 12:00", True, "2026-07-04 20:00"),
    ],
)  # fmt: skip
def test_public_holidays_come_from_the_calendar_of_the_country(
    expression: str, country: str | None, zone: str, local: str, is_open: bool, change: str
) -> None:
    times = OpeningTimes(expression, zone=zone, country=country)
    assert times.is_open(_at(local, zone)) is is_open
    assert _change(times, local, zone) == change


# Days on which the library's own French calendar and ours agree (2026, all of them).
_SPANS = st.sampled_from(["off", "10:00-18:00", "12:00-14:00,18:00-22:00"])
_SELECTORS = st.sampled_from(
    ["Mo-Fr", "Mo-Su", "Sa,PH", "Su", "PH", "PH,Mo", "PH -1 day", "Apr-Jul PH", "May Mo-Fr", "Th,PH"]
)  # fmt: skip
_NIGHTS = st.sampled_from(["20:00-03:00", "12:00-14:00,22:00-01:30"])
_EXPRESSIONS = st.lists(st.tuples(_SELECTORS, _SPANS).map(" ".join), min_size=1, max_size=4)


@settings(deadline=None)
@given(
    _EXPRESSIONS.map("; ".join),
    st.sampled_from(sorted(holidays.country_holidays("FR", years=2026))),
    st.times(),
    st.sampled_from([timedelta(days=n) for n in (-1, 0, 1)]),
)
def test_spelling_holidays_as_weekdays_changes_no_meaning(
    expression: str, holiday: date, wall: time, shift: timedelta
) -> None:
    zone = ZoneInfo("Europe/Paris")
    near = datetime.combine(holiday, wall, tzinfo=zone) + shift
    theirs = OpeningHours(expression, timezone=zone, country="FR")
    ours = OpeningTimes(expression, zone="Europe/Paris", country="FR")
    assert ours.is_open(near) == theirs.is_open(near)


@settings(deadline=None, max_examples=50)
@given(
    st.lists(st.tuples(_SELECTORS, _SPANS | _NIGHTS).map(" ".join), min_size=1, max_size=4).map(
        "; ".join
    ),
    st.integers(0, 360 * 24 * 60).map(
        lambda n: datetime(2026, 1, 2, tzinfo=UTC) + timedelta(minutes=n)
    ),
)
def test_a_change_is_the_first_time_at_which_the_state_differs(
    expression: str, at: datetime
) -> None:
    times = OpeningTimes(expression, zone="Europe/Paris", country="FR")
    change = times.next_change(at)
    before = times.is_open(at)
    assert change is None or (change > at and times.is_open(change) != before)
    end = min(change or at + timedelta(days=3), at + timedelta(days=3))
    hours = int((end - at) / timedelta(hours=1))
    assert all(times.is_open(at + timedelta(hours=n)) == before for n in range(hours))


def test_the_sun_rises_where_the_place_is() -> None:
    times = OpeningTimes(
        "sunrise-sunset", zone=HELSINKI, position=LatLon(latitude=60.17, longitude=24.94)
    )
    assert times.is_open(_at("2026-06-20 05:00"))
    assert not times.is_open(_at("2026-12-20 09:00"))
    assert not OpeningTimes("sunrise-sunset", zone=HELSINKI).is_open(_at("2026-06-20 05:00"))


@pytest.mark.parametrize(
    ("wrong", "hint"),
    [
        ("Mon-Fri 9am-5pm", "`Mo-Fr 09:00-17:00`"),
        ("Mo–Fr 10:00–20:00", "`Mo-Fr 10:00-20:00`"),
        ("Mo-Fr 10.30-20.00", "`Mo-Fr 10:30-20:00`"),
        ("Monday to Friday 9-17", "`Mo-Fr 09:00-17:00`"),
        ("sa 12am - 12pm", "`Sa 00:00-12:00`"),
        ("Mo-Fr 10-20; sunrise to sunset", "`Mo-Fr 10:00-20:00; sunrise-sunset`"),
        ("Mo-Fr 25:99", "from character 7 on"),
        ("always", "OSM syntax"),
        ("", "OSM syntax"),
        ("PH Mo-Fr 10:00-12:00", "`Su,PH 12:00-17:00`"),
    ],
)
def test_a_mistake_is_answered_with_the_way_to_write_it(wrong: str, hint: str) -> None:
    with pytest.raises(Invalid) as refused:
        check(wrong, pointer="/opening_hours")
    assert hint in refused.value.detail
    assert [fault.pointer for fault in refused.value.faults] == ["/opening_hours"]


def test_times_that_cannot_be_read_are_refused_when_they_are_made() -> None:
    with pytest.raises(Invalid):
        OpeningTimes("always", zone=HELSINKI)


def test_it_is_known_which_countries_have_a_calendar() -> None:
    assert has_calendar("FI", 2026)
    assert not has_calendar("XX", 2026)
    assert date(2026, 12, 6) in holidays.country_holidays("FI", years=2026)
