"""What was observed of the weather: the cache, the evidence, and the people near a place where it turned."""

from collections.abc import Iterable, Sequence
from datetime import datetime

import msgspec
import sqlalchemy as sa

from domain.ids import new_id
from domain.people import Mode
from domain.places import LatLon
from domain.values import Value
from domain.weather import Observation
from storage.engine import Transaction
from storage.models import CustomerRow, ObservationRow, PositionRow


class Near(Value):
    """A person's last fix inside a box."""

    customer_id: str
    mode: Mode
    device_id: str
    position: LatLon
    occurred_at: datetime


def add(tx: Transaction, observations: Iterable[Observation]) -> None:
    """Stores what was fetched."""
    rows = [msgspec.structs.asdict(seen) | {"id": new_id()} for seen in observations]
    if rows:
        tx.execute(sa.insert(ObservationRow), rows)


def latest(
    tx: Transaction, cells: Sequence[str], *, since: datetime, before: datetime
) -> dict[str, Observation]:
    """The newest observation of each cell whose time of validity lies in [since, before]; others are unknown."""
    if not cells:
        return {}
    rows = tx.execute(
        sa.select(ObservationRow.__table__)
        .where(ObservationRow.cell.in_(cells))
        .where(ObservationRow.observed_at >= since, ObservationRow.observed_at <= before)
        .order_by(ObservationRow.observed_at, ObservationRow.fetched_at)
    )
    return {row.cell: msgspec.convert(row._mapping, Observation) for row in rows}


def fetched_at(tx: Transaction, cells: Sequence[str], *, since: datetime) -> dict[str, datetime]:
    """When each cell was last fetched, where that was since then."""
    rows = tx.execute(
        sa.select(ObservationRow.cell, sa.func.max(ObservationRow.fetched_at).label("at"))
        .where(ObservationRow.cell.in_(cells), ObservationRow.observed_at >= since)
        .group_by(ObservationRow.cell)
    )
    return {row.cell: row.at for row in rows}


def people_in_box(
    tx: Transaction,
    *,
    brand_id: str,
    south: float,
    north: float,
    west: float,
    east: float,
    since: datetime,
) -> list[Near]:
    """The fixes of a brand's people inside a box of degrees since then; `east` exceeds 180 across the antimeridian.

    None of them can be erased before the commit; who is being erased is left out.
    """
    longitude: sa.ColumnElement[bool] = PositionRow.longitude.between(west, east)
    if east > 180:
        longitude = sa.or_(longitude, PositionRow.longitude <= east - 360)
    if west < -180:
        longitude = sa.or_(longitude, PositionRow.longitude >= west + 360)
    query = (
        sa.select(
            PositionRow.customer_id,
            CustomerRow.mode,
            PositionRow.device_id,
            PositionRow.latitude,
            PositionRow.longitude,
            PositionRow.occurred_at,
        )
        .join(CustomerRow, CustomerRow.id == PositionRow.customer_id)
        .where(
            PositionRow.brand_id == brand_id,
            PositionRow.latitude.between(south, north),
            longitude,
            PositionRow.occurred_at >= since,
        )
    )
    if tx.dialect.name == "postgresql":
        query = query.with_for_update(of=CustomerRow, read=True, key_share=True, skip_locked=True)
    return [
        Near(
            customer_id=row.customer_id,
            mode=Mode(row.mode),
            device_id=row.device_id,
            position=LatLon(latitude=row.latitude, longitude=row.longitude),
            occurred_at=row.occurred_at,
        )
        for row in tx.execute(query)
    ]


def purge(tx: Transaction, *, before: datetime) -> int:
    """Deletes observations older than that; returns how many."""
    return tx.execute(sa.delete(ObservationRow).where(ObservationRow.observed_at < before)).rowcount
