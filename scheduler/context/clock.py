"""Local time: zones by name, wall times across both DST days, and hours of silence. Pure."""

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from domain.people import QuietHours

_DAYS = ("mo", "tu", "we", "th", "fr", "sa", "su")
_CHAINED = 30  # spans that follow each other without a gap, before we call the silence endless


def zone_named(name: str | None) -> ZoneInfo | None:
    """The IANA zone of that name, or None where there is no such zone on this machine."""
    try:
        return ZoneInfo(name) if name else None
    except (LookupError, ValueError, OSError):  # unknown, malformed, or a folder of zones
        return None


def first_zone(names: Iterable[str | None]) -> ZoneInfo | None:
    """The first of these names that is a zone; None where none is."""
    return next((zone for name in names if (zone := zone_named(name))), None)


def zone_of(name: str) -> ZoneInfo:
    """The zone by whose days a brand counts; UTC where there is none of that name."""
    return zone_named(name) or ZoneInfo("UTC")


def to_utc(day: date, at: time, zone: ZoneInfo) -> datetime:
    """The instant of a wall time: inside the spring gap it moves on by the gap, in the autumn fold the first one counts."""
    return datetime.combine(day, at, tzinfo=zone).astimezone(UTC)


def daypart(local: datetime) -> int:
    """0 … 7: the part of three hours of the local day."""
    return local.hour // 3


def quiet_until(at: datetime, zone: ZoneInfo, spans: Sequence[QuietHours]) -> datetime | None:
    """When the silence that holds at `at` ends; None where no span holds.

    Spans that overlap or follow each other count as one. A wall time that comes twice in autumn is quiet both times.
    """
    end: datetime | None = None
    for _ in range(_CHAINED if spans else 0):
        further = _end_of_silence(end or at, zone, spans)
        if further is None:
            break
        end = further
    return end


def _end_of_silence(at: datetime, zone: ZoneInfo, spans: Sequence[QuietHours]) -> datetime | None:
    wall = at.astimezone(zone).replace(tzinfo=None)
    ends = [end for span in spans if (end := _end_of_span(wall, span))]
    if not ends:
        return None
    # The second of two equal wall times: the silence must not end while the first one still counts.
    return max(ends).replace(tzinfo=zone, fold=1).astimezone(UTC)


def _end_of_span(wall: datetime, span: QuietHours) -> datetime | None:
    begins, ends = time.fromisoformat(span.from_), time.fromisoformat(span.to)
    for day in (wall.date(), wall.date() - timedelta(days=1)):
        if span.days and _DAYS[day.weekday()] not in span.days:
            continue
        start = datetime.combine(day, begins)
        end = datetime.combine(day + timedelta(days=ends <= begins), ends)
        if start <= wall < end:
            return end
    return None
