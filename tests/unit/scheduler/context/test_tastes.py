"""What a person chose, and what they may choose next."""

import csv
import math
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.events import LineItem
from domain.tastes import Tastes
from scheduler.context import tastes
from scheduler.context.tastes import ranked, short, usual, with_order

DAY = datetime(2026, 5, 6, 12, tzinfo=UTC)
COFFEE = Path(__file__).parents[5] / "shared" / "data" / "coffee" / "coffee-sales.csv"


def orders(*skus: str, start: datetime = DAY, category: str | None = None) -> Tastes:
    """One order a day of one thing each."""
    known = Tastes()
    for n, sku in enumerate(skus):
        item = LineItem(sku=sku, category=category, price=3.0)
        known = with_order(known, [item], at=start + timedelta(days=n))
    return known


def test_a_stranger_is_offered_what_everybody_takes() -> None:
    assert ranked(Tastes(), at=DAY, population={"tea": 3, "latte": 9}) == ["latte", "tea"]


def test_a_regular_is_offered_what_they_take() -> None:
    known = orders("tea", "tea", "latte", "tea")
    assert ranked(known, at=DAY, population={"tea": 3, "latte": 9, "mocha": 8})[0] == "tea"


def test_what_was_long_ago_gives_way_to_what_is_now() -> None:
    known = orders(*["tea"] * 10)
    later = DAY + timedelta(days=200)
    for n in range(3):
        known = with_order(known, [LineItem(sku="latte")], at=later + timedelta(days=n))
    assert ranked(known, at=later)[0] == "latte"


def test_an_older_order_that_comes_late_counts_as_old() -> None:
    known = with_order(
        orders("latte", start=DAY), [LineItem(sku="tea")], at=DAY - timedelta(days=60)
    )
    weights = {each.name: each.weight for each in known.items}
    assert weights["tea"] == round(1000 * math.exp(-1)) < weights["latte"]
    assert known.last == ("latte",)


def test_many_of_one_thing_in_an_order_are_one_choice() -> None:
    items = [LineItem(sku="tea", quantity=9), LineItem(sku="tea"), LineItem(sku="cake")]
    known = with_order(Tastes(), items, at=DAY)
    assert {each.name: each.times for each in known.items} == {"tea": 1, "cake": 1}
    assert known.orders == 1


def test_the_price_level_is_the_mean_of_the_logarithms() -> None:
    known = Tastes()
    for n, price in enumerate([2.0, 8.0]):
        known = with_order(known, [LineItem(sku="tea", price=price)], at=DAY + timedelta(hours=n))
    assert math.exp(known.price.mean / 1000) == pytest.approx(4.0, rel=0.01)
    assert known.price.variance / 1000 == pytest.approx(math.log(2) ** 2, rel=0.01)


@pytest.mark.parametrize(
    ("sku", "category"),
    [("halal-burger", "mains"), ("vitamins", "pregnancy"), ("x1", "Kosher wine"), ("hiv-test", "")],
)
def test_what_tells_of_faith_or_health_is_never_learned(sku: str, category: str) -> None:
    assert with_order(Tastes(), [LineItem(sku=sku, category=category)], at=DAY) == Tastes()


def test_a_sensitive_service_is_never_learned() -> None:
    known = with_order(Tastes(), [], at=DAY, service="pregnancy massage")
    assert known == Tastes()


def test_the_usual_item_needs_three_nats_against_its_popularity() -> None:
    five = orders(*["tea"] * 5)
    rare = usual(five, five.items, {"tea": 0.1}.get)
    assert rare
    assert (rare.name, rare.times, rare.orders) == ("tea", 5, 5)
    assert rare.nats > 3
    assert usual(five, five.items, {"tea": 0.9}.get) is None  # everybody takes tea
    assert usual(orders("tea"), orders("tea").items, {"tea": 0.1}.get) is None  # once is nothing
    assert usual(five, five.items, {}.get) is None  # nobody knows what others take


def test_what_is_never_chosen_is_told_only_when_nearly_everybody_would_have_by_now() -> None:
    many = orders(*["tea"] * 30, category="drinks")
    assert [
        each.name for each in tastes.never(many, {"cake": 0.5, "drinks": 0.9, "nuts": 0.01})
    ] == ["cake"]
    few = orders(*["tea"] * 4, category="drinks")
    assert tastes.never(few, {"cake": 0.5, "drinks": 0.9}) == []


def test_a_long_sku_is_found_again_by_the_name_it_came_with() -> None:
    sku = "a-very-long-sku-that-nobody-should-have-to-store-in-full"
    assert len(short(sku)) == 9
    known = orders(sku, sku)
    assert ranked(known, at=DAY, population={sku: 1, "tea": 2})[0] == sku


names = st.text(min_size=1, max_size=200)
orders_of_names = st.lists(st.lists(names, min_size=1, max_size=5), max_size=30)


@given(orders_of_names)
def test_no_names_make_the_tables_grow_beyond_their_room(
    given_orders: Sequence[Sequence[str]],
) -> None:
    known = Tastes()
    for n, skus in enumerate(given_orders):
        items = [LineItem(sku=sku, category=sku, price=1e9) for sku in skus]
        known = with_order(known, items, at=DAY + timedelta(days=n), service=skus[0])
    assert len(known.items) <= 12
    assert len(msgspec.msgpack.encode(known)) <= 600


@pytest.mark.skipif(not COFFEE.exists(), reason="the coffee sales are not beside the project")
def test_the_next_drink_of_a_regular_is_foretold_two_times_in_three() -> None:
    hits, regulars = Counter[bool](), _coffee()
    often = Counter(card for _, card, _ in regulars)
    known: dict[str, Tastes] = {}
    sold: Counter[str] = Counter()
    for at, card, drink in regulars:
        before = known.get(card, Tastes())
        if often[card] >= 10 and before.orders:
            hits[ranked(before, at=at, population=sold)[0] == drink] += 1
        known[card] = with_order(before, [LineItem(sku=drink)], at=at)
        sold[drink] += 1
    assert hits.total() > 1000
    assert hits[True] / hits.total() >= 0.65


def _coffee() -> list[tuple[datetime, str, str]]:
    with COFFEE.open() as file:
        rows = [
            (
                datetime.strptime(f"{row['datetime']}Z", "%Y/%m/%d %H:%M%z"),
                row["card"],
                row["coffee_name"],
            )
            for row in csv.DictReader(file)
            if row["card"]
        ]
    return sorted(rows)
