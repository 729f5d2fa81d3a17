"""Where a track stands still: places to put fences on when a recorded day is looked at."""

from collections.abc import Iterator, Sequence
from datetime import timedelta

from domain.places import LatLon
from domain.values import Value
from geofence.distance import metres
from service.cli.tracks import TrackPoint

WITHIN_M = 100.0
AT_LEAST = timedelta(minutes=10)


class Stay(Value):
    """A place where the track stayed within WITHIN_M of its first point, for AT_LEAST or longer."""

    center: LatLon
    minutes: float


def stays(points: Sequence[TrackPoint]) -> list[Stay]:
    """The stays in order of time, each place once."""
    found: list[Stay] = []
    for group in _still(points):
        length = group[-1].occurred_at - group[0].occurred_at
        center = LatLon(
            latitude=sum(point.latitude for point in group) / len(group),
            longitude=sum(point.longitude for point in group) / len(group),
        )
        known = any(metres(*center, *stay.center) <= 2 * WITHIN_M for stay in found)
        if length >= AT_LEAST and not known:
            found.append(Stay(center=center, minutes=length.total_seconds() / 60))
    return found


def _still(points: Sequence[TrackPoint]) -> Iterator[Sequence[TrackPoint]]:
    """The track cut wherever it gets farther than WITHIN_M from where the piece began."""
    start = 0
    for number, point in enumerate(points):
        first = points[start]
        away = metres(first.latitude, first.longitude, point.latitude, point.longitude)
        if away > WITHIN_M:
            yield points[start:number]
            start = number
    if points:
        yield points[start:]
