"""Answers close decisions and teach: once each, by whichever process, and nothing of whom consent does not cover."""

import threading
from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from domain.access import CredentialKind, Principal
from domain.clock import ManualClock
from domain.decisions import Cause, Decision, Moment, Outcome
from domain.events import Event
from domain.ids import new_id
from domain.model import Evidence, TermName
from domain.offers import Limits
from domain.people import Device, Mode, Purpose
from scheduler import events, learned
from scheduler.closing import LATE, Closing
from scheduler.learn import usual
from scheduler.learn.terms import ANNOYS
from scheduler.learned import Everybodys, Lesson, Remembered
from storage import erasure, learning, linking, moments, profiles, withdrawal
from storage.engine import Database, Transaction
from storage.models import EvidenceRow, MessageRow, OpenDecisionRow, PersonEvidenceRow
from tests.integration.stage import ALLOWED, Stage

SOUP = TermName("offer", "soup")


class School(Stage):
    """A stage whose decisions teach."""

    def __init__(self, database: Database, clock: ManualClock) -> None:
        super().__init__(database, clock)
        self.closing = Closing(database=database, clock=clock)
        self.offer()

    def push(self, device: Device) -> Decision:
        """A push that reached the phone."""
        decision = self.decide(self.moment(device, Cause.MANUAL))
        arrived = sa.update(MessageRow).where(MessageRow.state == "queued")
        done = {"state": "sent", "finished_at": self.clock.now()}
        self.write(lambda tx: tx.execute(arrived.values(**done)))
        return decision

    def live(self, device: Device, moments: int, likes: str | None) -> list[Decision]:
        """Four moments a day at which the person redeems what they like and ignores the rest."""
        lived = []
        for _ in range(moments):
            decision = self.push(device)
            if decision.outcome is Outcome.SEND and decision.offer == likes:
                self.hear(device, "redeemed", decision_id=decision.id)
            self.wait(hours=6)
            lived.append(decision)
        return lived

    def hear(self, device: Device, type: str, **more: Any) -> None:
        """What the person's phone tells now."""
        event = Event(event_id=new_id(), type=type, occurred_at=self.clock.now(), **more)
        principal = Principal(
            kind=CredentialKind.DEVICE,
            brand_id=self.brand.id,
            mode=Mode.LIVE,
            credential_id=new_id(),
            device_id=device.id,
        )
        receipt = self.write(lambda tx: events.take(tx, principal, [event], now=self.clock.now()))
        assert receipt.accepted == 1, receipt

    def wait(self, **length: float) -> int:
        self.clock.advance(**length)
        return self.closing.tick()

    def shared(self) -> dict[TermName, Evidence]:
        """What answers taught of everybody."""
        with self.database.read() as tx:
            found = learning.shared(tx, self.brand.id, day=learning.day_of(self.clock.now()))
        return {term: each for term, each in found.items() if term.group != usual.EVERYBODYS.group}

    def own(self, device: Device) -> dict[TermName, Evidence]:
        with self.database.read() as tx:
            day = learning.day_of(self.clock.now())
            return learning.of_people(tx, [device.customer_id], day=day).get(device.customer_id, {})

    def rhythm(self, device: Device) -> float:
        """Visits that count for the person's rhythm."""
        with self.database.read() as tx:
            return profiles.of_many(tx, [device.customer_id])[device.customer_id].rate

    def waiting(self) -> int:
        with self.database.read() as tx:
            query = sa.select(sa.func.count()).select_from(OpenDecisionRow)
            return tx.execute(query).scalar_one()


@pytest.fixture
def school(database: Database, clock: ManualClock) -> School:
    return School(database, clock)


@pytest.fixture
def small(sqlite_database: Database, clock: ManualClock) -> School:
    return School(sqlite_database, clock)


def test_what_everybody_taught_is_read_anew_only_once_somebody_taught(school: School) -> None:
    remembered, now = Remembered(), school.clock.now()

    def load() -> Everybodys:
        return school.write(lambda tx: remembered.load(tx, school.brand.id, now=now))

    def teach(pull: float) -> None:
        more = {SOUP: Evidence(pull=pull, weight=2.0, day=learning.day_of(now))}
        school.write(lambda tx: learning.add_shared(tx, school.brand.id, more))

    teach(1.0)
    before = load()
    assert load() is before
    teach(1.0)
    after = load()
    assert after.terms["offer"]["soup"] > before.terms["offer"]["soup"]
    assert after.revision == before.revision + 1
    remembered.forget()
    assert load() == after
    assert load() is not after


def test_silence_teaches_when_its_time_is_over_and_not_before(school: School) -> None:
    person = school.person()
    school.push(person)
    assert school.wait(hours=24) == 0
    assert school.shared() == {}
    assert school.wait(hours=1) == 1
    assert school.shared()[SOUP].pull < 0
    assert school.own(person)[TermName("person_offer", "soup")].pull < 0
    assert school.waiting() == 0


@pytest.mark.parametrize(
    ("word", "annoyed"), [("dismissed", True), ("not_for_me", True), (None, False)]
)
def test_whoever_wipes_pushes_away_is_known_to_be_annoyed_easily(
    school: School, word: str | None, annoyed: bool
) -> None:
    person = school.person()
    decision = school.push(person)
    if word:
        school.hear(person, word, decision_id=decision.id)
    school.wait(hours=25)
    for known in (school.own(person)[TermName("person_annoys", "")], school.shared()[ANNOYS]):
        assert (known.pull > 0) is annoyed


def test_whom_a_push_pleased_does_not_tell_how_easily_pushes_annoy_them(school: School) -> None:
    person = school.person()
    school.hear(person, "redeemed", decision_id=school.push(person).id)
    school.wait(hours=25)
    assert "person_annoys" not in {term.group for term in school.own(person)}
    assert ANNOYS not in school.shared()


def test_without_consent_to_habits_only_everybody_is_learned_to_be_annoyed(school: School) -> None:
    person = school.person(Purpose.PUSH)
    school.hear(person, "dismissed", decision_id=school.push(person).id)
    school.wait(hours=25)
    assert school.own(person) == {}
    assert school.shared()[ANNOYS].pull > 0


@pytest.mark.parametrize(("word", "pull"), [("redeemed", 1), ("dismissed", -1), ("not_for_me", -1)])
def test_an_answer_teaches_no_sooner_than_silence_does(
    school: School, word: str, pull: int
) -> None:
    """Else the first answers to a young offer would all be those of the quick, who mostly say yes."""
    person = school.person()
    decision = school.push(person)
    school.hear(person, word, decision_id=decision.id)
    assert school.wait(hours=24) == 0
    assert school.wait(hours=1) == 1
    assert school.shared()[SOUP].pull * pull > 0
    assert school.own(person)[TermName("person", "")].pull * pull > 0


@pytest.mark.parametrize(
    ("after", "store", "pull"),
    [
        (timedelta(hours=2), "kallio", 1),
        (timedelta(hours=4), "kallio", -1),
        (timedelta(hours=2), "toolo", -1),
    ],
)
def test_a_visit_counts_at_the_offers_stores_and_within_three_hours(
    small: School, after: timedelta, store: str, pull: int
) -> None:
    small.add_store("toolo")
    small.offer(stores=("kallio",))
    person = small.person()
    small.push(person)
    small.clock.advance(seconds=after.total_seconds())
    small.hear(person, "visit", store=store)
    assert small.wait(days=2) == 1
    assert small.shared()[SOUP].pull * pull > 0


def test_what_a_push_brings_is_not_taken_for_a_habit(school: School) -> None:
    """A visit after a push counts as far as it would have come anyway; later, or without a push, it counts whole."""
    pushed, left_alone = school.person(), school.person()
    for each in (pushed, left_alone):
        school.hear(each, "visit", store="kallio")
    school.clock.advance(hours=4)
    assert school.push(pushed).outcome is Outcome.SEND
    school.clock.advance(hours=1)
    before = school.rhythm(pushed)
    for each in (pushed, left_alone):
        school.hear(each, "visit", store="kallio")
    assert 0 < school.rhythm(pushed) - before < 0.9
    assert school.rhythm(left_alone) - before > 0.95
    school.clock.advance(hours=3)
    before = school.rhythm(pushed)
    school.hear(pushed, "visit", store="kallio")
    assert school.rhythm(pushed) - before > 0.95


def test_after_a_push_that_reached_no_phone_a_visit_counts_whole(school: School) -> None:
    person = school.person()
    school.hear(person, "visit", store="kallio")
    school.clock.advance(hours=4)
    assert school.push(person).outcome is Outcome.SEND
    school.write(lambda tx: tx.execute(sa.update(MessageRow).values(state="failed")))
    school.clock.advance(hours=1)
    before = school.rhythm(person)
    school.hear(person, "visit", store="kallio")
    assert school.rhythm(person) - before > 0.95


def test_a_persons_moments_begin_once_however_many_there_were_before_any_were_usual(
    school: School,
) -> None:
    """Else who had many moments on a brand's first day would seem to have them every day."""
    people = [school.person() for _ in range(6)]
    for person in people:
        school.push(person)
    assert not any(usual.TERM in school.own(person) for person in people)
    weights = []
    for _ in range(2):
        school.clock.advance(days=1)  # what is everybody's is read anew
        school.push(people[0])
        once = usual.moment(0.0, day=learning.day_of(school.clock.now())).weight
        weights.append(school.own(people[0])[usual.TERM].weight / once)
    begun = 1 + usual.PER_WEEK * usual.MEMORY_DAYS / 7
    assert weights[0] == pytest.approx(begun)
    assert 0.8 * begun < weights[1] < begun + 1


def test_what_comes_after_the_closing_does_not_count_again(school: School) -> None:
    person = school.person()
    decision = school.push(person)
    school.wait(days=2)
    before = school.shared()
    school.hear(person, "redeemed", decision_id=decision.id)
    assert school.wait(days=2) == 0
    faded = school.shared()
    assert faded[SOUP].pull == pytest.approx(before[SOUP].pull, rel=0.02)


def test_a_push_that_reached_no_phone_teaches_nothing(small: School) -> None:
    small.decide(small.moment(small.person(), Cause.MANUAL))
    small.write(lambda tx: tx.execute(sa.update(MessageRow).values(state="expired")))
    assert small.wait(days=2) == 1
    assert small.shared() == {}


def test_a_test_customer_never_teaches(small: School) -> None:
    device = small.register("tester", mode=Mode.TEST).device
    small.write(
        lambda tx: moments.open_many(
            tx,
            [
                Moment(
                    id=new_id(),
                    brand_id=small.brand.id,
                    mode=Mode.TEST,
                    customer_id=device.customer_id,
                    cause=Cause.MANUAL,
                    key="test",
                    due_at=small.clock.now(),
                    expires_at=small.clock.now() + timedelta(hours=1),
                )
            ],
        )
    )
    assert small.engine.tick() == 1
    assert small.waiting() == 0


def test_nothing_personal_is_learned_without_consent_to_habits(school: School) -> None:
    person = school.person(Purpose.PUSH)
    school.push(person)
    school.wait(days=2)
    assert school.own(person) == {}
    assert school.shared()[SOUP].weight > 0


@pytest.mark.parametrize("purpose", [Purpose.HABITS, Purpose.LOCATION, Purpose.PURCHASES])
def test_a_withdrawal_forgets_how_somebody_answers_and_what_is_awaited_teaches_nobody(
    school: School, purpose: Purpose
) -> None:
    person = school.person(*ALLOWED, Purpose.PURCHASES)
    school.push(person)
    school.wait(days=2)
    before = school.shared()[SOUP]
    school.push(person)
    school.write(
        lambda tx: withdrawal.carry_out(
            tx, purpose, customer_id=person.customer_id, now=school.clock.now()
        )
    )
    assert school.own(person) == {}
    assert school.wait(days=2) == 0
    assert school.shared()[SOUP].weight <= before.weight


def test_an_erasure_leaves_only_what_everybody_taught(school: School) -> None:
    person = school.person()
    school.push(person)
    school.wait(days=2)
    school.push(person)
    receipt = school.write(lambda tx: erasure.erase(tx, person.customer_id, now=school.clock.now()))
    assert receipt.deleted["person_evidence"] > 0
    assert receipt.deleted["open_decisions"] == 1
    assert school.waiting() == 0
    assert school.own(person) == {}
    with school.database.read() as tx:
        told = tx.execute(sa.select(EvidenceRow.term_value)).scalars().all()
    assert not any(person.customer_id in value for value in told)


def test_somebody_who_is_recognised_keeps_how_they_answered(school: School) -> None:
    device = school.device(None, *ALLOWED)
    known = school.device("jane", *ALLOWED)
    for each in (device, known):
        school.push(each)
    school.wait(days=2)
    alone = school.own(known)[TermName("person", "")].pull
    school.push(device)
    school.write(lambda tx: linking.link(tx, device, "jane", now=school.clock.now()))
    assert school.own(known)[TermName("person", "")].pull < 1.5 * alone
    assert school.wait(days=2) == 1
    assert school.own(known)[TermName("person", "")].pull < 2 * alone


def test_a_ghost_tells_how_many_come_without_a_push(small: School) -> None:
    small.rule(holdout_share=1.0)
    person = small.person()
    small.decide(small.moment(person, Cause.MANUAL))
    small.clock.advance(hours=1)
    small.hear(person, "visit", store="kallio")
    assert small.wait(hours=4) == 1
    assert {term.group for term in small.shared()} == {"anyway", "anyway_cause", "anyway_slot"}
    assert small.shared()[TermName("anyway", "")].pull > 0


def test_two_processes_that_close_at_once_teach_each_answer_once(school: School) -> None:
    people = [school.person() for _ in range(30)]
    for person in people:
        school.moment(person, Cause.MANUAL)
    school.engine.tick()
    school.write(lambda tx: tx.execute(sa.update(MessageRow).values(state="sent")))
    school.clock.advance(days=2)
    closings = [Closing(database=school.database, clock=school.clock) for _ in range(3)]
    threads = [threading.Thread(target=each.tick) for each in closings]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert school.waiting() == 0
    with school.database.read() as tx:
        learners = tx.execute(
            sa.select(sa.func.count(sa.distinct(PersonEvidenceRow.customer_id)))
        ).scalar_one()
    assert learners == 30


def test_engines_that_learn_at_once_lose_no_update(school: School) -> None:
    """Each adds to the same rows while the others do. What is added is known, so the sums are too."""
    rounds, workers = 10, 4
    failures: list[BaseException] = []
    today = learning.day_of(school.clock.now())
    added = {
        TermName("offer", f"soup-{n}"): Evidence(pull=0.25, weight=0.5, day=today) for n in range(5)
    }
    lesson = Lesson(terms=[SOUP], odds=-2.0, y=1.0, whose=None)

    def both(tx: Transaction) -> None:
        learning.add_shared(tx, school.brand.id, added)
        learned.teach(tx, school.brand.id, [lesson], now=school.clock.now())

    def learn() -> None:
        try:
            for _ in range(rounds):
                school.write(both)
        except BaseException as error:  # noqa: BLE001 - told by the assertion below
            failures.append(error)

    threads = [threading.Thread(target=learn) for _ in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    known = school.shared()
    for term in added:
        assert known[term].weight == pytest.approx(0.5 * rounds * workers)
        assert known[term].pull == pytest.approx(0.25 * rounds * workers)
    assert known[SOUP].pull > 0


def test_evidence_fades_the_same_however_it_was_added(school: School) -> None:
    today = learning.day_of(school.clock.now())
    for day in (today - 30, today):
        more = {SOUP: Evidence(pull=1.0, weight=2.0, day=day)}
        school.write(lambda tx, more=more: learning.add_shared(tx, school.brand.id, more))
    left = 2.718281828 ** (-30 / learning.MEMORY_DAYS)
    assert school.shared()[SOUP].weight == pytest.approx(2.0 + 2.0 * left)


def test_who_always_redeems_one_offer_gets_that_one(small: School) -> None:
    small.rule(exploration=0.1)
    small.offer("apple")  # by its name it loses against the soup as long as nothing is known
    lived = small.live(small.person(), 50, likes="apple")
    sends = [each.offer for each in lived[-20:] if each.outcome is Outcome.SEND]
    assert len(sends) >= 10
    assert sends.count("apple") >= 0.8 * len(sends)


def test_who_ignores_everything_is_left_in_peace_but_not_for_ever(small: School) -> None:
    small.rule(exploration=0.1, interruption_price=0.02)
    lived = small.live(small.person(), 90, likes=None)
    sends = [each.outcome is Outcome.SEND for each in lived]
    early, late = sum(sends[:8]), sum(sends[-60:])
    assert early >= 3
    assert late <= 12
    assert late >= 1


def test_what_one_person_ignores_is_still_said_to_another(small: School) -> None:
    small.rule(interruption_price=0.1)
    tired, fresh = small.person(), small.person()
    small.live(tired, 40, likes=None)
    assert small.push(tired).outcome is Outcome.SILENCE
    assert small.push(fresh).outcome is Outcome.SEND


def test_under_a_limit_the_best_message_wins_and_not_the_first(school: School) -> None:
    school.offer(limits=Limits(total=2))
    people = [school.person() for _ in range(6)]
    day = learning.day_of(school.clock.now())
    fond = {
        person.customer_id: {
            TermName("person_offer", "soup"): Evidence(pull=30.0, weight=1.0, day=day)
        }
        for person in (people[3], people[5])
    }
    school.write(lambda tx: learning.add_own(tx, fond))
    opened = [school.moment(person, Cause.MANUAL) for person in people]
    school.engine.tick()
    decided = [school.decision(moment) for moment in opened]
    assert [each.outcome is Outcome.SEND for each in decided] == [False] * 3 + [True, False, True]
    assert decided[0].reasons[1].code == "sold_out"


def test_what_is_due_is_found_by_an_index(small: School) -> None:
    small.push(small.person())
    with small.database.read() as tx:
        plan = tx.exec_driver_sql(
            "EXPLAIN QUERY PLAN SELECT * FROM open_decisions WHERE due_at <= 1 ORDER BY due_at LIMIT 9"
        ).all()
    assert "ix_open_decisions_due_at" in str(plan)


def test_the_window_of_a_visit_ends_before_the_answer_is_due(small: School) -> None:
    small.push(small.person())
    with small.database.read() as tx:
        row = tx.execute(sa.select(OpenDecisionRow.__table__)).one()
    opened: datetime = row.opened_at
    assert row.visit_until == opened + timedelta(hours=3)
    assert row.due_at == opened + timedelta(hours=24) + LATE


def test_a_budget_is_pledged_by_a_push_and_given_back_unless_it_is_redeemed(
    school: School,
) -> None:
    school.offer(limits=Limits(budget=3.0))  # pays for two discounts of 1.5
    redeeming, silent, third = (school.person() for _ in range(3))
    redeemed = school.push(redeeming)
    school.push(silent)
    assert school.push(third).reasons[-1].code == "sold_out"
    school.hear(redeeming, "redeemed", decision_id=redeemed.id)
    school.wait(hours=25)
    assert school.push(third).outcome is Outcome.SEND
    assert school.push(school.person()).reasons[-1].code == "sold_out"
