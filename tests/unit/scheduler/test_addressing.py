"""Which device is the one in use."""

from datetime import UTC, datetime, timedelta

import pytest

from domain.people import Permission, Platform, Target, TargetKind
from scheduler.addressing import active
from storage.addressees import Addressee

NOW = datetime(2026, 5, 6, 9, 0, tzinfo=UTC)
GRANTED, UNKNOWN = Permission.GRANTED, Permission.UNKNOWN


def device(name: str, permission: Permission, hours_ago: float | None) -> Addressee:
    return Addressee(
        device_id=name,
        platform=Platform.ANDROID,
        target=Target(kind=TargetKind.TOKEN, value=name),
        permission=permission,
        last_seen_at=None if hours_ago is None else NOW - timedelta(hours=hours_ago),
    )


@pytest.mark.parametrize(
    ("phone", "tablet", "chosen"),
    [
        pytest.param((GRANTED, 2), (GRANTED, 1), "tablet", id="the one seen last"),
        pytest.param((GRANTED, 900), (UNKNOWN, 0), "phone", id="the one that surely allows pushes"),
        pytest.param((UNKNOWN, 2), (UNKNOWN, 3), "phone", id="the one seen last of the unsure"),
        pytest.param((GRANTED, None), (GRANTED, 1), "tablet", id="never seen comes last"),
    ],
)
def test_the_device_in_use_is_the_one_seen_last_that_allows_pushes(
    phone: tuple[Permission, float | None], tablet: tuple[Permission, float | None], chosen: str
) -> None:
    devices = [device("phone", *phone), device("tablet", *tablet)]
    assert active(devices, {}).device_id == chosen
    assert active(devices[::-1], {}).device_id == chosen


def test_a_fresh_position_counts_as_seen() -> None:
    devices = [device("phone", GRANTED, 30), device("tablet", GRANTED, 1)]
    assert active(devices, {"phone": NOW}).device_id == "phone"
