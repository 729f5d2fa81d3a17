"""`whenabouts messages settle`, `devices` and `import fcm-delivery` as operators meet them."""

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from domain.ids import new_id
from domain.messages import Message, MessageState, Push
from domain.people import Mode, Permission, Platform, Target, TargetKind
from storage import brands, devices, messages
from storage.devices import Install
from storage.engine import Database, Transaction
from storage.models import DeviceRow, MessageRow
from tests.acceptance.test_cli_imports import call, document, folder, write

__all__ = ["folder"]
NOW = datetime.fromtimestamp(time.time(), UTC)


def change(folder: Path, work: Callable[[Transaction], Any]) -> Any:
    database = Database(f"sqlite:///{folder}/whenabouts.sqlite3")
    try:
        return database.write(work)
    finally:
        database.close()


def lost(tx: Transaction, state: MessageState = MessageState.UNKNOWN) -> str:
    (brand,) = brands.everyone(tx)
    message = Message(
        id=new_id(),
        brand_id=brand.id,
        mode=Mode.LIVE,
        customer_id=new_id(),
        decision_id=new_id(),
        offer_id=new_id(),
        push=Push(title="Soup", body="Hot."),
        expires_at=NOW + timedelta(hours=1),
        state=state,
    )
    messages.add_many(tx, [message], now=NOW)
    return message.id


def test_what_is_listed_without_a_terminal_can_be_given_to_the_next_command(folder: Path) -> None:
    one = change(folder, lost)
    assert one in call("messages", "--state", "unknown").stdout.split()


def test_an_unknown_message_is_settled_and_keeps_that_it_was_unknown(folder: Path) -> None:
    one, other = change(folder, lost), change(folder, lost)
    done = call("messages", "settle", one, "--as", "sent")
    assert (done.exit_code, done.stdout) == (0, "1 messages settled as sent.\n")
    assert document(call("messages", "settle", one, "--as", "sent", "--json")) == {
        "state": "sent", "settled": [], "already": 1,
    }  # fmt: skip
    call("messages", "settle", other, "--as", "failed")
    listed = {row["id"]: row for row in document(call("messages", "--json"))}
    assert [(listed[id_]["state"], listed[id_]["reason"]) for id_ in (one, other)] == [
        ("sent", "was_unknown"), ("failed", "was_unknown"),
    ]  # fmt: skip


@pytest.mark.parametrize("state", [MessageState.SENT, MessageState.QUEUED])
def test_what_is_certain_is_not_settled_and_neither_is_what_stands_beside_it(
    folder: Path, state: MessageState
) -> None:
    unknown = change(folder, lost)
    certain = change(folder, lambda tx: lost(tx, state))
    done = call("messages", "settle", unknown, certain, "none", "--as", "failed")
    assert done.exit_code == 1
    assert f"{certain}: it is {state}" in done.stderr
    assert "none: this brand has no such message" in done.stderr
    assert [row["state"] for row in document(call("messages", "--state", "unknown", "--json"))] == [
        "unknown"
    ]


def phones(tx: Transaction) -> None:
    (brand,) = brands.everyone(tx)
    for name in ("fresh", "stale", "doubted"):
        target = Target(kind=TargetKind.TOKEN, value=name)
        install = Install(
            platform=Platform.ANDROID, target=target, push_permission=Permission.GRANTED
        )
        devices.register(tx, install, brand_id=brand.id, mode=Mode.LIVE, now=NOW)
    marks = {
        "stale": {"last_seen_at": NOW - timedelta(days=40)},
        "doubted": {"suspect_at": NOW, "suspect_reason": "UNREGISTERED"},
    }
    for name, values in marks.items():
        tx.execute(sa.update(DeviceRow).where(DeviceRow.target_value == name).values(values))


def test_devices_are_counted_and_those_in_doubt_are_listed_retired_or_spared(folder: Path) -> None:
    change(folder, phones)
    [counted] = document(call("devices", "--json"))
    assert (counted["devices"], counted["stale"], counted["suspect"]) == (3, 1, 1)
    [suspect] = document(call("devices", "suspects", "--json"))
    assert suspect["reason"] == "UNREGISTERED"
    assert "doubted" not in call("devices", "suspects").stdout  # no target is ever shown
    assert document(call("devices", "spare", "--json")) == {"spared": 1}
    assert document(call("devices", "suspects", "--json")) == []
    change(folder, lambda tx: tx.execute(sa.update(DeviceRow).values(suspect_at=NOW)) and None)
    assert call("devices", "retire").stdout == "3 targets forgotten.\n"
    [counted] = document(call("devices", "--json"))
    assert (counted["devices"], counted["lost"], counted["suspect"]) == (3, 3, 0)


def test_the_doctor_tells_of_targets_in_doubt(folder: Path) -> None:
    def found() -> dict[str, Any]:
        return {each["part"]: each for each in document(call("doctor", "--json"))}

    assert "targets" not in found()
    change(folder, phones)
    assert found()["targets"]["health"] == "warning"
    assert "devices retire" in found()["targets"]["remedy"]


def test_an_export_settles_what_was_unknown_after_a_dry_run_that_does_not(folder: Path) -> None:
    message = change(folder, lost)
    row = {
        "event": "MESSAGE_ACCEPTED",
        "message_id": "0:1",
        "collapse_key": message,
        "event_timestamp": "2026-05-06 10:00:00 UTC",
    }
    stranger = {**row, "message_id": "0:2", "collapse_key": "news", "event": "MESSAGE_DELIVERED"}
    file = write(folder, "export.json", "\n".join(map(json.dumps, (row, stranger))))
    tried = document(call("import", "fcm-delivery", file, "--dry-run", "--json"))
    assert (tried["dry_run"], tried["settled"], tried["strange"]) == (True, 1, 1)
    taken = call("import", "fcm-delivery", file)
    assert taken.exit_code == 0
    assert "1 unknown messages turned out to be sent" in taken.stdout
    assert "Left out 1 rows" in taken.stderr
    assert document(call("import", "fcm-delivery", file, "--json"))["settled"] == 0


def test_a_file_that_cannot_be_read_changes_nothing_and_says_where(folder: Path) -> None:
    message = change(folder, lost)
    good = {"event": "MESSAGE_ACCEPTED", "message_id": "0:1", "collapse_key": message}
    file = write(
        folder, "export.json", json.dumps({**good, "event_timestamp": 1}) + "\n" + json.dumps(good)
    )
    refused = call("import", "fcm-delivery", file)
    assert refused.exit_code == 1
    assert "Line" in refused.stderr
    assert "event_timestamp" in refused.stderr
    errors = document(call("import", "fcm-delivery", file, "--json"))["errors"]
    assert [error["pointer"] for error in errors] == ["/1/event_timestamp"]
    assert [row["state"] for row in document(call("messages", "--json"))] == ["unknown"]


def test_a_settled_message_is_no_backlog(folder: Path) -> None:
    message = change(folder, lost)
    call("messages", "settle", message, "--as", "failed")
    query = sa.select(MessageRow.state)
    assert change(folder, lambda tx: tx.execute(query).scalar_one()) == "failed"
    assert change(folder, messages.backlog)["unknown"] == 0
