"""When a Firebase project is left alone, and for how long."""

from math import inf
from random import Random

import pytest

from domain.messages import DeliveryStatus, Outcome
from scheduler.patience import LONGEST_S, Breaker, Line, Patience

OK = Outcome(status=DeliveryStatus.ACCEPTED)
GONE = Outcome(status=DeliveryStatus.UNREGISTERED, error_code="UNREGISTERED")
DOWN = Outcome(status=DeliveryStatus.UNAVAILABLE, error_code="UNAVAILABLE")
LOST = Outcome(status=DeliveryStatus.UNKNOWN, error_code="TIMEOUT")
QUOTA = Outcome(status=DeliveryStatus.UNAVAILABLE, error_code="QUOTA_EXCEEDED")
NO_PROJECT = Outcome(status=DeliveryStatus.REJECTED, error_code="NOT_FOUND")
EXPIRED = Outcome(status=DeliveryStatus.REJECTED, error_code="UNAUTHENTICATED")
NO_APNS_KEY = Outcome(status=DeliveryStatus.REJECTED, error_code="THIRD_PARTY_AUTH_ERROR")
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


def waits(patience: Patience, *outcomes: Outcome, begun: float = inf) -> float:
    """For how long the project rests after these answers."""
    for outcome in outcomes:
        patience.note("soup", outcome, begun=begun)
    return patience.rest_s("soup")


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
        pytest.param([NO_PROJECT] * 3, 60, 90, id="no such project"),
    ],
)  # fmt: skip
def test_a_project_rests_as_long_as_its_answers_ask_for(
    patience: Patience, outcomes: list[Outcome], least: float, most: float
) -> None:
    assert least <= waits(patience, *outcomes) <= most
    assert patience.rest_s("cake") == 0


def test_each_time_in_vain_doubles_the_wait_up_to_an_hour_and_a_success_forgets(
    patience: Patience, clock: Clock
) -> None:
    waited = []
    for _ in range(12):
        waited.append(waits(patience, *[DOWN] * 5, begun=clock.now))
        clock.now += waited[-1] + 0.001
        assert patience.rest_s("soup") == 0

    assert all(10 * 2**n <= wait <= 15 * 2**n for n, wait in enumerate(waited[:8]))
    assert waited[-1] <= LONGEST_S
    assert waits(patience, OK, *[DOWN] * 5) <= 15


def test_a_success_that_was_under_way_does_not_end_a_wait(patience: Patience, clock: Clock) -> None:
    assert waits(patience, QUOTA, OK, begun=clock.now) >= 60
    clock.now += 91
    assert waits(patience, OK, begun=clock.now - 91) == 0
    assert patience.breakers()[Line("soup")] is Breaker.TRYING


def test_after_a_rest_a_single_message_goes_ahead(patience: Patience, clock: Clock) -> None:
    waits(patience, DENIED, begun=clock.now)
    assert (patience.admits("soup"), patience.breakers()[Line("soup")]) == (0, Breaker.OPEN)
    clock.now += 91
    assert (patience.admits("soup"), patience.breakers()[Line("soup")]) == (1, Breaker.TRYING)
    patience.try_one("soup")
    assert patience.admits("soup") == 0
    patience.note("soup", OK, begun=clock.now)
    assert (patience.admits("soup"), patience.breakers()[Line("soup")]) == (inf, Breaker.CLOSED)


@pytest.mark.parametrize("answer", [DOWN, LOST, QUOTA, DENIED, EXPIRED])
def test_where_the_one_that_went_ahead_fails_too_the_rest_begins_anew_and_longer(
    patience: Patience, clock: Clock, answer: Outcome
) -> None:
    first = waits(patience, *[answer] * 5, begun=clock.now)
    clock.now += first
    patience.try_one("soup")
    assert waits(patience, answer, begun=clock.now) >= first * 4 / 3 * (answer is not QUOTA)
    assert patience.admits("soup") == 0


def test_a_dead_target_shows_that_the_rest_is_over(patience: Patience, clock: Clock) -> None:
    waits(patience, DENIED, begun=clock.now)
    clock.now += 91
    patience.try_one("soup")
    patience.note("soup", GONE, begun=clock.now)
    assert patience.admits("soup") == inf


def test_a_message_that_went_ahead_and_was_never_answered_is_followed_by_another(
    patience: Patience, clock: Clock
) -> None:
    waits(patience, QUOTA, begun=clock.now)
    clock.now += 91
    patience.try_one("soup")
    clock.now += 61
    assert patience.admits("soup") == 1


def test_a_platform_whose_own_key_is_refused_rests_alone(patience: Patience, clock: Clock) -> None:
    for _ in range(9):
        patience.note("soup", NO_APNS_KEY, platform="ios", begun=clock.now)
    assert 60 <= patience.rest_s("soup", "ios") <= 90
    assert (patience.admits("soup"), patience.admits("soup", "android")) == (inf, inf)
    clock.now += 91
    patience.try_one("soup", "ios")
    patience.note("soup", OK, platform="android", begun=clock.now)
    assert patience.admits("soup", "ios") == 0
    patience.note("soup", OK, platform="ios", begun=clock.now)
    assert patience.admits("soup", "ios") == inf
