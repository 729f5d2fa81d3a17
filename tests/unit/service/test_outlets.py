"""Which transport a process takes, and for whom it sends."""

from typing import Any

import pytest

from domain.ids import new_id
from domain.messages import Outcome
from domain.people import Mode
from domain.policy import Brand
from domain.settings import Settings
from notifiers.base import Multiplexed, Validating
from scheduler.manners import Pace
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


@pytest.mark.parametrize(
    ("settings", "pace"),
    [
        pytest.param({}, Pace(), id="at Google's"),
        pytest.param(
            {"fcm_endpoint": "http://127.0.0.1:9400"}, Pace(quarter_s=0, validates=False), id="elsewhere"
        ),
        pytest.param({"fcm_transport": "memory"}, Pace(quarter_s=0, validates=False), id="nowhere"),
        pytest.param(
            {"fcm_endpoint": "http://127.0.0.1:9400", "fcm_quarter_hours": "avoid", "fcm_validate": "first"},
            Pace(),
            id="elsewhere as at Google's",
        ),
        pytest.param(
            {"fcm_quarter_hours": "ignore", "fcm_quota_per_minute": 1_000_000, "fcm_validate": "never"},
            Pace(per_minute=1_000_000, quarter_s=0, validates=False), id="as told",
        ),
    ],
)  # fmt: skip
def test_the_manners_are_those_that_the_endpoint_asks_for(
    settings: dict[str, Any], pace: Pace
) -> None:
    opened = outlets(**settings)
    opened.close()

    assert opened.pace == pace


@pytest.mark.parametrize(
    ("transport", "validates"), [("curl", True), ("admin", True), ("console", False)]
)
def test_fcm_can_be_asked_beforehand_and_a_console_cannot(transport: str, validates: bool) -> None:
    opened = outlets(fcm_transport=transport, **SET_UP)
    way = opened.route(brand(), Mode.LIVE)
    opened.close()

    assert way
    assert isinstance(way[1], Validating)
    assert way[1].validates is validates
