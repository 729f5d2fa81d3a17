"""`whenabouts backtest response`, on tables made here."""

import csv
import json
import math
import random
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from service.cli.main import main

COLUMNS = ("name", "age", "Bar", "CoffeeHouse", "offer", "weather", "spend", "day", "known", "y")
ROLES = {"--person": "name", "--offer": "offer", "--outcome": "y", "--context": "weather,spend"}


def people(rows: int = 240, *, yes: str = "1", no: str = "0") -> list[dict[str, str]]:
    """Answers of 12 people who differ, most in what they think of bars."""
    lot = random.Random(5)
    table = []
    for number in range(rows):
        who, offer = lot.randrange(12), lot.choice(("Bar", "Coffee House"))
        odds = 2 * math.sin(who) + (2 if (who % 2 == 0) == (offer == "Bar") else -2)
        table.append(
            {
                "name": f"p{who}",
                "age": str(20 + 10 * (who % 3)),
                "Bar": "often" if who % 2 == 0 else "never",
                "CoffeeHouse": "never" if who % 2 == 0 else "often",
                "offer": offer,
                "weather": lot.choice(("sun", "rain", "")),
                "spend": f"{lot.random() * 90:.2f}",
                "day": f"2026-0{1 + number // 100}-{1 + number % 28:02}",
                "known": f"2026-0{2 + number // 100}-{1 + number % 28:02}",
                "y": yes if lot.random() < 1 / (1 + math.exp(-odds)) else no,
            }
        )
    return table


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return write(tmp_path / "answers.csv", people())


def write(path: Path, table: list[dict[str, str]]) -> Path:
    with path.open("w", newline="") as out:
        writer = csv.DictWriter(out, COLUMNS)
        writer.writeheader()
        writer.writerows(table)
    return path


def backtest(file: Path, *more: str, **roles: str) -> Result:
    options = {**ROLES, **{f"--{name}": value for name, value in roles.items()}}
    given = [part for option in options.items() for part in option]
    args = ["backtest", "response", str(file), *given, "--seeds", "2", *more]
    return CliRunner().invoke(main, args)


def figures(file: Path, *more: str, **roles: str) -> dict[str, Any]:
    result = backtest(file, "--json", *more, **roles)
    assert result.exit_code == 0, result.output
    document: dict[str, Any] = json.loads(result.stdout)
    return document


def test_the_figures_compare_three_models_and_what_each_would_have_earned(file: Path) -> None:
    told = figures(file, habit="Bar,CoffeeHouse")
    assert (told["rows"], told["people"], told["order"]) == (240, 12, "shuffled")
    assert told["seeds"] == [0, 1]
    assert set(told["models"]) == {"population", "segments", "person"}
    for model in told["models"].values():
        assert 0.4 < model["auc"] <= 1
        assert model["log_loss"] > 0
        assert 0 <= model["ece"] < 0.3
        assert set(model["last_quarter"]) == {"auc", "log_loss"}
    assert list(told["by_earlier_answers"]) == ["0", "1-2", "3-5", "6-10", "11-15", "16+"]
    assert sum(each["rows"] for each in told["by_earlier_answers"].values()) == 2 * 240
    for price in ("0.40", "0.55", "0.70"):
        nets = told["push_or_silence"][price]
        assert len(nets["person"]["seeds"]) == 2
        assert nets["always"] <= nets["hindsight"]
        assert nets["person"]["mean"] <= nets["hindsight"]


def test_own_terms_win_where_people_differ(file: Path) -> None:
    told = figures(file, "--prices", "")
    models = told["models"]
    assert models["person"]["log_loss"] < models["population"]["log_loss"] - 0.05
    assert told["gain"]["person_over_population"]["low"] > 0
    assert told["push_or_silence"] == {}


def test_the_same_seed_gives_the_same_figures(file: Path) -> None:
    one, two = (figures(file, "--seed", "3", habit="Bar,CoffeeHouse") for _ in range(2))
    for told in (one, two):
        del told["seconds"], told["cost"]
    assert one == two
    assert figures(file, "--seed", "4")["models"] != one["models"]


def test_time_gives_the_order_and_answers_may_come_late(file: Path) -> None:
    early = figures(file, "--prices", ".5", time="day")
    late = figures(file, "--prices", ".5", time="day", **{"answer-time": "known"})
    assert early["order"] == late["order"] == "time"
    assert early["models"]["person"]["log_loss"] < late["models"]["person"]["log_loss"]
    assert late["by_earlier_answers"]["0"]["rows"] > early["by_earlier_answers"]["0"]["rows"]


def test_people_without_an_id_are_known_by_their_profile_and_their_habits(file: Path) -> None:
    assert figures(file, "--prices", "", person="age")["people"] == 3
    assert figures(file, "--prices", "", person="age,weather", context="spend")["people"] == 9
    by_profile = {"person": "age,weather", "context": "spend", "habit": "Bar"}
    assert figures(file, "--prices", "", **by_profile)["people"] == 18


def test_an_id_knows_people_whatever_their_habits(file: Path) -> None:
    assert figures(file, "--prices", "", person="name,age", habit="Bar")["people"] == 12


def test_segments_may_be_your_own(file: Path) -> None:
    own = figures(file, "--prices", "", segments="age")
    assert own["models"]["segments"] != figures(file, "--prices", "")["models"]["segments"]


def test_people_see_the_comparison_first_and_a_picture(file: Path, tmp_path: Path) -> None:
    picture = tmp_path / "picture.png"
    result = backtest(file, "--plot", str(picture))
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert lines[0].startswith("240 offers to 12 people")
    assert lines[2].startswith("One person's own terms against segments")
    assert lines[5].startswith("own terms ")
    assert "Own terms over segments: +" in result.stdout
    assert picture.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(("yes", "no"), [("yes", "no"), ("TRUE", "False"), ("1.0", "0.0")])
def test_an_outcome_may_be_written_in_words(tmp_path: Path, yes: str, no: str) -> None:
    file = write(tmp_path / "words.csv", people(60, yes=yes, no=no))
    assert 0.2 < figures(file, "--prices", "")["accepted"] < 0.8


@pytest.mark.parametrize(
    ("roles", "told"),
    [
        ({"offer": "ofer"}, "ofer (did you mean offer?)"),
        ({"outcome": "age"}, "must be 0 or 1"),
        ({"outcome": "weather", "context": "spend"}, "Found: '', 'rain', 'sun'."),
        ({"context": "weather,y"}, "The column y was given as --outcome and as --context"),
        ({"person": "name,weather"}, "weather was given as --context and as --person"),
        ({"time": "weather"}, "which is no time"),
        ({"answer-time": "known"}, "--answer-time wants --time"),
        ({"habit": "Tea=Bar,Pub"}, "Pub"),
        ({"prices": "1.5"}, "a price is a part of one answer's worth"),
        ({"prices": "dear"}, "a price is a part of one answer's worth"),
        ({"segments": "y"}, "it would tell itself"),
        ({"person": " , "}, "--person names no column"),
    ],
    ids=lambda value: "" if isinstance(value, str) else repr(value),
)
def test_a_wrong_mapping_says_what_was_found_and_what_is_missing(
    file: Path, roles: dict[str, str], told: str
) -> None:
    result = backtest(file, **roles)
    assert result.exit_code == 2
    assert told in result.stderr
    assert "Traceback" not in result.output


def test_one_person_one_offer_and_one_answer_are_enough(tmp_path: Path) -> None:
    file = write(tmp_path / "one.csv", people(1))
    told = figures(file)
    assert told["rows"] == 1
    assert told["models"]["person"]["auc"] == 0.5
