"""What is said to have turned a decision does turn it: each is decided again here, apart from how it was found."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from domain.context import Context, Nearby, Reach, Sky
from domain.decisions import Cause, Outcome
from domain.offers import (
    Audience,
    Limits,
    Offer,
    PlaceCondition,
    WeatherCondition,
    WeatherWord,
    When,
)
from domain.people import Preferences, Purpose, QuietHours
from domain.policy import Caps, Policy
from scheduler.decide import guards
from scheduler.decide.choose import decide
from scheduler.decide.score import Model
from scheduler.telling.cases import Case, changed
from scheduler.telling.flips import Flip, Turn, flips
from tests.unit.scheduler.decide.makers import NOON, candidate, context, offer, policy
from tests.unit.scheduler.decide.test_invariants import scenes

RAIN = WeatherCondition(any=(WeatherWord.RAIN,))
DRY = Sky(word=WeatherWord.CLOUDS, temperature=18.0, wind=2.0)
LUNCH = QuietHours(from_="11:00", to="13:00")
ALL = 1000


def case(at: Context, *offers: Offer, rules: Policy | None = None) -> Case:
    return Case(at, rules or policy(), offers, Model())


def found(of: Case, *, inside: bool = True, most: int = 6) -> list[Flip]:
    return flips(of, of.verdict(), inside=inside, most=most)


def told(of: Case, *, inside: bool = True, most: int = 6) -> list[tuple[str, ...]]:
    return [
        tuple(
            f"{part.name} {' '.join(map(str, part.args.values()))}".strip() for part in flip.changes
        )
        for flip in found(of, inside=inside, most=most)
    ]


def one(of: Offer, rules: Policy | None = None, person: Any = None, **stands: Any) -> Case:
    return case(context(candidate(of, **stands), **(person or {})), of, rules=rules)


@pytest.mark.parametrize(
    ("of", "first"),
    [
        pytest.param(one(offer(when=When(weather=RAIN)), sky=DRY), ("sky.rain",), id="rain"),
        pytest.param(
            one(offer(when=When(weather=WeatherCondition(temperature_below=15))), sky=DRY),
            ("sky.below 15",),
            id="cold",
        ),
        pytest.param(
            one(
                offer(when=When(weather=WeatherCondition(any=(WeatherWord.SNOW,), wind_above=5))),
                sky=DRY,
            ),
            ("sky.snow", "sky.windy 5"),
            id="snow and wind, both of them",
        ),
        pytest.param(
            one(offer(when=When(place=PlaceCondition(within_m=300))), distance_m=900.0),
            ("near 300",),
            id="nearer",
        ),
        pytest.param(
            one(offer(when=When(place=PlaceCondition(within_m=300)))), ("near 300",), id="position"
        ),
        pytest.param(
            one(
                offer(when=When(place=PlaceCondition(of="home", within_m=500))),
                place=Nearby(distance_m=900.0, times=8, of=9),
            ),
            ("place_known 500",),
            id="a home that is near",
        ),
        pytest.param(
            one(offer(when=When(hours="Mo-Fr 11:00-13:00")), hours_hold=False),
            ("hours Mo-Fr 11:00-13:00",),
            id="hours",
        ),
        pytest.param(one(offer(), store_open=False), ("open",), id="open"),
        pytest.param(
            one(offer(), person={"preferences": Preferences(quiet_hours=(LUNCH,))}),
            ("quiet_own",),
            id="own silence",
        ),
        pytest.param(one(offer(), policy(quiet_hours=(LUNCH,))), ("quiet_brand",), id="silence"),
        pytest.param(
            one(offer(), person={"preferences": Preferences(max_per_week=0)}),
            ("cap_own 1",),
            id="own maximum",
        ),
        pytest.param(
            one(
                offer(),
                policy(caps=Caps(per_day=1, per_week=None)),
                person={"sent_at": (NOON,)},
            ),
            ("fewer 1",),
            id="one push less",
        ),
        pytest.param(
            one(offer(), policy(caps=Caps(per_day=0, per_week=None))), ("cap_day 1",), id="cap"
        ),
        pytest.param(
            one(offer(), policy(caps=Caps(per_day=None, per_week=0))), ("cap_week 1",), id="week"
        ),
        pytest.param(
            one(offer(), person={"permits": {Purpose.LOCATION: "", Purpose.HABITS: ""}}),
            ("consent push",),
            id="consent",
        ),
        pytest.param(
            one(offer(), person={"permits": {}}),
            ("consent push", "consent location"),
            id="both consents",
        ),
        pytest.param(one(offer(), person={"reach": Reach.DENIED}), ("reachable",), id="permission"),
        pytest.param(
            one(offer(), person={"preferences": Preferences(muted_kinds=("discount",))}),
            ("unmuted discount",),
            id="muted",
        ),
        pytest.param(one(offer(), refused=True), ("welcome",), id="not for me"),
        pytest.param(
            one(offer(limits=Limits(per_customer_days=7)), last_sent_at=NOON),
            ("not_repeated",),
            id="repeat",
        ),
        pytest.param(one(offer(active=False)), ("live",), id="switched off"),
        pytest.param(
            one(offer(audience=Audience(traits_any=("vegan",)))), ("for_everybody",), id="audience"
        ),
        pytest.param(one(offer(), left=0), ("left",), id="sold out"),
        pytest.param(one(offer(), kind_left=0), ("kind_left discount",), id="kind"),
        pytest.param(one(offer(), store_left=0), ("store_left",), id="store"),
        pytest.param(one(offer(), unsayable="no name"), ("sayable",), id="text"),
        pytest.param(one(offer(), elsewhere=True), ("here",), id="elsewhere"),
        pytest.param(one(offer(), policy(holdout_share=0.6)), ("not_held_out",), id="holdout"),
        pytest.param(one(offer(), policy(paused=True)), ("engine_on",), id="kill switch"),
        pytest.param(one(offer(), person={"expires_at": NOON}), ("in_time",), id="too late"),
    ],
)
def test_a_silence_names_what_was_missing(of: Case, first: tuple[str, ...]) -> None:
    assert of.verdict().outcome is not Outcome.SEND
    assert told(of)[0] == first


def test_all_that_was_missing_is_named_together_and_nothing_else() -> None:
    far = offer(when=When(weather=RAIN, place=PlaceCondition(within_m=300)))
    stands = {"sky": DRY, "distance_m": 900.0, "store_open": False, "left": 0}
    at = context(
        candidate(offer("cake"), refused=True, left=0), candidate(far, **stands), permits={}
    )
    cake = ("consent push", "consent location", "welcome", "left")
    soup = ("sky.rain", "near 300", "open", "consent push", "consent location", "left")
    assert told(case(at, offer("cake"), far)) == [cake, soup]


def test_what_an_offer_lacks_is_not_named_where_another_is_said_without_it() -> None:
    cake, soup = offer("cake"), offer("soup")
    at = context(
        candidate(cake, elsewhere=True, left=0), candidate(soup), permits={}, expires_at=NOON
    )
    assert told(case(at, cake, soup)) == [("consent push", "consent location", "in_time")]


def test_a_send_names_what_the_person_could_have_set() -> None:
    of = one(offer(), person={"sent_at": (NOON,), "cause": Cause.ENTER})
    assert told(of, inside=False, most=7) == [
        ("cap_own 1",),
        ("quiet 12:00 13:00",),
        ("muted discount",),
        ("paused",),
        ("refused",),
        ("no_consent push",),
        ("no_consent location",),
    ]


def test_a_send_for_the_weather_names_another_weather_and_one_from_near_a_distance() -> None:
    wet = Sky(word=WeatherWord.RAIN)
    rainy = one(offer(when=When(weather=RAIN)), sky=wet)
    assert ("sky.other",) in told(rainy, most=ALL)
    near = one(offer(when=When(place=PlaceCondition(within_m=300))), distance_m=250.0)
    assert ("far 500",) in told(near, most=ALL)
    assert sum(names[0].startswith("far") for names in told(near, most=ALL)) == 1


def test_the_brand_reads_the_money_that_would_have_tipped_it() -> None:
    dear = one(offer(), policy(interruption_price=3.0))
    assert dear.verdict().reasons[0].code == "not_worth_it"
    names = [names[0].split()[0] for names in told(dear)]
    assert names[0] == "price"
    assert "margin" in names
    assert found(dear, inside=False) == []
    said = one(offer())
    assert {"price", "discount", "margin"} <= {name[0].split()[0] for name in told(said, most=ALL)}


def test_money_is_told_to_the_cent_from_which_it_tips() -> None:
    dear = one(offer(), policy(interruption_price=3.0))
    [price] = [flip.changes[0] for flip in found(dear) if flip.changes[0].name == "price"]
    amount = price.args["price"]
    assert amount == round(amount, 2)
    assert dear.with_policy(interruption_price=amount).sends()
    assert not dear.with_policy(interruption_price=amount + 0.01).sends()


def test_where_no_offer_was_looked_at_no_push_is_claimed() -> None:
    unlooked = case(context(preferences=Preferences(quiet_hours=(LUNCH,))))
    [flip] = found(unlooked)
    assert (flip.turn, flip.offer) == (Turn.CONSIDERED, None)


def test_nothing_is_said_where_nothing_turns_it() -> None:
    assert found(case(context())) == []


def test_other_peoples_offers_do_not_count_as_one() -> None:
    """Two offers that each lack one thing need one change, not both."""
    rainy, open_ = offer("soup", when=When(weather=RAIN)), offer("cake")
    at = context(candidate(rainy, sky=DRY), candidate(open_, store_open=False))
    assert told(case(at, rainy, open_)) == [("sky.rain",), ("open",)]


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(scenes())
def test_every_counterfactual_turns_the_decision(
    scene: tuple[Context, list[Offer], Policy],
) -> None:
    at, offers, rules = scene
    of = Case(at, rules, tuple(offers), Model())
    sends = of.verdict().outcome is Outcome.SEND
    for flip in found(of, most=20):
        other = changed(of, flip.changes)
        again = decide(other.context, other.offers, other.policy, other.model)
        if sends:
            assert flip.turn is Turn.SILENT
            assert again.outcome is not Outcome.SEND
        elif flip.turn is Turn.CONSIDERED:
            assert not other.context.candidates
            assert guards.on_person(of.context, of.policy)
            assert not guards.on_person(other.context, other.policy)
        else:
            assert again.outcome is Outcome.SEND
            assert again.offer is not None
            assert again.offer.external_id == flip.offer


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(scenes())
def test_no_part_of_a_counterfactual_turns_it_alone(
    scene: tuple[Context, list[Offer], Policy],
) -> None:
    at, offers, rules = scene
    of = Case(at, rules, tuple(offers), Model())
    sends = of.verdict().outcome is Outcome.SEND
    for flip in found(of, most=20):
        for left_out in flip.changes if len(flip.changes) > 1 else ():
            rest = [each for each in flip.changes if each is not left_out]
            assert changed(of, rest).sends() is sends


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(scenes())
def test_the_same_is_found_again(scene: tuple[Context, list[Offer], Policy]) -> None:
    at, offers, rules = scene
    of = Case(at, rules, tuple(offers), Model())
    assert told(of) == told(of)
    assert all(not part.inside for flip in found(of, inside=False) for part in flip.changes)
