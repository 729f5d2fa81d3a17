"""When a Firebase project is left alone, and for how long."""

from random import Random

import pytest

from domain.messages import DeliveryStatus, Outcome
from scheduler.patience import LONGEST_S, Patience

OK = Outcome(status=DeliveryStatus.ACCEPTED)
GONE = Outcome(status=DeliveryStatus.UNREGISTERED, error_code="UNREGISTERED")
DOWN = Outcome(status=DeliveryStatus.UNAVAILABLE, error_code="UNAVAILABLE")
LOST = Outcome(status=DeliveryStatus.UNKNOWN, error_code="TIMEOUT")
QUOTA = Outcome(status=DeliveryStatus.UNAVAILABLE, error_code="QUOTA_EXCEEDED")
EXPIRED = Outcome(status=DeliveryStatus.REJECTED, error_code="UNAUTHENTICATED")
DENIED = Outcome(status=DeliveryStatus.REJECTED, error_code="PERMISSION_DENIED")


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def patience(clock: Clock) -> Patience:
    return Patience(monotonic=clock, random=Random(7))


def waits(patience: Patience, *outcomes: Outcome) -> float:
    for outcome in outcomes:
        patience.note("soup", outcome)
    return patience.resting().get("soup", 0.0)


@pytest.mark.parametrize(
    ("outcomes", "least", "most"),
    [
        pytest.param([OK, GONE, OK], 0, 0, id="a fair day"),
        pytest.param([DOWN] * 4, 0, 0, id="a few errors"),
        pytest.param([DOWN, DOWN, OK, DOWN, DOWN, DOWN], 0, 0, id="errors between successes"),
        pytest.param([DOWN, DOWN, GONE, DOWN, DOWN, DOWN], 0, 0, id="a dead target is no error"),
        pytest.param([DOWN] * 5, 10, 15, id="errors in a row"),
        pytest.param([LOST] * 5, 10, 15, id="lost answers in a row"),
        pytest.param([DOWN] * 50, 10, 15, id="what was under way doubles nothing"),
        pytest.param([QUOTA], 60, 90, id="a quota without a time"),
        pytest.param(
            [Outcome(status=DeliveryStatus.UNAVAILABLE, retry_after_s=7.0)], 7, 7, id="a time"
        ),
        pytest.param(
            [Outcome(status=DeliveryStatus.UNAVAILABLE, retry_after_s=1e6)],
            LONGEST_S, LONGEST_S, id="a time beyond patience",
        ),
        pytest.param([EXPIRED], 0, 0, id="an old token"),
        pytest.param([EXPIRED] * 3, 60, 90, id="no token is taken"),
        pytest.param([DENIED], 60, 90, id="no permission"),
    ],
)  # fmt: skip
def test_a_project_rests_as_long_as_its_answers_ask_for(
    patience: Patience, outcomes: list[Outcome], least: float, most: float
) -> None:
    assert least <= waits(patience, *outcomes) <= most
    assert "cake" not in patience.resting()


def test_each_time_in_vain_doubles_the_wait_up_to_an_hour_and_a_success_forgets(
    patience: Patience, clock: Clock
) -> None:
    waited = []
    for _ in range(12):
        waited.append(waits(patience, *[DOWN] * 5))
        clock.now += waited[-1] + 0.001
        assert patience.resting() == {}

    assert all(10 * 2**n <= wait <= 15 * 2**n for n, wait in enumerate(waited[:8]))
    assert waited[-1] <= LONGEST_S
    assert waits(patience, OK, *[DOWN] * 5) <= 15


def test_a_success_that_was_under_way_does_not_end_a_wait(patience: Patience) -> None:
    assert waits(patience, QUOTA, OK) >= 60
