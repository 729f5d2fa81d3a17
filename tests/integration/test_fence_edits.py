"""Indexes in memory that follow single edits are the same as ones that are read whole."""

import random
import threading
import time
from collections.abc import Callable
from functools import partial

import sqlalchemy as sa

from domain.ids import new_id
from domain.places import Geofence
from scheduler.fences import FenceCache, Snapshot
from storage import geofences
from storage.fence_changes import KEPT
from storage.models import FenceChangeRow, FenceEditRow, GeofenceRow
from tests.integration.conftest import World
from tests.integration.places import add_fence, north_of_kallio, remove_fence

PLACES = [north_of_kallio(step * 60.0) for step in range(20)]


def _answers(world: World, snapshot: Snapshot) -> object:
    """Everything an index can be asked here: by the names of fences, whatever order."""
    with world.database.read() as tx:
        rows = tx.execute(sa.select(GeofenceRow.id, GeofenceRow.external_id))
        names = {row.id: row.external_id for row in rows}
    index, dwell_s = snapshot.fences.index, snapshot.fences.dwell_s
    held = [sorted(names.get(id_, id_) for id_ in index.containing(*place)) for place in PLACES]
    waits = {name: dwell_s.get(id_) for id_, name in names.items() if id_ in index}
    return len(index), held, waits


def _one_edit(world: World, rng: random.Random, edits: set[str]) -> None:
    name = f"fence-{rng.randrange(12)}"
    if name in edits and rng.random() < 0.3:
        edits.remove(name)
        remove_fence(world, name)
        return
    edits.add(name)
    add_fence(
        world,
        name,
        away_m=rng.randrange(20) * 60.0,
        radius_m=rng.choice([50.0, 200.0, 900.0]),
        dwell_s=rng.choice([None, 60, 600]),
        active=rng.random() < 0.8,
    )


def test_two_processes_follow_every_edit_and_deletion(any_world: World) -> None:
    rng, there = random.Random(7), set[str]()
    caches = [FenceCache(any_world.database) for _ in range(2)]
    brand_id = any_world.brand.id
    for n in range(40):
        _one_edit(any_world, rng, there)
        if (
            n % 3 == 0
        ):  # the second process looks less often, so it has several edits to catch up with
            whole = FenceCache(any_world.database).newest(brand_id)
            for cache in caches if n % 2 else caches[:1]:
                followed = cache.newest(brand_id)
                assert followed.revision == whole.revision
                assert _answers(any_world, followed) == _answers(any_world, whole)


def test_matching_while_others_edit_ends_at_what_was_edited(any_world: World) -> None:
    caches = [FenceCache(any_world.database) for _ in range(2)]
    brand_id, over, faults = any_world.brand.id, threading.Event(), list[BaseException]()

    def guarded(work: Callable[[], None]) -> threading.Thread:
        def run() -> None:
            try:
                work()
            except BaseException as fault:  # noqa: BLE001 - shown by the thread that waits
                faults.append(fault)

        return threading.Thread(target=run)

    def edit(worker: int) -> None:
        for n in range(15):
            add_fence(any_world, f"{worker}-{n}", away_m=60.0 * n, dwell_s=60 + n)
            if n % 3 == 0:
                remove_fence(any_world, f"{worker}-{n}")

    def match(cache: FenceCache) -> None:
        revision = 0
        while not over.is_set():
            snapshot = cache.newest(brand_id)
            assert snapshot.revision >= revision, "a snapshot never goes back"
            revision = snapshot.revision
            for place in PLACES:
                for id_ in snapshot.fences.index.containing(*place):
                    assert id_ in snapshot.fences.index

    editors = [guarded(partial(edit, worker)) for worker in range(2)]
    matchers = [guarded(partial(match, cache)) for cache in caches]
    for thread in (*editors, *matchers):
        thread.start()
    for thread in editors:
        thread.join()
    over.set()
    for thread in matchers:
        thread.join()
    assert faults == []
    whole = _answers(any_world, FenceCache(any_world.database).newest(brand_id))
    assert [_answers(any_world, cache.newest(brand_id)) for cache in caches] == [whole, whole]


def _import(world: World, count: int, away_m: float) -> None:
    latitude, longitude = north_of_kallio(away_m)
    shape = {"type": "circle", "center": [longitude, latitude], "radius_m": 80.0}
    many = [
        Geofence(id="", brand_id=world.brand.id, external_id=f"row-{n}", shape=shape)
        for n in range(count)
    ]
    now = world.clock.now()
    world.database.write(lambda tx: geofences.put_many(tx, many, now=now))


def test_an_import_is_read_in_the_background_while_the_old_fences_go_on(any_world: World) -> None:
    brand_id = any_world.brand.id
    _import(any_world, 40, away_m=0.0)
    cache = FenceCache(any_world.database, at_once=10, patience_s=0.0)
    before = cache.newest(brand_id)
    assert len(before.fences.index) == 40  # whoever holds nothing yet waits for the first read
    _import(any_world, 15, away_m=600.0)
    assert cache.newest(brand_id).revision in (before.revision, before.revision + 1)
    deadline = time.monotonic() + 10
    while cache.newest(brand_id).revision == before.revision and time.monotonic() < deadline:
        time.sleep(0.005)
    whole = FenceCache(any_world.database).newest(brand_id)
    assert _answers(any_world, cache.newest(brand_id)) == _answers(any_world, whole)


def test_whoever_needs_all_fences_waits_for_an_import_or_hears_that_some_are_missing(
    world: World,
) -> None:
    cache = FenceCache(world.database, at_once=10, patience_s=0.0)
    assert cache.complete(world.brand.id, within_s=0.0)[1]  # there are none, and that is all
    add_fence(world, "first")
    cache.newest(world.brand.id)
    _import(world, 60, away_m=300.0)
    snapshot, complete = cache.complete(world.brand.id, within_s=0.0)
    assert complete == (len(snapshot.fences.index) == 61)
    snapshot, complete = cache.complete(world.brand.id, within_s=10.0)
    assert (len(snapshot.fences.index), complete) == (61, True)


def test_an_import_that_is_the_most_of_all_is_read_whole(world: World) -> None:
    cache = FenceCache(world.database, at_once=10, patience_s=10.0)
    add_fence(world, "first")
    cache.newest(world.brand.id)
    _import(world, 60, away_m=300.0)
    assert len(cache.newest(world.brand.id).fences.index) == 61


def test_whoever_is_too_far_behind_reads_everything(any_world: World) -> None:
    add_fence(any_world, "old")
    cache = FenceCache(any_world.database, patience_s=10.0)
    cache.newest(any_world.brand.id)
    moved = sa.update(FenceChangeRow).values(revision=FenceChangeRow.revision + KEPT)
    any_world.database.write(lambda tx: tx.execute(moved))
    row = {"brand_id": any_world.brand.id, "external_id": "unnoted", "revision": 1, "active": True}
    shape = {"type": "circle", "center": PLACES[0][::-1], "radius_m": 80.0}
    saved = sa.insert(GeofenceRow).values(
        id=new_id(), shape=shape, updated_at=any_world.clock.now(), **row
    )
    any_world.database.write(lambda tx: tx.execute(saved))
    assert len(cache.newest(any_world.brand.id).fences.index) == 2


def test_edits_are_forgotten_once_nobody_follows_them(any_world: World) -> None:
    add_fence(any_world, "old")
    moved = sa.update(FenceChangeRow).values(revision=FenceChangeRow.revision + KEPT)
    any_world.database.write(lambda tx: tx.execute(moved))
    add_fence(any_world, "new")
    with any_world.database.read() as tx:
        assert tx.execute(sa.select(sa.func.count(FenceEditRow.geofence_id))).scalar_one() == 1


def test_a_change_of_a_store_costs_no_new_index(world: World) -> None:
    add_fence(world)
    cache = FenceCache(world.database)
    before = cache.newest(world.brand.id)
    store = {"name": "Kallio", "latitude": 60.18, "longitude": 24.95}
    assert world.admin.put("/v1/stores/kallio", store).status_code == 201
    after = cache.newest(world.brand.id)
    assert after.revision > before.revision
    assert after.fences.index.shape(next(iter(after.fences.index.containing(*PLACES[0]))))
