"""Work spread over processes."""

import pytest

from service.cli.parallel import spread


def square(number: int) -> int:
    return number * number


def fail(number: int) -> int:
    raise ValueError(number)


@pytest.mark.parametrize("processes", [1, 2, 9])
def test_every_task_is_answered_once(processes: int) -> None:
    answers = dict(spread(square, range(7), processes=processes))
    assert answers == {number: number * number for number in range(7)}


@pytest.mark.parametrize("processes", [1, 2])
def test_what_a_task_raises_is_raised_here(processes: int) -> None:
    with pytest.raises(ValueError, match="3"):
        list(spread(fail, [3, 3], processes=processes))


def test_no_tasks_are_no_answers() -> None:
    assert list(spread(square, [])) == []
