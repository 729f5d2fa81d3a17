"""Off-policy estimates: that their intervals hold the truth as often as they say, and when there is to be no answer."""

from typing import NamedTuple

import msgspec
import numpy as np
import pytest
from numpy.random import Generator

from scheduler.learn import off_policy
from scheduler.learn.off_policy import Log

OPTIONS = 3  # two offers and silence
PRICE = np.array([4.5, 9.0, 0.0])  # a visit less the discount
ANYWAY = 6.0


class World(NamedTuple):
    """Chances of a visit by group of people and option, and how often each group comes by."""

    visit: np.ndarray  # (groups, options)
    groups: int = 4


def world(rng: Generator) -> World:
    return World(rng.uniform(0.05, 0.4, (4, OPTIONS)))


def lived(
    world: World, behaviour: np.ndarray, draft: np.ndarray, rng: Generator, people: int = 400
) -> tuple[Log, float]:
    """A log of `people` with one to six moments each, and what the draft truly earns per moment.

    The people of a group differ by what they have in common at all their moments; the model's beliefs are wrong.
    """
    many = rng.integers(1, 7, people)
    group = np.repeat(rng.integers(0, world.groups, people), many)
    whose = np.repeat(np.arange(people), many)
    own = np.repeat(rng.choice([0.5, 1.5], people), many)
    cumulated = behaviour[group].cumsum(axis=1)
    chosen = (rng.random(len(group))[:, None] > cumulated).sum(axis=1)
    came = rng.random(len(group)) < world.visit[group, chosen] * own
    money = np.append(PRICE[:2], ANYWAY)
    believed = world.visit * money * 0.7 + 0.1
    log = Log(
        whose=whose,
        weight=draft[group, chosen] / behaviour[group, chosen],
        earned=came * money[chosen],
        believed=believed[group, chosen],
        drafted=(draft * believed).sum(axis=1)[group],
        unsupported=np.zeros(len(group)),
    )
    return log, float((draft * world.visit * money).sum(axis=1).mean())


BEHAVIOUR = np.tile([0.6, 0.1, 0.3], (4, 1))
BOLD = np.tile([0.05, 0.9, 0.05], (4, 1))
SILENT = np.tile([0.0, 0.0, 1.0], (4, 1))


def test_intervals_hold_the_truth_as_often_as_they_say() -> None:
    rng, runs = np.random.default_rng(11), 400
    there = world(rng)
    held = dict.fromkeys(("ips", "snips", "dr", "more"), 0)
    for _ in range(runs):
        log, truth = lived(there, BEHAVIOUR, BOLD, rng)
        then = log._replace(weight=np.ones(len(log.weight)))
        money = np.append(PRICE[:2], ANYWAY)
        before = float((BEHAVIOUR * there.visit * money).sum(axis=1).mean())
        told = off_policy.estimates(log)
        for name in ("ips", "snips", "dr"):
            found = getattr(told, name)
            held[name] += found.low <= truth <= found.high
        more = off_policy.differences(log, then._replace(drafted=log.believed)).dr
        held["more"] += more.low <= truth - before <= more.high
    for name, count in held.items():
        assert count / runs >= 0.92, (name, count / runs)
        assert count / runs <= 0.99, (name, count / runs)


def test_three_ways_agree_and_the_robust_one_is_the_narrowest() -> None:
    rng = np.random.default_rng(3)
    log, truth = lived(world(rng), BEHAVIOUR, BOLD, rng, people=20_000)
    told = off_policy.estimates(log)
    for found in (told.ips, told.snips, told.dr):
        assert found.value == pytest.approx(truth, rel=0.06)
    assert told.dr.high - told.dr.low < told.ips.high - told.ips.low


def test_the_same_policy_earns_what_was_earned_and_nothing_more() -> None:
    rng = np.random.default_rng(4)
    log, _ = lived(world(rng), BEHAVIOUR, BEHAVIOUR, rng)
    told = off_policy.estimates(log)
    assert told.ips.value == told.snips.value == pytest.approx(log.earned.mean())
    more = off_policy.differences(log, log)
    assert (more.dr.value, more.dr.low, more.dr.high) == (0.0, 0.0, 0.0)


def test_moments_of_one_person_count_as_one() -> None:
    rng = np.random.default_rng(5)
    log, _ = lived(world(rng), BEHAVIOUR, BOLD, rng)
    copies = Log(*(np.repeat(column, 5) for column in log))
    once, often = off_policy.estimates(log).snips, off_policy.estimates(copies).snips
    assert often.value == pytest.approx(once.value)
    assert often.high - often.low == pytest.approx(once.high - once.low)


def lacking(log: Log, **more: float) -> dict[str, float | None]:
    given = {"agreement": 0.5, "pending": 0, "lost": 0, **more}
    found = off_policy.support(
        log,
        agreement=given["agreement"],
        pending=int(given["pending"]),
        lost=int(given["lost"]),
    )
    return {lack.code: lack.times for lack in off_policy.lacks(found, log)}


def test_a_well_supported_draft_lacks_nothing() -> None:
    rng = np.random.default_rng(6)
    log, _ = lived(world(rng), BEHAVIOUR, BOLD, rng, people=1500)
    assert lacking(log) == {}


def test_what_was_never_chosen_is_not_estimated() -> None:
    rng = np.random.default_rng(7)
    log, _ = lived(world(rng), BEHAVIOUR, SILENT, rng)
    never = log._replace(weight=np.zeros(len(log.weight)), unsupported=np.ones(len(log.weight)))
    assert set(lacking(never)) >= {"unsupported", "ess"}
    assert lacking(never)["ess"] is None
    assert lacking(never, agreement=1.0) == {}


def test_it_tells_how_many_times_as_much_it_takes() -> None:
    rng = np.random.default_rng(8)
    log, _ = lived(world(rng), BEHAVIOUR, BOLD, rng, people=40)
    found = off_policy.support(log, agreement=0.5, pending=0, lost=0)
    assert lacking(log)["ess"] == pytest.approx(off_policy.LEAST_ESS / found.ess)


@pytest.mark.parametrize(("name", "many"), [("pending", 500), ("lost", 5000)])
def test_too_much_that_is_not_known_forbids_an_answer(name: str, many: int) -> None:
    rng = np.random.default_rng(9)
    log, _ = lived(world(rng), BEHAVIOUR, BEHAVIOUR, rng)
    assert set(lacking(log, **{name: many})) == {name}


def test_one_person_must_not_speak_for_all() -> None:
    rng = np.random.default_rng(10)
    log, _ = lived(world(rng), BEHAVIOUR, BEHAVIOUR, rng)
    weight = log.weight.copy()
    weight[log.whose == 0] = len(weight)
    assert {"of_one", "people"} <= set(lacking(log._replace(weight=weight)))


def test_weights_that_do_not_add_up_are_refused() -> None:
    """Propensities that are not those by which was chosen show in a mean weight away from 1."""
    rng = np.random.default_rng(12)
    log, _ = lived(world(rng), BEHAVIOUR, BOLD, rng, people=3000)
    assert set(lacking(log._replace(weight=log.weight * 0.5))) == {"mean_weight"}


def test_support_is_plain_json() -> None:
    rng = np.random.default_rng(13)
    log, _ = lived(world(rng), BEHAVIOUR, BOLD, rng)
    found = off_policy.support(log, agreement=0.5, pending=1, lost=1)
    assert msgspec.json.decode(msgspec.json.encode(found), type=off_policy.Support) == found
