"""A brand and its devices, made through storage on whichever database a test runs on."""

from collections.abc import Callable
from datetime import datetime
from typing import TypeVar

from domain.clock import ManualClock
from domain.ids import new_id
from domain.ledger import Statement
from domain.people import Device, Mode, Platform, Purpose, Target, TargetKind
from domain.policy import Brand
from storage import brands, consents, devices
from storage.consents import Entry
from storage.devices import Install, Registered
from storage.engine import Database, Transaction

T = TypeVar("T")


class Town:
    """A brand with people."""

    def __init__(self, database: Database, clock: ManualClock) -> None:
        self.database = database
        self.clock = clock
        self.brand = self.add_brand("soup")

    def write(self, work: Callable[[Transaction], T]) -> T:
        return self.database.write(work)

    def add_brand(self, slug: str) -> Brand:
        return self.write(
            lambda tx: brands.create(
                tx, slug=slug, name=slug, time_zone="Europe/Helsinki", now=self.clock.now()
            )
        )

    def register(
        self,
        external_id: str | None = None,
        *,
        target: str | None = None,
        brand: Brand | None = None,
        mode: Mode = Mode.LIVE,
    ) -> Registered:
        return self.write(
            lambda tx: devices.register(
                tx,
                install(target),
                brand_id=(brand or self.brand).id,
                mode=mode,
                now=self.clock.now(),
                external_id=external_id,
            )
        )

    def device(self, external_id: str | None = None, *granted: Purpose) -> Device:
        device = self.register(external_id).device
        if granted:
            self.say(device.customer_id, *granted)
        return device

    def say(
        self, customer_id: str, *purposes: Purpose, granted: bool = True, at: datetime | None = None
    ) -> list[Entry]:
        said = [statement(each, granted, at or self.clock.now()) for each in purposes]
        return self.write(
            lambda tx: consents.append(
                tx,
                said,
                brand_id=self.brand.id,
                mode=Mode.LIVE,
                customer_id=customer_id,
                now=self.clock.now(),
            )
        )

    def granted(self, customer_id: str) -> set[Purpose]:
        with self.database.read() as tx:
            current = consents.current(tx, customer_id)
        return {purpose for purpose in Purpose if current.granted(purpose)}


def install(target: str | None = None) -> Install:
    value = target or f"token-{new_id()}"
    return Install(platform=Platform.ANDROID, target=Target(kind=TargetKind.TOKEN, value=value))


def statement(purpose: Purpose, granted: bool, at: datetime) -> Statement:
    return Statement(
        purpose=purpose,
        granted=granted,
        occurred_at=at,
        wording="May we?",
        wording_version="1",
        locale="en",
        source="test",
    )
