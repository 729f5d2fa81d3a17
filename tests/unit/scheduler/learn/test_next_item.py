"""What a person takes next: of many items as of few, and in the same time."""

from random import Random

from scheduler.learn.next_item import next_item

DAY_S = 86_400.0


def told(orders: list[tuple[int, float, str]]) -> tuple[float, float, float]:
    models = next_item(orders, tick=lambda _: None)["models"]
    return models["global"]["top1"], models["whenabouts"]["top1"], models["whenabouts"]["top3"]


def test_who_always_takes_the_same_is_foretold_beside_whatever_others_take() -> None:
    orders = [(who, day * DAY_S + who, f"item {who}") for day in range(9) for who in range(200)]
    favourite, first, _ = told(orders)
    assert first == 1.0
    assert favourite < 0.1


def test_the_favourite_of_all_is_known_among_thousands_of_items() -> None:
    dice = Random(7)
    orders = []
    for n in range(3000):
        item = "tea" if dice.random() < 0.6 else f"item {n}"
        orders.append((n % 40, n * 600.0, item))
    favourite, first, third = told(orders)
    assert favourite > 0.55
    assert first > 0.5
    assert third >= first


def test_a_name_too_long_to_be_stored_is_one_item_all_the_same() -> None:
    name = "A long name of an item, as tills write it"
    assert told([(0, day * DAY_S, name) for day in range(5)]) == (1.0, 1.0, 1.0)
