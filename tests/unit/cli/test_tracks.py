"""Recorded tracks are read whole, with what is wrong in them named by line."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import Invalid
from service.cli.tracks import BadRow, Track, TrackPoint, read_track, shifted

RECORDED = Path(__file__).resolve().parents[4] / "shared" / "data" / "gps"
needs_recorded = pytest.mark.skipif(
    not RECORDED.is_dir(), reason="no recorded tracks beside the repository (../shared/data/gps)"
)

GPX = """<?xml version="1.0" encoding="UTF-8"?>
<gpx version="1.1" creator="test" xmlns="http://www.topografix.com/GPX/1/1">
  <wpt lat="1" lon="2"><time>2026-05-01T07:00:00Z</time></wpt>
  <trk><name>walk</name><trkseg>
    <trkpt lat="60.1702" lon="24.9410"><ele>9</ele><time>2026-05-01T08:00:05Z</time><hdop>1.2</hdop></trkpt>
    <trkpt lat="60.1701" lon="24.9400"><time>2026-05-01T11:00:00+03:00</time></trkpt>
  </trkseg></trk>
</gpx>
"""
PLT = (
    "Geolife trajectory\r\nWGS 84\r\nAltitude is in Feet\r\nReserved 3\r\n0,2,255,My Track,0,0,2,8421376\r\n0\r\n"
    "39.984702,116.318417,0,492,39744.1201851852,2008-10-23,02:53:04\r\n"
    "39.984683,116.31845,0,492,39744.1202546296,2008-10-23,02:53:10\r\n"
)
CSV = (
    "user_id;tracked_at;latitude;longitude;elevation;accuracy\n"
    "1;2012-12-18T21:30:35Z;47.3766094;8.5484732;0;20\n"
    "1;2012-12-18T21:29:34Z;47.376813;8.5475402;0;\n"
)


@pytest.fixture
def read(tmp_path: Path):
    def _read(content: str | bytes) -> Track:
        path = tmp_path / "track"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return read_track(path)

    return _read


def at(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)


def test_gpx_is_read_in_order_of_time_with_hdop_as_accuracy(read) -> None:
    assert read(GPX).points == (
        TrackPoint(occurred_at=at(2026, 5, 1, 8), latitude=60.1701, longitude=24.94),
        TrackPoint(
            occurred_at=at(2026, 5, 1, 8, 0, 5), latitude=60.1702, longitude=24.941, accuracy_m=6.0
        ),
    )


def test_gpx_1_0_and_other_prefixes_are_read_alike(read) -> None:
    old = GPX.replace("GPX/1/1", "GPX/1/0").replace('version="1.1"', 'version="1.0"')
    prefixed = GPX.replace("<", "<g:").replace("<g:/", "</g:").replace("<g:?", "<?")
    assert read(old) == read(GPX) == read(prefixed.replace("xmlns=", "xmlns:g="))


def test_a_time_inside_extensions_is_not_the_points_time(read) -> None:
    extended = GPX.replace(
        "<hdop>", "<extensions><time>1999-01-01T00:00:00Z</time></extensions><hdop>"
    )
    assert read(extended) == read(GPX)


def test_a_gpx_time_without_zone_is_utc(read) -> None:
    assert read(GPX.replace("08:00:05Z", "08:00:05")) == read(GPX)


def test_geolife_is_read_as_utc(read) -> None:
    assert read(PLT).points == (
        TrackPoint(
            occurred_at=at(2008, 10, 23, 2, 53, 4), latitude=39.984702, longitude=116.318417
        ),
        TrackPoint(
            occurred_at=at(2008, 10, 23, 2, 53, 10), latitude=39.984683, longitude=116.31845
        ),
    )


@pytest.mark.parametrize("prefix", ["", "\ufeff"], ids=["plain", "byte order mark"])
@pytest.mark.parametrize("delimiter", [";", ","])
def test_csv_is_read_with_its_accuracy(read, delimiter: str, prefix: str) -> None:
    assert read(prefix + CSV.replace(";", delimiter)).points == (
        TrackPoint(
            occurred_at=at(2012, 12, 18, 21, 29, 34), latitude=47.376813, longitude=8.5475402
        ),
        TrackPoint(
            occurred_at=at(2012, 12, 18, 21, 30, 35),
            latitude=47.3766094,
            longitude=8.5484732,
            accuracy_m=20.0,
        ),
    )


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("1;2012-12-18T21:30:35Z;91;8;0;20", "latitude 91 is not within -90 and 90"),
        ("1;2012-12-18T21:30:35Z;47;-180.1;0;20", "longitude -180.1 is not within -180 and 180"),
        ("1;2012-12-18T21:30:35Z;nan;8;0;20", "latitude nan is not within -90 and 90"),
        ("1;2012-12-18T21:30:35Z;north;8;0;20", "latitude 'north' is no number"),
        ("1;2012-12-18T21:30:35Z;47;8;0;-1", "accuracy -1 is not within 0 and inf"),
        ("1;2012-12-18T21:30:35Z;47;8;0;inf", "accuracy inf is not finite"),
        ("1;2012-12-18T21:30:35;47;8;0;20", "lacks its offset from UTC"),
        ("1;yesterday;47;8;0;20", "time 'yesterday' is not ISO 8601"),
        ("1;0001-01-01T00:00:00+14:00;47;8;0;20", "is out of range"),
        ("1;;47;8;0;20", "has no time"),
        ("1", "has no time"),
    ],
)
def test_a_bad_row_is_named_and_the_others_are_kept(read, row: str, reason: str) -> None:
    track = read(CSV + row + "\n")
    assert len(track.points) == 2
    (bad,) = track.bad_rows
    assert bad.line == 4
    assert reason in bad.reason


def test_bad_rows_of_every_format_carry_their_line(read) -> None:
    gpx = GPX.replace('lat="60.1701"', 'lat="abc"')
    plt = PLT + "39.9,116.3\r\n\r\n"
    assert read(gpx).bad_rows == (BadRow(line=6, reason="latitude 'abc' is no number"),)
    assert read(plt).bad_rows == (BadRow(line=9, reason="has no time"),)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "is empty"),
        (" \n\n", "is empty"),
        ("hello\nworld\n", "is no track I know: give GPX"),
        ("a;b;c\n1;2;3\n", "is no track I know: give GPX"),
        (b"\x89PNG\r\n\x1a\n\x00\xff", "neither GPX nor a text in UTF-8"),
        ("<kml></kml>", "its root is <kml>, not <gpx>"),
        (GPX[:-10], "is not well-formed XML"),
        (GPX.replace("UTF-8", "UTF-9"), "is not well-formed XML"),
        (GPX.replace("UTF-8", "punycode"), "is not well-formed XML"),
        ("<gpx></gpx>", "holds no position with a time"),
        (PLT[:98], "holds no position with a time"),
        (CSV.splitlines()[0], "holds no position with a time"),
        (
            CSV.replace("47.3", "147.3"),
            r"no position with a time \(line 2: latitude 147.3766094 is not",
        ),
        (CSV + "2;2012-12-18T21:31:35Z;47.37;8.54;0;20\n", "2 different user_id: keep the rows"),
    ],
)
def test_what_is_no_track_is_refused_by_name(read, content: str | bytes, message: str) -> None:
    with pytest.raises(Invalid, match=message) as refusal:
        read(content)
    assert "track: " in refusal.value.detail


def test_a_missing_file_and_a_folder_are_refused_by_name(tmp_path: Path) -> None:
    for path in (tmp_path / "nowhere.gpx", tmp_path):
        with pytest.raises(Invalid, match="cannot be read"):
            read_track(path)


def test_an_entity_bomb_is_refused_before_it_grows(read) -> None:
    bomb = '<!DOCTYPE gpx [<!ENTITY a "ha">' + "".join(
        f'<!ENTITY {b} "{f"&{a};" * 10}">' for a, b in zip("abcdefgh", "bcdefghi", strict=True)
    )
    with pytest.raises(Invalid, match="line 1: a GPX file has no document type"):
        read(bomb + "]><gpx>&i;</gpx>")


@given(st.binary(max_size=400) | st.text(max_size=200).map(str.encode))
def test_no_content_crashes_the_reader(tmp_path_factory, content: bytes) -> None:
    path = tmp_path_factory.mktemp("any") / "track"
    for start in (b"", b"<gpx>", PLT.encode()[:98], CSV.encode()):
        path.write_bytes(start + content)
        try:
            track = read_track(path)
        except Invalid:
            continue
        assert track.points


def test_a_shifted_track_ends_at_the_given_time_and_keeps_its_pace(read) -> None:
    points = read(GPX).points
    now = datetime.fromisoformat("2026-11-20T14:00:00+02:00")
    moved = shifted(points, now)
    assert moved[-1].occurred_at == at(2026, 11, 20, 12)
    assert moved[-1].occurred_at - moved[0].occurred_at == timedelta(seconds=5)
    assert [(p.latitude, p.longitude, p.accuracy_m) for p in moved] == [
        (p.latitude, p.longitude, p.accuracy_m) for p in points
    ]
    assert all(p.occurred_at.tzinfo is UTC for p in moved)
    assert shifted([], now) == []


@needs_recorded
def test_every_recorded_geolife_track_is_read_without_a_bad_row() -> None:
    paths = sorted(RECORDED.rglob("*.plt"))
    assert len(paths) > 50
    for path in paths:
        track = read_track(path)
        lines = path.read_bytes().count(b"\n")
        assert (len(track.points), track.bad_rows) == (lines - 6, ()), path


@needs_recorded
def test_the_recorded_csv_is_read_with_its_accuracies() -> None:
    track = read_track(RECORDED / "google_trajectory.csv")
    assert len(track.points) == 416
    assert track.bad_rows == ()
    assert track.points[0].occurred_at == at(2012, 12, 18, 11, 53, 30)
    assert track.points[0].accuracy_m == 930.0
    assert all(a.occurred_at <= b.occurred_at for a, b in pairwise(track.points))
