"""What a brand names itself: saving many at once, and the counter that tells of changed fences. On both databases."""

from itertools import pairwise

import msgspec
import pytest

from domain.clock import ManualClock
from domain.errors import Invalid
from domain.items import Item
from domain.places import Geofence, Store
from storage import brands, geofences, items, stores
from storage.engine import Database
from storage.named import Counts

CIRCLE: dict[str, object] = {"type": "circle", "center": [24.95, 60.18], "radius_m": 120.0}


@pytest.fixture
def brand_id(database: Database, clock: ManualClock) -> str:
    return _brand(database, clock, "soup")


def _brand(database: Database, clock: ManualClock, slug: str) -> str:
    return database.write(
        lambda tx: brands.create(
            tx, slug=slug, name=slug, time_zone="Europe/Helsinki", now=clock.now()
        )
    ).id


def _store(brand_id: str, external_id: str = "kallio", **more: object) -> Store:
    given = {"id": "", "brand_id": brand_id, "external_id": external_id, "name": external_id}
    place = {"latitude": 60.18, "longitude": 24.95, "time_zone": "Europe/Helsinki"}
    return msgspec.convert({**given, **place, **more}, Store)


def _fence(brand_id: str, name: str = "kallio", **more: object) -> Geofence:
    given = {"id": "", "brand_id": brand_id, "external_id": name, "shape": CIRCLE}
    return msgspec.convert({**given, **more}, Geofence)


def test_many_are_added_changed_and_left_alone_in_one_go(
    database: Database, clock: ManualClock, brand_id: str
) -> None:
    many = [_store(brand_id, f"s{n}") for n in range(2500)]
    now = clock.now()
    first = database.write(lambda tx: stores.put_many(tx, many, now=now))
    assert first == Counts(created=2500)
    some = [_store(brand_id, f"s{n}", name="new" if n % 2 else f"s{n}") for n in range(2400, 2600)]
    second = database.write(lambda tx: stores.put_many(tx, some, now=now))
    assert second == Counts(created=100, updated=50, unchanged=50)
    with database.read() as tx:
        assert stores.get(tx, brand_id=brand_id, external_id="s2401").revision == 2
        assert stores.get(tx, brand_id=brand_id, external_id="s2400").revision == 1
        assert len(stores.of_brand(tx, brand_id)) == 2600


def test_saving_many_touches_only_the_own_brand(
    database: Database, clock: ManualClock, brand_id: str
) -> None:
    other = _brand(database, clock, "salon")
    theirs, _ = database.write(lambda tx: stores.put(tx, _store(other), now=clock.now()))
    counts = database.write(lambda tx: stores.put_many(tx, [_store(brand_id)], now=clock.now()))
    assert counts == Counts(created=1)
    with database.read() as tx:
        assert stores.of_brand(tx, other) == [theirs]


def test_nothing_is_saved_of_nothing(database: Database, clock: ManualClock, brand_id: str) -> None:
    assert database.write(lambda tx: stores.put_many(tx, [], now=clock.now())) == Counts()
    assert database.write(lambda tx: geofences.put_many(tx, [], now=clock.now())) == Counts()
    with database.read() as tx:
        assert geofences.revision(tx, brand_id) == 0


def test_items_keep_tags_services_and_price(
    database: Database, clock: ManualClock, brand_id: str
) -> None:
    soup = Item(
        id="", brand_id=brand_id, sku="soup", name="Soup", category="soup", tags=("vegan",),
        services=("lunch",), price=8.5,
    )  # fmt: skip
    saved, created = database.write(lambda tx: items.put(tx, soup, now=clock.now()))
    assert created
    with database.read() as tx:
        assert items.get(tx, brand_id=brand_id, sku="soup") == saved
    again = database.write(lambda tx: items.put_many(tx, [soup], now=clock.now()))
    assert again == Counts(unchanged=1)


def test_a_fence_knows_its_store_by_both_names(
    database: Database, clock: ManualClock, brand_id: str
) -> None:
    store, _ = database.write(lambda tx: stores.put(tx, _store(brand_id), now=clock.now()))
    fence = _fence(brand_id, store="kallio", dwell_s=300)
    saved, _ = database.write(lambda tx: geofences.put(tx, fence, now=clock.now()))
    with database.read() as tx:
        found = geofences.get(tx, brand_id=brand_id, external_id="kallio")
    assert found == saved
    assert (found.store_id, found.store, found.shape) == (store.id, "kallio", CIRCLE)
    unchanged = database.write(lambda tx: geofences.put_many(tx, [fence], now=clock.now()))
    assert unchanged == Counts(unchanged=1)


def test_a_store_that_there_is_not_is_named_by_its_row(
    database: Database, clock: ManualClock, brand_id: str
) -> None:
    salon = _brand(database, clock, "salon")
    database.write(lambda tx: stores.put(tx, _store(salon), now=clock.now()))
    fences = [_fence(brand_id, "a"), _fence(brand_id, "b", store="kallio")]
    with pytest.raises(Invalid) as refused:
        database.write(lambda tx: geofences.put_many(tx, fences, now=clock.now()))
    assert [fault.pointer for fault in refused.value.faults] == ["/1/store"]


def test_every_change_of_a_fence_or_a_store_is_counted(
    database: Database, clock: ManualClock, brand_id: str
) -> None:
    now = clock.now()
    seen = [0]

    def then(work: object) -> None:
        database.write(work)  # type: ignore[arg-type]  # any work will do
        with database.read() as tx:
            seen.append(geofences.revision(tx, brand_id))

    then(lambda tx: stores.put(tx, _store(brand_id), now=now))
    then(lambda tx: geofences.put(tx, _fence(brand_id), now=now))
    then(lambda tx: geofences.put_many(tx, [_fence(brand_id, "b")], now=now))
    then(lambda tx: geofences.delete(tx, brand_id=brand_id, external_id="b"))
    then(lambda tx: stores.delete(tx, brand_id=brand_id, external_id="kallio"))
    assert all(later > earlier for earlier, later in pairwise(seen))


def test_only_active_fences_are_matched(
    database: Database, clock: ManualClock, brand_id: str
) -> None:
    fences = [_fence(brand_id, "on"), _fence(brand_id, "off", active=False)]
    database.write(lambda tx: geofences.put_many(tx, fences, now=clock.now()))
    with database.read() as tx:
        assert [fence.external_id for fence in geofences.active(tx, brand_id)] == ["on"]
