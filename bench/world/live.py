"""The engine under test, whole: its own store, its own loading, deciding, sending and learning, by a clock set by hand.

It is told what the API would tell it: who passes by, visits with their orders, redemptions, refusals, withdrawals. What is
hidden of people stays on this side.
"""

import tempfile
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from heapq import heappop, heappush
from pathlib import Path
from typing import NamedTuple

import numpy as np
import sqlalchemy as sa

from bench.world.brand import STORE, WHERE, Sky, body_of, policy_of, statement
from bench.world.ledger import Ledger
from bench.world.people import ENTER, HABIT, WEATHER
from bench.world.truth import Answers, State, Truth
from domain.access import CredentialKind, Principal
from domain.clock import ManualClock
from domain.decisions import Cause
from domain.events import Event, LineItem
from domain.ids import new_id
from domain.ledger import Statement
from domain.messages import MessageState
from domain.people import Device, Mode, Permission, Platform, Purpose, Target, TargetKind
from domain.places import Geofence, Store, TransitionType
from scheduler import events
from scheduler.closing import Closing
from scheduler.decide.score import Model
from scheduler.engine import Engine
from scheduler.moments import of_transition
from scheduler.silences import Silences
from scheduler.weather.watch import Watch
from storage import (
    brands,
    consents,
    devices,
    fixes,
    geofences,
    migrate,
    moments,
    offers,
    stores,
    visits,
)
from storage.devices import Install
from storage.engine import Database, Transaction
from storage.fixes import Position
from storage.models import DecisionRow, MessageRow
from storage.visits import Visit

_LIVE = Mode.LIVE
_MAX_AGE = timedelta(minutes=90)
_BATCH = 200
CAUSES = {Cause.HABIT: HABIT, Cause.WEATHER: WEATHER}


class Push(NamedTuple):
    """A push that reached a phone: whose, which offer, and the decision it names."""

    who: int
    offer: int
    decision_id: str
    cause: int


class Told(NamedTuple):
    """Something that the engine is to hear of at this time; the number keeps the order of one time."""

    at: float
    number: int
    who: int
    type: str
    offer: int
    decision_id: str | None


class Live:
    """One run of the engine in a town."""

    def __init__(self, truth: Truth, folder: Path, *, model: Model | None = None) -> None:
        self._truth, self._town = truth, truth.town
        self._world = truth.town.world
        self._state, self.ledger = State(truth.town), Ledger(truth)
        self.clock = ManualClock(self._when(24.0 * self._town.first_day))
        self.database = Database(f"sqlite:///{folder}/world.db")
        migrate.upgrade(self.database)
        self._brand = self.database.write(self._open_brand)
        self._people = self.database.write(self._move_in)
        self._number = {device.customer_id: who for who, device in enumerate(self._people)}
        self._offers = {offer.id: n for n, offer in enumerate(self._world.offers)}
        self._ahead: list[Told] = []
        self._tellings = 0
        self._engine = Engine(
            database=self.database,
            clock=self.clock,
            weather_max_age=_MAX_AGE,
            model=model,
            batch=_BATCH,
        )
        self._closing = Closing(database=self.database, clock=self.clock)
        self._silences = Silences(database=self.database, clock=self.clock)
        self._watch = Watch(
            database=self.database,
            clock=self.clock,
            provider=Sky(self._town),
            max_age=_MAX_AGE,
            wake=lambda: None,
        )
        self._backend = new_id()

    def run(self) -> Ledger:
        """The history, told day by day as it happened, then the weeks with pushes."""
        visits_of = self._visits()
        for day in range(self._town.first_day, 0):
            self.clock.set(self._when(24.0 * (day + 1)))
            self._tell(visits_of.get(day, []))
            self._silences.tick()
        for day in range(self._town.last_day):
            for each in visits_of.get(day, []):
                heappush(self._ahead, each)
            self._day(day)
        return self.ledger

    def close(self) -> None:
        self.database.close()

    def _day(self, day: int) -> None:
        steps = 1440 // self._world.step_minutes
        passing = self._passing(day)
        for step in range(1, steps + 1):
            at = 24.0 * day + 24.0 * step / steps
            self.clock.set(self._when(at))
            self._tell(list(self._due(at)))
            if self._awake(at):
                self._pass_by(passing.get(step, []), at)
                if at % 1 == 0:
                    self._watch.tick()
                    self._closing.tick()
                self._engine.tick()
                self._deliver(at)
        self._silences.tick()

    def _awake(self, at: float) -> bool:
        """Nothing is due at night, but for what begins it."""
        return 5 <= at % 24 <= 23

    def _when(self, hours: float) -> datetime:
        return self._world.begins + timedelta(hours=hours)

    # What the brand and its people are.

    def _open_brand(self, tx: Transaction) -> str:
        now, world = self.clock.now(), self._world
        brand = brands.create(tx, slug="world", name="World", time_zone="UTC", now=now)
        brands.save_policy(tx, brand.id, policy_of(world), expected=None)
        place = {"latitude": WHERE[0], "longitude": WHERE[1], "time_zone": "UTC"}
        store = Store(id="", brand_id=brand.id, external_id=STORE, name="Store", **place)
        self._store_id = stores.put(tx, store, now=now)[0].id
        shape = {"type": "circle", "center": [WHERE[1], WHERE[0]], "radius_m": 150}
        fence = Geofence(id="", brand_id=brand.id, external_id=STORE, shape=shape, store=STORE)
        self._fence_id = geofences.put(tx, fence, now=now)[0].id
        for offer in world.offers:
            offers.put(tx, brand_id=brand.id, external_id=offer.id, body=body_of(offer), now=now)
        return brand.id

    def _move_in(self, tx: Transaction) -> list[Device]:
        """Everybody with a phone, and what they allow."""
        now = self.clock.now()
        found = []
        for who in range(self._world.people):
            install = Install(
                platform=Platform.ANDROID,
                target=Target(kind=TargetKind.TOKEN, value=f"phone-{who}"),
                locale="en",
                time_zone="UTC",
                push_permission=Permission.GRANTED,
            )
            device = devices.register(
                tx, install, brand_id=self._brand_of(tx), mode=_LIVE, now=now, external_id=f"p{who}"
            ).device
            allowed = (Purpose.PUSH, Purpose.LOCATION, Purpose.HABITS, Purpose.PURCHASES)
            self._say(tx, device, [statement(each, True, now) for each in allowed])
            found.append(device)
        return found

    def _brand_of(self, _tx: Transaction) -> str:
        return self._brand

    def _say(self, tx: Transaction, device: Device, said: Sequence[Statement]) -> None:
        consents.append(
            tx,
            said,
            brand_id=device.brand_id,
            mode=device.mode,
            customer_id=device.customer_id,
            now=self.clock.now(),
            device_id=device.id,
        )

    # What people do.

    def _visits(self) -> dict[int, list[Told]]:
        """The visits that come anyway, by day."""
        found: dict[int, list[Told]] = {}
        times = self._town.visits
        for who, column in zip(*np.nonzero(~np.isnan(times)), strict=True):
            day = int(column) + self._town.first_day
            offer = int(self._town.chosen[who, column])
            at = float(times[who, column])
            found.setdefault(day, []).append(self._telling(at, int(who), "order", offer, None))
        return {day: sorted(each) for day, each in found.items()}

    def _telling(self, at: float, who: int, type: str, offer: int, decision: str | None) -> Told:
        self._tellings += 1
        return Told(at, self._tellings, who, type, offer, decision)

    def _due(self, at: float) -> Iterator[Told]:
        while self._ahead and self._ahead[0].at <= at:
            yield heappop(self._ahead)

    def _tell(self, told: Sequence[Told]) -> None:
        """The brand's backend tells what happened since; who has had enough says so themselves."""
        given = [self._event(each) for each in told if each.type != "withdrawn"]
        gone = [each for each in told if each.type == "withdrawn"]
        if given:
            backend = Principal(
                kind=CredentialKind.SECRET,
                brand_id=self._brand,
                mode=_LIVE,
                credential_id=self._backend,
            )
            now = self.clock.now()
            taken = self.database.write(lambda tx: events.take(tx, backend, given, now=now))
            assert not taken.rejected, taken.rejected[:3]
        for each in gone:
            said = [statement(Purpose.PUSH, False, self._when(each.at))]
            device = self._people[each.who]
            self.database.write(lambda tx, d=device, s=said: self._say(tx, d, s))

    def _event(self, told: Told) -> Event:
        offer = self._world.offers[told.offer]
        order = told.type == "order"
        item = LineItem(sku=offer.id, category=offer.id, price=offer.margin * 2)
        return Event(
            event_id=f"told-{told.number}",
            type=told.type,
            occurred_at=self._when(told.at),
            customer=f"p{told.who}",
            store=STORE if order else None,
            items=(item,) if order else (),
            amount=offer.margin * 2 if order else None,
            decision_id=told.decision_id,
        )

    def _passing(self, day: int) -> dict[int, list[int]]:
        """Who passes by on this day, by step."""
        found: dict[int, list[int]] = {}
        times = self._town.passing[:, day]
        for who in np.flatnonzero(~np.isnan(times)):
            step = round((float(times[who]) - 24 * day) * 60 / self._world.step_minutes)
            found.setdefault(step, []).append(int(who))
        return found

    def _pass_by(self, who: Sequence[int], at: float) -> None:
        """Phones tell that they came into the fence; nobody stays."""
        if not who:
            return
        now = self._when(at)
        came = [(self._people[each], new_id()) for each in who]

        def work(tx: Transaction) -> None:
            visits.add(tx, [self._visit(device, visit_id, now) for device, visit_id in came])
            for device, _ in came:
                fixes.save(tx, self._position(device, now))
            moments.open_many(tx, [self._enter(device, visit_id, now) for device, visit_id in came])

        self.database.write(work)

    def _visit(self, device: Device, visit_id: str, now: datetime) -> Visit:
        return Visit(
            id=visit_id,
            brand_id=self._brand,
            customer_id=device.customer_id,
            device_id=device.id,
            geofence_id=self._fence_id,
            store_id=self._store_id,
            confidence=3,
            entered_at=now,
        )

    def _position(self, device: Device, now: datetime) -> Position:
        return Position(
            device_id=device.id,
            brand_id=self._brand,
            customer_id=device.customer_id,
            latitude=WHERE[0] + 60 / 111_400,
            longitude=WHERE[1],
            accuracy_m=10.0,
            occurred_at=now,
            state=b"",
        )

    def _enter(self, device: Device, visit_id: str, now: datetime) -> moments.Moment:
        return of_transition(
            brand_id=self._brand,
            mode=_LIVE,
            customer_id=device.customer_id,
            device_id=device.id,
            type=TransitionType.ENTER,
            visit_id=visit_id,
            geofence_id=self._fence_id,
            store_id=self._store_id,
            occurred_at=now,
            now=now,
        )

    # What becomes of pushes.

    def _deliver(self, at: float) -> None:
        """Every queued push reaches its phone at once, and people answer. What the sender adds is measured elsewhere."""
        now = self.clock.now()
        arrived = sa.update(MessageRow).where(MessageRow.state == MessageState.QUEUED)
        arrive = arrived.values(state=MessageState.SENT, finished_at=now)
        named = arrive.returning(MessageRow.decision_id, MessageRow.customer_id)
        rows = self.database.write(lambda tx: tx.execute(named).all())
        if rows:
            whose = {row.decision_id: self._number[row.customer_id] for row in rows}
            self._answer(self._pushes(whose), at)

    def _answer(self, pushes: list[Push], at: float) -> None:
        while pushes:  # each person answers one push at a time
            first = {push.who: push for push in reversed(pushes)}
            pushes = [push for push in pushes if first[push.who] is not push]
            said = list(first.values())
            who, offer, cause = (
                np.array([getattr(push, name) for push in said])
                for name in ("who", "offer", "cause")
            )
            times = np.full(len(said), at)
            answers = self._truth.answers(self._state, who, times, cause, offer)
            self.ledger.note(times, offer, answers)
            self._expect(said, at, answers)

    def _pushes(self, whose: dict[str, int]) -> list[Push]:
        """What was said, by the decisions."""
        row = DecisionRow
        query = sa.select(row.id, row.cause, row.offer).where(row.id.in_(list(whose)))
        with self.database.read() as tx:
            found = tx.execute(query.order_by(row.id)).all()
        return [
            Push(
                who=whose[each.id],
                offer=self._offers[each.offer],
                decision_id=each.id,
                cause=CAUSES.get(each.cause, ENTER),
            )
            for each in found
        ]

    def _expect(self, said: Sequence[Push], at: float, answers: Answers) -> None:
        """Puts what people will do about these pushes among what is ahead."""
        day = int(at // 24)
        for n, push in enumerate(said):
            if answers.brought[n]:
                there = float(answers.at[n])
                self._expect_one(there, push, "redeemed", push.decision_id)
                self._expect_one(there, push, "order", None)
            if answers.anyway[n]:
                there = float(self._town.visit(np.array([push.who]), np.array([day]))[0])
                self._expect_one(there, push, "redeemed", push.decision_id)
            if answers.wiped[n]:
                self._expect_one(at + 0.05, push, "dismissed", push.decision_id)
            if answers.refused[n]:
                self._expect_one(at + 0.05, push, "not_for_me", push.decision_id)
            if answers.left[n]:
                self._expect_one(at + 0.1, push, "withdrawn", None)

    def _expect_one(self, at: float, push: Push, type: str, decision: str | None) -> None:
        heappush(self._ahead, self._telling(at, push.who, type, push.offer, decision))


def engine(truth: Truth, *, model: Model | None = None) -> Ledger:
    """What the engine brings in this town; in memory where the machine has such a folder."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        run = Live(truth, Path(folder), model=model)
        try:
            return run.run()
        finally:
            run.close()
