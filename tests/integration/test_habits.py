"""Learning from visits, and the one open habit moment that follows from them."""

import threading
from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa

from domain.clock import ManualClock
from domain.decisions import Cause, Outcome
from domain.offers import OfferValue
from domain.people import Device, Mode, Preferences, Purpose, QuietHours, Wheel
from scheduler.context.chances import p_within
from scheduler.profiles import observe
from scheduler.silences import Silences
from storage import customers, profiles
from storage.engine import Database
from storage.models import BrandProfileRow, DeviceRow, MomentRow, ProfileRow
from tests.integration.stage import OPEN, Stage

HABIT = MomentRow.cause == Cause.HABIT


class Regulars(Stage):
    """People who come at noon, Helsinki time."""

    def visit(self, device: Device, at: datetime | None = None, zone: str | None = None) -> bool:
        when = at or self.clock.now()
        return self.write(
            lambda tx: observe(
                tx,
                customer_id=device.customer_id,
                brand_id=device.brand_id,
                mode=device.mode,
                occurred_at=when,
                zone=zone,
                now=self.clock.now(),
            )
        )

    def regular(self, weeks: int = 4) -> Device:
        """Somebody who has come every weekday at noon; it is then the Wednesday after, 8 o'clock."""
        device = self.person()
        for _ in range(weeks * 7):
            if self.clock.now().weekday() < 5:
                self.visit(device)
            self.clock.advance(days=1)
        self.clock.advance(hours=-4)
        return device

    def within_a_week(self, device: Device) -> float:
        with self.database.read() as tx:
            brand = profiles.brand_wheels(tx, [device.brand_id])[device.brand_id]
            profile = profiles.get(tx, device.customer_id)
        return p_within(profile, brand, at=self.clock.now(), days=7)

    def next_habit(self, device: Device) -> datetime | None:
        found = self.open_moments(HABIT, MomentRow.customer_id == device.customer_id)
        assert len(found) <= 1
        return found[0].due_at if found else None


@pytest.fixture
def stage(database: Database, clock: ManualClock) -> Regulars:
    return Regulars(database, clock)


@pytest.fixture
def small(sqlite_database: Database, clock: ManualClock) -> Regulars:
    return Regulars(sqlite_database, clock)


def test_a_regular_has_one_habit_moment_shortly_before_their_time(stage: Regulars) -> None:
    device = stage.regular()
    assert stage.next_habit(device) == stage.clock.now() + timedelta(hours=2, minutes=15)


def test_a_habit_moment_is_decided_and_followed_by_the_next(stage: Regulars) -> None:
    stage.offer(value=OfferValue(margin=6.0))  # who surely comes is given no discount for it
    device = stage.regular()
    due = stage.next_habit(device)
    assert due
    stage.clock.set(due)
    [moment] = stage.open_moments(HABIT)
    decision = stage.decide(moment)
    assert decision.outcome is Outcome.SEND
    assert decision.cause is Cause.HABIT
    assert stage.next_habit(device) == due + timedelta(days=1)


def test_a_habit_moment_that_no_one_came_to_decide_ends_too_late_and_is_followed(
    small: Regulars,
) -> None:
    small.offer()
    device = small.regular()
    small.clock.advance(hours=8)
    [moment] = small.open_moments(HABIT)
    assert small.codes(moment) == ["expired"]
    assert small.next_habit(device) == moment.due_at + timedelta(days=1)


def test_nothing_is_learned_without_consent(stage: Regulars) -> None:
    stranger = stage.person(Purpose.PUSH, Purpose.LOCATION)
    assert not stage.visit(stranger)
    with stage.database.read() as tx:
        assert tx.execute(sa.select(ProfileRow.customer_id)).all() == []
    assert stage.open_moments(HABIT) == []


def test_with_consent_the_visits_that_the_brand_knows_of_count_too(stage: Regulars) -> None:
    assert stage.visit(stage.person(), at=stage.clock.now() - timedelta(days=30))


def test_a_withdrawal_of_habits_ends_the_habit_moment(stage: Regulars) -> None:
    device = stage.regular()
    stage.say(device.customer_id, Purpose.HABITS, granted=False)
    assert stage.next_habit(device) is None
    assert not stage.visit(device)


def test_the_brand_learns_from_live_people_only(small: Regulars) -> None:
    live = small.person()
    small.visit(live)
    with small.database.read() as tx:
        wheel = profiles.brand_wheels(tx, [small.brand.id])[small.brand.id]
    assert wheel.weight == pytest.approx(1.0)
    test = small.register(mode=Mode.TEST).device
    small.say(test.customer_id, Purpose.HABITS)
    assert small.visit(test)
    with small.database.read() as tx:
        assert profiles.brand_wheels(tx, [small.brand.id])[small.brand.id] == wheel


def test_hours_of_silence_move_the_habit_moment(small: Regulars) -> None:
    device = small.regular()
    wish = Preferences(quiet_hours=(QuietHours(from_="09:00", to="11:00"),))
    small.write(lambda tx: customers.save_preferences(tx, device.customer_id, wish))
    small.visit(device, at=small.clock.now() - timedelta(days=1, hours=2))
    assert small.next_habit(device) == small.clock.now() + timedelta(hours=3)


def test_a_visit_is_learned_by_the_clock_of_its_place(small: Regulars) -> None:
    device = small.person()
    small.visit(device, zone="Asia/Tokyo")  # noon in Helsinki, six in the evening there
    with small.database.read() as tx:
        profile = profiles.get(tx, device.customer_id)
    assert profile.wheel.hours[0][18] == max(profile.wheel.hours[0])


def test_the_moment_follows_the_clock_of_the_persons_phone(small: Regulars) -> None:
    device = small.regular()
    small.write(
        lambda tx: tx.execute(
            sa.update(DeviceRow)
            .where(DeviceRow.id == device.id)
            .values(time_zone="America/New_York")
        )
    )
    small.visit(device, at=small.clock.now() - timedelta(days=1, hours=2))
    due = small.next_habit(device)
    assert due
    assert (due.hour, due.minute) == (14, 15)  # 10:15 in New York


def test_many_visits_at_once_leave_one_habit_moment_each(stage: Regulars) -> None:
    people = [stage.person() for _ in range(3)]
    failures: list[BaseException] = []

    def visit(number: int) -> None:
        try:
            stage.visit(people[number % 3], at=stage.clock.now() + timedelta(hours=2 * number))
        except BaseException as error:  # noqa: BLE001 - a thread's failure must fail the test
            failures.append(error)

    threads = [threading.Thread(target=visit, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    for device in people:
        assert stage.next_habit(device)
        with stage.database.read() as tx:
            assert profiles.get(tx, device.customer_id).visits == 4


def test_a_crowded_brand_wheel_is_skipped_and_never_waited_for(
    postgres_database: Database, clock: ManualClock
) -> None:
    stage = Regulars(postgres_database, clock)
    device = stage.person()
    stage.visit(device)
    with postgres_database.engine.begin() as other:
        other.execute(sa.select(BrandProfileRow.brand_id).with_for_update())
        assert stage.visit(device, at=clock.now() + timedelta(hours=3))
    with postgres_database.read() as tx:
        assert profiles.get(tx, device.customer_id).visits == 2
        wheel = profiles.brand_wheels(tx, [stage.brand.id]).get(stage.brand.id, Wheel())
    assert wheel.weight == pytest.approx(1.0)


def test_a_person_who_is_being_changed_is_left_for_the_next_round(
    postgres_database: Database, clock: ManualClock
) -> None:
    stage = Regulars(postgres_database, clock)
    stage.rule(OPEN)
    stage.offer()
    busy, free = stage.person(), stage.person()
    waits, decided = stage.enter(busy), stage.enter(free)
    with postgres_database.engine.begin() as other:
        profiles.lock_people(other, [busy.customer_id])
        assert stage.engine.tick() == 1
    assert stage.decision(decided).outcome is Outcome.SEND
    assert stage.decide(waits).outcome is Outcome.SEND


def test_a_brand_learns_from_who_stays_away_once_a_week_and_from_each_day_once(
    stage: Regulars,
) -> None:
    device = stage.regular()
    stage.person()
    silences = Silences(database=stage.database, clock=stage.clock)
    assert silences.tick() == 0  # nobody has been silent for a week
    stage.clock.advance(days=8)
    expected = stage.within_a_week(device)
    assert silences.tick() == 1
    assert silences.tick() == 0
    for _ in range(12):
        stage.clock.advance(days=7, hours=1)
        assert silences.tick() == 1
    stage.clock.advance(days=-84)
    assert stage.within_a_week(device) < expected
    with stage.database.read() as tx:
        profile = profiles.get(tx, device.customer_id)
    assert profile.visits == 20


def test_nothing_is_learned_from_the_silence_of_who_withdrew(small: Regulars) -> None:
    device = small.regular()
    small.say(device.customer_id, Purpose.HABITS, granted=False)
    small.clock.advance(days=30)
    assert Silences(database=small.database, clock=small.clock).tick() == 0
    with small.database.read() as tx:
        assert profiles.of_many(tx, [device.customer_id]) == {}
