"""`whenabouts replay-gps`: a recorded day shows enter, dwell and exit."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.processes import run

REAL = Path(__file__).parents[3] / "shared" / "data" / "gps"


def replay(file: Path, folder: Path) -> list[dict[str, Any]]:
    done = run("replay-gps", str(file), "--json", settings={"DATA_DIR": str(folder)}, within_s=90)
    assert done.code == 0, done.err
    return [json.loads(line) for line in done.out.splitlines()]


def gpx(folder: Path) -> Path:
    """Twenty minutes at one place, a walk of 900 m, twenty minutes at another, a fix every 20 s."""
    places = [(60.17, 60)] + [(60.17 + step * 0.0002, 1) for step in range(1, 41)] + [(60.178, 60)]
    points: list[str] = []
    for latitude, fixes in places:
        for _ in range(fixes):
            seconds = 20 * len(points)
            clock = (
                f"2026-05-06T{9 + seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}Z"
            )
            points.append(f'<trkpt lat="{latitude:.5f}" lon="24.94"><time>{clock}</time></trkpt>')
    file = folder / "walk.gpx"
    file.write_text(
        '<gpx version="1.1" xmlns="http://www.topografix.com/GPX/1/1"><trk><trkseg>'
        + "".join(points)
        + "</trkseg></trk></gpx>"
    )
    return file


def test_a_recorded_walk_enters_dwells_at_and_leaves_its_own_stays(tmp_path: Path) -> None:
    lines = replay(gpx(tmp_path), tmp_path)
    told = [
        (line["transition"]["geofence"], line["transition"]["type"])
        for line in lines
        if line["type"] == "transition"
    ]
    assert told == [
        ("stay-1", "enter"),
        ("stay-1", "dwell"),
        ("stay-1", "exit"),
        ("stay-2", "enter"),
        ("stay-2", "dwell"),
    ]
    assert lines[-1]["accepted"] == 160


@pytest.mark.skipif(not REAL.is_dir(), reason=f"the real tracks are not at {REAL}")
@pytest.mark.parametrize("name", ["google_trajectory.csv", "000/Trajectory/20081028003826.plt"])
def test_a_real_track_has_transitions_in_order(tmp_path: Path, name: str) -> None:
    lines = replay(REAL / name, tmp_path)
    inside: set[str] = set()
    counts: Counter[str] = Counter()
    for line in lines[:-1]:
        fence, kind = line["transition"]["geofence"], line["transition"]["type"]
        counts[kind] += 1
        assert (fence in inside) is (kind != "enter")
        inside = (
            inside | {fence} if kind == "enter" else inside - {fence} if kind == "exit" else inside
        )
    assert min(counts["enter"], counts["dwell"], counts["exit"]) >= 1


def test_a_file_that_is_no_track_is_refused_with_what_to_do(tmp_path: Path) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("nothing of the kind")
    done = run("replay-gps", str(file), settings={"DATA_DIR": str(tmp_path)})
    assert done.code == 1
    assert "GPX" in done.err
