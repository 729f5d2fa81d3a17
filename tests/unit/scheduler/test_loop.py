"""The loop with real threads: what is woken runs at once, once more at most, and nothing stops it but `stop`."""

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from scheduler.loop import Job, Loop

SOON = 60.0  # for what has to come, however slow the machine
NEVER = 3600.0


class Counted:
    """A job that counts its rounds; `inside` runs within each."""

    def __init__(self, inside: Callable[[int], None] = lambda _: None) -> None:
        self.rounds = 0
        self.at_once = 0
        self._inside = inside
        self._lock = threading.Lock()
        self._now = 0

    def __call__(self) -> None:
        with self._lock:
            self.rounds += 1
            self._now += 1
            self.at_once = max(self.at_once, self._now)
            count = self.rounds
        try:
            self._inside(count)
        finally:
            with self._lock:
                self._now -= 1


def until(true: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + SOON
    while not true() and time.monotonic() < deadline:
        time.sleep(0.002)
    return true()


@pytest.fixture
def looping() -> Iterator[Callable[..., Loop]]:
    loops: list[Loop] = []

    def start(*jobs: Job, **more: Any) -> Loop:
        loops.append(Loop(jobs, **more))
        loops[-1].start()
        return loops[-1]

    yield start
    for loop in loops:
        loop.stop()


def test_every_job_runs_at_the_start_and_then_at_its_interval(
    looping: Callable[..., Loop],
) -> None:
    often, seldom = Counted(), Counted()
    looping(Job("often", often, 0.02), Job("seldom", seldom, NEVER))
    assert until(lambda: often.rounds >= 5)
    assert seldom.rounds == 1


def test_a_wake_runs_a_job_within_milliseconds(looping: Callable[..., Loop]) -> None:
    job = Counted()
    loop = looping(Job("job", job, NEVER))
    assert until(lambda: job.rounds == 1)
    times = []
    for round_ in range(2, 12):
        started = time.perf_counter()
        loop.wake("job")
        assert until(lambda wanted=round_: job.rounds == wanted)  # type: ignore[misc]  # bound per round
        times.append(time.perf_counter() - started)
        time.sleep(0.005)
    assert min(times) < 0.25  # far below any interval; a loaded machine may be slow now and then


def test_wakes_during_a_round_lead_to_exactly_one_more(looping: Callable[..., Loop]) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def wait(_: int) -> None:
        begun.set()
        go_on.wait(SOON)

    job = Counted(wait)
    loop = looping(Job("job", job, NEVER))
    assert begun.wait(SOON)
    for _ in range(100):
        loop.wake("job")
    go_on.set()
    assert until(lambda: job.rounds == 2)
    time.sleep(0.1)
    assert job.rounds == 2
    assert job.at_once == 1


def test_a_wake_is_never_lost_whenever_it_comes(looping: Callable[..., Loop]) -> None:
    news: list[int] = []
    seen: list[int] = []

    def look(_: int) -> None:
        seen[:] = list(news)

    loop = looping(Job("job", Counted(look), NEVER))
    for number in range(500):
        news.append(number)
        loop.wake("job")
        if number % 7 == 0:
            time.sleep(0.001)
    assert until(lambda: seen == news)


def test_a_slow_job_never_runs_twice_at_once_and_delays_no_other(
    looping: Callable[..., Loop],
) -> None:
    slow, quick = Counted(lambda _: time.sleep(0.2)), Counted()
    looping(Job("slow", slow, 0.01), Job("quick", quick, 0.01))
    assert until(lambda: slow.rounds >= 3)
    assert slow.at_once == 1
    assert quick.rounds > slow.rounds


def test_a_failing_round_is_followed_by_the_next(looping: Callable[..., Loop]) -> None:
    def fail(count: int) -> None:
        if count < 3:
            raise LookupError("not yet")

    beats: list[str] = []
    job = Counted(fail)
    looping(Job("job", job, 0.02), heartbeat=beats.append)
    assert until(lambda: bool(beats))
    assert job.rounds >= 3
    assert set(beats) == {"job"}


def test_stop_waits_for_the_round_under_way_and_begins_no_other() -> None:
    begun, ended = threading.Event(), threading.Event()

    def wait(_: int) -> None:
        begun.set()
        time.sleep(0.2)
        ended.set()

    job = Counted(wait)
    loop = Loop([Job("job", job, 0.01)])
    loop.start()
    assert begun.wait(SOON)
    loop.wake("job")
    loop.stop()
    assert ended.is_set()
    loop.wake("job")
    time.sleep(0.05)
    assert job.rounds == 1


def test_a_wake_before_the_start_or_of_an_unknown_job_is_harmless() -> None:
    job = Counted()
    loop = Loop([Job("job", job, NEVER)])
    loop.wake("job")
    loop.wake("elsewhere")
    loop.stop()
    assert job.rounds == 0
