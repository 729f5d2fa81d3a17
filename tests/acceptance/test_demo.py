"""The first thing a newcomer runs: a town that lives, explains itself, ends cleanly and goes on."""

import json
import signal
import time
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import Any

from tests.acceptance.processes import Api, Running, run, until

SEEN_WITHIN_S = 30.0


def objects(demo: Running) -> list[dict[str, Any]]:
    """What it has said so far; each line is one object."""
    return [json.loads(line) for line in list(demo.lines)]


def of(kind: str, said: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [each for each in said if each["type"] == kind]


def everything(said: list[dict[str, Any]]) -> bool:
    """Whether a person has seen all that the demo is for."""
    outcomes = {each["outcome"] for each in of("decision", said)}
    catering = [
        each
        for each in of("decision", said)
        if (each["offer"], each["outcome"]) == ("office-lunch", "send")
    ]
    return bool(
        of("moment", said) and {"send", "silence"} <= outcomes and of("push", said) and catering
    )


def test_the_town_shows_what_it_is_for_ends_on_ctrl_c_and_goes_on(tmp_path: Path) -> None:
    settings = {"DATA_DIR": str(tmp_path), "BIND": "127.0.0.1:0"}
    with ExitStack() as stack:
        began = time.monotonic()
        demo = stack.enter_context(
            Running("demo", "--json", "--fresh", settings=settings, log=tmp_path / "first.log")
        )
        until(
            lambda: everything(objects(demo)),
            within_s=SEEN_WITHIN_S,
            what=f"all kinds; its log: {demo.log}",
        )
        assert time.monotonic() - began < SEEN_WITHIN_S
        url = of("about", objects(demo))[0]["url"]
        assert Api(url)("GET", "/docs").status_code == 200
        demo.signal(signal.SIGINT)
        assert demo.wait(25) == 0, demo.log
        assert "Traceback" not in demo.log

        said = objects(demo)
        moments = {each["id"] for each in of("moment", said)}
        for decision in of("decision", said):
            assert decision["moment"] in moments
            assert decision["reasons"]
            assert all(reason["code"] and reason["text"] for reason in decision["reasons"])
        sends = {each["id"] for each in of("decision", said) if each["outcome"] == "send"}
        assert {each["data"]["decision_id"] for each in of("push", said)} <= sends
        assert of("resident", said)
        assert any("consent" in each["code"] for each in of("refused", said))

        again = stack.enter_context(
            Running(
                "demo", "--json", "--seconds", "4", settings=settings, log=tmp_path / "second.log"
            )
        )
        assert again.wait(40) == 0, again.log
        resumed = objects(again)
        assert not of("resident", resumed), "nobody moves in twice"
        assert clock(of("about", resumed)[0]) > max(map(clock, said))
        assert of("stopping", resumed)

    database = {"DATABASE_URL": f"sqlite:///{tmp_path / 'demo' / 'demo.sqlite3'}"}
    (brand,) = run("brands", "list", "--json", settings=database).json
    customer = of("decision", said)[0]["customer"]
    told = run("why", customer, "--brand", brand["slug"], settings=database)
    assert told.code == 0
    assert told.out


def clock(said: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(said["at"])


def test_a_damaged_diary_is_named_with_its_remedy(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    folder.mkdir()
    (folder / "diary.json").write_text("{half")

    refused = run("demo", "--json", settings={"DATA_DIR": str(tmp_path)})

    assert refused.code == 1
    assert "diary.json" in refused.err
    assert "--fresh" in refused.err
