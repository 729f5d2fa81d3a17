"""A store that lived before effects were measured takes its past along."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from domain.holdout import draw_of
from domain.ids import new_id
from storage import holdouts, migrate
from storage.engine import Database
from storage.models import MemberRow, OutcomeRow

NOW = datetime(2026, 5, 6, 9, 0, tzinfo=UTC)


@pytest.fixture
def old(tmp_path: Path) -> Iterator[Database]:
    database = Database(f"sqlite:///{tmp_path / 'old.sqlite3'}")
    migrate.upgrade(database, "0005")
    yield database
    database.close()


def put(database: Database, name: str, **given: Any) -> None:
    """A row of a table as it was, with something in every column that must have it."""

    def work(tx: sa.Connection) -> None:
        table = sa.Table(name, sa.MetaData(), autoload_with=tx)
        row = {
            column.name: given.get(
                column.name, 0 if column.type.python_type in (int, float) else "x"
            )
            for column in table.columns
            if column.name in given or not column.nullable
        }
        tx.execute(sa.insert(table).values(**row))

    database.write(work)


def micros(at: datetime) -> int:
    return int(at.timestamp() * 1_000_000)


def test_people_who_were_decided_about_take_part_with_what_they_brought(old: Database) -> None:
    brand_id, anna, bert = new_id(), new_id(), new_id()
    whose = {"brand_id": brand_id, "mode": "live"}
    put(
        old,
        "brands",
        id=brand_id,
        slug="soup",
        time_zone="Europe/Helsinki",
        policy={"holdout_share": 1.0},
        created_at=micros(NOW - timedelta(days=90)),
    )
    for id_ in (anna, bert):
        put(old, "customers", id=id_, details={}, **whose)
    put(
        old,
        "events",
        id=new_id(),
        customer_id=anna,
        type="order",
        occurred_at=micros(NOW - timedelta(days=2)),
        body={"amount": 9.5},
        **whose,
    )
    for id_, outcome, code in ((anna, "silence", "holdout"), (bert, "send", "chosen")):
        put(
            old,
            "decisions",
            id=new_id(),
            customer_id=id_,
            moment_id=new_id(),
            outcome=outcome,
            reasons=[{"code": code}],
            terms=[],
            decided_at=micros(NOW),
            **whose,
        )

    migrate.upgrade(old)

    with old.read() as tx:
        [share] = holdouts.shares(tx, brand_id)
        members = {row.customer_id: row for row in tx.execute(sa.select(MemberRow.__table__))}
        [day] = tx.execute(sa.select(OutcomeRow.__table__)).all()
    assert share.share == 1.0
    assert (day.customer_id, day.value, day.signs) == (anna, 9.5, 2)
    assert (members[anna].pre_visits, members[anna].pre_value) == (1, 9.5)
    assert members[anna].draw == draw_of(brand_id, anna)
    assert members[anna].said_day == NOW.date().toordinal()
    assert {id_: row.mixed for id_, row in members.items()} == {anna: False, bert: True}
