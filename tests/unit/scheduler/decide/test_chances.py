"""How probable each choice is: by the same lots as it is made, and unclipped, so that it can be weighed by."""

from collections import Counter

import pytest

from domain.context import Context, Likely
from domain.decisions import Outcome
from domain.offers import OfferKind
from domain.policy import Policy
from scheduler.decide.choose import Verdict, chances, decide
from scheduler.decide.lots import LEAST, MOST
from scheduler.decide.score import Model
from tests.unit.scheduler.decide.makers import NOON, candidate, context, offer, policy

SOUP, CAKE = offer("soup"), offer("cake", margin=6.5)
NEWS = offer("news", margin=0.0, discount=0.0, kind=OfferKind.INFORMATION)
OFFERS = (SOUP, CAKE, NEWS)
SOON = Likely(p_visit=0.02, at=NOON, p_then=0.9)


def moment(number: int, **more: object) -> Context:
    return context(
        *(candidate(each) for each in OFFERS), **{"moment_id": f"moment-{number}", **more}
    )


def said(verdict: Verdict) -> str | None:
    return verdict.offer.id if verdict.outcome is Outcome.SEND and verdict.offer else None


@pytest.mark.parametrize("exploration", [0.0, 0.02, 0.5, 1.0])
@pytest.mark.parametrize("more", [{}, {"likely": SOON}], ids=["now", "later"])
def test_they_add_up_to_one_and_hold_what_was_chosen(
    exploration: float, more: dict[str, Likely]
) -> None:
    rules = policy(exploration=exploration, hold=True)
    for number in range(40):
        found = chances(moment(number, **more), OFFERS, rules, Model())
        assert sum(found.values()) == pytest.approx(1)
        assert found[said(decide(moment(number, **more), OFFERS, rules, Model()))] > 0


def test_what_is_stored_is_the_same_but_clipped() -> None:
    rules = policy(exploration=0.1)
    for number in range(200):
        verdict = decide(moment(number), OFFERS, rules, Model())
        chance = chances(moment(number), OFFERS, rules, Model())[said(verdict)]
        assert verdict.propensity == pytest.approx(min(max(chance, LEAST), MOST))


def test_weights_by_them_add_up_for_every_choice() -> None:
    """The mean of 1{chosen}/chance is 1 for each choice, however rare; by what is stored it is not for rare ones."""
    rules, many = policy(exploration=0.15), 1500
    weights: Counter[str | None] = Counter()
    for number in range(many):
        verdict = decide(moment(number), OFFERS, rules, Model())
        weights[said(verdict)] += 1 / chances(moment(number), OFFERS, rules, Model())[said(verdict)]
    assert {of for of, _ in weights.items()} == {None, *(each.id for each in OFFERS)}
    for of, weight in weights.items():
        assert weight / many == pytest.approx(1, abs=0.3), of


@pytest.mark.parametrize("rules", [policy(paused=True), policy(exploration=0.5, paused=True)])
def test_where_a_rule_forbids_it_silence_is_certain(rules: Policy) -> None:
    assert chances(moment(1), OFFERS, rules, Model()) == {None: 1.0}
    assert chances(context(), (), policy(), Model()) == {None: 1.0}


def test_the_holdout_is_left_aside() -> None:
    rules = policy(holdout_share=1.0)
    assert decide(moment(1), OFFERS, rules, Model()).outcome is Outcome.SILENCE
    assert None not in chances(moment(1), OFFERS, rules, Model())
