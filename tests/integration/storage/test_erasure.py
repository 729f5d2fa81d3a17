"""An erased person is found nowhere again: not in a row, not in a file, not through a push under way."""

import hashlib
import hmac
import random
import struct
import threading
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from domain.clock import ManualClock
from domain.decisions import Cause, Moment
from domain.errors import NotFound
from domain.ids import new_id
from domain.messages import DeliveryStatus, Outcome
from domain.people import Mode
from domain.policy import Brand
from storage import (
    brands,
    customers,
    deliveries,
    erasure,
    export,
    fixes,
    moments,
    personal,
    weather,
)
from storage.engine import Database, Transaction
from storage.models import BrandRow, DeliveryRow, metadata
from tests.integration.lives import Life, everything

ANNA, BERT = "anna-who-shall-be-forgotten", "bert-who-stays"
_NAMING = {"customer_id", "device_id", "message_id"}  # columns that lead to a person


@pytest.fixture
def brand(database: Database, clock: ManualClock) -> Brand:
    return _brand(database, clock.now())


def _brand(database: Database, now: datetime) -> Brand:
    return database.write(
        lambda tx: brands.create(tx, slug="soup", name="Soup", time_zone="Europe/Helsinki", now=now)
    )


def _life(database: Database, brand: Brand, marker: str, now: datetime) -> Life:
    return database.write(lambda tx: Life(tx, brand_id=brand.id, marker=marker, now=now))


def _erase(database: Database, life: Life) -> erasure.Receipt:
    return database.write(lambda tx: erasure.erase(tx, life.customer_id, now=life.now))


def _mentions(row: dict[str, Any], *needles: str) -> bool:
    return any(needle in repr(list(row.values())) for needle in needles)


def test_every_table_that_can_name_a_person_is_exported_and_erased() -> None:
    """A new table with rows of people fails here until storage/personal.py knows it."""
    listed = {each.name for each in personal.PERSONAL}
    naming = {name for name, table in metadata.tables.items() if _NAMING & set(table.c.keys())}
    referring = {
        name
        for name, table in metadata.tables.items()
        if any(key.column.table.name in listed for key in table.foreign_keys)
    }
    assert naming | referring <= listed


def test_the_order_of_deletion_respects_every_reference() -> None:
    place = {each.name: number for number, each in enumerate(personal.PERSONAL)}
    for each in personal.PERSONAL:
        for key in each.table.__table__.foreign_keys:
            target = key.column.table.name
            assert target not in place or place[each.name] < place[target]


def test_an_erasure_leaves_only_the_ledger_and_totals(
    database: Database, clock: ManualClock, brand: Brand
) -> None:
    anna = _life(database, brand, ANNA, clock.now())
    bert = _life(database, brand, BERT, clock.now())
    before = everything(database)
    receipt = _erase(database, anna)
    after = everything(database)

    for name, rows in after.items():
        assert [row for row in before[name] if _mentions(row, BERT, *bert.ids)] == [
            row for row in rows if _mentions(row, BERT, *bert.ids)
        ], f"{name}: a neighbour's rows changed"
        assert not any(_mentions(row, *anna.ids) for row in rows), name
        if name != "consent_entries":
            assert not any(_mentions(row, ANNA) for row in rows), name
    assert all(receipt.deleted.values())
    assert (receipt.anonymised, receipt.kept) == ({"decisions": 1}, {"consent_entries": 1})
    assert receipt.in_flight == 1


def test_what_stays_of_a_decision_counts_but_names_nobody(
    database: Database, clock: ManualClock, brand: Brand
) -> None:
    anna = _life(database, brand, ANNA, clock.now())
    _erase(database, anna)
    [decision] = everything(database)["decisions"]
    kept = {name: value for name, value in decision.items() if value not in (None, [], 0)}
    assert set(kept) == {
        "id", "brand_id", "mode", "moment_id", "cause", "decided_at", "outcome", "offer_id", "offer",
        "offer_revision", "propensity", "redacted_at", "pruned_at",
    }  # fmt: skip


def test_the_ledger_keeps_proof_under_a_hash_that_only_the_brand_can_make(
    database: Database, clock: ManualClock, brand: Brand
) -> None:
    anna = _life(database, brand, ANNA, clock.now())
    receipt = _erase(database, anna)
    with database.read() as tx:
        key = tx.execute(sa.select(BrandRow.ledger_key)).scalar_one()
    [entry] = everything(database)["consent_entries"]
    expected = hmac.new(key.encode(), ANNA.encode(), hashlib.sha256).hexdigest()
    assert entry["subject_hash"] == receipt.subject_hash == expected
    cleared = ("customer_id", "device_id", "evidence", "locale", "receipt")
    assert {entry[name] for name in cleared} == {None}
    assert entry["wording"] == ANNA  # the wording is what was agreed to; it stays as it was


def test_an_anonymous_person_is_hashed_by_our_own_id(
    database: Database, clock: ManualClock, brand: Brand
) -> None:
    now = clock.now()
    person = database.write(
        lambda tx: customers.anonymous(tx, brand_id=brand.id, mode=Mode.LIVE, now=now)
    )
    receipt = database.write(lambda tx: erasure.erase(tx, person.id, now=now))
    with database.read() as tx:
        key = tx.execute(sa.select(BrandRow.ledger_key)).scalar_one()
    assert receipt.subject_hash == erasure.subject_hash(key, person.id)


def test_erasing_twice_finds_nobody(database: Database, clock: ManualClock, brand: Brand) -> None:
    anna = _life(database, brand, ANNA, clock.now())
    _erase(database, anna)
    with pytest.raises(NotFound):
        _erase(database, anna)


def test_the_outcome_of_a_push_under_way_finds_nothing_to_record(
    database: Database, clock: ManualClock, brand: Brand
) -> None:
    anna = _life(database, brand, ANNA, clock.now())
    [delivery] = everything(database)["deliveries"]
    _erase(database, anna)
    after = everything(database)
    dead = Outcome(status=DeliveryStatus.UNREGISTERED, retire=True)
    recorded = database.write(
        lambda tx: deliveries.record(
            tx, {delivery["id"]: dead}, owner=delivery["owner"], now=clock.now()
        )
    )
    database.write(
        lambda tx: deliveries.lapse(tx, [delivery["id"]], owner=delivery["owner"], now=clock.now())
    )
    assert not recorded
    assert everything(database) == after


@pytest.mark.parametrize("writer", ["time passes at a fence", "the weather turns"])
def test_an_erasure_waits_for_whoever_writes_of_the_person(
    postgres_database: Database, clock: ManualClock, writer: str
) -> None:
    """On PostgreSQL; SQLite's one writer leaves nobody to wait for."""
    database, now = postgres_database, clock.now()
    brand = _brand(database, now)
    anna = _life(database, brand, ANNA, now)
    moment = Moment(
        id=new_id(),
        brand_id=brand.id,
        mode=Mode.LIVE,
        customer_id=anna.customer_id,
        cause=Cause.DWELL,
        key=new_id(),
        due_at=now,
        expires_at=now,
    )
    with database.engine.begin() as tx:
        if writer == "time passes at a fence":
            assert fixes.claim_due(tx, brand_ids=[brand.id], now=now, limit=9)
        else:
            box = {"south": 0, "north": 90, "west": 0, "east": 90}
            assert weather.people_in_box(tx, brand_id=brand.id, since=now, **box)
        erasing = threading.Thread(target=_erase, args=(database, anna))
        erasing.start()
        erasing.join(timeout=0.5)
        assert erasing.is_alive()
        moments.open_many(tx, [moment])
    erasing.join()
    assert everything(database)["customers"] == everything(database)["moments"] == []


def test_an_export_holds_every_row_and_nothing_of_others(
    database: Database, clock: ManualClock, brand: Brand
) -> None:
    anna = _life(database, brand, ANNA, clock.now())
    bert = _life(database, brand, BERT, clock.now())
    with database.read() as tx:
        exported = export.export(tx, anna.customer_id)
        counted = personal.counts(tx, anna.customer_id)
    assert {name: len(rows) for name, rows in exported.items()} == counted
    assert all(counted.values()), "a kind of row that this test's person lacks"
    assert not _mentions({"all": exported}, BERT, *bert.ids)
    for name, [row] in exported.items():
        withheld = {"credential_hash", "request_hash"}
        assert set(row) == set(metadata.tables[name].c.keys()) - withheld, name
    [profile] = exported["profiles"]
    assert profile["body"]["visits"] == 3
    [position] = exported["device_positions"]
    assert position["state"] == {"was": ANNA}


def test_a_device_that_served_someone_else_before_goes_with_its_last_owner(
    database: Database, clock: ManualClock, brand: Brand
) -> None:
    """The former owner's position on it must not keep the device alive."""
    anna = _life(database, brand, ANNA, clock.now())
    bert = _life(database, brand, BERT, clock.now())
    database.write(
        lambda tx: tx.execute(
            sa.update(metadata.tables["devices"])
            .where(metadata.tables["devices"].c.id == bert.device_id)
            .values(customer_id=anna.customer_id)
        )
    )
    _erase(database, anna)
    assert everything(database)["devices"] == []
    with database.read() as tx:
        left = tx.execute(sa.select(sa.func.count()).select_from(DeliveryRow)).scalar_one()
    assert left == 1


def test_of_hundreds_of_people_none_that_was_erased_is_in_the_files(
    sqlite_database: Database, clock: ManualClock
) -> None:
    """Names, tokens and positions, after rows have grown, shrunk and moved between pages."""
    chance = random.Random(7)
    brand = _brand(sqlite_database, clock.now())
    lives = sqlite_database.write(
        lambda tx: [
            Life(tx, brand_id=brand.id, marker=f"person-{n:03}-" + "x" * 30, now=clock.now())
            for n in range(200)
        ]
    )
    places = {life.customer_id: chance.uniform(59, 61) for life in lives}
    for _ in range(3):
        sqlite_database.write(
            lambda tx: [_change(tx, life, places[life.customer_id], chance) for life in lives]
        )
    gone = lives[::4]
    for life in gone:
        _erase(sqlite_database, life)
    assert sqlite_database.shred()
    path = Path(sqlite_database.url.database or "")
    held = b"".join(file.read_bytes() for file in path.parent.glob(f"{path.name}*"))
    for life in gone:
        position = struct.pack(">d", places[life.customer_id])
        assert f"token-{life.customer_id}".encode() not in held
        assert f"name-{life.marker}".encode() not in held
        assert life.customer_id.encode() not in held
        assert position not in held
    for life in set(lives) - set(gone):
        assert f"token-{life.customer_id}".encode() in held
        assert struct.pack(">d", places[life.customer_id]) in held


def _change(tx: Transaction, life: Life, latitude: float, chance: random.Random) -> None:
    tables = metadata.tables
    changes = {
        "customers": {"first_name": f"name-{life.marker}", "details": {"x": "y" * chance.randint(0, 900)}},
        "devices": {"target_value": f"token-{life.customer_id}" + "t" * chance.randint(0, 600)},
        "device_positions": {"latitude": latitude, "state": life.marker.encode() * chance.randint(0, 30)},
        "messages": {"push": {"title": life.marker * chance.randint(0, 20)}},
    }  # fmt: skip
    for name, values in changes.items():
        own = tables[name].c.id if name == "customers" else tables[name].c.customer_id
        tx.execute(sa.update(tables[name]).where(own == life.customer_id).values(**values))
