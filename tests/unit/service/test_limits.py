import pytest

from domain.errors import TooMany
from service.limits import Limiter


class Seconds:
    """A monotonic clock set by hand."""

    def __init__(self) -> None:
        self.at = 1000.0

    def __call__(self) -> float:
        return self.at


def _allowed(limiter: Limiter, key: str, calls: int) -> int:
    done = 0
    for _ in range(calls):
        try:
            limiter.take(key)
        except TooMany:
            continue
        done += 1
    return done


def test_a_minutes_worth_may_come_at_once_and_no_more() -> None:
    assert _allowed(Limiter(60, monotonic=Seconds()), "a", 100) == 60


def test_the_allowance_comes_back_with_time_but_never_beyond_a_minutes_worth() -> None:
    seconds = Seconds()
    limiter = Limiter(60, monotonic=seconds)
    _allowed(limiter, "a", 60)
    seconds.at += 10
    assert _allowed(limiter, "a", 100) == 10
    seconds.at += 3600
    assert _allowed(limiter, "a", 100) == 60


def test_the_refusal_says_when_to_come_again_and_is_right() -> None:
    seconds = Seconds()
    limiter = Limiter(12, monotonic=seconds)
    _allowed(limiter, "a", 12)
    with pytest.raises(TooMany) as refused:
        limiter.take("a")
    assert refused.value.retry_after_s == 5
    seconds.at += refused.value.retry_after_s
    limiter.take("a")


def test_one_keys_haste_is_not_anothers() -> None:
    limiter = Limiter(2, monotonic=Seconds())
    assert _allowed(limiter, "a", 5) == 2
    assert _allowed(limiter, "b", 5) == 2


def test_keys_that_went_quiet_are_forgotten_and_busy_ones_are_not() -> None:
    seconds = Seconds()
    limiter = Limiter(60, monotonic=seconds)
    for number in range(10_000):
        limiter.take(f"quiet-{number}")
    seconds.at += 60
    assert _allowed(limiter, "busy", 60) == 60
    assert _allowed(limiter, "busy", 1) == 0
    assert len(limiter) < 100
