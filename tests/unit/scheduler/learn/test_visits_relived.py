"""Backtests of visits on small crowds whose habits are known."""

from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from scheduler.learn import bgnbd, moment, next_visit, rhythms, visit_reports
from scheduler.learn.histories import Histories, histories, next_visits
from scheduler.learn.next_item import next_item
from service.cli.visit_files import Columns, read_visits

HELSINKI = ZoneInfo("Europe/Helsinki")
MONDAY = datetime(2026, 1, 5, tzinfo=HELSINKI)
COFFEE = Path(__file__).parents[5] / "shared/data/coffee/coffee-sales.csv"


def crowd(people: int = 12, weeks: int = 14) -> Histories:
    """Half come on weekday mornings, half on weekend evenings; one in four stops halfway."""
    rng = np.random.default_rng(3)
    visits = []
    for who in range(people):
        until = weeks // 2 if who % 4 == 0 else weeks
        for week in range(until):
            days, hour = ((1, 3), 8) if who % 2 else ((5, 6), 19)
            for day in days:
                at = MONDAY + timedelta(weeks=week, days=day, hours=hour)
                visits.append((who, (at + timedelta(minutes=int(rng.integers(50)))).timestamp()))
    return histories(visits, HELSINKI)


def nothing(_: int) -> None:
    """No progress is shown."""


def test_habits_are_foretold_far_better_than_by_everybodys_hours() -> None:
    read = crowd()
    visits = rhythms.slots(read, least=10)
    frozen, online, _ = rhythms.wheels(visits, read, nothing)
    found = visit_reports.rhythm(visits, rhythms.histograms(visits), frozen, online)
    models = found["models"]
    assert models["uniform"]["log_likelihood"] == pytest.approx(-np.log(168))
    assert models["whenabouts"]["log_likelihood"] > models["global"]["log_likelihood"] + 0.3
    assert models["whenabouts"]["window3"] > 0.95
    assert found["gain"]["over_global"]["low"] > 0
    assert found["test_visits"] == len(online.who) == visits.test.sum()


def test_a_person_is_tested_on_what_came_after_what_taught() -> None:
    visits = rhythms.slots(crowd(), least=10)
    for who in range(visits.people):
        own = visits.who == who
        assert visits.at[own & visits.test].min() > visits.at[own & ~visits.test].max()
        assert (own & ~visits.test).sum() == int(own.sum() * 0.7)


def test_visits_of_one_hour_count_once() -> None:
    at = MONDAY.replace(hour=9).timestamp()
    read = histories([(0, at), (0, at + 600), (0, at + 3600), (1, at + 60)], HELSINKI)
    assert len(rhythms.slots(read, least=1).who) == 3
    assert rhythms.slots(read, least=2).people == 1


def test_the_next_visit_of_each_is_their_own() -> None:
    read = histories([(0, 100.0), (1, 50.0), (0, 300.0)], HELSINKI)
    who, at = np.array([0, 0, 1, 1, 0]), np.array([0.0, 101.0, 50.0, 51.0, 301.0])
    assert next_visits(read, who, at).tolist() == [100.0, 199.0, 0.0, np.inf, np.inf]


def test_who_stopped_coming_is_soon_expected_no_more() -> None:
    read = crowd()
    since = (MONDAY + timedelta(weeks=7)).timestamp()
    asked = next_visit.asked(read, (7,), since=since, least=2, every=1, tick=nothing)[7]
    late = asked.at > (MONDAY + timedelta(weeks=11)).timestamp()
    gone = asked.who % 4 == 0
    assert asked.said[late & gone].max() < 0.2
    assert asked.said[late & ~gone].min() > 0.7
    found = visit_reports.next_visit(next_visit.Asked(*(part[late] for part in asked)), days=7)
    assert found["models"]["whenabouts"]["auc"] == 1.0
    assert found["models"]["whenabouts"]["log_loss"] < found["models"]["rate"]["log_loss"]


def test_the_moments_of_a_habit_stand_out_of_the_week() -> None:
    since = (MONDAY + timedelta(weeks=7)).timestamp()
    hours = moment.asked(crowd(), since=since, least=4, tick=nothing)
    found = visit_reports.moment(hours)
    assert found["models"]["whenabouts"]["auc"] > 0.97
    assert found["models"]["whenabouts"]["auc"] > found["models"]["rate"]["auc"] + 0.2
    assert found["models"]["whenabouts"]["ece"] < 0.02


def test_bgnbd_finds_the_parameters_that_made_the_visits() -> None:
    rng = np.random.default_rng(1)
    r, alpha, a, b = 0.8, 6.0, 0.8, 2.5
    x, t_x = np.zeros(2000), np.zeros(2000)
    for who in range(2000):
        rate, stop, at = rng.gamma(r, 1 / alpha), rng.beta(a, b), 0.0
        while rng.random() >= (stop if at else 0.0):
            at += rng.exponential(1 / rate)
            if at > 180:
                break
            x[who], t_x[who] = x[who] + 1, at
    found = bgnbd.fit(x, t_x, np.full(2000, 180.0))
    assert found.r == pytest.approx(r, rel=0.25)
    assert found.alpha == pytest.approx(alpha, rel=0.35)
    chance = bgnbd.p_within(found, x, t_x, np.full(2000, 180.0), days=30)
    assert ((chance >= 0) & (chance <= 1)).all()
    stays = bgnbd.p_within(found, *map(np.array, ([9.0], [175.0], [180.0])), days=30)
    left = bgnbd.p_within(found, *map(np.array, ([9.0], [20.0], [180.0])), days=30)
    assert stays[0] > 10 * left[0]


def test_people_who_repeat_themselves_are_foretold_by_their_own_tastes() -> None:
    day = 86_400.0
    orders = [(who, n * day, f"dish {who}") for n in range(12) for who in range(6)]
    found = next_item(orders, tick=nothing)
    assert found["models"]["whenabouts"]["top1"] == 1.0
    assert found["models"]["global"]["top1"] < 0.5
    assert [each["from"] for each in found["by_visits"]] == [1, 3, 10]


@pytest.mark.skipif(not COFFEE.exists(), reason="the coffee sales are not beside the repository")
def test_the_regulars_of_a_real_coffee_machine_are_foreseen() -> None:
    read = read_visits(COFFEE, Columns("card", "datetime", item="coffee_name"), wants_item=True)
    visits = rhythms.slots(read.visits, least=10)
    frozen, online, _ = rhythms.wheels(visits, read.visits, nothing)
    found = visit_reports.rhythm(visits, rhythms.histograms(visits), frozen, online)
    assert found["people"] == 36
    assert found["models"]["whenabouts"]["log_likelihood"] >= -4.32
    assert found["models"]["whenabouts"]["window3"] >= 0.50
    assert found["gain"]["over_dirichlet"]["low"] > 0.06
    regulars = next_item(read.items, tick=nothing)["by_visits"][-1]
    assert regulars["from"] == 10
    assert regulars["whenabouts"]["top1"] >= 0.65
