"""Positions as they came: only for a brand that asks, for its hours and no longer, and never anywhere else."""

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import structlog

from domain.access import CredentialKind, Scope
from domain.ids import new_id
from domain.people import Purpose
from scheduler.housekeeping import Housekeeping
from storage import raw_fixes
from storage.models import RawFixRow
from tests.integration.conftest import Install, World

HERE = (60.184123, 24.949956)
HOUR = timedelta(hours=1)


def keep(world: World, hours: int) -> None:
    answer = world.admin.put("/v1/engine", {"keep_fixes_h": hours})
    assert (answer.status_code, answer.json["keep_fixes_h"]) == (200, hours)


def fix(at: datetime, step: int = 0, **more: Any) -> dict[str, Any]:
    return {
        "event_id": new_id(),
        "latitude": HERE[0] + step / 10_000,
        "longitude": HERE[1],
        "accuracy_m": 12.5,
        "occurred_at": at.isoformat(),
        **more,
    }


def send(device: Install, *fixes: dict[str, Any]) -> Any:
    answer = device.post("/v1/locations", {"fixes": list(fixes)})
    assert answer.status_code == 202, answer.json
    return answer.json


def kept(world: World) -> list[Any]:
    with world.database.read() as tx:
        return list(tx.execute(sa.select(RawFixRow.__table__).order_by(RawFixRow.occurred_at)))


def clean(world: World) -> None:
    Housekeeping(database=world.database, clock=world.clock).tick()


def walker(world: World, *more: Purpose) -> Install:
    """A device whose person agreed an hour ago: what is older than a consent is refused."""
    device = world.device(Purpose.LOCATION, *more)
    world.clock.advance(hours=1)
    return device


def test_a_brand_that_does_not_ask_keeps_none(world: World) -> None:
    send(walker(world), fix(world.clock.now()))
    assert world.admin.get("/v1/engine").json["keep_fixes_h"] == 0
    assert kept(world) == []


def test_what_was_taken_is_kept_as_it_came_and_what_was_refused_is_not(any_world: World) -> None:
    world = any_world
    keep(world, 24)
    device = walker(world)
    now = world.clock.now()
    good = [fix(now - timedelta(minutes=n), n) for n in (2, 1, 0)]
    wrong = [
        fix(now + HOUR), fix(now, is_mock=True), fix(now, latitude=0, longitude=0),
        fix(now - 30 * HOUR), fix(now, background=True), fix(now, latitude=10.0),
    ]  # fmt: skip
    assert send(device, *good, *wrong)["accepted"] == 3
    assert send(device, *good)["duplicates"] == 3
    rows = kept(world)
    assert [row.event_id for row in rows] == [each["event_id"] for each in good]
    (last,) = rows[-1:]
    assert (last.latitude, last.longitude, last.accuracy_m) == (*HERE, 12.5)
    assert (last.customer_id, last.device_id) == (device.customer_id, device.device_id)
    assert (last.occurred_at, last.received_at, last.background) == (now, now, False)


@pytest.mark.parametrize("hours", [-1, 73, 1.5, "24", None])
def test_hours_are_whole_and_at_most_seventy_two(world: World, hours: object) -> None:
    assert world.admin.put("/v1/engine", {"keep_fixes_h": hours}).status_code == 422
    assert world.admin.get("/v1/engine").json["keep_fixes_h"] == 0


def test_they_go_on_time_and_at_once_when_the_hours_are_lowered(any_world: World) -> None:
    world = any_world
    keep(world, 2)
    device = walker(world)
    send(device, fix(world.clock.now()))
    world.clock.advance(hours=1)
    send(device, fix(world.clock.now(), 1))
    clean(world)
    assert len(kept(world)) == 2
    world.clock.advance(seconds=3510)
    clean(world)
    assert len(kept(world)) == 1, "nothing is older than two hours when the next minute has come"
    keep(world, 1)
    clean(world)
    assert kept(world) == []
    send(device, fix(world.clock.now(), 2))
    keep(world, 0)
    clean(world)
    assert kept(world) == []


def test_each_brand_has_its_own_hours(world: World) -> None:
    keep(world, 72)
    other = world.add_brand("salon")
    app = world.key(other, CredentialKind.PUBLISHABLE)
    admin = world.key(other, CredentialKind.SECRET, *Scope)
    admin.put("/v1/engine", {"keep_fixes_h": 1})
    send(walker(world), fix(world.clock.now()))
    theirs = world.device(Purpose.LOCATION, app=app)
    send(theirs, fix(world.clock.now()))
    world.clock.advance(hours=2)
    clean(world)
    assert [row.brand_id for row in kept(world)] == [world.brand.id]
    world.clock.advance(hours=70)
    clean(world)
    assert kept(world) == []


def test_a_clock_that_was_ahead_does_not_keep_them_longer(world: World) -> None:
    keep(world, 2)
    device = walker(world)
    now = world.clock.now()
    world.clock.advance(hours=48)
    send(device, fix(world.clock.now()))
    world.clock.set(now)
    clean(world)
    assert kept(world) == []


def test_a_clock_that_leaps_ahead_loses_them_early_rather_than_late(world: World) -> None:
    keep(world, 72)
    send(walker(world), fix(world.clock.now()))
    world.clock.advance(days=400)
    clean(world)
    assert kept(world) == []


def test_many_go_in_small_transactions(any_world: World) -> None:
    world = any_world
    keep(world, 1)
    device = walker(world)
    now = world.clock.now()
    send(device, *(fix(now - timedelta(minutes=n), n) for n in range(20)))
    world.clock.advance(hours=2)
    gone = [
        world.database.write(lambda tx: raw_fixes.purge(tx, now=world.clock.now(), limit=8))
        for _ in range(4)
    ]
    assert gone == [8, 8, 4, 0]


@pytest.mark.parametrize(
    "end",
    [
        lambda world, device: world.say(device, Purpose.LOCATION, granted=False),
        lambda world, device: device.delete("/v1/me"),
        lambda world, device: device.delete("/v1/devices/me"),
    ],
    ids=["withdrawal", "erasure", "sign-out"],
)
def test_they_end_with_the_position(world: World, end: Any) -> None:
    keep(world, 72)
    device, other = walker(world), walker(world)
    send(device, fix(world.clock.now()))
    send(other, fix(world.clock.now()))
    end(world, device)
    assert [row.device_id for row in kept(world)] == [other.device_id]


def test_a_withdrawal_of_the_background_takes_what_came_from_there(world: World) -> None:
    keep(world, 72)
    device = walker(world, Purpose.BACKGROUND_LOCATION)
    now = world.clock.now()
    send(device, fix(now - timedelta(minutes=1), background=True), fix(now))
    assert len(kept(world)) == 2
    receipt = world.say(device, Purpose.BACKGROUND_LOCATION, granted=False).json
    assert '"raw_fixes": 1' in json.dumps(receipt)
    assert [row.background for row in kept(world)] == [False]


def test_they_move_with_the_person_and_are_exported_to_them(world: World) -> None:
    keep(world, 72)
    device = walker(world)
    send(device, fix(world.clock.now()))
    linked = device.patch("/v1/devices/me", {"customer_token": world.customer_token("c-1")})
    assert linked.status_code == 200, linked.json
    (row,) = kept(world)
    exported = world.admin.get("/v1/customers/c-1/export").json["data"]["raw_fixes"]
    assert [each["event_id"] for each in exported] == [row.event_id]
    assert (exported[0]["latitude"], exported[0]["longitude"]) == HERE
    assert device.get("/v1/me/export").json["data"]["raw_fixes"] == exported


def test_a_device_that_goes_to_another_person_leaves_them_behind(world: World) -> None:
    keep(world, 72)
    device = walker(world)
    device.patch("/v1/devices/me", {"customer_token": world.customer_token("c-1")})
    send(device, fix(world.clock.now()))
    device.patch("/v1/devices/me", {"customer_token": world.customer_token("c-2")})
    assert kept(world) == []


def test_nothing_is_left_in_the_file_once_their_hours_are_over(world: World) -> None:
    keep(world, 1)
    device = walker(world)
    marks = [fix(world.clock.now() - timedelta(minutes=40 - n), n) for n in range(40)]
    send(device, *marks)
    file = Path(world.database.url.database or "")
    needle = marks[0]["event_id"].encode()
    world.database.shred()
    assert needle in _bytes(file)
    world.clock.advance(hours=49)  # ids alone are remembered for two days
    clean(world)
    assert needle not in _bytes(file)


def _bytes(file: Path) -> bytes:
    wal = file.with_name(file.name + "-wal")
    return file.read_bytes() + (wal.read_bytes() if wal.exists() else b"")


@pytest.fixture
def logged() -> Iterator[list[Any]]:
    with structlog.testing.capture_logs() as lines:
        yield lines


def test_no_line_of_the_log_or_of_the_metrics_holds_a_position(
    world: World, logged: list[Any], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    keep(world, 1)
    circle = {"type": "circle", "center": [HERE[1], HERE[0]], "radius_m": 120}
    world.admin.put("/v1/geofences/door", {"shape": circle})
    device = walker(world)
    assert send(device, fix(world.clock.now()))["transitions"]
    device.post("/v1/locations", {"fixes": [fix(world.clock.now(), latitude="60.184123")]})
    device.get(f"/v1/geofences/nearby?latitude={HERE[0]}&longitude={HERE[1]}")
    world.clock.advance(hours=2)
    clean(world)
    assert any(line.get("raw_fixes") == 1 for line in logged), "the purge itself is told"
    told = json.dumps(logged, default=str) + caplog.text + world.nobody.get("/metrics").text
    for number in ("60.18", "24.94", "60184", "24949"):
        assert number not in told
