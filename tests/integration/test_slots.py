"""Free places looking for people: who is asked, in which order, and never more than there is room for."""

import threading
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.access import CredentialKind, Scope
from domain.clock import ManualClock
from domain.holdout import draw_of
from domain.ids import new_id
from domain.people import Mode, Purpose
from domain.slots import Wanted
from scheduler.engine import Engine
from scheduler.slots import Waves
from storage import slots
from storage.engine import Database
from storage.models import CustomerRow, PatronRow, PromiseRow, SlotRow
from storage.slots import Booked
from tests.conftest import NOON
from tests.integration.api.test_uplift import Shop
from tests.integration.conftest import Install, World

ALLOWED = (Purpose.PUSH, Purpose.HABITS, Purpose.PURCHASES)
OFFER = {
    "kind": "slot",
    "title": {"en": "{{ slot.service }} at {{ slot.starts_at | datetime: format: 'HH:mm' }}?"},
    "body": {"en": "One chair is free for {{ slot.price | currency }}."},
    "value": {"margin": 20.0, "discount": 0.0},
    "life": {"ttl_s": 600},
}
POLICY = {
    "holdout_share": 0,
    "exploration": 0,
    "interruption_price": 0,
    "caps": {"per_day": None, "per_week": None},
}


class Salon(World):
    """A store with an offer for free places, an engine, and what asks for them."""

    def __init__(self, database: Database, clock: ManualClock) -> None:
        super().__init__(database, clock)
        at = {"latitude": 60.18, "longitude": 24.95, "time_zone": "Europe/Helsinki"}
        assert self.admin.put("/v1/stores/kallio", {"name": "Kallio", **at}).status_code == 201
        assert self.admin.put("/v1/engine", POLICY).status_code == 200
        assert self.admin.put("/v1/offers/chair", OFFER).status_code == 201
        self.names: dict[str, str] = {}
        self.waves = Waves(database=database, clock=clock)
        self.engine = self.add_engine()

    def add_engine(self) -> Engine:
        return Engine(
            database=self.database, clock=self.clock, weather_max_age=timedelta(minutes=45)
        )

    def person(self, haircuts: int = 0, *, granted: tuple[Purpose, ...] = ALLOWED) -> Install:
        """Somebody who had so many haircuts here, the last one four weeks ago."""
        person = self.device(*granted, time_zone="Europe/Helsinki")
        token = self.customer_token(person.customer_id)
        name = person.customer_id
        assert person.patch("/v1/devices/me", {"customer_token": token}).status_code == 200
        with self.database.read() as tx:
            known = sa.select(CustomerRow.id).where(CustomerRow.external_id == name)
            person.customer_id = tx.execute(known).scalar_one()
        self.names[person.customer_id] = name
        for n in range(haircuts):
            at = self.clock.now() - timedelta(days=28 * (n + 1))
            self.tell(person, "order", at=at, service="haircut", store="kallio")
        return person

    def tell(self, person: Install, type: str, *, at: Any = None, **more: Any) -> None:
        event = {
            "event_id": new_id(),
            "type": type,
            "occurred_at": (at or self.clock.now()).isoformat(),
            "customer": self.names[person.customer_id],
            **more,
        }
        answer = self.admin.post("/v1/events", {"events": [event]})
        assert answer.json["accepted"] == 1, answer.json

    def free(self, id: str = "chair-1", **more: Any) -> Any:
        """A place tomorrow noon, or as said otherwise; the slot as it was answered."""
        starts = self.clock.now() + timedelta(days=1)
        slot = {
            "id": id,
            "store": "kallio",
            "service": "haircut",
            "starts_at": starts.isoformat(),
            "ends_at": (starts + timedelta(hours=1)).isoformat(),
            "capacity": 1,
            "price": 30,
            **more,
        }
        answer = self.admin.put("/v1/slots", {"slots": [slot]})
        assert answer.status_code == 200, answer.json
        return answer.json["data"][0]

    def go_on(self) -> int:
        """One look for people and what the engine makes of it; how many were asked."""
        asked = self.waves.tick()
        self.engine.tick()
        return asked

    def said(self, person: Install) -> list[str]:
        """The outcomes or first reasons of a person's decisions, oldest first."""
        rows = person.get("/v1/me/decisions").json["data"]
        return [
            each["outcome"] if each["outcome"] == "send" else each["reasons"][-1]["code"]
            for each in reversed(rows)
        ]

    def slot(self) -> Any:
        [slot] = self.admin.get("/v1/slots").json["data"]
        return slot


@pytest.fixture
def salon(database: Database, clock: ManualClock) -> Salon:
    return Salon(database, clock)


@pytest.fixture
def small(sqlite_database: Database, clock: ManualClock) -> Salon:
    return Salon(sqlite_database, clock)


def test_the_best_is_asked_then_the_next_and_a_reservation_ends_it(salon: Salon) -> None:
    regular, rare, never = salon.person(6), salon.person(1), salon.person()
    salon.free()
    assert salon.go_on() == 1
    assert [salon.said(each) for each in (regular, rare, never)] == [["send"], [], []]
    assert (salon.slot()["promised"], salon.slot()["free"]) == (1, 0)
    assert salon.go_on() == 0

    salon.clock.advance(seconds=601)
    assert salon.go_on() == 1
    assert [salon.said(each) for each in (regular, rare, never)] == [["send"], ["send"], []]

    salon.tell(rare, "reservation", slot="chair-1", store="kallio", service="haircut")
    assert {name: salon.slot()[name] for name in ("filled", "promised", "free")} == {
        "filled": 1,
        "promised": 0,
        "free": 0,
    }
    salon.clock.advance(hours=1)
    assert salon.go_on() == 0
    assert salon.said(never) == []


def test_the_text_tells_the_slot(small: Salon) -> None:
    small.person(3)
    small.free()
    small.go_on()
    with small.database.read() as tx:
        push, expires = tx.execute(sa.text("SELECT push, expires_at FROM messages")).one()
    assert "haircut at 12:00?" in push
    assert "€30.00" in push
    assert expires


def test_a_push_never_outlives_the_slot_it_is_about(small: Salon) -> None:
    small.person(3)
    starts = small.clock.now() + timedelta(minutes=5)
    small.free(starts_at=starts.isoformat(), ends_at=(starts + timedelta(hours=1)).isoformat())
    small.go_on()
    with small.database.read() as tx:
        assert tx.execute(sa.select(PromiseRow.until)).scalar_one() == starts
    small.clock.advance(minutes=6)
    assert small.go_on() == 0
    with small.database.read() as tx:
        assert tx.execute(sa.select(SlotRow.next_wave_at)).scalar_one() is None


def test_a_refusal_frees_the_place_at_once(small: Salon) -> None:
    first, second = small.person(6), small.person(2)
    small.free()
    small.go_on()
    [decision] = first.get("/v1/me/decisions").json["data"]
    small.tell(first, "dismissed", decision_id=decision["id"])
    assert small.slot()["free"] == 1
    small.go_on()
    assert small.said(second) == ["send"]


def test_a_cancellation_opens_the_place_again(small: Salon) -> None:
    guest, other = small.person(5), small.person(2)
    small.tell(guest, "reservation", slot="chair-1")  # of a slot that nobody has told of yet
    small.free()
    small.tell(guest, "reservation", slot="chair-1")
    assert small.slot()["filled"] == 1
    assert small.go_on() == 0
    small.tell(guest, "reservation_cancelled", slot="chair-1")
    small.tell(guest, "reservation_cancelled", slot="chair-1")
    assert small.slot()["filled"] == 0
    assert small.go_on() == 1
    assert small.said(other) == [] or small.said(guest) == []


def test_who_allows_no_push_or_no_habits_is_not_looked_for(small: Salon) -> None:
    silent = small.person(6, granted=(Purpose.HABITS, Purpose.PURCHASES))
    small.person(6, granted=(Purpose.PUSH, Purpose.PURCHASES))
    small.free()
    assert small.go_on() == 0
    assert small.said(silent) == []
    with small.database.read() as tx:
        assert set(tx.execute(sa.select(PatronRow.customer_id)).scalars()) == {silent.customer_id}


def test_hours_of_silence_use_nobody_up(small: Salon) -> None:
    person = small.person(4)
    small.admin.put("/v1/engine", {"quiet_hours": [{"from": "11:00", "to": "13:00"}]})
    small.free()
    assert small.go_on() == 0
    small.clock.advance(minutes=61)
    assert small.go_on() == 1
    assert small.said(person) == ["send"]


def test_the_held_out_leave_the_place_to_others(small: Salon) -> None:
    people = [small.person(1) for _ in range(5)]
    small.admin.put("/v1/engine", {"holdout_share": 0.5})
    small.free()
    for _ in range(5):
        small.go_on()
        small.clock.advance(seconds=1)
    told = [small.said(each) for each in people]
    free = [draw_of(small.brand.id, each.customer_id) >= 0.5 for each in people]
    assert told.count(["send"]) == any(free)
    assert all(each in ([], ["send"], ["holdout"]) for each in told)


def test_an_offer_of_another_kind_or_service_is_not_said_for_a_slot(small: Salon) -> None:
    person = small.person(4)
    small.admin.put("/v1/offers/chair", {**OFFER, "about": {"services": ["massage"]}})
    news = {"kind": "information", "title": {"en": "News"}, "body": {"en": "We moved."}}
    small.admin.put("/v1/offers/news", news)
    small.free()
    small.go_on()
    rows = person.get("/v1/me/decisions").json["data"]
    codes = {(r["offer"], r["code"]) for r in rows[0]["reasons"]}
    assert {("chair", "other_service"), ("news", "other_cause")} <= codes
    assert small.slot()["free"] == 1


def test_a_slot_offer_is_said_only_for_slots(small: Salon) -> None:
    person = small.person(4)
    Shop.meet(small, person)  # type: ignore[arg-type]  # it needs a clock, a brand and an engine, which a salon has
    assert small.said(person) == ["other_cause"]


def test_a_withdrawal_of_habits_forgets_where_somebody_comes(small: Salon) -> None:
    person = small.person(4)
    small.clock.advance(seconds=1)
    small.say(person, Purpose.HABITS, granted=False)
    small.free()
    assert small.go_on() == 0


def test_wrong_slots_are_named(small: Salon) -> None:
    now = small.clock.now()
    wrong = [
        {"starts_at": (now - timedelta(hours=1)).isoformat()},
        {"store": "nowhere"},
        {"capacity": -1},
        {"ends_at": now.isoformat()},
        {"colour": "red"},
    ]
    for each in wrong:
        slot = small_body(now) | each
        answer = small.admin.put("/v1/slots", {"slots": [slot]})
        assert answer.status_code == 422, each
        assert answer.json["errors"][0]["pointer"] == f"/slots/0/{next(iter(each))}"
    twice = small.admin.put("/v1/slots", {"slots": [small_body(now)] * 2})
    assert twice.json["errors"][0]["pointer"] == "/slots/1/id"


def test_slots_are_the_brands_and_the_modes_own(small: Salon) -> None:
    small.free()
    other = small.key(small.add_brand("rival"), CredentialKind.SECRET, *Scope)
    tester = small.key(small.brand, CredentialKind.SECRET, *Scope, mode=Mode.TEST)
    reader = small.key(small.brand, CredentialKind.SECRET, Scope.READ)
    assert other.get("/v1/slots").json["data"] == tester.get("/v1/slots").json["data"] == []
    assert len(reader.get("/v1/slots?store=kallio").json["data"]) == 1
    assert reader.put("/v1/slots", {"slots": []}).status_code == 403
    assert reader.get("/v1/slots?store=toolo").json["data"] == []


def test_a_put_changes_a_slot_and_keeps_its_reservations(small: Salon) -> None:
    guest = small.person(3)
    small.free()
    small.tell(guest, "reservation", slot="chair-1")
    changed = small.free(capacity=3)
    assert (changed["filled"], changed["free"]) == (1, 2)


def test_any_number_of_engines_and_waves_promise_no_more_than_there_is(
    postgres_database: Database, clock: ManualClock
) -> None:
    salon = Salon(postgres_database, clock)
    for _ in range(7):
        salon.person(1)
    salon.free(capacity=3)

    def work() -> None:
        waves = Waves(database=postgres_database, clock=clock)
        engine = salon.add_engine()
        for _ in range(3):
            waves.tick()
            engine.tick()

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with postgres_database.read() as tx:
        sends = tx.execute(
            sa.text("SELECT count(*) FROM decisions WHERE outcome = 'send'")
        ).scalar_one()
    assert sends == 3
    assert salon.slot()["promised"] == 3


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["promise", "book", "cancel", "release", "wait", "shrink", "grow"]),
        st.integers(0, 5),
    ),
    max_size=30,
)


@pytest.fixture(scope="module")
def chairs(sqlite_template: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    path = tmp_path_factory.mktemp("slots") / "slots.sqlite3"
    path.write_bytes(sqlite_template.read_bytes())
    database = Database(f"sqlite:///{path}")
    yield Salon(database, ManualClock(NOON))
    database.close()


@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(steps=STEPS, capacity=st.integers(0, 3))
def test_no_order_of_events_promises_more_than_there_is(
    chairs: Salon, steps: list[tuple[str, int]], capacity: int
) -> None:
    """Whatever happens, a place is promised only while reservations and open promises leave one."""
    now, name, people = NOON, new_id(), [new_id() for _ in range(6)]
    brand_id, mode = chairs.brand.id, Mode.LIVE

    def put(room: int) -> str:
        wanted = Wanted(
            id=name,
            store="kallio",
            service="haircut",
            starts_at=NOON + timedelta(days=2),
            ends_at=NOON + timedelta(days=3),
            capacity=room,
        )
        return chairs.database.write(
            lambda tx: slots.put_many(tx, [wanted], brand_id=brand_id, mode=mode, now=now)
        )[0].id

    slot_id = put(capacity)
    for what, n in steps:
        who, at = people[n], now
        if what == "wait":
            now += timedelta(minutes=n)
        elif what in ("shrink", "grow"):
            capacity = max(0, capacity + (1 if what == "grow" else -1))
            put(capacity)
        elif what == "promise":
            until = now + timedelta(minutes=4)
            with chairs.database.read() as tx:
                before = slots.by_ids(tx, [slot_id], now=at)[slot_id]
                own = bool(slots.promised(tx, [slot_id], [who], now=at))
            kept = chairs.database.write(
                lambda tx, who=who, at=at, until=until: slots.promise(
                    tx, slot_id, who, until=until, now=at
                )
            )
            assert kept == (before.filled + before.promised - own < before.capacity)
        elif what == "release":
            chairs.database.write(lambda tx, who=who: slots.release(tx, slot_id, who))
        else:
            places = 1 if what == "book" else -1
            booked = [Booked(slot=name, customer_id=who, places=places)]
            chairs.database.write(
                lambda tx, booked=booked, at=at: slots.book(
                    tx, booked, brand_id=brand_id, mode=mode, now=at
                )
            )
        with chairs.database.read() as tx:
            slot = slots.by_ids(tx, [slot_id], now=now)[slot_id]
        assert slot.filled >= 0
        if what == "promise":
            assert not kept or slot.filled + slot.promised <= slot.capacity


def small_body(now: Any) -> dict[str, Any]:
    starts = now + timedelta(days=1)
    return {
        "id": "chair-1",
        "store": "kallio",
        "service": "haircut",
        "starts_at": starts.isoformat(),
        "ends_at": (starts + timedelta(hours=1)).isoformat(),
        "capacity": 1,
    }
