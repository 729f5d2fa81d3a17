"""What the doctor says of webhooks and alerts."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from click.testing import CliRunner

from domain.people import Mode
from domain.settings import Settings
from domain.webhooks import Serves
from service.cli.doctor import doctor, examine
from storage import brands, webhooks
from tests.integration.conftest import World
from tests.receiver import Receiver


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as listening:
        yield listening


def findings(world: World, **settings: Any) -> dict[str, tuple[str, str]]:
    url = world.database.url.render_as_string(hide_password=False)
    found = examine(Settings(database_url=url, **settings))
    return {one.part: (one.health.value, one.text) for one in found}


def hook(world: World, **more: Any) -> str:
    given = {"serves": Serves.EVERYBODY, "offers": (), **more}
    return world.database.write(
        lambda tx: webhooks.put(
            tx,
            brand_id=world.brand.id,
            mode=Mode.LIVE,
            external_id="mail",
            url="https://mail.example.com/",
            now=world.clock.now(),
            **given,
        )
    )[0].id


def test_a_brand_whose_webhook_takes_everything_needs_no_firebase_project(world: World) -> None:
    assert findings(world)["brand soup"][0] == "broken"
    hook(world, offers=("soup",))
    assert findings(world)["brand soup"][0] == "broken"
    hook(world, serves=Serves.WITHOUT_PHONE)
    assert findings(world)["brand soup"][0] == "broken"
    hook(world)
    assert "brand soup" not in findings(world)


def test_a_disabled_webhook_is_named(world: World) -> None:
    name = hook(world)
    assert not [part for part in findings(world) if part.startswith("webhook")]
    world.database.write(lambda tx: webhooks.disable(tx, [name], now=world.clock.now()))
    found = findings(world)
    assert found["webhook mail of soup"] == (
        "warning",
        "is disabled since 2026-05-06 09:00 UTC: it answered 410",
    )
    assert found["brand soup"][0] == "broken"


def test_each_brand_is_looked_at_by_itself(world: World) -> None:
    hook(world)
    world.add_brand("salon")
    with world.database.read() as tx:
        assert len(brands.everyone(tx)) == 2
    assert findings(world)["brand salon"][0] == "broken"


def test_alerts_are_counted_and_tried(
    world: World, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    ways = f"json://127.0.0.1:{receiver.port}/one\njson://127.0.0.1:{receiver.port}/500"
    assert "switched off" in findings(world)["alerts"][1]
    assert "2 ways" in findings(world, alert_urls=ways)["alerts"][1]
    assert receiver.received == []

    monkeypatch.setenv("WHENABOUTS_ALERT_URLS", ways)
    run = CliRunner().invoke(doctor, ["--alert-test", "--json"])

    assert run.exit_code == 3
    told = [(one["part"], one["health"]) for one in json.loads(run.output)]
    assert told == [("alert 1 (json)", "ok"), ("alert 2 (json)", "broken")]
    assert "test" in json.loads(receiver.received[0].body)["message"]
