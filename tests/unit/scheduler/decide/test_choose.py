"""The choice among what fits: the greatest gain, silence where nothing pays, draws that can be repeated."""

import math
from collections import Counter
from datetime import timedelta

import msgspec
import pytest

from domain.context import Candidate, Context, Likely
from domain.decisions import Cause, Outcome
from domain.ids import new_id
from domain.model import Learned, Usual
from domain.offers import About, Offer, OfferKind, PlaceCondition, When
from domain.people import Purpose
from domain.policy import Caps, Policy
from scheduler.decide import choose
from scheduler.decide.choose import Verdict
from scheduler.decide.score import Model, rested
from scheduler.learn.terms import GROUPS
from tests.unit.scheduler.decide.makers import NOON, candidate, context, offer, policy
from tests.words import to_the_brand, to_the_person

SOUP = offer("soup")
CAKE = offer("cake", margin=12.0, discount=1.5)
NEWS = offer("news", margin=0.0, discount=0.0, kind=OfferKind.INFORMATION)


def decide(at: Context, *offers: Offer, rules: Policy | None = None) -> Verdict:
    return choose.decide(at, offers, rules or policy(), Model())


def among(*offers: Offer, **more: object) -> Context:
    return context(*(candidate(each) for each in offers), **more)


def value(verdict: Verdict, name: str) -> float:
    return {term.name: term.value for term in verdict.terms}[name]


def test_a_person_nobody_knows_gets_an_offer_whose_margin_exceeds_its_discount() -> None:
    verdict = decide(among(SOUP), SOUP)
    assert verdict.outcome is Outcome.SEND
    assert verdict.offer is SOUP
    assert verdict.propensity == 1.0
    assert [reason.code for reason in verdict.reasons] == ["chosen"]
    assert value(verdict, "p:before") == 0.0


def test_the_offer_with_the_greatest_gain_wins() -> None:
    assert decide(among(SOUP, CAKE, NEWS), SOUP, CAKE, NEWS).offer is CAKE


def test_equal_offers_are_chosen_by_name_whatever_their_order() -> None:
    twin = offer("twin")
    assert decide(among(SOUP, twin), SOUP, twin).offer is twin
    assert decide(among(twin, SOUP), SOUP, twin).offer is twin


@pytest.mark.parametrize("discount", [6.0, 7.5])
def test_a_discount_as_large_as_the_margin_is_not_worth_it(discount: float) -> None:
    dear = offer(discount=discount)
    verdict = decide(among(dear), dear)
    assert verdict.outcome is Outcome.SILENCE
    assert [(reason.code, reason.offer) for reason in verdict.reasons] == [("not_worth_it", "soup")]
    assert verdict.offer is dear


def test_a_visit_that_comes_anyway_is_not_subsidised() -> None:
    verdict = decide(among(SOUP, likely=Likely(p_visit=0.9)), SOUP)
    assert [reason.code for reason in verdict.reasons] == ["not_worth_it"]


def test_an_interruption_dearer_than_the_gain_is_spared() -> None:
    verdict = decide(among(SOUP), SOUP, rules=policy(interruption_price=3.0))
    assert [reason.code for reason in verdict.reasons] == ["not_worth_it"]
    assert to_the_person(verdict.reasons[0]).would_change


def test_information_is_worth_reading_though_it_sells_nothing() -> None:
    assert decide(among(NEWS), NEWS).outcome is Outcome.SEND
    assert decide(among(NEWS), NEWS, rules=policy(interruption_price=0.2)).offer is NEWS


@pytest.mark.parametrize(
    ("better", "worse"),
    [
        ({"cause": Cause.DWELL}, {"cause": Cause.MANUAL}),
        ({}, {"sent_at": (NOON - timedelta(days=1),)}),
        ({"interests": ("soup",)}, {}),
    ],
)
def test_the_gain_grows_with_what_speaks_for_a_visit(
    better: dict[str, object], worse: dict[str, object]
) -> None:
    said = offer(about=About(categories=("soup",)))
    gain, less = (decide(among(said, **each), said) for each in (better, worse))
    assert value(gain, "p:after") > value(less, "p:after")


def test_a_nearer_store_is_worth_more() -> None:
    near, far = (context(candidate(SOUP, distance_m=metres)) for metres in (10.0, 900.0))
    assert value(decide(near, SOUP), "p:after") > value(decide(far, SOUP), "p:after")


def test_what_was_said_lately_is_worth_less_again() -> None:
    again = context(candidate(SOUP, last_sent_at=NOON - timedelta(days=2)))
    assert value(decide(again, SOUP), "odds:again") < 0


def test_no_offer_carries_what_each_one_lacks() -> None:
    at = context(candidate(SOUP, left=0), candidate(CAKE, store_open=False))
    verdict = decide(at, SOUP, CAKE)
    assert [(reason.code, reason.offer) for reason in verdict.reasons] == [
        ("no_offer", None),
        ("sold_out", "soup"),
        ("store_closed", "cake"),
    ]


def test_a_person_of_the_holdout_gets_silence_and_the_offer_is_kept_as_a_ghost() -> None:
    verdict = decide(among(SOUP, draw=0.05), SOUP, rules=policy(holdout_share=0.1))
    assert verdict.outcome is Outcome.SILENCE
    assert [reason.code for reason in verdict.reasons] == ["holdout"]
    assert verdict.offer is SOUP
    assert verdict.terms


def test_a_silence_that_would_have_come_anyway_is_not_the_holdouts() -> None:
    dear = offer(discount=7.0)
    verdict = decide(among(dear, draw=0.05), dear, rules=policy(holdout_share=0.1))
    assert [reason.code for reason in verdict.reasons] == ["not_worth_it"]


def lots(rules: Policy, *offers: Offer, count: int = 4000) -> list[Verdict]:
    ats = (among(*offers, moment_id=f"moment-{n}") for n in range(count))
    return [decide(at, *offers, rules=rules) for at in ats]


def said(verdict: Verdict) -> str | None:
    return verdict.offer.external_id if verdict.offer and verdict.outcome is Outcome.SEND else None


def test_exploration_draws_every_eligible_offer_and_silence_alike() -> None:
    drawn = Counter(map(said, lots(policy(exploration=0.5), SOUP, CAKE)))
    share = {name: count / drawn.total() for name, count in drawn.items()}
    assert share == pytest.approx({"soup": 1 / 6, None: 1 / 6, "cake": 4 / 6}, abs=0.03)


def test_the_propensity_is_the_probability_of_what_was_drawn() -> None:
    for verdict in lots(policy(exploration=0.5), SOUP, CAKE, count=300):
        expected = 4 / 6 if said(verdict) == "cake" else 1 / 6
        assert verdict.propensity == pytest.approx(expected, abs=0.05)


def test_without_exploration_nothing_is_drawn() -> None:
    assert set(map(said, lots(policy(), SOUP, CAKE, count=300))) == {"cake"}


def test_the_same_moment_gives_the_same_verdict_bit_for_bit() -> None:
    rules = policy(exploration=0.5)
    for _ in range(50):
        at = among(SOUP, CAKE, NEWS, moment_id=new_id())
        again = msgspec.json.decode(msgspec.json.encode(at), type=Context)
        first, second = (decide(each, SOUP, CAKE, NEWS, rules=rules) for each in (at, again))
        assert msgspec.json.encode(first) == msgspec.json.encode(second)


SOON = Likely(p_visit=0.01, p_then=0.05, at=NOON + timedelta(hours=3))
BEFORE_VISITS = Learned(
    terms={"cause": {"habit": (1.5, 0.01)}}
)  # answers are then far more frequent


def test_an_offer_is_held_for_the_persons_own_much_better_time() -> None:
    then = among(SOUP, likely=SOON, learned=BEFORE_VISITS)
    verdict = decide(then, SOUP, rules=policy(hold=True))
    assert verdict.outcome is Outcome.HOLD
    assert [reason.code for reason in verdict.reasons] == ["better_later"]
    assert "Wed 15:00" in to_the_person(verdict.reasons[0]).text


@pytest.mark.parametrize(
    ("said", "more", "hold"),
    [
        (SOUP, {"likely": SOON}, False),
        (SOUP, {"likely": Likely(p_visit=0.05, p_then=0.6, at=SOON.at)}, True),
        (SOUP, {"likely": Likely(p_then=0.05, at=NOON + timedelta(hours=13))}, True),
        (SOUP, {"likely": SOON, "cause": Cause.HABIT}, True),
        (offer(when=When(hours="Mo-Fr 11:00-13:00")), {"likely": SOON}, True),
        (offer(when=When(place=PlaceCondition(via=("enter",)))), {"likely": SOON}, True),
    ],
)
def test_nothing_is_held_without_a_much_better_time_at_which_it_could_be_said(
    said: Offer, more: dict[str, object], hold: bool
) -> None:
    given = {"learned": BEFORE_VISITS, **more}
    at = context(Candidate(offer_id=said.id, revision=1, hours_hold=True), **given)
    assert decide(at, said, rules=policy(hold=hold)).outcome is Outcome.SEND


def test_a_send_says_why_in_words() -> None:
    at = context(candidate(SOUP, distance_m=120.0))
    [reason] = decide(at, SOUP).reasons
    told = to_the_brand(reason)
    assert told.text == (
        "The person has just come into the area of a store. The store is 120 m away."
    )
    assert told.account
    assert told.account.startswith("A visit has a chance of 0% anyway and")
    assert " Silence would have won if the interruption cost " in told.account


@pytest.mark.parametrize("price", [0.01, 50.0])
def test_the_brands_money_stays_out_of_what_the_person_reads(price: float) -> None:
    rules = policy(interruption_price=price)
    [reason] = decide(among(SOUP), SOUP, rules=rules).reasons
    account = to_the_brand(reason).account
    assert account
    assert "€" in account
    told = to_the_person(reason)
    assert "€" not in f"{told.text} {told.would_change} {told.account}"


def usual(**more: float) -> Learned:
    return Learned(usual=Usual(**{"per_week": 12.0, "gain": 1.0, **more}))


CAPPED = Caps(per_day=None, per_week=4)


def test_under_a_cap_a_push_is_kept_for_moments_that_are_better_than_usual() -> None:
    rules = policy(hold=True, caps=CAPPED)
    assert decide(among(SOUP), SOUP, rules=rules).outcome is Outcome.SEND
    lately = (NOON - timedelta(days=2),)
    kept = decide(among(SOUP, learned=usual(), sent_at=lately), SOUP, rules=rules)
    assert kept.outcome is Outcome.SILENCE
    assert value(kept, "money:reserve") == pytest.approx(-math.log(12 / 4))


@pytest.mark.parametrize(
    ("learned", "rules"),
    [
        (usual(per_week=3.0), {"hold": True, "caps": CAPPED}),
        (usual(), {"hold": False, "caps": CAPPED}),
        (usual(), {"hold": True, "caps": Caps(per_day=None, per_week=None)}),
    ],
)
def test_nothing_is_kept_back_where_the_cap_is_not_what_is_scarce(
    learned: Learned, rules: dict[str, object]
) -> None:
    assert decide(among(SOUP, learned=learned), SOUP, rules=policy(**rules)).outcome is Outcome.SEND


@pytest.mark.parametrize("spread", [0.0, 0.3])
@pytest.mark.parametrize("per_week", [9.0, 40.0, 400.0])
def test_where_all_moments_are_alike_the_first_is_taken(spread: float, per_week: float) -> None:
    rules = policy(hold=True, caps=CAPPED, exploration=0.0)
    gain = decide(among(SOUP), SOUP, rules=rules).gain
    alike = usual(per_week=per_week, gain=gain, spread=0.0)
    assert decide(among(SOUP, learned=alike), SOUP, rules=rules).outcome is Outcome.SEND
    differ = usual(per_week=per_week, gain=gain, spread=spread)
    assert value(decide(among(SOUP, learned=differ), SOUP, rules=rules), "money:reserve") < 0


def test_who_was_left_in_peace_for_long_is_waited_with_half_as_much() -> None:
    rules = policy(hold=True, caps=CAPPED)

    def kept(days: float | None) -> float:
        sent = () if days is None else (NOON - timedelta(days=days),)
        verdict = decide(among(SOUP, learned=usual(), sent_at=sent), SOUP, rules=rules)
        return -value(verdict, "money:reserve")

    full = kept(2)
    assert full == pytest.approx(kept(7))
    assert full / 2 < kept(10) < full
    assert kept(14) == kept(29) == kept(None) == pytest.approx(full / 2)


def test_a_moment_is_as_good_to_who_was_just_spoken_to_as_to_who_was_left_in_peace() -> None:
    rules, learned = policy(hold=True, caps=CAPPED, interruption_price=0.1), usual(gain=0.2)
    peace = among(SOUP, learned=learned)
    tired = among(SOUP, learned=learned, sent_at=(NOON - timedelta(days=1),))

    def good(at: Context) -> float:
        gain = decide(at, SOUP, rules=rules).gain
        return rested(at, SOUP, at.candidates[0], rules, Model(), gain=gain)

    assert decide(tired, SOUP, rules=rules).gain < decide(peace, SOUP, rules=rules).gain
    assert good(tired) == pytest.approx(good(peace))


def test_the_price_of_an_interruption_follows_how_many_leave() -> None:
    rules = policy(interruption_price=0.1)

    def price(**leave: tuple[float, float]) -> float:
        learned = Learned(terms={group: {"": known} for group, known in leave.items()})
        verdict = decide(among(SOUP, learned=learned), SOUP, rules=rules)
        return -value(verdict, "money:interruption") / (1 - value(verdict, "p:after"))

    assert price() == pytest.approx(0.1)
    assert price(leave=(math.log(3), 0.01)) == pytest.approx(0.3)
    assert price(leave=(-20.0, 0.01)) > 0
    assert price(person_annoys=(math.log(2), 0.01)) == pytest.approx(0.2)
    assert price(person_annoys=(math.log(2), 0.01), leave=(math.log(3), 0.01)) == pytest.approx(0.6)


@pytest.mark.parametrize("variance", [0.0, 0.5, 4.0])
def test_the_less_is_known_of_an_answer_the_nearer_its_chance_is_to_one_half(
    variance: float,
) -> None:
    groups = {"offer": {SOUP.external_id: (0.4, variance)}, "brand": {"": (0.1, 0.0)}}
    spreads = dict.fromkeys(GROUPS, 0.0)
    verdict = decide(among(SOUP, learned=Learned(terms=groups, spreads=spreads)), SOUP)
    terms = {term.name: term.value for term in verdict.terms}
    odds = sum(value for name, value in terms.items() if name.startswith(("odds:", "learned:")))
    known = odds - terms["odds:doubt"]
    assert odds == pytest.approx(known / math.sqrt(1 + math.pi * variance / 8))
    assert terms["p:after"] == pytest.approx(1 / (1 + math.exp(-odds)))


def test_whom_an_offer_pleases_it_does_not_disturb() -> None:
    rules = policy(interruption_price=0.1)

    def paid(odds: float) -> float:
        learned = Learned(terms={"brand": {"": (odds, 0.01)}})
        return -value(decide(among(SOUP, learned=learned), SOUP, rules=rules), "money:interruption")

    assert paid(30.0) == pytest.approx(0, abs=1e-6)
    assert paid(-30.0) == pytest.approx(0.1)


def test_nobody_is_reckoned_easily_annoyed_without_consent_to_habits() -> None:
    rules = policy(interruption_price=0.1)
    learned = Learned(terms={"person_annoys": {"": (2.0, 0.01)}})
    known = among(SOUP, learned=learned)
    unknown = among(
        SOUP, learned=learned, permits=dict.fromkeys(known.permits.keys() - {Purpose.HABITS}, "")
    )
    told = (decide(each, SOUP, rules=rules).terms for each in (known, unknown))
    assert [any("person_annoys" in term.name for term in terms) for terms in told] == [True, False]


def test_who_came_earlier_on_the_day_is_won_less_easily() -> None:
    fresh, again = (decide(among(SOUP, likely=Likely(came=came)), SOUP) for came in (False, True))
    assert value(again, "p:after") < value(fresh, "p:after")
