"""From fixes to a known workplace, to the moment that follows, to the push or the silence, and to its end."""

import threading
from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
import sqlalchemy as sa

from domain.access import digest
from domain.clock import ManualClock
from domain.decisions import Cause, Outcome
from domain.haunts import Places
from domain.ids import new_id
from domain.offers import Life, PlaceCondition, When
from domain.people import Device, Mode, Purpose
from domain.places import Fix
from geofence.stays import Stay
from scheduler.fences import FenceCache
from scheduler.ingest import Ingest
from scheduler.places import learn
from scheduler.visits import Whose
from storage import decisions, linking, places
from storage.engine import Database
from storage.models import DecisionRow, MomentRow, PlacesRow, PositionRow
from tests.integration.stage import LATITUDE, LONGITUDE, Stage
from tests.words import to_the_brand

HELSINKI = ZoneInfo("Europe/Helsinki")
HOME, WORK, FAR = (LATITUDE + 0.06, LONGITUDE), (LATITUDE + 0.003, LONGITUDE), (61.5, 23.8)
AT_A_PLACE = MomentRow.key >= "a"


class Commuters(Stage):
    """People whose phones send a fix on coming and one on leaving."""

    def __init__(self, database: Database, clock: ManualClock) -> None:
        super().__init__(database, clock)
        self.credentials: dict[str, str] = {}
        self.ingest = Ingest(database, clock, FenceCache(database))

    def person(self, *granted: Purpose) -> Device:
        made = self.register(f"person-{new_id()}")
        self.credentials[made.device.id] = made.credential
        self.say(made.device.customer_id, *(granted or tuple(Purpose)))
        return made.device

    def send(self, device: Device, *fixes: Fix) -> None:
        receipt = self.ingest.receive(self.credentials[device.id], fixes)
        assert receipt.accepted == len(fixes), receipt

    def be(self, device: Device, place: tuple[float, float], begins: int, ends: int) -> None:
        """Comes and leaves at these hours of the clock's local day; each fix is sent at its time."""
        for hour in (begins, ends):
            day = self.clock.now().astimezone(HELSINKI).date()
            self.clock.set(datetime.combine(day, time(hour), tzinfo=HELSINKI).astimezone(UTC))
            self.send(device, self.fix(place))
            self.engine.tick()

    def fix(self, place: tuple[float, float]) -> Fix:
        return Fix(
            event_id=new_id(),
            latitude=place[0],
            longitude=place[1],
            accuracy_m=10.0,
            occurred_at=self.clock.now(),
        )

    def work(self, device: Device, days: int = 8, place: tuple[float, float] = WORK) -> None:
        """So many days with a night at home and, on weekdays, office hours; ends in the evening of the last one."""
        if self.clock.now().astimezone(HELSINKI).hour == 23:
            self.clock.advance(hours=1)
        for _ in range(days):
            self.be(device, HOME, 0, 8)
            if self.clock.now().weekday() < 5:
                self.be(device, place, 9, 17)
            self.be(device, HOME, 18, 23)
            self.clock.advance(hours=1)
        self.clock.advance(minutes=-30)

    def known(self, device: Device) -> Places:
        with self.database.read() as tx:
            return places.get(tx, device.customer_id)

    def catering(self, *, within_m: float | None = 1000, hours: str = "Mo-Fr 09:30-11:00") -> Any:
        place = PlaceCondition(of="workplace", within_m=within_m)
        return self.offer("catering", when=When(hours=hours, place=place))

    def next_one(self, device: Device) -> Any:
        found = self.open_moments(AT_A_PLACE, MomentRow.customer_id == device.customer_id)
        assert len(found) <= 1
        return found[0] if found else None

    def last(self, device: Device) -> Any:
        self.clock.set(self.next_one(device).due_at)
        self.engine.tick()
        with self.database.read() as tx:
            mine = DecisionRow.customer_id == device.customer_id
            *_, found = decisions.stored(tx, mine)
            return found.decision


@pytest.fixture
def stage(database: Database, clock: ManualClock) -> Commuters:
    clock.set(datetime(2026, 5, 3, 21, 0, tzinfo=UTC))  # Monday, midnight in Helsinki
    return Commuters(database, clock)


@pytest.fixture
def small(sqlite_database: Database, clock: ManualClock) -> Commuters:
    clock.set(datetime(2026, 5, 3, 21, 0, tzinfo=UTC))
    return Commuters(sqlite_database, clock)


def test_who_works_near_a_store_is_reached_on_a_weekday_before_ordering(stage: Commuters) -> None:
    stage.catering()
    device = stage.person()
    stage.work(device)
    due = stage.next_one(device)
    assert due.cause == Cause.HABIT
    assert due.key == "workplace:2026-05-12T10:00"

    decision = stage.last(device)

    assert decision.outcome == Outcome.SEND, decision.reasons
    assert decision.offer == "catering"
    assert "works around here on weekdays" in to_the_brand(decision.reasons[0]).text
    (candidate,) = decision.inputs["context"]["candidates"]
    assert candidate["place"]["distance_m"] in (200.0, 300.0, 400.0, 500.0)
    assert "latitude" not in str(decision.inputs)
    assert "cell" not in str(decision.inputs)
    assert stage.next_one(device).key == "workplace:2026-05-13T10:00"


def test_who_works_elsewhere_is_left_in_silence_with_the_reason(small: Commuters) -> None:
    small.catering()
    device = small.person()
    small.work(device, place=FAR)
    decision = small.last(device)
    assert decision.outcome == Outcome.SILENCE
    assert [each.code for each in decision.reasons] == ["no_offer", "place_far"]


def test_weekends_are_passed_over_and_holidays_end_the_claim(small: Commuters) -> None:
    small.catering()
    device = small.person()
    small.work(device, days=11)
    small.clock.set(small.next_one(device).due_at)
    assert small.clock.now().weekday() == 4
    small.engine.tick()
    assert small.next_one(device).due_at.weekday() == 0
    small.clock.advance(days=14)
    small.engine.tick()
    assert small.next_one(device) is None, "not seen there for ten days"


def test_a_brand_without_such_an_offer_has_no_such_moments_and_a_later_offer_is_followed(
    small: Commuters,
) -> None:
    device = small.person()
    small.work(device)
    assert small.known(device).haunts
    assert small.next_one(device) is None
    small.catering()
    small.work(device, days=1)
    assert small.next_one(device).key == "workplace:2026-05-13T10:00"


def test_an_offer_that_is_over_opens_no_moment(small: Commuters) -> None:
    over = Life(ends_at=small.clock.now())
    small.offer("catering", when=When(place=PlaceCondition(of="workplace")), life=over)
    device = small.person()
    small.work(device)
    assert small.next_one(device) is None


def test_the_last_such_offer_takes_the_moments_with_it(small: Commuters) -> None:
    small.catering()
    device = small.person()
    small.work(device)
    small.offer("catering", active=False)
    assert small.last(device).outcome == Outcome.SILENCE
    assert small.next_one(device) is None


@pytest.mark.parametrize("missing", [Purpose.HABITS, Purpose.LOCATION])
def test_without_both_consents_nothing_is_kept(small: Commuters, missing: Purpose) -> None:
    small.catering()
    device = small.person(*(purpose for purpose in Purpose if purpose is not missing))
    if missing is Purpose.LOCATION:
        with pytest.raises(Exception, match="location"):
            small.work(device, days=1)
    else:
        small.work(device)
    with small.database.read() as tx:
        assert tx.execute(sa.select(PlacesRow.customer_id)).all() == []
        assert tx.execute(sa.select(PositionRow.stay)).scalars().all() in ([], [None])
    assert small.next_one(device) is None


def test_fixes_of_before_the_consent_to_habits_teach_nothing(small: Commuters) -> None:
    device = small.person(Purpose.LOCATION)
    small.be(device, HOME, 0, 8)
    small.clock.advance(hours=1)
    small.say(device.customer_id, Purpose.HABITS)
    late = small.clock.now() - timedelta(minutes=40)
    small.send(device, msgspec.structs.replace(small.fix(HOME), occurred_at=late))
    with small.database.read() as tx:
        assert tx.execute(sa.select(PositionRow.stay)).scalars().all() == [None]


@pytest.mark.parametrize("purpose", [Purpose.LOCATION, Purpose.HABITS])
def test_a_withdrawal_deletes_the_place_and_no_push_follows(
    stage: Commuters, purpose: Purpose
) -> None:
    stage.catering()
    device = stage.person()
    stage.work(device)
    assert stage.last(device).reasons[0].args["place"] == "workplace"
    stage.clock.advance(seconds=1)
    (entry,) = stage.say(device.customer_id, purpose, granted=False)
    assert entry.receipt
    assert entry.receipt.deleted["known_places"] == 1
    assert stage.known(device) == Places()
    with stage.database.read() as tx:
        told = tx.execute(sa.select(DecisionRow.reasons)).scalars().all()
        keys = tx.execute(sa.select(MomentRow.key)).scalars().all()
    assert told
    assert "around here" not in str(told)
    assert "workplace" not in str(told)
    assert keys
    assert "workplace" not in str(keys), "a decided moment's key would tell that there was one"
    assert stage.next_one(device) is None
    with stage.database.read() as tx:
        assert tx.execute(sa.select(PositionRow.stay)).scalars().all() in ([], [None])
    stage.clock.advance(days=1)
    assert stage.engine.tick() == 0


def test_an_ordinary_fix_costs_no_statement_more(small: Commuters) -> None:
    device, stranger = small.person(), small.person(Purpose.LOCATION)
    counts = []
    for one in (device, stranger):
        small.send(one, small.fix(HOME))
        small.clock.advance(minutes=5)
        seen: list[str] = []

        def work(tx: Any, whose: Device = one, seen: list[str] = seen) -> None:
            raw = tx.connection.driver_connection
            raw.set_trace_callback(seen.append)
            small.ingest.fixes(tx, digest(small.credentials[whose.id]), [small.fix(HOME)])
            raw.set_trace_callback(None)

        small.write(work)
        counts.append(len(seen))
    assert counts[0] == counts[1] > 0


def test_stays_of_two_phones_at_once_are_both_learned(
    postgres_database: Database, clock: ManualClock
) -> None:
    stage = Commuters(postgres_database, clock)
    device = stage.person()
    whose = Whose(
        device_id=device.id,
        customer_id=device.customer_id,
        brand_id=device.brand_id,
        mode=Mode.LIVE,
    )
    now = clock.now()

    def stay(number: int) -> Sequence[Stay]:
        at = now.timestamp() - 3600 * (number + 2)
        return [Stay(at, at + 1800, *(HOME if number % 2 else WORK))]

    threads = [
        threading.Thread(
            target=stage.write, args=(lambda tx, n=n: learn(tx, whose, stay(n), now=now),)
        )
        for n in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(haunt.hours for haunt in stage.known(device).haunts) == pytest.approx(4.0)


def test_a_moment_that_is_due_is_not_moved_by_a_stay_that_ends(small: Commuters) -> None:
    small.catering()
    device = small.person()
    small.work(device)
    due = small.next_one(device)
    small.clock.set(due.due_at + timedelta(seconds=1))
    small.send(device, small.fix(FAR))
    keys = [row.key for row in small.open_moments(AT_A_PLACE)]
    assert keys == [due.key, "workplace:2026-05-13T10:00"]


@pytest.mark.parametrize("has_places", [True, False])
def test_the_known_persons_places_stay_in_a_merge(stage: Commuters, has_places: bool) -> None:
    anonymous = stage.register()
    known = stage.register("known").device
    stage.say(anonymous.device.customer_id, *Purpose)
    stage.say(known.customer_id, *Purpose)

    def keep(customer_id: str, nights: float) -> None:
        found = Places(nights=nights)
        stage.write(
            lambda tx: places.save(
                tx,
                found,
                customer_id=customer_id,
                brand_id=stage.brand.id,
                now=stage.clock.now(),
            )
        )

    keep(anonymous.device.customer_id, 1.0)
    if has_places:
        keep(known.customer_id, 2.0)
    now = stage.clock.now()
    stage.write(lambda tx: linking.link(tx, anonymous.device, "known", now=now))
    assert stage.known(known).nights == (2.0 if has_places else 1.0)
