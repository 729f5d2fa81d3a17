"""A draft against recorded history, through real tables, where the truth is known: the interval holds it, or there is no answer."""

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import click.testing
import msgspec
import pytest
import sqlalchemy as sa
from click.testing import CliRunner

from domain.clock import ManualClock
from domain.decisions import Cause, Decision, Moment, Outcome
from domain.ids import new_id
from domain.offers import Audience, Offer, OfferValue
from domain.people import Device, Mode
from domain.policy import Policy
from scheduler.rehearsing.recorded import Window
from scheduler.rehearsing.simulating import PER, Simulated, Simulation
from scheduler.rehearsing.weighing import Draft
from service.cli.simulate import simulate
from storage import brands, decisions, erasure, moments, offers
from storage.engine import Database
from storage.models import DecisionRow, EventRow
from tests.conftest import NOON
from tests.integration.stage import Stage

PEOPLE, DAYS = 90, 6
VISITS = {"soup": 0.5, "cake": 0.2, None: 0.1}
MARGIN, DISCOUNT = 60.0, 1.5
TRUTH = {
    "soup": PER * VISITS["soup"] * (MARGIN - DISCOUNT),
    "cake": PER * VISITS["cake"] * (MARGIN - DISCOUNT),
    None: PER * VISITS[None] * MARGIN,
}
NOBODY = Audience(segments_any=("nobody",))


class History(NamedTuple):
    """What a stage lived through."""

    stage: Stage
    window: Window
    people: Sequence[Device]

    def simulated(self, draft: Draft) -> Simulated:
        with self.stage.database.read() as tx:
            brand = brands.by_id(tx, self.stage.brand.id)
        simulation = Simulation(
            self.stage.database,
            brand,
            draft,
            self.window,
            now=self.stage.clock.now(),
            weather_max_age=timedelta(minutes=45),
        )
        *_, told = simulation.run()
        assert isinstance(told, Simulated)
        return told

    def first(self, days: int) -> "History":
        """Only the first days of it."""
        since = self.window.since
        return self._replace(window=Window(since, since + timedelta(days=days)))

    def without(self, name: str) -> Offer:
        """The stored offer, said to nobody."""
        with self.stage.database.read() as tx:
            offer = offers.get(tx, brand_id=self.stage.brand.id, external_id=name)
        return msgspec.structs.replace(
            offer, revision=0, body=msgspec.structs.replace(offer.body, audience=NOBODY)
        )


def lived(stage: Stage, people: int = PEOPLE, days: int = DAYS, **policy: Any) -> History:
    """Everybody has a moment a day; whether they come hangs on what was said and a lot of their own.

    Ids are counted, since the engine draws by them: the same lots whenever this is run.
    """
    stage.rule(**policy)
    for name in ("soup", "cake"):
        stage.offer(name, value=OfferValue(margin=MARGIN, discount=DISCOUNT))
    devices = [stage.person() for _ in range(people)]
    since, number = stage.clock.now(), 0
    for _ in range(days):
        due = [_moment(device, number + n, stage.clock.now()) for n, device in enumerate(devices)]
        number += len(due)
        stage.write(lambda tx, due=due: moments.open_many(tx, due))
        stage.engine.tick()
        with stage.database.read() as tx:
            today = decisions.stored(tx, DecisionRow.decided_at == stage.clock.now())
            made = [each.decision for each in today]
        _come(stage, made)
        stage.clock.advance(days=1)
    stage.clock.advance(days=2)
    return History(stage, Window(since, since + timedelta(days=days)), devices)


def _moment(device: Device, number: int, now: datetime) -> Moment:
    return Moment(
        id=f"00000000-0000-7000-8000-{number:012d}",
        brand_id=device.brand_id,
        mode=device.mode,
        customer_id=device.customer_id,
        cause=Cause.MANUAL,
        key=str(number),
        due_at=now,
        expires_at=now + timedelta(hours=1),
    )


def _come(stage: Stage, made: Sequence[Decision]) -> None:
    came = [each for each in made if Random(each.moment_id).random() < VISITS[_said(each)]]
    rows = [
        {
            "id": new_id(),
            "brand_id": each.brand_id,
            "mode": Mode.LIVE,
            "customer_id": each.customer_id,
            "event_id": new_id(),
            "type": "visit",
            "occurred_at": each.decided_at + timedelta(minutes=40),
            "received_at": each.decided_at,
            "body": {},
        }
        for each in came
    ]
    if rows:
        stage.write(lambda tx: tx.execute(sa.insert(EventRow), rows))


def _said(decision: Decision) -> str | None:
    return decision.offer if decision.outcome is Outcome.SEND else None


def same(policy: Policy) -> Policy:
    return policy


def silent(policy: Policy) -> Policy:
    return msgspec.structs.replace(policy, paused=True)


def greedy(policy: Policy) -> Policy:
    return msgspec.structs.replace(policy, exploration=0.0)


@pytest.fixture(scope="module")
def explored(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A history with much exploration; only read by the tests."""
    path = tmp_path_factory.mktemp("explored") / "whenabouts.sqlite3"
    path.write_bytes(sqlite_template.read_bytes())
    database = Database(f"sqlite:///{path}")
    yield lived(Stage(database, ManualClock(NOON)), exploration=0.9, holdout_share=0.0)
    database.close()


@pytest.fixture
def stage(sqlite_database: Database, clock: ManualClock) -> Stage:
    return Stage(sqlite_database, clock)


def test_the_intervals_hold_the_truth_and_the_drafts_come_in_the_right_order(
    explored: History,
) -> None:
    drafts = {
        "soup": Draft(greedy, (explored.without("cake"),)),
        "cake": Draft(greedy, (explored.without("soup"),)),
        None: Draft(silent),
    }
    told = {said: explored.simulated(draft) for said, draft in drafts.items()}
    for said, found in told.items():
        assert found.missing == (), said
        assert found.draft
        for name in ("ips", "snips", "dr"):
            interval = getattr(found.draft, name)
            assert interval.low <= TRUTH[said] <= interval.high, (said, name)
    values = {said: found.draft.dr.value for said, found in told.items() if found.draft}
    assert values["soup"] > values["cake"] > values[None]
    assert told["soup"].more
    assert told[None].more
    assert told["soup"].more.dr.low > 0
    assert told[None].more.dr.high < 0


def test_the_same_policy_earns_no_more_and_no_less(explored: History) -> None:
    told = explored.first(2).simulated(Draft(same))
    assert told.missing == ()
    assert told.support.agreement == pytest.approx(1)
    assert told.support.mean_weight == pytest.approx(1)
    assert told.more
    assert told.more.dr.value == pytest.approx(0)


def test_what_was_never_said_gets_no_answer(explored: History) -> None:
    plain = explored.without("soup").body
    new = Offer(
        id=new_id(),
        brand_id=explored.stage.brand.id,
        external_id="feast",
        revision=0,
        body=msgspec.structs.replace(
            plain, audience=Audience(), value=msgspec.structs.replace(plain.value, margin=900.0)
        ),
    )
    told = explored.first(2).simulated(Draft(greedy, (new,)))
    assert told.draft is None
    [unsupported] = [each for each in told.missing if each.lack.code == "unsupported"]
    assert unsupported.lack.found == pytest.approx(1)
    assert unsupported.days
    assert unsupported.days > 0


def test_other_words_are_another_offer_and_another_audience_is_not(explored: History) -> None:
    offer = explored.without("cake")
    reworded = msgspec.structs.replace(offer.body, title={"en": "x"}, audience=Audience())
    told = explored.first(1).simulated(
        Draft(same, (msgspec.structs.replace(offer, body=reworded),))
    )
    assert "unsupported" in {each.lack.code for each in told.missing}
    codes = {each.lack.code for each in explored.first(1).simulated(Draft(same, (offer,))).missing}
    assert "unsupported" not in codes


def test_without_exploration_there_is_an_answer_only_where_both_agree(stage: Stage) -> None:
    history = lived(stage, people=20, days=2, exploration=0.0, holdout_share=0.0)
    told = history.simulated(Draft(silent))
    assert (told.draft, told.more) == (None, None)
    assert {"unsupported", "ess"} <= {each.lack.code for each in told.missing}
    agreed = history.simulated(Draft(same))
    assert agreed.missing == ()
    assert agreed.more
    assert (agreed.more.dr.low, agreed.more.dr.high) == (0, 0)


def test_the_held_out_tell_what_silence_earns(stage: Stage) -> None:
    history = lived(stage, people=120, days=2, exploration=0.0, holdout_share=0.55)
    told = history.simulated(Draft(silent))
    assert told.missing == ()
    assert told.draft
    assert told.then
    wide = 4 * (told.draft.dr.high - told.draft.dr.value) / 2
    assert abs(told.draft.dr.value - TRUTH[None]) < wide
    assert told.more
    assert told.more.dr.value < 0


def test_awaited_answers_and_lost_moments_stand_aside(stage: Stage) -> None:
    history = lived(stage, people=10, days=4, exploration=0.5, holdout_share=0.0)
    gone = history.people[0].customer_id
    now = stage.clock.now()
    stage.write(lambda tx: erasure.erase(tx, gone, now=now))
    mine = DecisionRow.customer_id == history.people[1].customer_id
    stage.write(lambda tx: tx.execute(sa.update(DecisionRow).where(mine).values(outcome="hold")))
    told = history.simulated(Draft(same))
    assert told.beside == {"differs": 4}
    assert told.support.moments == 8 * 4
    history.stage.clock.set(history.window.since + timedelta(days=3, hours=20))
    pending = history.simulated(Draft(same))
    assert pending.beside == {"differs": 4, "pending": 8}


def test_a_draft_that_speaks_where_a_rule_forbade_it_is_not_known(stage: Stage) -> None:
    stage.rule(paused=True)
    history = lived(stage, people=4, days=2, paused=True)
    assert history.simulated(Draft(same)).beside == {"idle": 8}
    told = history.simulated(Draft(lambda policy: msgspec.structs.replace(policy, paused=False)))
    assert told.support.unsupported == 1
    assert told.draft is None


class TestTheCommand:
    def run(self, history: History, *arguments: str) -> click.testing.Result:
        url = history.stage.database.url.render_as_string(hide_password=False)
        runner = CliRunner(env={"WHENABOUTS_DATABASE_URL": url})
        return runner.invoke(simulate, ["--from", "2026-05-01", "--to", "2026-06-01", *arguments])

    def file(self, tmp_path: Path, body: Any) -> str:
        path = tmp_path / "draft.json"
        path.write_text(json.dumps(body))
        return str(path)

    def test_an_answer_ends_with_0(self, explored: History, tmp_path: Path) -> None:
        policy = self.file(tmp_path, {"paused": True})
        found = self.run(explored, "--policy", policy, "--json")
        assert found.exit_code == 0, found.output
        told = json.loads(found.stdout)
        assert told["draft"]["dr"]["low"] <= TRUTH[None] <= told["draft"]["dr"]["high"]
        assert "doubly robust" in self.run(explored, "--policy", policy).stdout

    def test_a_thin_history_ends_with_3_and_says_what_is_missing(
        self, explored: History, tmp_path: Path
    ) -> None:
        offer = {
            "external_id": "feast",
            "kind": "discount",
            "title": {"en": "Feast"},
            "body": {"en": "All you can eat"},
            "value": {"margin": 900},
        }
        found = self.run(explored, "--offer", self.file(tmp_path, offer))
        assert found.exit_code == 3, found.output
        assert "never tried" in found.stdout
        assert "days in all" in found.stdout

    @pytest.mark.parametrize("body", [{"paused": "x"}, {"what": 1}, []])
    def test_a_wrong_draft_ends_with_2(self, explored: History, tmp_path: Path, body: Any) -> None:
        assert self.run(explored, "--policy", self.file(tmp_path, body)).exit_code == 2

    def test_no_draft_ends_with_2(self, explored: History) -> None:
        assert self.run(explored).exit_code == 2


def test_on_both_databases_the_same_comes_out(database: Database, clock: ManualClock) -> None:
    history = lived(Stage(database, clock), people=30, days=2, exploration=0.5, holdout_share=0.0)
    told = history.simulated(Draft(silent))
    assert told.support.moments == 60
    assert round(told.support.mean_weight, 1) == pytest.approx(1, abs=0.3)
