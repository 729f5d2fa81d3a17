"""The command line as operators and their scripts meet it: help, one JSON document, exit codes, remedies."""

import json
import os
import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from domain.ids import new_id
from domain.messages import Message, MessageState, Push
from domain.people import Mode
from service.cli.main import main
from storage import brands, messages, migrate
from storage.engine import Database, Transaction
from tests.acceptance import outbox
from tests.acceptance.processes import run


def commands() -> Iterator[tuple[str, ...]]:
    """Every command and sub-command by its words."""
    context = click.Context(main)
    for name in main.list_commands(context):
        command = main.get_command(context, name)
        yield (name,)
        if isinstance(command, click.Group):
            yield from ((name, inner) for inner in command.list_commands(context))


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The environment of an operator whose store is in a folder of their own."""
    for name in [name for name in os.environ if name.startswith("WHENABOUTS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("WHENABOUTS_DATA_DIR", str(tmp_path))
    return tmp_path


def call(*arguments: str) -> Result:
    """A command inside this process, which is quicker; those that are about the process itself use `run`."""
    return CliRunner().invoke(main, arguments)


def document(*arguments: str) -> Any:
    done = call(*arguments, "--json")
    assert done.exit_code == 0, done.output
    assert done.stdout.count("\n") == 1
    return json.loads(done.stdout)


class TestHelp:
    @pytest.mark.parametrize("words", [(), *commands()], ids=" ".join)
    def test_every_command_explains_itself(self, words: tuple[str, ...]) -> None:
        done = call(*words, "--help")

        assert done.exit_code == 0
        assert done.output.startswith("Usage: ")
        assert len(done.output.split("\n\n")[1].strip()) > 15, "a sentence says what it does"

    def test_the_installed_command_knows_its_version_and_lists_everything(self) -> None:
        assert re.search(r"\d+\.\d+", run("--version", settings={}).out)
        shown = run("-h", settings={})
        assert shown.code == 0
        assert all(words[0] in shown.out for words in commands())


class TestExitCodes:
    def test_a_wrong_use_is_2(self, data: Path) -> None:
        assert call("nonsense").exit_code == 2
        assert call("brands", "create").exit_code == 2
        assert call("keys", "create", "--brand", "soup", "--kind", "golden").exit_code == 2

    @pytest.mark.parametrize(
        ("arguments", "remedy"),
        [
            (("brands", "create", "Soup & Co"), "lower-case letters"),
            (("brands", "create", "soup", "--time-zone", "Mars/Olympus"), "IANA"),
            (("brands", "create", "soup", "--fcm-credentials", "/no/file.json"), "/no/file.json"),
            (("keys", "create", "--brand", "nobody", "--kind", "secret"), "brands list"),
            (("keys", "revoke", "--brand", "nobody", "x"), "brands list"),
            (("why", "nobody"), "none yet"),
            (("messages",), "none yet"),
            (("api",), "whenabouts up"),
        ],
        ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
    )
    def test_a_refusal_is_1_and_says_what_to_do(
        self, data: Path, arguments: tuple[str, ...], remedy: str
    ) -> None:
        done = call(*arguments)

        assert done.exit_code == 1
        assert remedy in done.stderr
        assert not done.stdout

    def test_a_store_that_does_not_answer_is_said_plainly(self, data: Path) -> None:
        nowhere = {"WHENABOUTS_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none"}

        done = CliRunner(env=nowhere).invoke(main, ["migrate"])

        assert done.exit_code == 1
        assert "out of reach" in done.stderr

    def test_a_brand_is_made_once(self, data: Path) -> None:
        document("brands", "create", "soup")

        again = call("brands", "create", "soup")

        assert again.exit_code == 1
        assert "soup" in again.stderr
        assert [brand["slug"] for brand in document("brands", "list")] == ["soup"]


class TestJson:
    def test_every_reading_or_creating_command_prints_one_document(self, data: Path) -> None:
        assert document("migrate")["after"]
        brand = document("brands", "create", "soup", "--name", "Soup & Co")
        assert brand["brand"]["slug"] == "soup"
        assert brand["signing_secret"]
        assert document("brands", "update", "soup", "--name", "Soups")["name"] == "Soups"
        rotated = document("brands", "rotate-secret", "soup")
        assert rotated["signing_secret"] != brand["signing_secret"]
        key = document("keys", "create", "--brand", "soup", "--kind", "publishable", "--test")
        assert key["key"].startswith("wa_test_pk_")
        (listed,) = document("keys", "list", "--brand", "soup")
        assert listed["id"] == key["id"]
        assert key["key"] not in json.dumps(listed)
        assert document("keys", "revoke", "--brand", "soup", key["id"])["revoked"] is True
        assert document("messages") == []

    def test_secrets_are_stored_only_as_hashes(self, data: Path) -> None:
        document("brands", "create", "soup")
        key = document("keys", "create", "--brand", "soup", "--kind", "secret")["key"]

        stored = b"".join(path.read_bytes() for path in data.glob("*.sqlite3*"))

        assert key.encode() not in stored
        assert key.rsplit("_", 1)[1].encode() not in stored


class TestSettings:
    def test_all_mistakes_are_named_at_once_with_their_remedies(self, tmp_path: Path) -> None:
        wrong = {
            "DATA_DIR": str(tmp_path),
            "DATABSE_URL": "sqlite:///x",
            "BIND": "8080",
            "THREADS": "many",
            "FCM_TRANSPORT": "pigeon",
            "FCM_TIMEOUT_S": "-1",
            "WEATHER_API_KEY_FILE": "/no/such/file",
        }

        done = run("up", settings=wrong)

        assert done.code == 2
        assert not done.out
        assert "did you mean WHENABOUTS_DATABASE_URL?" in done.err
        for name in wrong.keys() - {"DATA_DIR"}:
            assert f"WHENABOUTS_{name}" in done.err
        assert "Traceback" not in done.err
        assert not list(tmp_path.iterdir()), "nothing was begun"

    def test_an_address_that_is_not_ours_to_listen_on_is_told_without_a_traceback(
        self, tmp_path: Path
    ) -> None:
        done = run("up", settings={"DATA_DIR": str(tmp_path), "BIND": "203.0.113.7:80"})

        assert done.code == 1
        assert done.err.startswith("Error: Cannot listen on 203.0.113.7:80")
        assert "WHENABOUTS_BIND" in done.err


class TestDoctor:
    def found(self, **planted: str) -> dict[str, dict[str, Any]]:
        """What the doctor finds, by part, with these settings."""
        names = {f"WHENABOUTS_{name}": value for name, value in planted.items()}
        done = CliRunner(env=names).invoke(main, ["doctor", "--json"])
        findings = json.loads(done.stdout)
        worst = {finding["health"] for finding in findings}
        assert done.exit_code == (3 if "broken" in worst else 0)
        assert all(finding.get("remedy") for finding in findings if finding["health"] != "ok")
        return {finding["part"]: finding for finding in findings}

    def test_an_empty_store_wants_migrating(self, data: Path) -> None:
        found = self.found()

        assert found["database"]["health"] == "broken"
        assert "whenabouts migrate" in found["database"]["remedy"]

    @pytest.mark.parametrize(
        ("transport", "health", "says"),
        [
            ({}, "ok", "goes over curl, for libcurl"),
            ({"FCM_TRANSPORT": "curl"}, "ok", "goes over curl, as set"),
            ({"FCM_TRANSPORT": "admin"}, "ok", "goes over admin, as set"),
            ({"FCM_TRANSPORT": "console"}, "warning", "no phone gets anything"),
        ],
        ids=["unset", "curl", "admin", "console"],
    )
    def test_it_says_how_pushes_leave_and_why(
        self, data: Path, transport: dict[str, str], health: str, says: str
    ) -> None:
        assert CliRunner().invoke(main, ["migrate"]).exit_code == 0
        found = self.found(**transport)

        assert found["push"]["health"] == health
        assert says in found["push"]["text"]

    def test_an_unreachable_store_is_broken_and_its_password_unsaid(self, data: Path) -> None:
        found = self.found(DATABASE_URL="postgresql://user:hunter2@127.0.0.1:1/none")

        assert found["database"]["health"] == "broken"
        assert "hunter2" not in json.dumps(found)

    def test_a_brand_that_cannot_send_is_broken(self, data: Path) -> None:
        document("brands", "create", "soup")

        without = self.found()["brand soup"]
        assert without["health"] == "broken"
        assert "FCM_PROJECT" in without["remedy"]
        damaged = data / "account.json"
        damaged.write_text("{}")
        assert (
            self.found(FCM_PROJECT="p", FCM_CREDENTIALS=str(damaged))["brand soup"]["health"]
            == "broken"
        )
        local = {"FCM_PROJECT": "p", "FCM_CREDENTIALS": "anonymous"}
        assert (
            self.found(**local, FCM_ENDPOINT="http://127.0.0.1:9")["brand soup"]["health"] == "ok"
        )

    def test_a_weather_provider_without_its_due_is_broken(self, data: Path) -> None:
        document("migrate")

        assert self.found()["weather"]["health"] == "warning"
        assert self.found(WEATHER_PROVIDER="met-norway")["weather"]["health"] == "broken"
        assert self.found(WEATHER_PROVIDER="open-meteo")["weather"]["health"] == "warning"

    def test_lost_answers_silent_roles_and_keyless_brands_are_warnings(self, data: Path) -> None:
        database = Database(f"sqlite:///{data / 'whenabouts.sqlite3'}")
        migrate.upgrade(database)
        outbox.fill(database, ["phone"])
        database.write(lose_a_message)
        database.close()

        found = self.found()

        assert found["deliveries"]["health"] == "warning"
        assert "messages --state unknown" in found["deliveries"]["remedy"]
        assert found["sender"]["health"] == "warning"
        assert "keys create --brand town" in call("doctor").stdout


def lose_a_message(tx: Transaction) -> None:
    """As it stands after its sender died."""
    (brand,) = brands.everyone(tx)
    now = datetime.fromtimestamp(time.time(), UTC)
    message = Message(
        id=new_id(),
        brand_id=brand.id,
        mode=Mode.LIVE,
        customer_id=new_id(),
        decision_id=new_id(),
        offer_id=new_id(),
        push=Push(title="Soup", body="Hot."),
        expires_at=now + timedelta(hours=1),
        state=MessageState.UNKNOWN,
    )
    messages.add_many(tx, [message], now=now)
