from datetime import UTC, datetime, timedelta

from service.cli.stays import stays
from service.cli.tracks import TrackPoint

START = datetime(2026, 5, 6, 9, 0, tzinfo=UTC)


def track(*parts: tuple[float, int]) -> list[TrackPoint]:
    """A fix a minute: so many minutes at each latitude."""
    points: list[TrackPoint] = []
    for latitude, minutes in parts:
        for _ in range(minutes):
            at = START + timedelta(minutes=len(points))
            points.append(TrackPoint(occurred_at=at, latitude=latitude, longitude=25.0))
    return points


def test_a_place_where_somebody_stays_long_enough_is_a_stay() -> None:
    [stay] = stays(track((60.0, 3), (60.01, 20), (60.02, 3)))
    assert round(stay.center.latitude, 4) == 60.01
    assert stay.minutes == 19


def test_a_short_stop_is_none() -> None:
    assert stays(track((60.0, 3), (60.01, 8), (60.02, 3))) == []


def test_a_place_is_named_once_however_often_it_is_visited() -> None:
    assert len(stays(track((60.0, 15), (60.1, 15), (60.0, 15)))) == 2


def test_an_empty_track_has_no_stays() -> None:
    assert stays([]) == []
