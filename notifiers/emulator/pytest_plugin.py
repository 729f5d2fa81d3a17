"""For your own tests: `pytest_plugins = ["notifiers.emulator.pytest_plugin"]` in a conftest.py brings these fixtures.

`fcm_emulator` is a running FCM for one test, with assertions; `fcm_emulator_tls` is the same over HTTPS and HTTP/2, and
`fcm_certificate` the file that clients of the latter must trust.
"""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from notifiers.emulator.certificate import tls
from notifiers.emulator.scenario import Scenario
from notifiers.emulator.server import Emulator

__all__ = ["FcmEmulator", "Scenario", "fcm_certificate", "fcm_emulator", "fcm_emulator_tls"]


class FcmEmulator(Emulator):
    """The emulator with what tests want to say of it. A wrong claim fails the test and tells what was seen instead."""

    def assert_shown(
        self, target: str, *, within_s: float = 5.0, **expected: Any
    ) -> dict[str, Any]:
        """The newest notification that a phone shows, once there is one with these fields (`title="Hot soup?"`)."""
        deadline = time.monotonic() + within_s
        while True:
            shown = self.inbox(target=target)
            for one in shown:
                if all(one[name] == value for name, value in expected.items()):
                    return one
            if time.monotonic() > deadline:
                seen = [{name: one[name] for name in expected or ("title",)} for one in shown]
                raise AssertionError(f"{target} does not show {expected}; it shows {seen}")
            time.sleep(0.01)

    def assert_silent(self, target: str) -> None:
        """That a phone shows nothing."""
        shown = [one["title"] for one in self.inbox(target=target)]
        if shown:
            raise AssertionError(f"{target} was to stay silent, and shows {shown}")

    def assert_posted(self, target: str, times: int = 1) -> None:
        """That so many POSTs came for a target, whatever became of them."""
        found = self.requests(target=target, kind="send")
        if len(found) != times:
            outcomes = [one["outcome"] for one in found]
            raise AssertionError(
                f"{target} was posted to {len(found)} times, not {times}: {outcomes}"
            )


@pytest.fixture
def fcm_emulator() -> Iterator[FcmEmulator]:
    """A local FCM of this test's own, on a free port."""
    with FcmEmulator() as running:
        yield running


@pytest.fixture
def fcm_certificate(tmp_path: Path) -> Path:
    """The file that clients of `fcm_emulator_tls` must trust."""
    return tmp_path / "fcm-emulator.pem"


@pytest.fixture
def fcm_emulator_tls(fcm_certificate: Path) -> Iterator[FcmEmulator]:
    """The same over HTTPS: HTTP/2 with clients that offer it."""
    with FcmEmulator(tls=tls(fcm_certificate)) as running:
        yield running
