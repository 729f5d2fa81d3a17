"""What consistent choices show of a person, and what may never be inferred from anything."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.items import Item
from domain.people import SENSITIVE_WORDS, sensitive_word
from domain.tastes import Everybody, Tagged
from domain.traits import RULES, TRAITS, Leaning, denial, plain
from scheduler.context import traits
from scheduler.context.traits import effective, inferred, with_order

DAY = datetime(2026, 5, 6, 12, tzinfo=UTC)


def everybody(**shares: float) -> Everybody:
    """A brand where these traits' tags are on so many of the orders of mains."""
    counts = {trait: round(share * 100_000) for trait, share in shares.items()}
    return Everybody(tagged=(Tagged(category="mains", weight=100_000, traits=counts),))


def item(*tags: str, category: str = "mains") -> Item:
    return Item(id="", brand_id="", sku="x", name="x", category=category, tags=tags)


def orders(
    given: Sequence[Item], brand: Everybody, *, apart: timedelta = timedelta(days=1)
) -> tuple[Leaning, ...]:
    known: tuple[Leaning, ...] = ()
    for n, each in enumerate(given):
        known = with_order(known, [each], brand, at=DAY + n * apart)
    return known


def shown(known: Sequence[Leaning], at: datetime = DAY + timedelta(days=30)) -> set[str]:
    return {each.trait for each in inferred(known, at=at)}


@pytest.mark.parametrize(
    ("trait", "chosen"),
    [
        ("vegetarian", item("soup")),
        ("vegan", item("vegan")),
        ("no_alcohol", item("juice")),
        ("decaf", item("Decaf")),
        ("gluten_free", item("gluten-free")),
        ("lactose_free", item("Lactose free")),
    ],
)
def test_a_trait_shows_in_who_chooses_so_again_and_again(trait: str, chosen: Item) -> None:
    brand = everybody(**{trait: 0.5})
    assert shown(orders([chosen] * 9, brand)) == {trait}
    assert shown(orders([chosen] * 6, brand)) == set()


def test_a_brand_without_meat_proves_nothing() -> None:
    assert orders([item("soup")] * 50, everybody(vegetarian=0.0)) == ()


def test_a_brand_that_nobody_knows_yet_proves_nothing() -> None:
    assert orders([item("soup")] * 50, Everybody()) == ()


def test_who_only_drinks_coffee_where_others_eat_meat_is_no_vegetarian() -> None:
    assert orders([item(category="coffee")] * 50, everybody(vegetarian=0.9)) == ()


def test_one_day_is_not_enough_however_much_is_ordered() -> None:
    assert (
        shown(orders([item()] * 50, everybody(vegetarian=0.5), apart=timedelta(minutes=5))) == set()
    )


def test_one_choice_to_the_contrary_ends_the_claim() -> None:
    brand = everybody(vegetarian=0.5)
    known = orders([*[item()] * 40, item("meat")], brand)
    assert shown(known) == set()
    assert traits.evidence(known[0], at=DAY + timedelta(days=41)) < 0
    assert known[0].against == 1


def test_who_eats_like_everybody_is_seldom_called_anything() -> None:
    """Whoever takes meat every other time never comes near."""
    brand = everybody(vegetarian=0.5)
    assert shown(orders([item("meat"), item()] * 40, brand)) == set()


def test_of_people_who_choose_by_chance_hardly_one_is_ever_called_anything() -> None:
    chance, brand = Random(11), everybody(vegetarian=0.5)
    claims = 0
    for _ in range(200):
        known: tuple[Leaning, ...] = ()
        claimed = False
        for n in range(40):
            chosen = item("meat") if chance.random() < 0.5 else item()
            known = with_order(known, [chosen], brand, at=DAY + timedelta(days=n))
            claimed = claimed or bool(shown(known, DAY + timedelta(days=n)))
        claims += claimed
    assert claims <= 6


def test_the_evidence_fades() -> None:
    known = orders([item()] * 9, everybody(vegetarian=0.5))
    assert shown(known, DAY + timedelta(days=30)) == {"vegetarian"}
    assert shown(known, DAY + timedelta(days=730)) == set()


@pytest.mark.parametrize("word", ["not_vegetarian", "Not vegetarian", "not-vegetarian"])
def test_what_a_person_declares_beats_what_shows(word: str) -> None:
    known = orders([item()] * 20, everybody(vegetarian=0.5))
    at = DAY + timedelta(days=20)
    assert effective(["soup"], known, at=at) == ("soup", "vegetarian")
    assert "vegetarian" not in effective([word], known, at=at)


def test_a_declared_trait_needs_no_evidence() -> None:
    assert effective(["vegan"], (), at=DAY) == ("vegan",)


def test_no_rule_could_ever_tell_of_health_faith_or_the_like() -> None:
    for rule in RULES:
        assert sensitive_word(rule.trait) is None
        assert all(sensitive_word(tag) is None for tag in rule.tags)
        assert all(plain(tag) == tag for tag in rule.tags)
    assert {denial(trait) for trait in TRAITS}.isdisjoint(TRAITS)


@given(
    tag=st.sampled_from(
        [*sorted(SENSITIVE_WORDS), "halal", "kosher", "pregnancy", "diabetic", "pork_free"]
    ),
    times=st.integers(1, 60),
)
def test_a_tag_of_health_or_faith_yields_no_trait_however_often_it_is_chosen(
    tag: str, times: int
) -> None:
    brand = everybody(vegetarian=0.0, **{tag: 0.5})
    known = orders([item(tag)] * times, brand)
    assert known == ()
    assert set(effective((), known, at=DAY)) <= TRAITS
