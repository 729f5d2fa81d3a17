"""From columns to terms."""

import random

import pytest

from domain.model import TermName
from scheduler.learn.columns import (
    FEWEST_RANKED,
    MOST_RANKED,
    Layout,
    Own,
    Phrasing,
    Ranks,
    Row,
    matching,
)

LAYOUT = Layout(context=("weather",), habit=("Bar", "CoffeeHouse"), traits=("age",))
ROW = Row("7", "s3", "Coffee House", ("rain",), ("never", "4~8"), ("31",), 1)


def groups(own: Own, layout: Layout = LAYOUT, row: Row = ROW) -> set[str]:
    return {term.group for term in Phrasing(layout, own).phrase(row).terms}


def test_everybodys_model_knows_nothing_of_who_is_asked() -> None:
    terms = Phrasing(LAYOUT, Own.NOBODY).phrase(ROW).terms
    other = ROW._replace(person="8", segment="s4", traits=("62",))
    assert Phrasing(LAYOUT, Own.NOBODY).phrase(other).terms == terms
    assert {term.group for term in terms} == {
        "base",
        "offer",
        "context:weather",
        "offer_context:weather",
        "habit:own",
        "offer_habit:own",
    }


def test_a_model_of_persons_adds_their_own_terms_and_what_they_declare() -> None:
    added = groups(Own.PERSON) - groups(Own.NOBODY)
    assert added == {"person", "person_offer", "person_context:weather", "trait:age"}
    assert groups(Own.SEGMENT) - groups(Own.NOBODY) == {
        "segment",
        "segment_offer",
        "segment_context:weather",
    }


def test_the_habit_that_fits_the_offer_counts_under_one_name() -> None:
    phrasing = Phrasing(LAYOUT, Own.NOBODY)
    assert TermName("habit:own", "4~8") in phrasing.phrase(ROW).terms
    assert TermName("habit:own", "never") in phrasing.phrase(ROW._replace(offer="Bar")).terms


def test_where_no_habit_fits_all_of_them_count_with_the_offer() -> None:
    found = groups(Own.NOBODY, row=ROW._replace(offer="X12"))
    assert {"habit:Bar", "offer_habit:Bar", "habit:CoffeeHouse"} <= found
    assert "habit:own" not in found


def test_a_habit_said_to_fit_wins_over_its_name() -> None:
    layout = Layout(context=(), habit=("Bar", "CoffeeHouse"), matches={"Coffee House": "Bar"})
    terms = Phrasing(layout, Own.NOBODY).phrase(ROW._replace(context=(), traits=())).terms
    assert TermName("habit:own", "never") in terms


@pytest.mark.parametrize(
    ("offer", "column"),
    [
        ("Bar", "Bar"),
        ("Coffee House", "CoffeeHouse"),
        ("coffee_house", "CoffeeHouse"),
        ("Carry out & Take away", "CarryAway"),
        ("Restaurant(<20)", "RestaurantLessThan20"),
        ("Restaurant(20-50)", "Restaurant20To50"),
        ("Hairdresser", None),
        ("", None),
    ],
)
def test_an_offer_finds_the_column_that_says_the_same(offer: str, column: str | None) -> None:
    columns = ("Bar", "CoffeeHouse", "CarryAway", "RestaurantLessThan20", "Restaurant20To50")
    assert matching(offer, columns) == column
    assert matching(offer, columns[::-1]) == column


def test_two_columns_that_fit_alike_fit_none() -> None:
    assert matching("visits", ("visits a", "visits b")) is None


def test_a_missing_value_is_a_value_of_its_own() -> None:
    missing = ROW._replace(context=("",))
    assert TermName("context:weather", "") in Phrasing(LAYOUT, Own.PERSON).phrase(missing).terms


def test_a_number_counts_by_its_rank_among_those_before() -> None:
    layout = Layout(context=("spend",), numeric=frozenset({"spend"}))
    phrasing = Phrasing(layout, Own.PERSON)
    rows = [
        ROW._replace(context=(str(n * n),), habit=(), traits=()) for n in range(FEWEST_RANKED + 1)
    ]
    for row in rows:
        phrase = phrasing.phrase(row)
    assert phrase.scales is not None
    scale = dict(zip(phrase.terms, phrase.scales, strict=True))
    assert scale[TermName("slope:context spend", "")] == pytest.approx(3**0.5, rel=0.1)
    assert scale[TermName("offer_slope:context spend", "Coffee House")] > 1.5
    assert scale[TermName("person_slope:context spend", "7")] > 1.5
    assert scale[TermName("base", "")] == 1.0


def test_no_number_among_numbers_is_a_value() -> None:
    layout = Layout(context=("spend",), numeric=frozenset({"spend"}))
    phrase = Phrasing(layout, Own.NOBODY).phrase(ROW._replace(context=("",), habit=(), traits=()))
    assert TermName("value:context spend", "") in phrase.terms


def test_a_rank_never_depends_on_what_comes_later() -> None:
    lot = random.Random(2)
    numbers = [str(lot.gauss(0, 1)) for _ in range(200)]
    whole, part = Ranks(), Ranks()
    ahead = [whole.place_of(number) for number in numbers]
    assert [part.place_of(number) for number in numbers[:100]] == ahead[:100]
    assert all(-1 <= rank <= 1 for rank in ahead if rank is not None)


def test_ranks_stay_right_when_there_are_too_many_to_keep() -> None:
    lot, ranks = random.Random(9), Ranks()
    for _ in range(3 * MOST_RANKED):
        ranks.place_of(str(lot.random()))
    assert ranks.place_of("0.75") == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize("text", ["", "nan", "inf", "many"])
def test_what_is_no_finite_number_has_no_rank(text: str) -> None:
    assert Ranks().place_of(text) is None


def test_what_a_person_declares_counts_as_a_habit_where_it_fits_the_offer() -> None:
    layout = Layout(context=(), traits=("age", "CoffeeHouse"))
    row = ROW._replace(context=(), habit=(), traits=("31", "4~8"))
    assert TermName("habit:own", "4~8") in Phrasing(layout, Own.PERSON).phrase(row).terms
    alike = Phrasing(layout, Own.NOBODY).phrase(row).terms
    assert {term.group for term in alike} == {"base", "offer"}
