"""The engine over real databases: from a due moment to its decision, its message and everything that follows."""

import threading
from collections import Counter
from datetime import timedelta

import msgspec
import pytest
import sqlalchemy as sa

from domain.clock import ManualClock
from domain.context import Inputs
from domain.decisions import Cause, Outcome
from domain.ids import new_id
from domain.offers import (
    About,
    Life,
    Limits,
    OfferKind,
    PlaceCondition,
    WeatherCondition,
    WeatherWord,
    When,
)
from domain.people import Mode, Preferences, Purpose, QuietHours
from domain.policy import Cap, Caps
from domain.weather import Cell, Observation
from scheduler.decide.choose import decide
from scheduler.decide.score import Model
from storage import customers, moments, offers, weather
from storage.engine import Database
from storage.models import (
    CustomerRow,
    DecisionRow,
    DeviceRow,
    MessageRow,
    MomentRow,
    OfferCounterRow,
    ProfileRow,
)
from tests.integration.stage import LATITUDE, LONGITUDE, OPEN, Stage
from tests.words import to_the_brand


@pytest.fixture
def stage(database: Database, clock: ManualClock) -> Stage:
    return Stage(database, clock)


@pytest.fixture
def small(sqlite_database: Database, clock: ManualClock) -> Stage:
    return Stage(sqlite_database, clock)


def test_an_enter_with_a_fitting_offer_queues_a_push(stage: Stage) -> None:
    offer = stage.offer()
    person = stage.person()
    moment = stage.enter(person)
    assert stage.engine.tick() == 1
    decision = stage.decision(moment)
    assert decision.outcome is Outcome.SEND
    assert (decision.offer, decision.offer_revision) == ("soup", offer.revision)
    assert decision.store_id == stage.store.id
    assert decision.consent_entry_id
    assert [reason.code for reason in decision.reasons] == ["chosen"]
    assert (decision.local_date, decision.daypart) == ("2026-05-06", 4)
    [message] = stage.messages()
    assert message.state == "queued"
    assert message.expires_at == stage.clock.now() + timedelta(hours=1)
    assert message.push == {
        "title": "Hot soup",
        "body": "At Kallio",
        "data": {
            "deep_link": "brand://soup",
            "decision_id": decision.id,
            "message_id": message.id,
            "offer": "soup",
        },
        "style": {},
    }
    assert stage.sent == 1
    assert stage.open_moments() == []


def test_the_address_that_explains_rides_along_where_there_is_one(small: Stage) -> None:
    small.engine = small.add_engine(
        explain_url=lambda brand, id_: f"https://{brand.slug}.example/{id_}"
    )
    small.offer()
    decision = small.decide(small.enter(small.person()))
    [message] = small.messages()
    assert message.push["data"]["explain_url"] == f"https://soup.example/{decision.id}"


def test_a_message_never_outlives_its_offer(small: Stage) -> None:
    ends_at = small.clock.now() + timedelta(minutes=5)
    small.offer(life=Life(ends_at=ends_at))
    small.decide(small.enter(small.person()))
    assert [message.expires_at for message in small.messages()] == [ends_at]


def test_a_moment_that_is_not_due_yet_waits(small: Stage) -> None:
    small.offer()
    moment = small.moment(
        small.person(), Cause.MANUAL, due_at=small.clock.now() + timedelta(minutes=5)
    )
    assert small.engine.tick() == 0
    small.clock.advance(minutes=5)
    assert small.decide(moment).outcome is Outcome.SEND


def test_every_moment_ends_in_one_decision(stage: Stage) -> None:
    stage.offer()
    stage.rule(caps=Caps(per_day=1, per_week=None))
    people = [stage.person() for _ in range(3)]
    opened = [stage.enter(people[n % 3]) for n in range(60)]
    assert stage.engine.tick() == 60
    assert Counter(d.moment_id for d in stage.decisions()) == Counter(m.id for m in opened)
    assert sum(1 for d in stage.decisions() if d.outcome is Outcome.SEND) == 3
    assert stage.engine.tick() == 0


def test_of_a_persons_moments_the_one_that_is_over_first_is_decided_first(stage: Stage) -> None:
    """Whoever passes by just before their hour is spoken to where they are, though the hour's moment was due before."""
    stage.rule(caps=Caps(per_day=1, per_week=None))
    stage.offer()
    person = stage.person()
    due = stage.clock.now() - timedelta(minutes=20)
    habit = stage.moment(person, Cause.HABIT, due_at=due, expires_at=due + timedelta(hours=2))
    passing = stage.enter(person)
    assert stage.decide(passing).outcome is Outcome.SEND
    assert stage.codes(habit) == ["cap"]


def test_the_same_moment_is_opened_once(stage: Stage) -> None:
    moment = stage.enter(stage.person())
    again = msgspec.structs.replace(moment, id=new_id())
    stage.write(lambda tx: moments.open_many(tx, [again]))
    assert len(stage.open_moments()) == 1


def test_silences_are_stored_with_what_they_rest_on(stage: Stage) -> None:
    stage.offer()
    late = stage.enter(stage.person(), at=stage.clock.now() - timedelta(minutes=10))
    shy = stage.enter(stage.person(Purpose.LOCATION))
    stage.engine.tick()
    assert [reason.code for reason in stage.decision(late).reasons] == ["expired"]
    assert [reason.code for reason in stage.decision(shy).reasons] == ["consent_missing"]
    assert stage.decision(shy).consent_entry_id is None
    assert stage.messages() == []


def test_without_an_offer_or_a_device_there_is_silence(small: Stage) -> None:
    person = small.person()
    assert small.codes(small.enter(person)) == ["no_offer"]
    small.offer()
    small.write(lambda tx: tx.execute(sa.update(DeviceRow).values(push_permission="denied")))
    assert small.codes(small.enter(person)) == ["permission_denied"]
    small.write(lambda tx: tx.execute(sa.update(DeviceRow).values(retired_at=small.clock.now())))
    assert small.codes(small.enter(person)) == ["no_device"]


def test_the_person_sets_quiet_hours_a_pause_and_what_they_do_not_want(small: Stage) -> None:
    small.offer()
    person = small.person()

    def wish(preferences: Preferences) -> list[str]:
        small.write(lambda tx: customers.save_preferences(tx, person.customer_id, preferences))
        return small.codes(small.enter(person))

    assert wish(Preferences(quiet_hours=(QuietHours(from_="11:00", to="13:00"),))) == [
        "quiet_hours"
    ]
    assert wish(Preferences(paused_until=small.clock.now() + timedelta(days=1))) == ["paused"]
    assert wish(Preferences(max_per_week=0)) == ["cap"]
    assert wish(Preferences(muted_kinds=("discount",))) == ["no_offer", "muted"]
    assert wish(Preferences()) == ["chosen"]


def test_the_brands_kill_switch_and_quiet_hours_hold(small: Stage) -> None:
    small.offer()
    person = small.person()
    small.rule(OPEN, paused=True)
    assert small.codes(small.enter(person)) == ["engine_paused"]
    small.rule(OPEN, quiet_hours=(QuietHours(from_="12:00", to="12:01"),))
    assert small.codes(small.enter(person)) == ["quiet_hours"]
    small.clock.advance(minutes=1)
    assert small.codes(small.enter(person)) == ["chosen"]


def test_the_persons_own_clock_is_the_one_that_counts(small: Stage) -> None:
    small.offer()
    small.rule(OPEN, quiet_hours=(QuietHours(from_="17:00", to="19:00"),))
    person = small.person()
    small.write(
        lambda tx: tx.execute(
            sa.update(CustomerRow)
            .where(CustomerRow.id == person.customer_id)
            .values(time_zone="Asia/Tokyo")
        )
    )
    assert small.codes(small.enter(person)) == ["quiet_hours"]
    small.write(
        lambda tx: tx.execute(
            sa.update(DeviceRow).where(DeviceRow.id == person.id).values(time_zone="Europe/Berlin")
        )
    )
    assert small.codes(small.enter(person)) == ["chosen"]


def test_an_offer_is_not_repeated_within_its_distance(small: Stage) -> None:
    small.offer(limits=Limits(per_customer_days=40))
    person = small.person()
    assert small.codes(small.enter(person)) == ["chosen"]
    for days in (0.5, 38):
        small.clock.advance(days=days)
        assert small.codes(small.enter(person)) == ["no_offer", "repeat"]
    small.clock.advance(days=1.5)
    assert small.codes(small.enter(person)) == ["chosen"]


def test_an_offer_is_said_once_in_three_hours_of_the_local_day(stage: Stage) -> None:
    stage.offer()
    person = stage.person()
    assert stage.codes(stage.enter(person)) == ["chosen"]
    stage.clock.advance(hours=2, minutes=59)
    assert stage.codes(stage.enter(person)) == ["no_offer", "already_said"]
    stage.clock.advance(minutes=1)
    assert stage.codes(stage.enter(person)) == ["chosen"]


def test_a_push_that_never_left_does_not_use_up_a_cap(small: Stage) -> None:
    small.offer()
    small.rule(OPEN, caps=Caps(per_day=1, per_week=1))
    person = small.person()
    assert small.codes(small.enter(person)) == ["chosen"]
    small.clock.advance(hours=4)
    assert small.codes(small.enter(person)) == ["cap", "cap"]
    small.write(lambda tx: tx.execute(sa.update(MessageRow).values(state="expired")))
    assert small.codes(small.enter(person)) == ["chosen"]


@pytest.mark.parametrize("limits", [Limits(total=2), Limits(stock=2), Limits(per_day=2)])
def test_a_limit_of_sends_holds_over_people(stage: Stage, limits: Limits) -> None:
    stage.offer(limits=limits)
    for _ in range(5):
        stage.enter(stage.person())
    stage.engine.tick()
    assert Counter(d.outcome for d in stage.decisions()) == {Outcome.SEND: 2, Outcome.SILENCE: 3}
    sold_out = [d for d in stage.decisions() if d.outcome is Outcome.SILENCE]
    assert {r.code for d in sold_out for r in d.reasons} == {"no_offer", "sold_out"}


def test_where_the_best_offer_runs_out_the_next_best_is_said(stage: Stage) -> None:
    stage.offer("cake", limits=Limits(total=1))
    stage.offer("soup", value=msgspec.structs.replace(stage.offer("x").body.value, margin=5.0))
    stage.write(
        lambda tx: offers.delete(
            tx, brand_id=stage.brand.id, external_id="x", now=stage.clock.now()
        )
    )
    for _ in range(3):
        stage.enter(stage.person())
    stage.engine.tick()
    assert sorted(d.offer or "" for d in stage.decisions()) == ["cake", "soup", "soup"]
    assert len(stage.messages()) == 3


def test_a_text_that_cannot_be_made_for_a_person_rules_its_offer_out(small: Stage) -> None:
    small.offer(body={"en": "For {{ customer.first_name }}"})
    decision = small.decide(small.enter(small.person()))
    assert [reason.code for reason in decision.reasons] == ["no_offer", "no_text"]
    assert small.messages() == []
    with small.database.read() as tx:
        assert tx.execute(sa.select(OfferCounterRow.sends)).all() == []


def test_a_distance_is_asked_of_a_fresh_position_only(small: Stage) -> None:
    small.offer(when=When(place=PlaceCondition(within_m=300)))
    person = small.person()
    assert small.codes(small.enter(person)) == ["no_offer", "position_unknown"]
    small.stand(person, north_m=310)
    assert small.codes(small.enter(person)) == ["no_offer", "too_far"]
    small.stand(person, north_m=290)
    decision = small.decide(small.enter(person))
    assert decision.outcome is Outcome.SEND
    assert "The store is 290 m away." in to_the_brand(decision.reasons[0]).text
    small.clock.advance(hours=3, minutes=1)
    assert small.codes(small.enter(person)) == ["no_offer", "position_unknown"]


def test_no_position_and_no_name_is_stored_with_a_decision(small: Stage) -> None:
    small.offer()
    person = small.person()
    small.stand(person, north_m=120)
    small.write(lambda tx: tx.execute(sa.update(CustomerRow).values(first_name="Aino")))
    stored = msgspec.json.encode(small.decide(small.enter(person)).inputs).decode()
    assert "Aino" not in stored
    assert "60.18" not in stored
    assert "24.9" not in stored


def test_hours_of_the_offer_and_of_the_store_hold(small: Stage) -> None:
    small.offer(when=When(hours="Mo-Fr 10:30-12:00"))
    person = small.person()
    assert small.codes(small.enter(person)) == ["no_offer", "offer_hours"]
    small.offer(when=When(hours="Mo-Fr 10:30-12:30"))
    small.add_store("kallio", opening_hours="Mo-Fr 12:30-20:00")
    assert small.codes(small.enter(person)) == ["no_offer", "store_closed"]
    small.add_store("kallio", opening_hours="Mo-Fr 11:00-20:00")
    assert small.codes(small.enter(person)) == ["chosen"]


def test_an_offer_of_another_store_is_not_said_here(small: Stage) -> None:
    small.add_store("vallila", latitude=LATITUDE + 0.02)
    small.offer(stores=("vallila",))
    assert small.codes(small.enter(small.person())) == ["no_offer", "elsewhere"]


def test_weather_counts_while_it_is_fresh(small: Stage) -> None:
    small.offer(when=When(weather=WeatherCondition(any=(WeatherWord.RAIN,))))
    person = small.person()
    assert small.codes(small.enter(person)) == ["no_offer", "weather_unknown"]
    rain = Observation(
        cell=Cell.at(latitude=LATITUDE, longitude=LONGITUDE).key,
        provider="recorded",
        observed_at=small.clock.now(),
        fetched_at=small.clock.now(),
        word=WeatherWord.RAIN,
    )
    small.write(lambda tx: weather.add(tx, [rain]))
    small.clock.advance(minutes=45)
    assert small.codes(small.enter(person)) == ["chosen"]
    small.clock.advance(hours=3)
    assert small.codes(small.enter(person)) == ["no_offer", "weather_unknown"]


def test_not_for_me_is_heard(small: Stage) -> None:
    small.offer()
    person = small.person()
    decision = small.decide(small.enter(person))
    answer = {
        "id": new_id(),
        "brand_id": small.brand.id,
        "mode": Mode.LIVE,
        "customer_id": person.customer_id,
        "event_id": new_id(),
        "type": "not_for_me",
        "decision_id": decision.id,
        "occurred_at": small.clock.now(),
        "received_at": small.clock.now(),
        "body": {},
    }
    from storage.models import EventRow

    small.write(lambda tx: tx.execute(sa.insert(EventRow).values(answer)))
    small.clock.advance(days=3)
    assert small.codes(small.enter(person)) == ["no_offer", "not_for_me"]


def test_the_held_out_get_nothing_and_their_ghosts_are_kept(small: Stage) -> None:
    small.offer(kind=OfferKind.INFORMATION)
    small.rule(OPEN, holdout_share=1.0)
    decision = small.decide(small.enter(small.person()))
    assert decision.outcome is Outcome.SILENCE
    assert [reason.code for reason in decision.reasons] == ["holdout"]
    assert decision.offer == "soup"
    assert small.messages() == []


def test_a_poison_row_is_silenced_and_its_neighbours_are_served(stage: Stage) -> None:
    stage.offer()
    sick, well = stage.person(), stage.person()
    stage.write(
        lambda tx: tx.execute(
            sa.insert(ProfileRow).values(
                customer_id=sick.customer_id,
                brand_id=stage.brand.id,
                body=b"\xc1 no msgpack",
                updated_at=stage.clock.now(),
            )
        )
    )
    poison, fine = stage.enter(sick), stage.enter(well)
    assert stage.engine.tick() == 2
    assert [reason.code for reason in stage.decision(poison).reasons] == ["failed"]
    assert stage.decision(fine).outcome is Outcome.SEND


def test_an_offer_that_breaks_the_decision_silences_only_those_it_concerns(stage: Stage) -> None:
    stage.offer()
    stage.offer("odd", when=When(hours="Mo-Fr 25:99"))
    moment = stage.enter(stage.person())
    assert stage.codes(moment) == ["failed"]
    assert stage.open_moments() == []


def test_a_send_that_another_made_meanwhile_is_not_repeated(stage: Stage) -> None:
    """The unique index is the last line: here the earlier send is hidden from the inputs by its time."""
    offer = stage.offer(limits=Limits(total=5))
    person = stage.person()
    earlier = stage.decide(stage.enter(person))
    stage.write(
        lambda tx: tx.execute(
            sa.update(DecisionRow)
            .where(DecisionRow.id == earlier.id)
            .values(decided_at=stage.clock.now() - timedelta(days=90))
        )
    )
    assert stage.codes(stage.enter(person)) == ["already_said"]
    assert len(stage.messages()) == 1
    with stage.database.read() as tx:
        counted = tx.execute(
            sa.select(OfferCounterRow.sends).where(OfferCounterRow.offer_id == offer.id)
        ).scalars()
        assert set(counted) == {1}


def test_two_engines_at_once_never_double(stage: Stage) -> None:
    stage.offer(limits=Limits(total=25))
    stage.rule(OPEN, caps=Caps(per_day=1, per_week=None))
    people = [stage.person() for _ in range(20)]
    opened = [stage.enter(people[n % 20]) for n in range(80)]
    engines = [stage.add_engine(batch=7) for _ in range(4)]
    failures: list[BaseException] = []

    def run(number: int) -> None:
        try:
            for _ in range(40):
                engines[number].tick()
                if not stage.open_moments():
                    return
        except BaseException as error:  # noqa: BLE001 - a thread's failure must fail the test
            failures.append(error)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert Counter(d.moment_id for d in stage.decisions()) == Counter(m.id for m in opened)
    sends = [d for d in stage.decisions() if d.outcome is Outcome.SEND]
    assert max(Counter(d.customer_id for d in sends).values()) == 1
    assert len(sends) == 20
    assert len(stage.messages()) == 20


def test_a_limit_holds_with_many_engines(stage: Stage) -> None:
    stage.offer("cake", limits=Limits(total=9))
    stage.offer("soup", limits=Limits(per_day=7))
    for _ in range(40):
        stage.enter(stage.person())
    engines = [stage.add_engine(batch=5) for _ in range(4)]
    threads = [threading.Thread(target=engine.tick) for engine in engines]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    stage.engine.tick()
    said = Counter(d.offer for d in stage.decisions() if d.outcome is Outcome.SEND)
    assert said == {"cake": 9, "soup": 7}
    assert len(stage.decisions()) == 40


def test_a_decision_follows_again_from_what_is_stored(stage: Stage) -> None:
    stage.rule(OPEN, exploration=0.5, holdout_share=0.2, interruption_price=0.05)
    for name in ("soup", "cake", "tea"):
        stage.offer(name, limits=Limits(total=6, per_customer_days=2))
    for number in range(40):
        person = stage.person()
        stage.stand(person, north_m=number * 13.7)
        stage.enter(person)
    stage.engine.tick()
    stage.offer("soup", active=False)  # a later revision changes nothing
    for stored in stage.decisions():
        inputs = msgspec.convert(stored.inputs, Inputs)
        with stage.database.read() as tx:
            known = [
                offers.as_of(tx, each.offer_id, each.revision) for each in inputs.context.candidates
            ]
        assert inputs.model == Model().revision
        again = decide(inputs.context, [o for o in known if o], inputs.policy, Model())
        assert (again.outcome, again.reasons) == (stored.outcome, stored.reasons)
        assert again.terms == stored.terms
        assert (again.propensity, again.seed) == (stored.propensity, stored.seed)
        assert (again.offer.id if again.offer else None) == stored.offer_id


def test_an_erased_persons_moment_is_left_alone(small: Stage) -> None:
    small.offer()
    moment = small.enter(small.person())
    small.write(
        lambda tx: tx.execute(
            sa.update(MomentRow).where(MomentRow.id == moment.id).values(customer_id=new_id())
        )
    )
    assert small.engine.tick() == 0


@pytest.mark.parametrize("table", ["open_decisions", "daily_counts", "holdout_members"])
def test_what_only_follows_from_decisions_cannot_undo_them(small: Stage, table: str) -> None:
    small.offer()
    moment = small.enter(small.person())
    broken = (
        f"CREATE TRIGGER broken BEFORE INSERT ON {table} BEGIN SELECT RAISE(ABORT, 'broken'); END"
    )
    small.write(lambda tx: tx.exec_driver_sql(broken))
    assert small.engine.tick() == 1
    assert small.decision(moment).outcome is Outcome.SEND


def test_no_more_pushes_of_a_kind_or_about_a_store_than_the_brand_allows(stage: Stage) -> None:
    stage.offer()
    person = stage.person()
    for caps, code in (
        (Caps(kinds={OfferKind.DISCOUNT: Cap(per_week=1)}), "kind_cap"),
        (Caps(per_store=Cap(per_week=2)), "store_cap"),
    ):
        stage.rule(OPEN, caps=caps)
        assert stage.codes(stage.enter(person)) == ["chosen"]
        stage.clock.advance(hours=25)
        assert stage.codes(stage.enter(person)) == ["no_offer", code]
    stage.clock.advance(days=7)
    assert stage.codes(stage.enter(person)) == ["chosen"]


def test_what_is_sensitive_is_said_to_those_who_asked_for_it_by_name(small: Stage) -> None:
    small.offer(sensitive=True, about=About(categories=("wine",)))
    person = small.person()
    assert small.codes(small.enter(person)) == ["no_offer", "sensitive"]
    small.write(
        lambda tx: customers.save_preferences(
            tx, person.customer_id, Preferences(interests=("wine",))
        )
    )
    assert small.codes(small.enter(person)) == ["chosen"]
