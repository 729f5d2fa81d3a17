"""What is written for operators names things that exist: settings, commands, metrics, targets."""

import re
import subprocess
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from domain.messages import DeliveryStatus
from service import environment
from service.cli.main import main
from service.metrics import Metrics, OutboxState

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"


def compose() -> dict[str, Any]:
    return yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))


def alerts() -> list[dict[str, Any]]:
    (group,) = yaml.safe_load((DEPLOY / "alerts.yml").read_text(encoding="utf-8"))["groups"]
    return group["rules"]


def test_every_setting_named_for_operators_exists() -> None:
    files = [ROOT / "Dockerfile", DEPLOY / "compose.yaml"]
    named = {
        name
        for path in files
        for name in re.findall(r"WHENABOUTS_\w+", path.read_text(encoding="utf-8"))
    }
    assert named > {"WHENABOUTS_BIND", "WHENABOUTS_DATA_DIR", "WHENABOUTS_DATABASE_URL"}
    known = {f"WHENABOUTS_{name.upper()}" for name in environment.read({}).__struct_fields__}
    assert named - known == set()


def test_every_command_that_a_container_runs_exists() -> None:
    commands = [
        service["command"] for service in compose()["services"].values() if "command" in service
    ]
    commands.append(
        yaml.safe_load(re.search(r"^CMD (\[.*\])$", (ROOT / "Dockerfile").read_text(), re.M)[1])
    )
    assert {program for program, *_ in commands} == {"whenabouts"}
    assert {command for _, command, *_ in commands} - set(
        main.list_commands(click.Context(main))
    ) == set()


def test_containers_run_without_rights_and_one_migration_comes_first() -> None:
    services = compose()["services"]
    ours = {name: service for name, service in services.items() if service["image"] == "whenabouts"}
    for name, service in ours.items():
        assert service["cap_drop"] == ["ALL"], name
        assert service["read_only"] is True, name
    for role in ("api", "engine", "sender"):
        assert services[role]["depends_on"] == {
            "migrate": {"condition": "service_completed_successfully"}
        }
    assert [name for name, service in services.items() if "profiles" not in service] == [
        "whenabouts"
    ]


def test_the_image_runs_as_a_user_and_its_packages_are_hashed() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    assert re.search(r"^USER 10001$", dockerfile, re.MULTILINE)
    assert dockerfile.count("--require-hashes --requirement requirements/") == 2
    for lock in ("run", "build", "dev"):
        text = (ROOT / "requirements" / f"{lock}.lock").read_text(encoding="utf-8")
        assert "://" not in text
        assert len(re.findall(r"^\S+==", text, re.MULTILINE)) <= text.count("--hash=sha256:")


def test_alerts_rest_on_metrics_that_are_served() -> None:
    metrics = Metrics()
    metrics.outbox(OutboxState)
    metrics.projects(list)
    served = {
        name
        for family in metrics.registry.collect()
        for name in (family.name, f"{family.name}_total")
    }
    rules = alerts()
    assert 3 <= len(rules) <= 9
    for rule in rules:
        assert rule["annotations"].keys() == {"summary", "look"}
        told = f"{rule['expr']} {rule['annotations']['look']}"
        for name in re.findall(r"whenabouts_\w+", told):
            assert re.sub(r"_(bucket|count|sum)$", "", name) in served, name


def test_alerts_name_outcomes_that_occur() -> None:
    for rule in alerts():
        for listed in re.findall(r'deliveries_total\{status=~?"([^"]+)"', rule["expr"]):
            assert set(listed.split("|")) <= {status.value for status in DeliveryStatus}


@pytest.mark.parametrize("target", ["setup", "run", "test", "check", "lock"])
def test_make_lists_its_targets_by_itself(target: str) -> None:
    listed = subprocess.run(["make"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert re.search(rf"^  make {target} +\S", listed, re.MULTILINE)
