"""A town laid into a store directly: a brand with a store, its fence and an offer, and people with phones."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import msgspec
import sqlalchemy as sa

from bench.load import Phone
from domain.access import CredentialKind, digest, new_credential
from domain.clock import SystemClock
from domain.decisions import Cause
from domain.ids import new_id
from domain.offers import OfferBody, OfferKind, OfferValue, PlaceCondition, When
from domain.people import Mode, Profile, Purpose, Wheel
from domain.places import Geofence, Store
from domain.policy import Brand, Caps, Policy
from scheduler.context.profile import with_visit
from storage import brands, geofences, migrate, offers, stores
from storage.engine import Database, Transaction
from storage.models import (
    ConsentRow,
    CustomerRow,
    DeviceRow,
    MomentRow,
    PositionRow,
    ProfileRow,
    metadata,
)

DOOR = (60.1841, 24.9499)
AWAY = (60.2100, 24.9499)  # nearly three kilometres north
_ZONE = "Europe/Helsinki"
_CHUNK = 2_000  # people per transaction
_FREELY = Policy(
    holdout_share=0,
    exploration=0,
    interruption_price=0,
    hold=False,
    caps=Caps(per_day=None, per_week=None),
)
SOUP = OfferBody(
    kind=OfferKind.DISCOUNT,
    title={"en": "Hot soup?"},
    body={"en": "{{ store.name }} is {{ distance_m }} m away."},
    value=OfferValue(margin=60.0, discount=1.5),  # worth saying whatever is believed
    when=When(place=PlaceCondition(within_m=500, via=("enter",))),
)


class Resident(NamedTuple):
    """Somebody whose phone allows everything; `target` is its push token."""

    phone: Phone
    target: str


def settle(database: Database) -> Brand:
    """A migrated store with a brand that says its one offer to whoever enters its one fence."""
    migrate.upgrade(database)
    now = SystemClock().now()
    latitude, longitude = DOOR

    def work(tx: Transaction) -> Brand:
        brand = brands.create(tx, slug="bench", name="Bench", time_zone=_ZONE, now=now)
        brands.save_policy(tx, brand.id, _FREELY, expected=None)
        store = Store(
            id="",
            brand_id=brand.id,
            external_id="kallio",
            name="Kallio",
            latitude=latitude,
            longitude=longitude,
            time_zone=_ZONE,
        )
        stores.put(tx, store, now=now)
        shape = {"type": "circle", "center": [longitude, latitude], "radius_m": 150}
        fence = Geofence(
            id="", brand_id=brand.id, external_id="kallio", shape=shape, store="kallio"
        )
        geofences.put(tx, fence, now=now)
        offers.put(tx, brand_id=brand.id, external_id="soup", body=SOUP, now=now)
        return brand

    return database.write(work)


def move_in(
    database: Database, brand: Brand, places: Sequence[tuple[float, float]], *, stays: bool = False
) -> list[Resident]:
    """A resident for each place, with a profile, and a habit moment that is due tomorrow.

    With `stays` the store knows them there already, with something to look at tomorrow.
    """
    now, habits = SystemClock().now(), msgspec.msgpack.encode(_regular())
    residents: list[Resident] = []
    for begin in range(0, len(places), _CHUNK):
        people = [_Person(brand.id, place, now) for place in places[begin : begin + _CHUNK]]
        database.write(lambda tx, people=people: _insert(tx, people, habits, stays=stays))
        residents += [Resident(Phone(each.credential, *each.place), each.target) for each in people]
    return residents


def look_on(database: Database, brand: Brand, many: int) -> None:
    """So many people more, made by the store itself as copies of one who moved in with `stays`: they fill its tables and its
    indexes, and nobody knows their credentials."""
    if many <= 0:
        return
    postgresql = not database.is_sqlite
    new_uuid = "gen_random_uuid()" if postgresql else _SQLITE_UUID
    series = (
        f"generate_series(1, {many})"
        if postgresql
        else f"(WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {many}) SELECT i FROM n)"
    )
    own = {
        "customers": {"id": "n.id", "first_name": "'onlooker'"},
        "devices": {"id": "n.device_id", "customer_id": "n.id", **_NAMELESS},
        "consents": {"customer_id": "n.id", "entry_id": new_uuid},
        "profiles": {"customer_id": "n.id"},
        "moments": {"id": new_uuid, "customer_id": "n.id"},
        "device_positions": {"device_id": "n.device_id", "customer_id": "n.id"},
    }

    def work(tx: Transaction) -> None:
        whom = sa.select(CustomerRow.id).where(CustomerRow.brand_id == brand.id).limit(1)
        model = tx.execute(whom.where(CustomerRow.first_name.is_(None))).scalar_one()
        ids = f"SELECT {new_uuid} AS id, {new_uuid} AS device_id FROM {series} AS series"
        tx.exec_driver_sql(f"CREATE TEMPORARY TABLE newcomers AS {ids}")
        for name, changed in own.items():
            columns = metadata.tables[name].columns.keys()
            values = ", ".join(changed.get(column, f"t.{column}") for column in columns)
            key = "id" if name == "customers" else "customer_id"
            tx.exec_driver_sql(
                f"INSERT INTO {name} ({', '.join(columns)}) SELECT {values} "
                f"FROM newcomers AS n CROSS JOIN {name} AS t WHERE t.{key} = '{model}'"
            )
        tx.exec_driver_sql("DROP TABLE newcomers")

    database.write(work)


_SQLITE_UUID = "lower(hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4' || substr(hex(randomblob(2)), 2) || '-a' || substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6)))"
_NAMELESS = {"target_value": "'phone-' || n.id", "credential_hash": "'none-' || n.id"}


def _regular() -> Profile:
    """Somebody who has come for lunch a dozen times."""
    profile, zone = Profile(), ZoneInfo(_ZONE)
    now = SystemClock().now()
    for weeks in range(12, 0, -1):
        profile = with_visit(profile, at=now - timedelta(weeks=weeks), zone=zone, brand=Wheel())
    return profile


class _Person:
    """One person's rows."""

    def __init__(self, brand_id: str, place: tuple[float, float], now: datetime) -> None:
        self.place, self.now = place, now
        self.credential = new_credential(CredentialKind.DEVICE, Mode.LIVE)
        self.target = f"phone-{new_id()}"
        self.id, self.device_id = new_id(), new_id()
        self._brand = {"brand_id": brand_id}
        self._live = {**self._brand, "mode": Mode.LIVE}

    def customer(self) -> dict[str, Any]:
        details = {"id": self.id, "details": {}, "revision": 1, "created_at": self.now}
        return {**self._live, **details}

    def device(self) -> dict[str, Any]:
        return {
            **self._live,
            "id": self.device_id,
            "customer_id": self.id,
            "platform": "android",
            "target_kind": "token",
            "target_value": self.target,
            "credential_hash": digest(self.credential),
            "locale": "en",
            "time_zone": _ZONE,
            "push_permission": "granted",
            "created_at": self.now,
            "last_seen_at": self.now,
        }

    def consents(self) -> list[dict[str, Any]]:
        given = {"customer_id": self.id, "granted": True, "since": self.now - timedelta(days=1)}
        return [
            {**self._brand, **given, "purpose": purpose, "entry_id": new_id()}
            for purpose in Purpose
        ]

    def profile(self, habits: bytes) -> dict[str, Any]:
        return {**self._brand, "customer_id": self.id, "body": habits, "updated_at": self.now}

    def moment(self) -> dict[str, Any]:
        tomorrow = self.now + timedelta(days=1)
        return {
            **self._live,
            "id": new_id(),
            "customer_id": self.id,
            "cause": Cause.HABIT,
            "key": tomorrow.date().isoformat(),
            "due_at": tomorrow,
            "expires_at": tomorrow + timedelta(hours=2),
        }

    def position(self) -> dict[str, Any]:
        return {
            **self._brand,
            "device_id": self.device_id,
            "customer_id": self.id,
            "latitude": self.place[0],
            "longitude": self.place[1],
            "accuracy_m": 12.5,
            "occurred_at": self.now,
            "state": b"",
            "due_at": self.now + timedelta(days=1),
        }


def _insert(tx: Transaction, people: Sequence[_Person], habits: bytes, *, stays: bool) -> None:
    tx.execute(sa.insert(CustomerRow), [each.customer() for each in people])
    tx.execute(sa.insert(DeviceRow), [each.device() for each in people])
    tx.execute(sa.insert(ConsentRow), [row for each in people for row in each.consents()])
    tx.execute(sa.insert(ProfileRow), [each.profile(habits) for each in people])
    tx.execute(sa.insert(MomentRow), [each.moment() for each in people])
    if stays:
        tx.execute(sa.insert(PositionRow), [each.position() for each in people])
