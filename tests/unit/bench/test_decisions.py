"""The town whose truth is known: fair to every policy, honest about its files, and able to tell good from bad."""

import json
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from bench.decisions import BASELINES, whenabouts
from bench.world import policies
from bench.world.coverage import coverage
from bench.world.ledger import Result, result
from bench.world.people import p_anyway, settle
from bench.world.policies import Fixed, live
from bench.world.short import short
from bench.world.spec import DEFAULT, World, read
from bench.world.truth import State, Truth
from domain.errors import Invalid


@pytest.fixture(scope="module")
def world() -> World:
    return msgspec.structs.replace(read(), people=60, weeks=5, history_weeks=4)


@pytest.fixture(scope="module")
def truth(world: World) -> Truth:
    return Truth(settle(world, 3))


def lived(truth: Truth, name: str) -> Result:
    return result(live(truth, BASELINES[name](truth)), truth.town.world.people)


def test_the_oracle_earns_more_than_every_baseline(truth: Truth, world: World) -> None:
    best = result(policies.oracle(truth)[1], world.people)
    for name in BASELINES:
        assert lived(truth, name).value_all < best.value_all, name


def test_the_value_is_the_mean_of_what_the_dice_give(truth: Truth) -> None:
    """Else a policy could earn what nobody pays: within three standard errors of some hundred pushes."""
    for name in ("always", "first_come", "best_static_offer"):
        ledger = live(truth, BASELINES[name](truth))
        pushes = ledger.sends.sum()
        deviation = 2.5  # of one push: a visit's margin, or a customer lost
        assert pushes > 500
        off = abs(ledger.realised.sum() - ledger.money.sum())
        assert 0 < off < 3 * deviation * pushes**0.5, name


def test_silence_earns_nothing_and_annoys_nobody(truth: Truth) -> None:
    found = lived(truth, "silence")
    assert (found.value_all, found.sends, found.opt_outs) == (0, 0, 0)


def test_the_engine_beats_silence_and_saying_something_always(truth: Truth, world: World) -> None:
    ours = result(short(truth), world.people)
    assert ours.value_all > 0
    assert ours.value_all > 1.5 * lived(truth, "always").value_all
    assert ours.opt_outs <= lived(truth, "always").opt_outs
    assert all(0 < week < 5 for week in ours.sends_per_person_week)


def test_one_seed_gives_the_engine_the_same_figures_whenever_it_is_run(world: World) -> None:
    """Half of what is said is drawn by lot here, so that no lot can be another one unseen."""
    policy = msgspec.structs.replace(world.policy, exploration=0.5)
    drawn = msgspec.structs.replace(world, people=12, weeks=1, history_weeks=2, policy=policy)
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        one, again = pool.map(whenabouts, [drawn, drawn], [3, 3])
    assert one.sends > 10
    assert one == again


def test_who_says_the_same_gets_the_same_answer(truth: Truth) -> None:
    """Two policies that differ on other people alone are answered alike by the rest."""
    who, at, cause = (column[:40] for column in truth.town.moments)
    _, first = np.unique(who, return_index=True)
    offer = np.zeros(len(first), dtype=np.int64)
    told = []
    for some in (first, first[: len(first) // 2]):
        answers = truth.answers(
            State(truth.town), who[some], at[some], cause[some], offer[: len(some)]
        )
        told.append(np.stack([answers.brought, answers.left, answers.wiped]))
    half = told[1].shape[1]
    assert (told[0][:, :half] == told[1]).all()


def test_what_happens_anyway_is_the_same_for_one_seed_and_not_for_another(world: World) -> None:
    one, again, other = (settle(world, seed) for seed in (3, 3, 4))
    assert np.array_equal(one.visits, again.visits, equal_nan=True)
    assert (one.wet == again.wet).all()
    assert not np.array_equal(one.visits, other.visits, equal_nan=True)


def test_visits_that_come_anyway_are_as_frequent_as_the_truth_says(world: World) -> None:
    town = settle(msgspec.structs.replace(world, people=2000), 5)
    who, at, _ = town.moments
    said = p_anyway(town, who, at)
    visit = town.visit(who, np.floor(at / 24).astype(int))
    came = (visit > at) & (visit <= at + 3)
    assert came.mean() == pytest.approx(said.mean(), abs=0.005)


def test_the_caps_hold_for_every_policy(truth: Truth) -> None:
    everything = Fixed(lambda now: np.where(now.open.any(axis=1), now.open.argmax(axis=1), -1))
    ledger = live(truth, everything)
    assert ledger.sends.max() <= 4 * truth.town.world.people


def test_intervals_hold_the_truth_as_often_as_they_say() -> None:
    found = coverage(1, replications=240, people=800)
    assert found.covered >= found.nominal
    assert found.planned >= 0.9  # of 240 replications; the benchmark takes ten times as many


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"people": 0}, "$.people"),
        ({"peeple": 10}, "peeple"),
        ({"weather": {"rain_share": 2}}, "$.weather.rain_share"),
        ({"start": "2026-05-05"}, "$.start"),
        ({"step_minutes": 35}, "$.step_minutes"),
        ({"offers": []}, "$.offers"),
        (
            {"offers": [{"id": "a", "margin": 1, "discount": 0, "hours": [5, 4]}]},
            "$.offers[0].hours",
        ),
        ({"offers": [{"id": "a", "margin": 1, "discount": 0}] * 2}, "$.offers[...].id"),
        ({"policy": {"quiet_hours": [{"from": "25:00", "to": "08:00"}]}}, "quiet_hours"),
    ],
)
def test_a_wrong_world_is_refused_with_the_field_that_is_wrong(
    tmp_path: Path, change: dict[str, Any], told: str
) -> None:
    file = tmp_path / "world.json"
    file.write_text(json.dumps(json.loads(DEFAULT.read_text()) | change))
    with pytest.raises(Invalid) as refused:
        read(file)
    assert told in refused.value.detail


def test_a_file_that_is_not_there_or_no_json_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="cannot be read"):
        read(tmp_path / "nowhere.json")
    (tmp_path / "torn.json").write_text("{")
    with pytest.raises(Invalid, match="is no world"):
        read(tmp_path / "torn.json")
