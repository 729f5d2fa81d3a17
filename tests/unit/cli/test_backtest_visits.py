"""`whenabouts backtest rhythm | next-visit | moment | taste`: columns, times, errors and what comes out."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from click.testing import CliRunner, Result

from service.cli.main import main
from service.cli.time_texts import EPOCH, ISO, reader, way_of_writing
from service.cli.visit_files import Columns, read_visits

UTC_ZONE = ZoneInfo("UTC")
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def run(command: str, file: Path, *options: str) -> Result:
    return CliRunner().invoke(main, ["backtest", command, str(file), *options])


def answer(command: str, file: Path, *options: str) -> dict[str, Any]:
    result = run(command, file, *options, "--json")
    assert result.exit_code == 0, result.stderr
    found: dict[str, Any] = json.loads(result.stdout)
    return found


@pytest.fixture
def visits(tmp_path: Path) -> Path:
    """Four people who come every third day for twenty weeks, two at a time of their own."""
    path = tmp_path / "visits.csv"
    lines = ["when,card,shop,product,datetime"]
    for day in range(0, 140, 3):
        for who, hour in (("a", 8), ("b", 8), ("c", 18), ("d", 20)):
            at = datetime(2026, 1, 5, hour, 20, tzinfo=UTC) + timedelta(days=day)
            lines.append(f"x,{who},north,tea {who},{at:%Y/%-m/%-d %H:%M}")
        lines.append(f"x,,north,tea,{at:%Y/%-m/%-d %H:%M}")
    path.write_text("\n".join(lines), "utf-8")
    return path


def test_columns_and_times_are_recognised_and_said(visits: Path) -> None:
    result = run("rhythm", visits)
    assert result.exit_code == 0
    assert "customer = card, time = datetime" in result.stderr
    assert "47 skipped" in result.stderr
    assert "whenabouts" in result.stdout


def test_rhythm_answers_with_every_model_in_one_document(visits: Path) -> None:
    found = answer("rhythm", visits, "--tz", "Europe/Helsinki")
    assert list(found["models"]) == ["uniform", "global", "personal", "dirichlet", "whenabouts"]
    for model in found["models"].values():
        assert model["log_likelihood"] < 0
        assert 0 <= model["window3"] <= 1
    assert found["online"]["whenabouts"]["log_likelihood"] < 0
    assert found["read"]["people"] == 4
    assert found["by_events"][0]["visits"] == found["test_visits"]


def test_with_a_place_the_unit_is_a_person_there(visits: Path) -> None:
    text = visits.read_text("utf-8").replace(",c,north", ",a,south")
    visits.write_text(text, "utf-8")
    assert answer("rhythm", visits)["read"]["people"] == 3
    assert answer("rhythm", visits, "--place", "shop")["read"]["people"] == 4


def test_with_a_place_it_is_told_how_well_the_hour_tells_it(visits: Path) -> None:
    """Who is at one shop in the morning and at another in the evening is expected at each in its hours."""
    text = visits.read_text("utf-8").replace(",c,north", ",a,south").replace(",d,", ",b,")
    visits.write_text(text, "utf-8")
    found = answer("rhythm", visits, "--place", "shop")["where"]
    assert found["people"] == 2
    assert found["visits"] == 4 * 47 - 2
    alone, hourly = found["models"]["share"], found["models"]["share_at_hour"]
    assert hourly["top1"] > 0.7 > alone["top1"]
    assert hourly["log_likelihood"] > alone["log_likelihood"]
    assert found["gain"]["over_share"]["value"] > 0.1
    assert "share at hour" in run("rhythm", visits, "--place", "shop").stdout
    assert "where" not in answer("rhythm", visits)


def test_next_visit_and_moment_judge_the_second_half(visits: Path) -> None:
    ahead = answer("next-visit", visits)["horizons"]
    assert list(ahead) == ["7", "30"]
    assert set(ahead["7"]["models"]) == {"base", "rate", "bgnbd", "whenabouts"}
    hours = answer("moment", visits)
    assert hours["models"]["whenabouts"]["auc"] > hours["models"]["rate"]["auc"]


def test_taste_takes_the_item_from_its_column(visits: Path) -> None:
    found = answer("taste", visits)
    assert found["read"]["item"] == "product"
    assert found["by_visits"][-1]["whenabouts"]["top1"] == 1.0


def test_a_plot_is_a_png(visits: Path, tmp_path: Path) -> None:
    for command in ("rhythm", "next-visit", "moment", "taste"):
        picture = tmp_path / f"{command}.png"
        assert run(command, visits, "--plot", str(picture)).exit_code == 0
        assert picture.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("text", "options", "told"),
    [
        (
            "who,time\n1,2026-01-05",
            (),
            ["like a customer", "Found: who, time", "--customer COLUMN"],
        ),
        ("card,when\n1,2026-01-05", (), ["like a time", "Found: card, when", "--time COLUMN"]),
        ("card,time\n1,soon", (), ["column time holds soon", "--time-format"]),
        ("card,time\n1,2026-01-05", ("--time", "tme"), ["did you mean time?"]),
        ("card,time\n,2026-01-05", (), ["no row has a value in column card"]),
        ("card,time\n1,2026-01-05 09:00", (), ["nobody came 10 times", "--least"]),
        ("card,time\n1,2026-01-05", ("--tz", "Mars"), ["--tz Mars", "Europe/Helsinki"]),
    ],
    ids=["customer", "time", "format", "column", "empty", "few", "zone"],
)
def test_what_is_missing_is_said_beside_what_was_found(
    tmp_path: Path, text: str, options: tuple[str, ...], told: list[str]
) -> None:
    path = tmp_path / "some.csv"
    path.write_text(text, "utf-8")
    result = run("rhythm", path, *options)
    assert result.exit_code == 2
    assert all(part in result.stderr for part in told), result.stderr


@pytest.mark.parametrize("command", ["rhythm", "next-visit", "moment"])
def test_a_file_of_one_visit_is_refused_with_the_reason(tmp_path: Path, command: str) -> None:
    path = tmp_path / "one.csv"
    path.write_text("card,time\n1,2026-01-05 10:00", "utf-8")
    result = run(command, path)
    assert result.exit_code == 2
    assert str(path) in result.stderr


def test_a_single_odd_time_among_the_first_is_named_and_not_the_good_ones(tmp_path: Path) -> None:
    path = tmp_path / "some.csv"
    lines = ["card,time", *["1,2026-01-05 10:00"] * 60, "1,yesterday"]
    path.write_text("\n".join(lines), "utf-8")
    result = run("rhythm", path)
    assert result.exit_code == 2
    assert "holds yesterday, and other rows are written as ISO 8601" in result.stderr
    assert "2026-01-05" not in result.stderr


@pytest.mark.parametrize("command", ["rhythm", "moment"])
def test_days_alone_are_refused_where_the_hour_is_asked(tmp_path: Path, command: str) -> None:
    path = tmp_path / "days.csv"
    days = [f"1,{datetime(2026, 1, 5, tzinfo=UTC) + timedelta(days=n):%Y-%m-%d}" for n in range(60)]
    path.write_text("\n".join(["card,time", *days]), "utf-8")
    for options in ((), ("--utc", "--tz", "Europe/Helsinki")):
        result = run(command, path, *options)
        assert result.exit_code == 2
        assert "column time holds days without a time of day" in result.stderr
    assert answer("next-visit", path)["read"]["rows"] == 60


def test_a_column_of_items_without_one_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "some.csv"
    path.write_text("card,time,item\n1,2026-01-05,\n1,2026-01-06,", "utf-8")
    result = run("taste", path)
    assert result.exit_code == 2
    assert "no row has a value in column item" in result.stderr


def test_all_columns_that_are_missing_are_named_at_once(tmp_path: Path) -> None:
    path = tmp_path / "some.csv"
    path.write_text("card,time\n1,2026-01-05", "utf-8")
    result = run("rhythm", path, "--customer", "crad", "--time", "tme", "--place", "shop")
    assert result.exit_code == 2
    for told in ("did you mean card?", "did you mean time?", "shop"):
        assert told in result.stderr


def test_a_time_written_otherwise_names_its_row(tmp_path: Path) -> None:
    path = tmp_path / "some.csv"
    lines = ["card,time", *["1,2026-01-05 10:00"] * 600, "1,5 January"]
    path.write_text("\n".join(lines), "utf-8")
    result = run("rhythm", path)
    assert "Row 601: 5 January in column time" in result.stderr


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("2026-03-02 12:00:00", ISO),
        ("2026-03-02T14:00:00+02:00", ISO),
        ("20260302T120000Z", ISO),
        ("2026/3/2 12:00", "%Y/%m/%d %H:%M"),
        ("3/2/2026 12:00", "%m/%d/%Y %H:%M"),
        ("3/2/2026 12:00 PM", "%m/%d/%Y %I:%M %p"),
        ("2.3.2026 12:00", "%d.%m.%Y %H:%M"),
        (str(int(NOON.timestamp())), EPOCH),
        (str(int(NOON.timestamp() * 1000)), EPOCH),
        (f"{NOON.timestamp()}", EPOCH),
    ],
)
def test_times_are_read_as_they_are_written(text: str, name: str) -> None:
    assert way_of_writing([text]) == name
    assert reader(name, UTC_ZONE)(text) == NOON.timestamp()


def test_a_day_above_twelve_tells_that_the_day_comes_first() -> None:
    assert way_of_writing(["02/03/2026", "13/03/2026"]) == "%d/%m/%Y"
    assert way_of_writing(["19970101", "19970112"]) == ISO
    assert way_of_writing(["soon"]) is None


def test_a_time_without_an_offset_is_of_the_zones_clock_unless_it_is_said_to_be_utc(
    tmp_path: Path,
) -> None:
    path = tmp_path / "some.csv"
    path.write_text("card,time\n1,2026-03-02 12:00", "utf-8")
    wall, utc = (
        read_visits(path, Columns(None, None, zone="Europe/Helsinki", utc=utc)).visits.at[0]
        for utc in (False, True)
    )
    assert utc == NOON.timestamp()
    assert wall == utc - 2 * 3600
