"""When it is time to speak of a person's workplace or home."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.haunts import PlaceKind
from domain.people import QuietHours
from scheduler.context.places import Call, next_call

HELSINKI = ZoneInfo("Europe/Helsinki")
NOON = datetime(2026, 5, 6, 9, 0, tzinfo=UTC)  # a Wednesday
W, H = PlaceKind.WORKPLACE, PlaceKind.HOME
BOTH = {W: None, H: None}


def call(
    *wishes: tuple[PlaceKind, str | None], now: datetime = NOON, **more: object
) -> Call | None:
    asked = {"known": BOTH, "zone": HELSINKI, "quiet": (), **more}
    return next_call(wishes, now=now, **asked)  # type: ignore[arg-type]  # keywords of the function


@pytest.mark.parametrize(
    ("kind", "hours", "hour", "key"),
    [
        (W, None, 7, "workplace:2026-05-07T10:00"),
        (W, "Mo-Fr 09:00-11:00", 7, "workplace:2026-05-07T10:00"),
        (W, "Mo-Fr 10:30-12:30", 7.5, "workplace:2026-05-07T10:30"),
        (W, "Mo-Fr 06:00-07:00", 3, "workplace:2026-05-07T06:00"),
        (W, "Mo-Su 13:00-14:00", 10, "workplace:2026-05-06T13:00"),
        (H, None, 14, "home:2026-05-06T17:00"),
        (H, "Sa 10:00-12:00", 7, "home:2026-05-09T10:00"),
    ],
)
def test_the_hours_of_an_offer_say_when(
    kind: PlaceKind, hours: str | None, hour: float, key: str
) -> None:
    found = call((kind, hours))
    assert found
    assert found.key == key
    assert found.due_at.hour + found.due_at.minute / 60 == hour


@pytest.mark.parametrize("hours", ["Sa-Su 10:00-12:00", "off", "nonsense("])
def test_nobody_is_called_to_work_where_no_weekday_holds(hours: str) -> None:
    assert call((W, hours)) is None


def test_a_place_that_is_not_known_makes_no_call() -> None:
    assert call((W, None), known={H: None}) is None
    assert call() is None


def test_the_earliest_of_several_counts() -> None:
    found = call((W, None), (H, None), (W, "Mo-Fr 14:00-15:00"))
    assert found
    assert found.key == "workplace:2026-05-06T14:00"


def test_hours_of_silence_move_it_to_their_end() -> None:
    found = call((W, None), quiet=(QuietHours(from_="09:00", to="10:45"),))
    assert found
    assert found.due_at == datetime(2026, 5, 7, 7, 45, tzinfo=UTC)


def test_it_is_ten_by_the_wall_on_both_sides_of_a_clock_change() -> None:
    friday = datetime(2026, 3, 27, 12, 0, tzinfo=UTC)
    found = call((W, None), now=friday)
    assert found
    assert found.due_at == datetime(2026, 3, 30, 7, 0, tzinfo=UTC)


@given(
    st.integers(0, 365 * 24 * 60),
    st.sampled_from(
        [None, "Mo-Fr 10:30-12:30", "24/7", "Mo-Fr 22:00-02:00", "PH off; We 08:00-09:00"]
    ),
    st.sampled_from([W, H]),
)
def test_it_always_lies_ahead_and_a_workplaces_on_a_weekday(
    minutes: int, hours: str | None, kind: PlaceKind
) -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
    found = call((kind, hours), now=now)
    assert found
    assert now < found.due_at <= now + timedelta(days=9)
    assert kind is H or found.due_at.astimezone(HELSINKI).weekday() < 5
    again = call((kind, hours), now=found.due_at)
    assert again
    assert again.key != found.key
