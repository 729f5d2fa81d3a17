"""Living a table through: worlds whose truth is known."""

import math
import random

import pytest

from scheduler.learn import scores
from scheduler.learn.columns import Layout, Own, Row
from scheduler.learn.trial import earlier_answers, forecasts, push_net, shuffled

LAYOUT = Layout(context=("place", "spend"), numeric=frozenset({"spend"}))


def world(
    *, differ: float, rows: int = 3000, people: int = 200, base: float = 0.0
) -> tuple[list[Row], list[float]]:
    """Offers to people whose own log-odds have this standard deviation, and the true chances."""
    lot = random.Random(11)
    offers = [lot.gauss(0, 0.7) for _ in range(5)]
    own = [lot.gauss(0, differ) for _ in range(people)]
    made, chances = [], []
    for _ in range(rows):
        person, offer, spend = lot.randrange(people), lot.randrange(5), lot.random() * 100
        odds = base + offers[offer] + own[person] + (spend - 50) / 40
        chance = 1 / (1 + math.exp(-odds))
        context = (f"place {lot.randrange(4)}", f"{spend:.1f}")
        y = int(lot.random() < chance)
        made.append(Row(str(person), "", str(offer), context, (), (), y))
        chances.append(chance)
    return made, chances


def test_people_who_differ_are_told_apart_and_the_forecasts_are_calibrated() -> None:
    rows, chances = world(differ=1.2)
    y = [row.y for row in rows]
    alike, own = (forecasts(rows, LAYOUT, whose) for whose in (Own.NOBODY, Own.PERSON))
    assert scores.log_loss(own, y) < scores.log_loss(alike, y) - 0.03
    assert scores.log_loss(chances, y) < scores.log_loss(own, y)
    assert scores.ece(own, y) < 0.035


@pytest.mark.parametrize("base", [0.0, -2.5], ids=["half say yes", "few say yes"])
def test_own_terms_cost_next_to_nothing_where_people_do_not_differ(base: float) -> None:
    rows, _ = world(differ=0.0, base=base)
    y = [row.y for row in rows]
    alike, own = (forecasts(rows, LAYOUT, whose) for whose in (Own.NOBODY, Own.PERSON))
    assert scores.log_loss(own, y) < scores.log_loss(alike, y) + 0.004


def test_no_forecast_knows_its_own_answer_or_a_later_one() -> None:
    rows, _ = world(differ=1.0, rows=300)
    turned = [*rows[:200], *(row._replace(y=1 - row.y) for row in rows[200:])]
    before, after = (forecasts(each, LAYOUT, Own.PERSON) for each in (rows, turned))
    assert before[:201] == after[:201]
    assert before[201:] != after[201:]


def test_an_answer_is_learned_when_it_comes() -> None:
    def row(at: float, answered: float) -> Row:
        return Row("ann", "", "o", ("", ""), (), (), 1, at, answered)

    rows = [row(0, 5), row(1, 2), row(2, 9), row(4, 9), row(5, 9)]
    told = forecasts(rows, LAYOUT, Own.PERSON)
    assert told[0] == told[1] == 0.5
    assert 0.5 < told[2] < told[4]
    assert told[2] == pytest.approx(told[3], abs=0.01)
    assert earlier_answers(rows) == [0, 0, 1, 1, 2]


def test_earlier_answers_count_those_of_the_same_person() -> None:
    rows = [Row(who, "", "o", ("", ""), (), (), 1) for who in "abaab"]
    assert earlier_answers(rows) == [0, 0, 1, 2, 1]


def test_pushing_by_own_terms_earns_more_than_always_and_than_everybody_alike() -> None:
    rows, _ = world(differ=1.5)
    always = sum(row.y for row in rows) - 0.5 * len(rows)
    own = push_net(rows, LAYOUT, Own.PERSON, price=0.5, seed=1)
    alike = push_net(rows, LAYOUT, Own.NOBODY, price=0.5, seed=1)
    assert own.net > alike.net > max(0.0, always)
    assert own == push_net(rows, LAYOUT, Own.PERSON, price=0.5, seed=1)
    assert own != push_net(rows, LAYOUT, Own.PERSON, price=0.5, seed=2)


def test_a_shuffle_is_a_permutation_that_its_seed_decides() -> None:
    assert sorted(shuffled(50, 3)) == list(range(50))
    assert shuffled(50, 3) == shuffled(50, 3) != shuffled(50, 4)
