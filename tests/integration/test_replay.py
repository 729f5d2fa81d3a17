"""Decisions are computed again from what is stored of them, and come out the same to the last bit."""

import json
from datetime import timedelta

import click.testing
import msgspec
import pytest
import sqlalchemy as sa
from click.testing import CliRunner

from domain.clock import ManualClock
from domain.context import Inputs
from domain.decisions import Cause, Outcome
from domain.ids import new_id
from domain.model import Evidence, TermName
from domain.offers import Limits, OfferKind, OfferValue, WeatherCondition, WeatherWord, When
from domain.people import Purpose
from scheduler.decide.score import Model
from scheduler.housekeeping import Housekeeping
from scheduler.replaying import Replayer, Result
from service.cli.replay import replay
from storage import decisions, erasure, learning, records, withdrawal
from storage.engine import Database
from storage.models import DecisionRow
from tests.integration.stage import Stage

PEOPLE, ROUNDS = 40, 26


@pytest.fixture
def stage(database: Database, clock: ManualClock) -> Stage:
    return Stage(database, clock)


@pytest.fixture
def small(sqlite_database: Database, clock: ManualClock) -> Stage:
    return Stage(sqlite_database, clock)


def lived(stage: Stage, rounds: int = 2) -> None:
    """A town in which there is a bit of everything: lots, limits, learned terms, people who allow more or less."""
    stage.rule(exploration=0.3, holdout_share=0.1, hold=True, interruption_price=0.2)
    for n in range(4):
        stage.offer(
            f"offer-{n}",
            kind=list(OfferKind)[n],
            value=OfferValue(margin=3.0 + n, discount=0.7 * n),
            limits=Limits(per_day=40 if n == 3 else None, per_customer_days=0.3),
        )
    day = learning.day_of(stage.clock.now())
    stage.write(
        lambda tx: learning.add_shared(
            tx,
            stage.brand.id,
            {
                TermName("offer", f"offer-{n}"): Evidence(pull=0.7 - n / 3, weight=3.3, day=day)
                for n in range(4)
            },
        )
    )
    people = [
        stage.person(Purpose.PUSH, *(Purpose.LOCATION, Purpose.HABITS)[: n % 3])
        for n in range(PEOPLE)
    ]
    own = {
        person.customer_id: {
            TermName("person", ""): Evidence(pull=n / 7 - 3, weight=n / 3 + 0.1, day=day),
            TermName("person_offer", "offer-2"): Evidence(pull=3 - n / 7, weight=1.0, day=day),
        }
        for n, person in enumerate(people)
    }
    stage.write(lambda tx: learning.add_own(tx, own))
    for _ in range(rounds):
        for person in people:
            stage.moment(person, Cause.MANUAL)
        stage.engine.tick()
        stage.clock.advance(hours=1, minutes=7)


def results(database: Database) -> dict[Result, int]:
    found: dict[Result, int] = dict.fromkeys(Result, 0)
    with database.read() as tx:
        replayer = Replayer(tx)
        for stored in decisions.stored(tx):
            replay = replayer.replay(stored)
            assert replay.differences == (), replay
            found[replay.result] += 1
    return found


def test_a_thousand_decisions_come_out_the_same_in_another_process_and_after_changes(
    stage: Stage,
) -> None:
    lived(stage, ROUNDS)
    stage.offer("offer-0", active=False)
    stage.rule(exploration=0.0)
    elsewhere = Database(stage.database.url.render_as_string(hide_password=False))
    found = results(elsewhere)
    elsewhere.close()
    assert found[Result.IDENTICAL] == PEOPLE * ROUNDS
    outcomes = {each.outcome for each in stage.decisions()}
    codes = {each.reasons[0].code for each in stage.decisions()}
    assert outcomes >= {Outcome.SEND, Outcome.SILENCE}
    assert codes >= {"chosen", "explored", "holdout"}


def test_a_difference_is_told(small: Stage) -> None:
    small.offer()
    decision = small.decide(small.enter(small.person()))
    small.write(lambda tx: tx.execute(sa.update(DecisionRow).values(propensity=0.5)))
    with small.database.read() as tx:
        stored = decisions.by_id(tx, decision.id)
        assert stored
        replay = Replayer(tx).replay(stored)
        newer = Replayer(tx, Model(revision=99)).replay(stored)
    assert replay.result is Result.DIFFERS
    assert [(d.what, d.stored, d.now) for d in replay.differences] == [("propensity", 0.5, 1.0)]
    assert newer.differences[0].what == "model"


def test_after_an_erasure_or_a_withdrawal_a_replay_answers_redacted(small: Stage) -> None:
    small.offer()
    gone, silent = small.person(), small.person()
    for person in (gone, silent):
        small.decide(small.enter(person))
    now = small.clock.now()
    small.write(lambda tx: erasure.erase(tx, gone.customer_id, now=now))
    small.write(
        lambda tx: withdrawal.carry_out(tx, Purpose.HABITS, customer_id=silent.customer_id, now=now)
    )
    assert results(small.database)[Result.REDACTED] == 2


def test_a_silence_that_nobody_chose_has_nothing_to_compute(small: Stage) -> None:
    small.offer()
    person = small.person()
    small.decide(small.enter(person))
    small.write(
        lambda tx: tx.execute(sa.update(DecisionRow).values(record=None, outcome="silence"))
    )
    assert results(small.database)[Result.UNCOMPUTED] == 1


def records_of(stage: Stage) -> list[bytes | None]:
    with stage.database.read() as tx:
        return list(tx.execute(sa.select(DecisionRow.record).order_by(DecisionRow.id)).scalars())


def test_what_is_stored_of_a_typical_decision_is_small(small: Stage) -> None:
    lived(small)
    sizes = sorted(len(each or b"") for each in records_of(small))
    assert 200 < sizes[len(sizes) // 2] < 1024


def test_what_a_decision_rested_on_is_stored_part_by_part(stage: Stage) -> None:
    chosen = stage.offer("chosen")
    stage.offer("switched-off", active=False)
    stage.offer("rain", when=When(weather=WeatherCondition(any=(WeatherWord.RAIN,))))
    person = stage.person()
    day = learning.day_of(stage.clock.now())
    taught = {TermName("offer", "chosen"): Evidence(pull=1.0, weight=3.0, day=day)}
    stage.write(lambda tx: learning.add_shared(tx, stage.brand.id, taught))
    entered = stage.moment(person, Cause.ENTER, store_id=stage.store.id, fences_revision=17)
    decision = stage.decide(entered)
    inputs = msgspec.convert(decision.inputs, Inputs)
    assert {each.offer_id: each.revision for each in inputs.context.candidates}[chosen.id] == 1
    assert inputs.context.fences == 17
    assert inputs.policy.revision > 1
    assert (inputs.model, inputs.context.learned.revision) == (Model().revision, 1)
    assert {"quiet_hours", "cap", "holdout"} <= set(decision.rules)
    [said] = [each for each in decision.alternatives if each.offer == "chosen"]
    [barred] = [each for each in decision.alternatives if each.offer == "rain"]
    assert said.gain is not None
    assert (barred.gain, barred.code) == (None, "weather_unknown")
    assert decision.terms
    assert decision.seed


def test_rows_from_before_records_are_read_and_replayed_as_ever(small: Stage) -> None:
    small.offer()
    decision = small.decide(small.enter(small.person()))
    inputs = msgspec.to_builtins(decision.inputs)
    terms = msgspec.to_builtins(decision.terms)
    as_it_was = sa.update(DecisionRow).values(record=None, inputs=inputs, terms=terms)
    small.write(lambda tx: tx.execute(as_it_was))
    assert results(small.database)[Result.IDENTICAL] == 1


def test_a_record_of_a_form_of_later_is_told_apart() -> None:
    with pytest.raises(ValueError, match="does not know"):
        records.unpacked(b"\x7fwhatever")


def test_inputs_that_have_served_their_time_are_pruned_and_a_replay_says_so(stage: Stage) -> None:
    stage.offer()
    old = stage.decide(stage.enter(stage.person()))
    stage.clock.advance(days=31)
    new = stage.decide(stage.enter(stage.person()))
    keeping = Housekeeping(
        database=stage.database, clock=stage.clock, inputs_kept=timedelta(days=30)
    )
    assert keeping.tick() == 1
    assert keeping.tick() == 0
    with stage.database.read() as tx:
        [first, second] = decisions.stored(tx)
        replays = [Replayer(tx).replay(each).result for each in (first, second)]
    assert replays == [Result.PRUNED, Result.IDENTICAL]
    assert (first.decision.id, second.decision.id) == (old.id, new.id)
    assert first.decision.reasons == old.reasons
    assert first.decision.inputs is None
    assert not first.decision.terms
    pruned = replayed(stage, old.id)
    assert (pruned.exit_code, pruned.output.split(":")[0]) == (3, "pruned")


def test_stored_beliefs_are_those_that_were_used(small: Stage) -> None:
    lived(small)
    for each in small.decisions():
        inputs = msgspec.convert(each.inputs, Inputs)
        if each.outcome is Outcome.SEND:
            assert inputs.context.learned.terms["offer"]


def replayed(stage: Stage, decision_id: str, *more: str) -> click.testing.Result:
    url = stage.database.url.render_as_string(hide_password=False)
    runner = CliRunner(env={"WHENABOUTS_DATABASE_URL": url})
    return runner.invoke(replay, [decision_id, *more])


def test_the_command_tells_by_its_exit_code_what_came_out(small: Stage) -> None:
    small.offer()
    person = small.person()
    decision = small.decide(small.enter(person))
    assert replayed(small, decision.id).exit_code == 0
    assert replayed(small, new_id()).exit_code == 2
    assert replayed(small, "no id").exit_code == 2
    small.write(lambda tx: tx.execute(sa.update(DecisionRow).values(seed=1)))
    differs = replayed(small, decision.id)
    assert differs.exit_code == 1
    assert "seed: stored 1" in differs.output
    now = small.clock.now()
    small.write(lambda tx: erasure.erase(tx, person.customer_id, now=now))
    redacted = replayed(small, decision.id, "--json")
    assert redacted.exit_code == 3
    assert json.loads(redacted.output)["result"] == "redacted"
