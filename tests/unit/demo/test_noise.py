"""The demo's GPS noise has the statistics it promises, measured over long runs of fixed seeds."""

import math
import statistics
from itertools import pairwise

import pytest

from domain.places import LatLon
from service.demo.noise import SOURCES, GpsNoise, Reading, Source
from service.demo.town import metres

HERE = LatLon(latitude=60.17, longitude=24.94)
TEN_METRES = (Source(name="fixed", share=1.0, best_m=10.0, worst_m=10.0),)


def readings(noise: GpsNoise, *, count: int, every_s: float) -> list[Reading]:
    return [noise.reading(n * every_s, HERE) for n in range(count)]


def north_m(reading: Reading) -> float:
    return (reading.latitude - HERE.latitude) * 111_195


def off_m(reading: Reading) -> float:
    return metres(HERE, LatLon(latitude=reading.latitude, longitude=reading.longitude))


def test_the_same_seed_gives_the_same_readings_and_another_seed_others() -> None:
    first, again, other = (readings(GpsNoise(seed=seed), count=20, every_s=5) for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_two_thirds_of_the_positions_lie_within_the_true_accuracy() -> None:
    far_apart = readings(GpsNoise(seed=3, sources=TEN_METRES), count=20_000, every_s=600)
    inside = sum(off_m(reading) <= 10.0 for reading in far_apart) / len(far_apart)
    assert inside == pytest.approx(0.68, abs=0.01)


@pytest.mark.parametrize("apart_s", [10, 60, 180])
def test_errors_fade_from_memory_within_a_minute(apart_s: int) -> None:
    errors = [
        north_m(r)
        for r in readings(GpsNoise(seed=4, sources=TEN_METRES), count=40_000, every_s=apart_s)
    ]
    assert statistics.correlation(errors[:-1], errors[1:]) == pytest.approx(
        math.exp(-apart_s / 60), abs=0.03
    )


def test_errors_are_as_wide_to_the_east_as_to_the_north() -> None:
    far_apart = readings(GpsNoise(seed=5, sources=TEN_METRES), count=20_000, every_s=600)
    east = [
        (r.longitude - HERE.longitude) * 111_195 * math.cos(math.radians(60.17)) for r in far_apart
    ]
    north = [north_m(r) for r in far_apart]
    assert statistics.stdev(east) == pytest.approx(statistics.stdev(north), rel=0.03)
    assert abs(statistics.mean(east)) < 0.2


def test_the_reported_accuracy_is_misstated_by_thirty_percent_either_way() -> None:
    far_apart = readings(GpsNoise(seed=6, sources=TEN_METRES), count=20_000, every_s=600)
    misstated = [math.log(reading.accuracy_m / 10.0) for reading in far_apart]
    assert statistics.mean(misstated) == pytest.approx(0.0, abs=0.01)
    assert statistics.stdev(misstated) == pytest.approx(0.3, abs=0.01)


def test_a_phone_is_mostly_on_gps_and_rarely_on_a_cell() -> None:
    errors = [off_m(r) for r in readings(GpsNoise(seed=7), count=40_000, every_s=600)]
    # A cell's circle of 150 m or more is the only one that reaches beyond 120 m.
    beyond = sum(error > 120 for error in errors) / len(errors)
    assert 0.03 < beyond < 0.05
    assert statistics.median(errors) < 12


def test_the_shares_of_the_sources_add_up() -> None:
    assert sum(source.share for source in SOURCES) == pytest.approx(1.0)


def test_reception_lasts_and_so_does_its_accuracy() -> None:
    every_second = readings(GpsNoise(seed=8), count=6_000, every_s=1)
    changes = sum(
        earlier.accuracy_m != later.accuracy_m for earlier, later in pairwise(every_second)
    )
    assert changes == pytest.approx(100, abs=30)  # 6 000 s of 60 s each


def test_going_back_in_time_is_refused() -> None:
    noise = GpsNoise(seed=9)
    noise.reading(10, HERE)
    with pytest.raises(ValueError, match="in order of time"):
        noise.reading(9, HERE)
