"""A brand with a store, offers and people whose moments are due, for tests of deciding."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import msgspec
import sqlalchemy as sa

from domain.clock import ManualClock
from domain.decisions import Cause, Decision, Moment
from domain.ids import new_id
from domain.offers import Offer, OfferBody, OfferKind, OfferValue
from domain.people import Device, Purpose
from domain.places import Store, TransitionType
from domain.policy import Caps, Policy
from scheduler.engine import Engine
from scheduler.moments import LIFE, of_transition
from storage import brands, decisions, fixes, moments, offers, stores
from storage.engine import Database
from storage.fixes import Position
from storage.models import DecisionRow, MessageRow, MomentRow
from tests.integration.storage.people import Town

ALLOWED = (Purpose.PUSH, Purpose.LOCATION, Purpose.HABITS)
OPEN = Policy(
    caps=Caps(per_day=None, per_week=None),
    holdout_share=0.0,
    exploration=0.0,
    hold=False,
    interruption_price=0.0,
)
LATITUDE, LONGITUDE = 60.1841, 24.9499


class Stage(Town):
    """Everything is allowed unless a test says otherwise."""

    def __init__(self, database: Database, clock: ManualClock) -> None:
        super().__init__(database, clock)
        self.rule(OPEN)
        self.store = self.add_store("kallio")
        self.sent = 0
        self.engine = self.add_engine()

    def add_engine(self, **more: Any) -> Engine:
        return Engine(
            database=self.database,
            clock=self.clock,
            weather_max_age=timedelta(minutes=45),
            sent=self._count,
            **more,
        )

    def _count(self) -> None:
        self.sent += 1

    def rule(self, policy: Policy = OPEN, **more: Any) -> None:
        changed = msgspec.structs.replace(policy, **more)
        self.write(lambda tx: brands.save_policy(tx, self.brand.id, changed, expected=None))

    def add_store(self, name: str, **more: Any) -> Store:
        plain = Store(
            id="",
            brand_id=self.brand.id,
            external_id=name,
            name=name.title(),
            latitude=LATITUDE,
            longitude=LONGITUDE,
            time_zone="Europe/Helsinki",
        )
        wanted = msgspec.structs.replace(plain, **more)
        return self.write(lambda tx: stores.put(tx, wanted, now=self.clock.now()))[0]

    def offer(self, name: str = "soup", **more: Any) -> Offer:
        plain = OfferBody(
            kind=OfferKind.DISCOUNT,
            title={"en": "Hot soup"},
            body={"en": "At {{ store.name }}"},
            value=OfferValue(margin=6.0, discount=1.5),
            data={"deep_link": f"brand://{name}"},
        )
        body = msgspec.structs.replace(plain, **more)
        return self.write(
            lambda tx: offers.put(
                tx, brand_id=self.brand.id, external_id=name, body=body, now=self.clock.now()
            )
        )[0]

    def person(self, *granted: Purpose) -> Device:
        return self.device(f"person-{new_id()}", *(granted or ALLOWED))

    def enter(self, device: Device, *, at: datetime | None = None) -> Moment:
        """A moment of somebody who came into the store's area, now if not said otherwise."""
        now = self.clock.now()
        moment = of_transition(
            brand_id=device.brand_id,
            mode=device.mode,
            customer_id=device.customer_id,
            device_id=device.id,
            type=TransitionType.ENTER,
            visit_id=new_id(),
            geofence_id=new_id(),
            store_id=self.store.id,
            occurred_at=at or now,
            now=now,
        )
        self.write(lambda tx: moments.open_many(tx, [moment]))
        return moment

    def moment(self, device: Device, cause: Cause, **more: Any) -> Moment:
        now = self.clock.now()
        moment = Moment(
            id=new_id(),
            brand_id=device.brand_id,
            mode=device.mode,
            customer_id=device.customer_id,
            cause=cause,
            key=new_id(),
            due_at=now,
            expires_at=now + LIFE[cause],
        )
        opened = msgspec.structs.replace(moment, **more)
        self.write(lambda tx: moments.open_many(tx, [opened]))
        return opened

    def stand(self, device: Device, *, north_m: float = 0.0, at: datetime | None = None) -> None:
        """The device's last fix: so far north of the store."""
        position = Position(
            device_id=device.id,
            brand_id=device.brand_id,
            customer_id=device.customer_id,
            latitude=LATITUDE + north_m / 111_400,
            longitude=LONGITUDE,
            accuracy_m=8.0,
            occurred_at=at or self.clock.now(),
            state=b"",
        )
        self.write(lambda tx: fixes.save(tx, position))

    def decide(self, moment: Moment) -> Decision:
        """What the engine makes of this moment."""
        self.engine.tick()
        return self.decision(moment)

    def decision(self, moment: Moment) -> Decision:
        with self.database.read() as tx:
            [found] = decisions.stored(tx, DecisionRow.moment_id == moment.id)
        return found.decision

    def decisions(self) -> list[Decision]:
        with self.database.read() as tx:
            return [found.decision for found in decisions.stored(tx)]

    def messages(self) -> list[Any]:
        with self.database.read() as tx:
            return list(tx.execute(sa.select(MessageRow.__table__).order_by(MessageRow.id)))

    def open_moments(self, *where: Any) -> list[Any]:
        with self.database.read() as tx:
            query = sa.select(MomentRow.__table__).where(MomentRow.decided_at.is_(None), *where)
            return list(tx.execute(query.order_by(MomentRow.due_at)))

    def codes(self, moment: Moment) -> list[str]:
        return [reason.code for reason in self.decide(moment).reasons]


Staged = Callable[[Stage], None]
