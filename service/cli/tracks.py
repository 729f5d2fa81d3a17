"""Recorded tracks of one phone: GPX, GeoLife `.plt`, and CSV with a header, told apart by their content."""

import csv
import io
import math
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from xml.parsers import expat

from domain.errors import Invalid
from domain.values import Value

# HDOP says how much the satellites' geometry widens the receiver's own error, for which 5 m is the usual figure.
METRES_PER_HDOP = 5.0

PLT_HEADER = "Geolife trajectory"
PLT_HEADER_LINES = 6
CSV_TIMES = ("occurred_at", "tracked_at", "time", "timestamp")
CSV_ACCURACIES = ("accuracy_m", "accuracy")
CSV_PHONES = ("device_id", "user_id")


class TrackPoint(Value):
    """One recorded position. `occurred_at` is aware UTC; `accuracy_m` is None where the file does not say."""

    occurred_at: datetime
    latitude: float
    longitude: float
    accuracy_m: float | None = None


class BadRow(Value):
    """A row of the file that is no position, and why."""

    line: int
    reason: str


class Track(Value):
    """The points in order of time, and the rows that were left out."""

    points: tuple[TrackPoint, ...]
    bad_rows: tuple[BadRow, ...] = ()


class Row(Value):
    """A position as the file spells it."""

    line: int
    latitude: str | None
    longitude: str | None
    time: str | None
    accuracy: str | None = None
    metres_per_unit: float = 1.0
    zone_optional: bool = False


def read_track(path: Path) -> Track:
    """The track in `path`; Invalid where the file cannot be read, is of no known kind, or holds no position."""
    content = _content(path)
    try:
        rows = list(_reader(content)(content))
    except Invalid as error:
        raise Invalid(f"{path}: {error.detail}") from error
    points, bad_rows = [], []
    for row in rows:
        try:
            points.append(_point(row))
        except ValueError as error:
            bad_rows.append(BadRow(line=row.line, reason=str(error)))
    if not points:
        why = f" (line {bad_rows[0].line}: {bad_rows[0].reason})" if bad_rows else ""
        raise Invalid(f"{path}: holds no position with a time{why}")
    points.sort(key=lambda point: point.occurred_at)
    return Track(points=tuple(points), bad_rows=tuple(bad_rows))


def shifted(points: Sequence[TrackPoint], end: datetime) -> list[TrackPoint]:
    """The same track, moved in time so that its last point is at `end` (aware)."""
    if not points:
        return []
    by = end.astimezone(UTC) - points[-1].occurred_at
    return [
        TrackPoint(
            occurred_at=point.occurred_at + by,
            latitude=point.latitude,
            longitude=point.longitude,
            accuracy_m=point.accuracy_m,
        )
        for point in points
    ]


def _content(path: Path) -> bytes:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise Invalid(f"{path}: cannot be read: {error.strerror}") from error
    if not content.strip():
        raise Invalid(f"{path}: is empty")
    return content


def _reader(content: bytes) -> Callable[[bytes], Iterator[Row]]:
    start = content.removeprefix(b"\xef\xbb\xbf").lstrip()
    if start.startswith(b"<"):
        return _gpx_rows
    if start.startswith(PLT_HEADER.encode()):
        return _plt_rows
    return _csv_rows


def _point(row: Row) -> TrackPoint:
    """The row as a point; ValueError with the reason where it is none."""
    return TrackPoint(
        occurred_at=_time(row.time, zone_optional=row.zone_optional),
        latitude=_number("latitude", row.latitude, least=-90, most=90),
        longitude=_number("longitude", row.longitude, least=-180, most=180),
        accuracy_m=_accuracy(row),
    )


def _number(name: str, text: str | None, *, least: float, most: float) -> float:
    try:
        number = float(text or "")
    except ValueError:
        raise ValueError(f"{name} {text!r} is no number") from None
    if not least <= number <= most:  # NaN is refused here too
        raise ValueError(f"{name} {text} is not within {least:g} and {most:g}")
    return number


def _accuracy(row: Row) -> float | None:
    if row.accuracy is None or not row.accuracy.strip():
        return None
    metres = _number("accuracy", row.accuracy, least=0, most=math.inf) * row.metres_per_unit
    if math.isinf(metres):
        raise ValueError(f"accuracy {row.accuracy} is not finite")
    return metres


def _time(text: str | None, *, zone_optional: bool) -> datetime:
    if not text or not text.strip():
        raise ValueError("has no time")
    try:
        time = datetime.fromisoformat(text.strip())
    except ValueError:
        raise ValueError(f"time {text!r} is not ISO 8601") from None
    if time.tzinfo is None and not zone_optional:
        raise ValueError(f"time {text!r} lacks its offset from UTC")
    try:
        return time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)
    except OverflowError:
        raise ValueError(f"time {text!r} is out of range") from None


def _text(content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Invalid("is neither GPX nor a text in UTF-8") from error


def _plt_rows(content: bytes) -> Iterator[Row]:
    """GeoLife: latitude, longitude, 0, altitude (ft), days since 1899-12-30, date, time; all in UTC."""
    for line, text in enumerate(_text(content).split("\n"), start=1):
        if line <= PLT_HEADER_LINES or not text.strip():
            continue
        fields = (text.split(",") + [""] * 7)[:7]
        yield Row(
            line=line,
            latitude=fields[0],
            longitude=fields[1],
            time=f"{fields[5]}T{fields[6].strip()}Z" if fields[5] else None,
        )


def _csv_rows(content: bytes) -> Iterator[Row]:
    """CSV by `,` or `;` with a header that names latitude, longitude, a time and perhaps an accuracy in metres."""
    text = _text(content)
    delimiter = ";" if ";" in text.partition("\n")[0] else ","
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter, restval="")
    columns = [name.strip().lower() for name in reader.fieldnames or ()]
    reader.fieldnames = columns
    time = _column(columns, CSV_TIMES)
    if not time or not {"latitude", "longitude"} <= set(columns):
        raise Invalid(
            "is no track I know: give GPX, GeoLife .plt, or a CSV whose header names latitude, longitude and"
            f" one of {', '.join(CSV_TIMES)}"
        )
    accuracy, phone = _column(columns, CSV_ACCURACIES), _column(columns, CSV_PHONES)
    phones = set[str]()
    try:
        for row in reader:
            phones.add(row[phone] if phone else "")
            yield Row(
                line=reader.line_num,
                latitude=row["latitude"],
                longitude=row["longitude"],
                time=row[time],
                accuracy=row[accuracy] if accuracy else None,
            )
    except csv.Error as error:
        raise Invalid(f"line {reader.line_num}: {error}") from error
    if len(phones) > 1:
        raise Invalid(f"holds {len(phones)} different {phone}: keep the rows of one phone")


def _column(columns: Sequence[str], names: Sequence[str]) -> str | None:
    return next((name for name in names if name in columns), None)


def _gpx_rows(content: bytes) -> Iterator[Row]:
    return iter(_GpxTrack().rows_of(content))


class _GpxTrack:
    """Collects the `trkpt` of a GPX 1.0 or 1.1 document with the lines they stand on.

    Document types are refused: a track needs none, and they are the way to entities that grow without end.
    """

    def __init__(self) -> None:
        self._parser = expat.ParserCreate(namespace_separator=" ")
        self._parser.StartDoctypeDeclHandler = self._refuse_doctype
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._characters
        self._path: list[str] = []
        self._line = 0
        self._place: dict[str, str] = {}
        self._texts: dict[str, str] = {}
        self._rows: list[Row] = []

    def rows_of(self, content: bytes) -> list[Row]:
        try:
            self._parser.Parse(content, True)
        except (expat.ExpatError, LookupError, ValueError) as error:
            # Python answers LookupError or ValueError to an encoding it does not know or cannot lend to expat.
            raise Invalid(f"is not well-formed XML: {error}") from error
        return self._rows

    def _refuse_doctype(self, *_: object) -> None:
        raise Invalid(f"line {self._parser.CurrentLineNumber}: a GPX file has no document type")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._path.append(name.rpartition(" ")[2])
        if self._path[0] != "gpx":
            raise Invalid(f"is XML, but its root is <{self._path[0]}>, not <gpx>")
        if self._path[-1] == "trkpt":
            self._line = self._parser.CurrentLineNumber
            self._place, self._texts = attributes, {}

    def _characters(self, text: str) -> None:
        if self._path[-2:-1] == ["trkpt"]:
            self._texts[self._path[-1]] = self._texts.get(self._path[-1], "") + text

    def _end(self, _name: str) -> None:
        if self._path.pop() == "trkpt":
            self._rows.append(
                Row(
                    line=self._line,
                    latitude=self._place.get("lat"),
                    longitude=self._place.get("lon"),
                    time=self._texts.get("time"),
                    accuracy=self._texts.get("hdop"),
                    metres_per_unit=METRES_PER_HDOP,
                    zone_optional=True,  # GPX times are UTC by definition
                )
            )
