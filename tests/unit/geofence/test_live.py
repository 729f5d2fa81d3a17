from threading import Thread

import numpy as np

from geofence.index import SMALL, FenceIndex
from geofence.live import LiveIndex
from geofence.shapes import Circle


def large():
    count = SMALL + 5_000
    return FenceIndex.from_arrays(
        np.arange(count),
        np.linspace(-60, 60, count),
        np.linspace(-170, 170, count),
        np.full(count, 80.0),
    )


def test_changes_made_while_a_merge_runs_are_kept():
    live = LiveIndex(large())
    for i in range(1_500):
        live.change([(f"new{i}", Circle(10.0, i / 100, 60.0))], [i])
    live.settle()
    index = live.current
    assert len(index) == SMALL + 5_000
    assert all(index.containing(10.0, i / 100)[-1:] == [f"new{i}"] for i in range(1_500))
    assert not any(i in index for i in range(1_500))


def test_a_crowded_index_is_merged_in_the_background():
    live = LiveIndex(large())
    live.change([(f"new{i}", Circle(10.0, i / 100, 60.0)) for i in range(3_000)])
    live.settle()
    assert not live.current.crowded
    assert len(live.current) == SMALL + 8_000


def test_threads_that_change_at_once_lose_nothing():
    live = LiveIndex(large())

    def add(worker):
        for i in range(200):
            live.change([(f"{worker}-{i}", Circle(20.0 + worker, i / 100, 60.0))])

    threads = [Thread(target=add, args=(worker,)) for worker in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    live.settle()
    assert len(live.current) == SMALL + 5_000 + 800
    assert all(f"{w}-{i}" in live.current for w in range(4) for i in range(200))
