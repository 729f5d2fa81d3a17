"""What may be said of a person: true counts, only beyond the evidence; in English words for each reader."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.events import LineItem
from domain.people import (
    SENSITIVE_WORDS,
    Customer,
    Frequented,
    Mode,
    Orders,
    Preferences,
    Profile,
    Stores,
    Wheel,
)
from domain.tastes import Everybody, Liked, Tastes
from domain.traits import Leaning
from scheduler.context.evidence import day_of
from scheduler.context.profile import with_visit
from scheduler.context.tastes import with_order
from scheduler.context.words import Around, Fact, There, facts
from tests.words import known_to_the_brand, known_to_the_person

MONDAY = datetime(2026, 5, 4, 12, tzinfo=UTC)
ANNA = Customer(id="c", brand_id="b", mode=Mode.LIVE)
TODAY = day_of(MONDAY)


def told(
    profile: Profile,
    visits: Sequence[datetime] = (),
    *,
    everybody: Everybody = Everybody(),  # noqa: B008 - values never change
    customer: Customer = ANNA,
    said: Sequence[str] = (),
    orders: Sequence[datetime] = (),
    at_stores: Sequence[There] = (),
) -> dict[str, Fact]:
    around = Around(
        customer=customer,
        preferences=Preferences(traits=tuple(said)),
        everybody=everybody,
        visits=visits,
        name_of=str.title,
        at=MONDAY,
        today=MONDAY.date(),
        orders=orders,
        at_stores=at_stores,
    )
    return {fact.topic: fact for fact in facts(profile, around)}


def noons(*days: int, hour: int = 12) -> list[datetime]:
    return [MONDAY.replace(hour=hour) + timedelta(days=day) for day in days]


WORKDAYS = [week * 7 + day for week in range(3) for day in range(5)][:14]


@pytest.mark.parametrize(
    ("visits", "sentence", "counts"),
    [
        (
            [*noons(*WORKDAYS), *noons(5, 6, 12, hour=19)],
            "usually comes on weekdays around noon: 14 of 17 visits, certain",
            (14, 17),
        ),
        (
            noons(2, 9, 16, 23),
            "usually comes on Wednesdays around noon: 4 of 4 visits, certain",
            (4, 4),
        ),
        (
            noons(5, 6, 12, 13, hour=9),
            "usually comes at weekends around 09:00: 4 of 4 visits, certain",
            (4, 4),
        ),
        (
            noons(0, 1, 2, 3, 4, 5, 6, hour=18),
            "usually comes around 18:00: 7 of 7 visits, certain",
            (7, 7),
        ),
    ],
)
def test_a_rhythm_is_told_by_days_and_hour(
    visits: list[datetime], sentence: str, counts: tuple[int, int]
) -> None:
    fact = told(Profile(visits=len(visits), evidence=5.0), visits)["rhythm"]
    assert (known_to_the_brand(fact), (fact.times, fact.of)) == (sentence, counts)
    assert known_to_the_person(fact).startswith("You usually come ")


def test_a_rhythm_below_its_evidence_is_not_told() -> None:
    assert told(Profile(visits=4, evidence=2.9), noons(2, 9, 16, 23)) == {}


def test_who_comes_at_any_time_has_no_usual_time() -> None:
    visits = [MONDAY + timedelta(hours=5 * n) for n in range(40)]
    assert told(Profile(visits=40, evidence=9.0), visits) == {}


@given(st.lists(st.integers(0, 24 * 60), min_size=1, max_size=60))
def test_counts_are_of_visits_that_there_were(gaps: list[int]) -> None:
    visits, profile, at = [], Profile(), MONDAY
    for gap in gaps:
        at += timedelta(hours=1 + gap)
        visits.append(at)
        profile = with_visit(profile, at=at, zone=UTC, brand=Wheel())  # type: ignore[arg-type]  # any tzinfo does
    fact = told(profile, visits).get("rhythm")
    if fact and fact.times and fact.of:
        assert len(visits) / 2 <= fact.times <= fact.of == len(visits)
        assert f"{fact.times} of {fact.of} visits" in known_to_the_brand(fact)


def at_store(name: str, times: Sequence[datetime]) -> list[There]:
    return [There(f"id-{name}", name, at) for at in times]


def of_stores(*nats: float) -> Profile:
    names = ("id-Kallio", "id-Kamppi", "id-Tapiola")
    known = tuple(Frequented(store_id=s, nats=n) for s, n in zip(names, nats, strict=False))
    return Profile(stores=Stores(known=known))


def test_a_time_for_orders_is_told_beyond_its_evidence() -> None:
    ordered = noons(4, 11, 18, 25, 32, 33, hour=11)
    fact = told(Profile(orders=Orders(evidence=5.0)), orders=ordered)["order"]
    assert (
        known_to_the_brand(fact) == "usually orders on Fridays around 11:00: 5 of 6 orders, certain"
    )
    assert known_to_the_person(fact) == "You usually order on Fridays around 11:00: 5 of 6 orders."
    assert told(Profile(orders=Orders(evidence=2.9)), orders=ordered) == {}


def test_a_store_is_told_with_the_part_of_the_week_that_tells_it() -> None:
    lunches = at_store("Kallio", noons(*WORKDAYS[:12]))
    others = [
        *at_store("Kamppi", noons(12, 13)),
        *at_store("Kamppi", noons(0, 1, 2, 3, 4, hour=19)),
    ]
    visits = sorted([*lunches, *others], key=lambda visit: visit.at)
    fact = told(of_stores(6.0, 1.0), at_stores=visits)["store"]
    said = "on weekdays between 11:00 and 14:00: 12 of 12 visits at that time"
    assert known_to_the_brand(fact) == f"usually comes to Kallio {said}, certain"
    assert known_to_the_person(fact) == f"You usually come to Kallio {said}."
    assert (
        told(of_stores(3.6, 1.0), at_stores=visits) == {}
    )  # less than 3 nats once two are looked at


def test_a_usual_store_is_told_of_who_knows_more_than_one() -> None:
    visits = [*at_store("Kallio", noons(*range(14))), *at_store("Kamppi", noons(20, 21))]
    fact = told(of_stores(0.0, 0.0), at_stores=visits)["store"]
    assert known_to_the_brand(fact) == "usually comes to Kallio: 14 of 16 visits, likely"
    assert told(of_stores(0.0), at_stores=visits) == {}
    assert told(of_stores(0.0, 0.0), at_stores=visits[8:]) == {}


def test_tastes_are_told_against_what_others_take() -> None:
    known = Tastes()
    for n in range(8):
        item = LineItem(sku="tea", category="drinks", price=9.0)
        known = with_order(known, [item], at=MONDAY - timedelta(days=n))
    others = Tastes(
        as_of=TODAY,
        weight=100_000,
        orders=100,
        items=(Liked(name="latte", weight=80_000), Liked(name="tea", weight=5_000)),
        categories=(Liked(name="cake", weight=70_000), Liked(name="drinks", weight=60_000)),
    )
    found = told(Profile(tastes=known), everybody=Everybody(tastes=others))
    assert known_to_the_brand(found["item"]) == "usually takes Tea: 8 of 8 orders, certain"
    assert known_to_the_person(found["item"]) == "You usually take Tea: 8 of 8 orders."
    assert known_to_the_person(found["never"]) == "You never chose cake: 0 of 8 orders."
    assert told(Profile(tastes=known)) == {}


def test_what_was_liked_long_ago_is_no_longer_said() -> None:
    known = Tastes()
    for n in range(30):
        item = LineItem(sku="tea", category="drinks", price=9.0)
        known = with_order(known, [item], at=MONDAY - timedelta(days=2000 - n))
    others = Tastes(
        as_of=TODAY,
        weight=100_000,
        orders=100,
        items=(Liked(name="tea", weight=5_000),),
        categories=(Liked(name="cake", weight=70_000), Liked(name="drinks", weight=6_000)),
    )
    assert told(Profile(tastes=known), everybody=Everybody(tastes=others)) == {}


def test_a_category_of_faith_or_health_is_not_even_said_to_be_avoided() -> None:
    known = Tastes()
    for _ in range(30):
        known = with_order(known, [LineItem(sku="tea", category="drinks")], at=MONDAY)
    others = Tastes(
        as_of=TODAY,
        weight=100_000,
        orders=100,
        items=(Liked(name="tea", weight=90_000),),
        categories=(Liked(name="church", weight=70_000), Liked(name="drinks", weight=90_000)),
    )
    assert told(Profile(tastes=known), everybody=Everybody(tastes=others)) == {}


def test_a_trait_is_told_with_how_to_deny_it_and_falls_silent_where_it_was() -> None:
    leaning = Leaning(trait="decaf", nats=700, orders=12, days=9, day=TODAY)
    profile = Profile(traits=(leaning,))
    assert (
        known_to_the_brand(told(profile)["trait"])
        == "always takes decaf: 12 orders in a row on 9 days, certain"
    )
    assert "`not_decaf`" in known_to_the_person(told(profile)["trait"])
    assert told(profile, said=["not_decaf"]) == {}
    declared = msgspec.structs.replace(ANNA, traits=("decaf",))
    assert told(profile, customer=declared) == {}
    assert told(Profile(traits=(msgspec.structs.replace(leaning, nats=400),))) == {}


def test_a_body_with_a_trait_that_no_rule_gives_says_nothing() -> None:
    """However it came to be stored."""
    for word in (*SENSITIVE_WORDS, "halal"):
        leaning = Leaning(trait=word, nats=900, orders=50, days=50, day=TODAY)
        assert told(Profile(traits=(leaning,))) == {}
