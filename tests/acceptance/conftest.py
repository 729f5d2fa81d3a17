"""An FCM and a running house for the stories that need no house of their own."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.acceptance.processes import Fcm, House, Running, emulator, url_of
from tests.acceptance.shop import Shop

PUBLIC_URL = "https://why.example"


@pytest.fixture(scope="session")
def fcm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fcm]:
    """One per worker; stories keep apart by their targets."""
    with emulator(tmp_path_factory.mktemp("fcm")) as running:
        yield running


@pytest.fixture(scope="session")
def house(fcm: Fcm, tmp_path_factory: pytest.TempPathFactory) -> House:
    """A house on SQLite whose `up` keeps running; stories keep apart by their brands."""
    return House(
        tmp_path_factory.mktemp("house"),
        fcm,
        PUBLIC_URL=PUBLIC_URL,
        REGISTER_PER_MINUTE="6000",
        FCM_TIMEOUT_S="3",
    )


@pytest.fixture(scope="session")
def url(house: House) -> Iterator[str]:
    """Where that `up` listens."""
    with house.start() as up:
        yield url_of(up)
        assert up.stop() == 0, up.log


@pytest.fixture
def new_shop(house: House, url: str) -> Callable[[str], Shop]:
    """Opens a shop of its own in the running house."""
    return lambda slug: Shop(house, url, slug).furnish()


@pytest.fixture
def started() -> Iterator[Callable[[Running], Running]]:
    """Takes care of processes that a story starts and may forget to stop."""
    with ExitStack() as stack:
        yield stack.enter_context


@pytest.fixture
def own_house(fcm: Fcm, tmp_path: Path) -> House:
    """A house that a story may wreck."""
    return House(tmp_path, fcm, REGISTER_PER_MINUTE="6000")
