import threading

import pytest
import sqlalchemy as sa

from scheduler.fences import FenceCache
from storage.models import GeofenceRow
from tests.integration.conftest import World
from tests.integration.places import KALLIO, add_fence, remove_fence

AT = (KALLIO["latitude"], KALLIO["longitude"])


def test_a_brand_without_fences_has_an_empty_index(any_world: World) -> None:
    newest = FenceCache(any_world.database).newest(any_world.brand.id)
    assert (newest.revision, len(newest.fences.index)) == (0, 0)
    assert newest.fences.index.matches(*AT) == []


def test_a_change_is_loaded_and_an_unchanged_brand_is_not(any_world: World) -> None:
    cache = FenceCache(any_world.database)
    add_fence(any_world, dwell_s=60)
    first = cache.newest(any_world.brand.id)
    (match,) = first.fences.index.matches(*AT)
    assert first.fences.dwell_s == {match.id: 60}
    assert cache.newest(any_world.brand.id) is first
    remove_fence(any_world)
    assert len(cache.newest(any_world.brand.id).fences.index) == 0
    assert len(first.fences.index) == 1  # whoever holds a snapshot keeps it


def test_many_threads_load_a_brand_once(world: World) -> None:
    add_fence(world)
    cache = FenceCache(world.database)
    seen = []
    threads = [
        threading.Thread(target=lambda: seen.append(cache.newest(world.brand.id))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(seen) == 8
    assert {id(each.fences) for each in seen} == {id(cache.held(world.brand.id).fences)}


def test_only_so_many_brands_are_held(world: World) -> None:
    cache = FenceCache(world.database, most_brands=2)
    brands = [World(world.database, world.clock, slug=f"brand{n}") for n in range(3)]
    for each in brands:
        add_fence(each)
        cache.newest(each.brand.id)
    assert [cache.held(each.brand.id).revision for each in brands] == [0, 1, 1]
    assert len(cache.newest(brands[0].brand.id).fences.index) == 1


@pytest.mark.parametrize("shape", [{}, {"type": "circle", "center": [0], "radius_m": 50}])
def test_a_fence_that_cannot_be_read_does_not_cost_the_others(
    world: World, shape: dict[str, object]
) -> None:
    add_fence(world, "good")
    add_fence(world, "odd", away_m=5000)
    spoil = sa.update(GeofenceRow).where(GeofenceRow.external_id == "odd").values(shape=shape)
    world.database.write(lambda tx: tx.execute(spoil))
    assert len(FenceCache(world.database).newest(world.brand.id).fences.index) == 1
