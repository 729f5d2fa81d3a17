"""Which transport a process takes, and for whom it sends."""

from typing import Any

import pytest

from domain.ids import new_id
from domain.messages import Outcome
from domain.people import Mode
from domain.policy import Brand
from domain.settings import Settings
from notifiers.base import Multiplexed
from service.outlets import Outlets

SET_UP = {"fcm_project": "town", "fcm_credentials": "anonymous"}


def brand() -> Brand:
    return Brand(
        id=new_id(), slug="town", name="Town", time_zone="Europe/Helsinki", signing_secret="-"
    )


def outlets(**settings: Any) -> Outlets:
    def observe(outcome: Outcome, seconds: float) -> None:
        """Nobody asks."""

    return Outlets(Settings(**settings), observe=observe)


@pytest.mark.parametrize(
    ("transport", "multiplexes", "concurrency"),
    [(None, True, 500), ("curl", True, 500), ("admin", False, 32), ("console", False, 32)],
)
def test_curl_is_taken_unless_told_and_has_room_for_many(
    transport: str | None, multiplexes: bool, concurrency: int
) -> None:
    opened = outlets(fcm_transport=transport, **SET_UP)
    way = opened.route(brand(), Mode.LIVE)
    opened.close()

    assert way
    assert (way[0], isinstance(way[1], Multiplexed)) == ("town", multiplexes)
    assert opened.concurrency == concurrency


def test_the_room_can_be_set() -> None:
    opened = outlets(fcm_concurrency=7)
    opened.close()

    assert opened.concurrency == 7


@pytest.mark.parametrize("transport", [None, "admin"])
def test_without_a_project_there_is_no_way_out_and_test_customers_need_none(
    transport: str | None,
) -> None:
    opened = outlets(fcm_transport=transport)
    live, test = (opened.route(brand(), mode) for mode in (Mode.LIVE, Mode.TEST))
    opened.close()

    assert live is None
    assert test
    assert test[0] == "local"
