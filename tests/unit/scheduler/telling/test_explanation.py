"""What each audience reads of a decision, and what none may."""

import re

import pytest
from hypothesis import HealthCheck, given, settings

from domain import offers
from domain.context import Context, Inputs
from domain.decisions import Decision
from domain.ids import new_id
from domain.offers import Offer
from domain.people import Mode
from domain.policy import Policy
from scheduler.decide.score import Model
from scheduler.replaying import Difference, Replay, Result
from scheduler.telling.cases import Case
from scheduler.telling.catalogue import LANGUAGES
from scheduler.telling.explanation import Explanation, explanation
from scheduler.telling.sentences import Audience, Voice
from tests.unit.scheduler.decide.makers import candidate, context, offer, policy
from tests.unit.scheduler.decide.test_invariants import scenes

PLAIN = offer("soup")
SOUP = offer("soup", audience=offers.Audience(traits_none=("vegan",)))
UNFILLED = re.compile(r"[{}]|\bNone\b(?! of)|\.you\b")
MONEY = re.compile(r"€|EUR|\b(margin|kate|Marge|marge|margen)\b")
COORDINATES = re.compile(r"\b\d{1,3}\.\d{3,}\b")
ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-", re.IGNORECASE)


def decided(case: Case) -> Decision:
    verdict, at = case.verdict(), case.context
    said = verdict.offer
    return Decision(
        id=new_id(),
        brand_id=new_id(),
        mode=Mode.LIVE,
        customer_id=new_id(),
        moment_id=at.moment_id,
        cause=at.cause,
        decided_at=at.decided_at,
        outcome=verdict.outcome,
        reasons=verdict.reasons,
        offer=said.external_id if said else None,
        terms=verdict.terms,
        propensity=verdict.propensity,
        seed=verdict.seed,
        consent_entry_id="entry",
        inputs=Inputs(context=at, policy=case.policy, model=1),
    )


def told(case: Case, audience: Audience, language: str = "en") -> Explanation:
    replay = Replay(decision_id="", result=Result.IDENTICAL)
    return explanation(decided(case), replay, case, Voice(audience, [language]))


def whole(of: Explanation) -> str:
    return "\n".join((*of.sentences, *of.would_change))


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("audience", Audience)
@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(scene=scenes())
def test_nothing_is_empty_unfilled_or_told_to_the_wrong_person(
    audience: Audience, language: str, scene: tuple[Context, list[Offer], Policy]
) -> None:
    at, known, rules = scene
    found = told(Case(at, rules, tuple(known), Model()), audience, language)
    assert found.sentences
    assert found.would_change
    assert all(each.strip() for each in (*found.sentences, *found.would_change))
    assert not UNFILLED.search(whole(found).replace("None\n", ""))
    if audience is Audience.CUSTOMER:
        for forbidden in (MONEY, COORDINATES, ID):
            assert not forbidden.search(whole(found)), whole(found)
        assert "offer-0" not in whole(found)
        assert at.moment_id not in whole(found)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(scenes())
def test_the_same_decision_is_always_told_the_same(
    scene: tuple[Context, list[Offer], Policy],
) -> None:
    at, known, rules = scene
    case = Case(at, rules, tuple(known), Model())
    decision, replay = decided(case), Replay(decision_id="", result=Result.IDENTICAL)
    voice = Voice(Audience.AUDITOR, ["de"])
    assert explanation(decision, replay, case, voice) == explanation(decision, replay, case, voice)


def test_a_trait_is_told_to_the_brand_alone() -> None:
    case = Case(context(candidate(SOUP), traits=("vegan",)), policy(), (SOUP,), Model())
    assert "vegan" in whole(told(case, Audience.MARKETER))
    assert "vegan" not in whole(told(case, Audience.CUSTOMER))
    assert "It is meant for other people." in told(case, Audience.CUSTOMER).sentences


def test_the_auditor_reads_every_rule_and_the_rest_of_the_record() -> None:
    case = Case(context(candidate(PLAIN)), policy(), (PLAIN,), Model())
    found = whole(told(case, Audience.AUDITOR))
    for rule in (
        "engine_paused",
        "paused",
        "consent_missing",
        "no_device",
        "permission_denied",
        "expired",
        "zone_unknown",
        "quiet_hours",
        "cap",
        "holdout",
    ):
        assert f"Rule {rule} was asked" in found
    for part in ("revision 1 of the policy", "soup 1", "odds:base", "the seed is", "ledger entry"):
        assert part in found
    assert "Computed again, the same comes out." in found


@pytest.mark.parametrize(
    ("result", "part"),
    [
        (Result.REDACTED, "has been deleted"),
        (Result.UNCOMPUTED, "nothing was computed"),
        (Result.PRUNED, "has served its time"),
        (Result.DIFFERS, "something else comes out"),
    ],
)
@pytest.mark.parametrize("audience", Audience)
def test_what_cannot_be_decided_again_is_said_so(
    audience: Audience, result: Result, part: str
) -> None:
    decision = decided(Case(context(candidate(PLAIN)), policy(), (PLAIN,), Model()))
    differences = (Difference(what="terms", stored=1, now=2),)
    replay = Replay(decision_id=decision.id, result=result, differences=differences)
    found = explanation(decision, replay, None, Voice(audience))
    [only] = found.would_change
    assert part in only
    assert found.sentences
