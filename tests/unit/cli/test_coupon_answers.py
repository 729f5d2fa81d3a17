"""The response model on 12,684 real answers of 567 people: one shuffle, with slack for it being one."""

from pathlib import Path

import pytest

from scheduler.learn import scores
from scheduler.learn.columns import Own
from scheduler.learn.trial import forecasts, push_net, shuffled
from service.cli.response_rows import Roles, Study, read_study

FILE = Path(__file__).parents[4] / "shared/data/coupon/in-vehicle-coupon.csv"
HABIT = ("Bar", "CoffeeHouse", "CarryAway", "RestaurantLessThan20", "Restaurant20To50")
PERSON = (
    *("gender", "age", "maritalStatus", "has_children", "education", "occupation", "income"),
    *("cartype", *HABIT),
)
CONTEXT = (
    *("destination", "passanger", "weather", "temperature", "time", "expiration"),
    *("toCoupon_GEQ5min", "toCoupon_GEQ15min", "toCoupon_GEQ25min"),
    *("direction_same", "direction_opp"),
)

pytestmark = pytest.mark.skipif(
    not FILE.exists(), reason="real answers are read from ../shared/data beside the repository"
)


@pytest.fixture(scope="module")
def study() -> Study:
    roles = Roles(person=PERSON, offer="couponType", outcome="Y", context=CONTEXT, habit=HABIT)
    read = read_study(FILE, roles)
    return read._replace(rows=[read.rows[place] for place in shuffled(len(read.rows), 1)])


def test_one_persons_own_terms_foretell_real_answers(study: Study) -> None:
    y = [row.y for row in study.rows]
    alike, own = (forecasts(study.rows, study.layout, whose) for whose in (Own.NOBODY, Own.PERSON))
    last = len(y) * 3 // 4
    assert len({row.person for row in study.rows}) == 567
    assert scores.auc(own, y) >= 0.815
    assert scores.log_loss(own, y) <= 0.515
    assert scores.ece(own, y) <= 0.02
    assert scores.auc(own[last:], y[last:]) >= 0.84
    assert scores.log_loss(own[last:], y[last:]) <= 0.485
    assert scores.log_loss(own, y) <= scores.log_loss(alike, y) - 0.05


@pytest.mark.parametrize(("price", "least"), [(0.7, 380)])
def test_pushing_real_people_by_their_own_terms_earns(
    study: Study, price: float, least: float
) -> None:
    assert push_net(study.rows, study.layout, Own.PERSON, price=price, seed=1).net >= least
