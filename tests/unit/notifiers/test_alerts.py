"""Alerts through Apprise, against a receiver on this machine."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from notifiers.alerts import Alerts, Told, check
from service.environment import WrongSettings, read
from tests.documents import ROOT
from tests.receiver import Receiver


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as listening:
        yield listening


def test_every_way_is_told_and_one_that_fails_keeps_no_other_back(receiver: Receiver) -> None:
    here = f"json://127.0.0.1:{receiver.port}"
    alerts = Alerts(f"{here}/500\n{here}/one, {here}/two?a=b,c\n\n")

    told = alerts.tell("Whenabouts", "The disk is full.")

    assert told == [
        Told(place=1, kind="json", taken=False),
        Told(place=2, kind="json", taken=True),
        Told(place=3, kind="json", taken=True),
    ]
    assert [got.path.partition("?")[0] for got in receiver.received] == ["/500", "/one", "/two"]
    body = json.loads(receiver.received[1].body)
    assert (body["title"], body["message"], body["type"]) == (
        "Whenabouts",
        "The disk is full.",
        "warning",
    )


def test_who_does_not_answer_is_given_up_on(receiver: Receiver) -> None:
    alerts = Alerts(f"json://127.0.0.1:{receiver.port}/hang?rto=0.3&cto=0.3")

    assert [told.taken for told in alerts.tell("a", "b")] == [False]


@pytest.mark.parametrize(
    ("addresses", "place", "kind"),
    [
        ("nonsense://user:s3cret@host", 1, "nonsense"),
        ("json://localhost\nslack://s3cret", 2, "slack"),
        ("s3cret", 1, "without ://"),
        ("mailto://", 1, "mailto"),
    ],
)
def test_a_wrong_address_is_named_by_its_place_and_kind_alone(
    addresses: str, place: int, kind: str
) -> None:
    with pytest.raises(ValueError, match=f"number {place} ") as raised:
        check(addresses)
    assert kind in str(raised.value)
    assert "s3cret" not in str(raised.value)


def test_apprise_is_loaded_only_where_an_address_is_set() -> None:
    code = "import sys, service.wiring; sys.exit('apprise' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, timeout=60, check=False)
    assert run.returncode == 0


def test_a_wrong_address_stops_the_start_and_a_file_may_hold_them(tmp_path: Path) -> None:
    addresses = tmp_path / "alerts"
    addresses.write_text("json://localhost:1\nnonsense://s3cret@host\n")
    with pytest.raises(WrongSettings, match=r"WHENABOUTS_ALERT_URLS_FILE: number 2") as raised:
        read({"WHENABOUTS_ALERT_URLS_FILE": str(addresses)})
    assert "s3cret" not in str(raised.value)
    addresses.write_text("json://localhost:1\n")
    assert read({"WHENABOUTS_ALERT_URLS_FILE": str(addresses)}).alert_urls == "json://localhost:1"


@pytest.mark.parametrize("networks", ["localhost", "10.0.0.1/8", "10.0.0.0/8 127.0.0.0/8"])
def test_a_wrong_network_stops_the_start(networks: str) -> None:
    with pytest.raises(WrongSettings, match=r"WEBHOOK_NETWORKS: .* no network"):
        read({"WHENABOUTS_WEBHOOK_NETWORKS": networks})
