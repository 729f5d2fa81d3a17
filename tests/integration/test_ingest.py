"""Fixes through any split, repeat and race come to the same visits."""

import threading
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.access import digest
from domain.clock import ManualClock
from domain.errors import Forbidden
from domain.ids import new_id
from domain.people import Purpose
from domain.places import Fix
from scheduler.fences import FenceCache
from scheduler.ingest import Ingest
from scheduler.receipts import Receipt
from storage.engine import Database
from storage.models import MomentRow, PositionRow, VisitRow
from tests.integration.conftest import Install, World
from tests.integration.places import add_fence, add_store, north_of_kallio


def at(away_m: float, when: datetime, **more: Any) -> Fix:
    latitude, longitude = north_of_kallio(away_m)
    given = {"accuracy_m": 8.0, **more}
    return Fix(event_id=new_id(), latitude=latitude, longitude=longitude, occurred_at=when, **given)


def facts(world: World, device: Install) -> list[str]:
    """What the visits and moments of a device say, whoever it is."""
    stays = sa.select(
        VisitRow.geofence_id,
        VisitRow.confidence,
        VisitRow.entered_at,
        VisitRow.dwelled_at,
        VisitRow.exited_at,
        VisitRow.end_reason,
    ).where(VisitRow.device_id == device.device_id)
    moments = sa.select(MomentRow.cause, MomentRow.due_at, MomentRow.geofence_id).where(
        MomentRow.device_id == device.device_id
    )
    last = sa.select(PositionRow.latitude, PositionRow.occurred_at, PositionRow.state).where(
        PositionRow.device_id == device.device_id
    )
    with world.database.read() as tx:
        return sorted(
            str(tuple(row)) for query in (stays, moments, last) for row in tx.execute(query)
        )


Step = tuple[int, float, float, bool]
STEPS = st.lists(
    st.tuples(
        st.integers(1, 900),  # seconds since the fix before
        st.sampled_from([0.0, 40.0, 95.0, 105.0, 160.0, 400.0, 3000.0, 900_000.0]),
        st.sampled_from([4.0, 25.0, 150.0]),
        st.booleans(),  # whether the request ends here
    ),
    min_size=1,
    max_size=40,
)


def walk(world: World, steps: Sequence[Step]) -> list[Fix]:
    when = world.clock.now() - timedelta(hours=12)
    fixes = []
    for seconds, away_m, accuracy_m, _ in steps:
        when += timedelta(seconds=seconds)
        fixes.append(at(away_m, when, accuracy_m=accuracy_m, is_mock=away_m == 160.0))
    return fixes


def requests(fixes: Sequence[Fix], steps: Sequence[Step]) -> list[list[Fix]]:
    cut: list[list[Fix]] = [[]]
    for fix, (_, _, _, last) in zip(fixes, steps, strict=True):
        cut[-1].append(fix)
        if last:
            cut.append([])
    return [each for each in cut if each]


@pytest.fixture
def town(world: World) -> World:
    """Two fences, one with a dwell, one overlapping it."""
    add_store(world)
    add_fence(world, "door", store="kallio", dwell_s=300)
    add_fence(world, "block", away_m=250, radius_m=200)
    return world


def new_walkers(world: World, count: int) -> list[Install]:
    """Devices whose people allowed their location a day ago."""
    return [world.device(Purpose.LOCATION) for _ in range(count)]


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(steps=STEPS, repeats=st.data())
def test_any_split_and_any_repeats_come_to_the_same_visits(
    town: World, steps: list[Step], repeats: st.DataObject
) -> None:
    whole, split = new_walkers(town, 2)
    town.clock.advance(days=1)
    ingest = Ingest(town.database, town.clock, town.parts.fences)
    fixes = walk(town, steps)
    at_once = ingest.receive(whole.credential or "", fixes)
    cut = requests(fixes, steps)
    receipts: list[Receipt] = []
    for n, batch in enumerate(cut):
        receipts.append(ingest.receive(split.credential or "", batch))
        again = cut[repeats.draw(st.integers(0, n))]
        repeated = ingest.receive(split.credential or "", again)
        assert repeated.accepted == 0
        assert repeated.transitions == ()
    assert facts(town, whole) == facts(town, split)
    assert sum((each.transitions for each in receipts), ()) == at_once.transitions
    assert sum(each.accepted for each in receipts) == at_once.accepted
    assert len(fixes) == at_once.accepted + at_once.duplicates + len(at_once.rejected)
    untold = {row.event_id: row.code for receipt in receipts for row in receipt.rejected}
    assert untold == {row.event_id: row.code for row in at_once.rejected}


def at_the_same_time(*works: Callable[[], object]) -> list[object]:
    """Runs these in threads that start together; what each returned or raised."""
    barrier = threading.Barrier(len(works))
    results: list[object] = [None] * len(works)

    def run(n: int, work: Callable[[], object]) -> None:
        barrier.wait()
        try:
            results[n] = work()
        except Exception as error:  # noqa: BLE001 - the test looks at it
            results[n] = error

    threads = [threading.Thread(target=run, args=each) for each in enumerate(works)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def test_two_processes_that_get_the_same_fixes_take_them_once(any_world: World) -> None:
    add_store(any_world)
    add_fence(any_world, store="kallio", dwell_s=60)
    walker = any_world.device(Purpose.LOCATION)
    start = any_world.clock.advance(hours=1) - timedelta(minutes=50)
    url = any_world.database.url.render_as_string(hide_password=False)
    other = any_world.database if any_world.database.is_sqlite else Database(url)
    takers = [Ingest(db, any_world.clock, FenceCache(db)) for db in (any_world.database, other)]
    who = walker.credential or ""
    for n in range(12):
        batch = [
            at(0 if n % 2 else 900, start + timedelta(minutes=3 * n, seconds=s)) for s in range(3)
        ]
        receipts = at_the_same_time(*(partial(each.receive, who, batch) for each in takers))
        assert sorted(each.accepted for each in receipts) == [0, 3], receipts  # type: ignore[attr-defined]  # a Receipt
    if other is not any_world.database:
        other.close()
    with any_world.database.read() as tx:
        stays = tx.execute(sa.select(VisitRow.dwelled_at, VisitRow.exited_at)).all()
    assert len(stays) == 6
    assert sum(row.exited_at is not None for row in stays) == 5


def test_no_position_outlives_a_withdrawal_that_came_while_fixes_did(any_world: World) -> None:
    """Nor does a visit, whether a fix or the passing of time was about to tell of it."""
    add_store(any_world)
    add_fence(any_world, store="kallio", dwell_s=60)
    walker = any_world.device(Purpose.HABITS)
    ingest = Ingest(any_world.database, any_world.clock, any_world.parts.fences)
    who = walker.credential or ""
    for _ in range(12):
        any_world.clock.advance(minutes=1)
        any_world.say(walker, Purpose.LOCATION)
        ingest.receive(who, [at(0, any_world.clock.advance(minutes=1))])
        now = any_world.clock.advance(seconds=90)
        sent, withdrawn, passed = at_the_same_time(
            partial(ingest.receive, who, [at(0, now)]),
            partial(any_world.say, walker, Purpose.LOCATION, granted=False),
            ingest.pass_time,
        )
        assert not isinstance(withdrawn, Exception), withdrawn
        assert isinstance(sent, Receipt | Forbidden), sent
        assert isinstance(passed, bool), passed
        with any_world.database.read() as tx:
            assert tx.execute(sa.select(PositionRow.device_id)).all() == []
            assert tx.execute(sa.select(VisitRow.id)).all() == []


def test_a_fix_waits_for_nobody_but_its_own_device(
    postgres_database: Database, clock: ManualClock
) -> None:
    """While one device's fixes are held up in their transaction, another one's are taken."""
    world = World(postgres_database, clock)
    first, second = world.device(Purpose.LOCATION), world.device(Purpose.LOCATION)
    now = clock.advance(minutes=1)
    ingest = Ingest(world.database, clock, world.parts.fences)
    with world.database.engine.begin() as tx:
        ingest.fixes(tx, digest(first.credential), [at(0, now)])
        assert ingest.receive(second.credential or "", [at(0, now)]).accepted == 1


def test_the_clock_of_a_phone_that_is_ahead_loses_no_dwell(world: World) -> None:
    add_store(world)
    add_fence(world, store="kallio", dwell_s=120)
    walker = world.device(Purpose.LOCATION)
    world.clock.advance(minutes=10)
    ingest = Ingest(world.database, world.clock, world.parts.fences)
    ingest.receive(walker.credential or "", [at(0, world.clock.now() + timedelta(seconds=100))])
    world.clock.advance(seconds=219)
    assert not ingest.pass_time()
    world.clock.advance(seconds=2)
    assert ingest.pass_time()


def test_a_receipt_is_plain_json(world: World) -> None:
    add_fence(world)
    walker = world.device(Purpose.LOCATION)
    now = world.clock.advance(minutes=1)
    ingest = Ingest(world.database, world.clock, world.parts.fences)
    receipt = ingest.receive(walker.credential or "", [at(0, now)])
    assert msgspec.json.decode(msgspec.json.encode(receipt))["transitions"] == [
        {
            "geofence": "kallio-door",
            "type": "enter",
            "occurred_at": now.isoformat().replace("+00:00", "Z"),
            "confidence": 3,
        }
    ]
