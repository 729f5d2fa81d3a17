"""When dead targets are spared, by hand-made hours."""

import pytest

from domain.messages import DeliveryStatus, Outcome
from scheduler.brake import Brake

ALIVE = Outcome(status=DeliveryStatus.ACCEPTED)
DEAD = Outcome(status=DeliveryStatus.UNREGISTERED, error_code="UNREGISTERED", retire=True)
BUSY = Outcome(status=DeliveryStatus.UNAVAILABLE)


def answers(alive: int, dead: int, busy: int = 0, project: str = "p") -> list[tuple[str, Outcome]]:
    outcomes = [ALIVE] * alive + [DEAD] * dead + [BUSY] * busy
    return [(project, outcome) for outcome in outcomes]


@pytest.mark.parametrize(
    ("alive", "dead", "pulled"),
    [
        pytest.param(0, 19, False, id="too few to say"),
        pytest.param(0, 20, True, id="all of twenty"),
        pytest.param(380, 20, False, id="just five in a hundred"),
        pytest.param(379, 20, True, id="just above"),
        pytest.param(1000, 0, False, id="nobody"),
    ],
)
def test_the_brake_is_pulled_above_five_in_a_hundred_of_enough(
    alive: int, dead: int, pulled: bool
) -> None:
    assert Brake().judge(answers(alive, dead)) == ({"p"} if pulled else set())


def test_answers_that_tell_nothing_of_targets_do_not_count() -> None:
    assert Brake().judge(answers(100, 20, busy=5000)) == {"p"}


def test_small_batches_add_up_within_the_hour() -> None:
    seconds = 0.0
    brake = Brake(monotonic=lambda: seconds)
    for _ in range(19):
        assert brake.judge(answers(0, 1)) == set()
        seconds += 60
    assert brake.judge(answers(0, 1)) == {"p"}
    seconds += 3600
    assert brake.judge(answers(0, 1)) == set()


def test_a_batch_without_dead_targets_pulls_nothing_whatever_was_before() -> None:
    brake = Brake()
    brake.judge(answers(0, 50))
    assert brake.judge(answers(1, 0)) == set()


def test_projects_are_judged_apart() -> None:
    both = answers(0, 30, project="wrong") + answers(1000, 30, project="right")
    assert Brake().judge(both) == {"wrong"}
