"""One recorded moment as it speaks for a draft: how probable its choice was and would be, what it earned, what was believed.

Earned is, of a visit within the window, the margin of what was said, or in silence that of the offer that was weighed against
it; less the discount of what was redeemed, and less the price of the interruption. Pure.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

import msgspec

from domain.context import Candidate, Context, Inputs
from domain.decisions import Decision, Outcome
from domain.holdout import NEVER
from domain.offers import Offer, OfferBody
from domain.policy import Policy
from scheduler.closing import LATE, WINDOWS
from scheduler.decide import eligible, guards
from scheduler.decide.choose import chances, decide
from scheduler.decide.score import Model, Scale, Score
from scheduler.learn.terms import Reader
from scheduler.rehearsing.past import Case
from scheduler.rehearsing.recorded import Archive, with_draft
from storage.learning import Sign

LEAST_CHANCE = 0.001  # of a choice; what was rarer counts as never chosen
_WORDS = ("redeemed", "dismissed", "not_for_me")

Action = (
    str | None
)  # an offer's id, with a mark where a draft says something else under it; None for silence


class Row(NamedTuple):
    """One moment: the weights of the draft and of the policy in force against what was drawn from, and the money."""

    draft: float
    then: float
    earned: float
    believed: float
    drafted: float
    thought: float  # what was believed of the policy in force
    unsupported: float
    agreement: float
    options: int


class Aside(NamedTuple):
    """A moment that stands beside the log: `idle` (nothing to be said by either), `pending`, or why it is lost."""

    why: str


class Draft(NamedTuple):
    """What is tried: a change of each moment's own policy, and offers in place of those stored or beside them."""

    change: Callable[[Policy], Policy]
    offers: Sequence[Offer] = ()


class Setting(NamedTuple):
    """What all moments share. `price`: of an interruption, for both policies; `redeems`: redemptions are reported here."""

    draft: Draft
    archive: Archive
    model: Model
    price: float
    redeems: bool
    now: datetime


class _Side(NamedTuple):
    """The choice under one policy among these offers: chances by action, and the scores of what fits."""

    chances: dict[Action, float]
    scores: dict[Action, Score]


def weighed(case: Case, signs: Sequence[Sign], setting: Setting) -> Row | Aside:
    """The row of a moment, or why it has none."""
    inputs, decision = case.inputs, case.recorded.decision
    if inputs is None:
        return Aside("redacted" if case.recorded.redacted else "uncomputed")
    if not _comes_out(case, inputs, setting.model):
        return Aside("differs")
    context, policy = inputs.context, setting.draft.change(inputs.policy)
    if guards.on_person(context, inputs.policy):
        silent = bool(guards.on_person(context, policy))
        return Aside("idle") if silent else _unknown()
    then = _side(context, case.offers, inputs.policy, setting, {})
    draft = _drafted(case, context, policy, setting)
    if not (then.scores or draft.scores):
        return Aside("idle")
    window = _window([*then.scores.values(), *draft.scores.values()])
    if decision.decided_at + max(window) + LATE > setting.now:
        return Aside("pending")
    return _row(
        decision, context, inputs.policy, then, draft, _Answer(signs, decision, window[0], setting)
    )


def _unknown() -> Row:
    """The draft speaks where a rule forbade it: no offer was looked at there, so nobody knows what it would say."""
    return Row(0.0, 1.0, 0.0, 0.0, 0.0, 0.0, unsupported=1.0, agreement=0.0, options=1)


def _comes_out(case: Case, inputs: Inputs, model: Model) -> bool:
    """Whether the recorded choice is the one that these inputs give: else its chance is not known."""
    verdict, decision = (
        decide(inputs.context, case.offers, inputs.policy, model),
        case.recorded.decision,
    )
    offer_id = verdict.offer.id if verdict.offer else None
    return (verdict.outcome, offer_id) == (decision.outcome, decision.offer_id)


def _drafted(case: Case, context: Context, policy: Policy, setting: Setting) -> _Side:
    offers = {offer.id: offer for offer in case.offers}
    marks: dict[str, str] = {}
    for offer in setting.draft.offers:
        candidates = with_draft(context, case.recorded, offer, setting.archive)
        context = msgspec.structs.replace(context, candidates=candidates)
        if offer.id not in offers or not same_words(offers[offer.id].body, offer.body):
            marks[offer.id] = f"{offer.id}:draft"
        offers[offer.id] = offer
    return _side(context, list(offers.values()), policy, setting, marks)


def same_words(a: OfferBody, b: OfferBody) -> bool:
    """Whether two bodies say the same to people: then what they answered to one tells of the other."""
    return (a.kind, a.title, a.body, a.data, a.value.discount) == (
        b.kind,
        b.title,
        b.body,
        b.data,
        b.value.discount,
    )


def _side(
    context: Context,
    offers: Sequence[Offer],
    policy: Policy,
    setting: Setting,
    marks: Mapping[str, str],
) -> _Side:
    priced = msgspec.structs.replace(policy, interruption_price=setting.price)
    scale = Scale(context, priced, setting.model, Reader(context.learned))
    by_id = {offer.id: offer for offer in offers}
    fitting: list[tuple[Offer, Candidate]] = [
        (by_id[each.offer_id], each)
        for each in context.candidates
        if not eligible.lacks(context, by_id[each.offer_id], each)
    ]
    found = chances(context, offers, policy, setting.model)
    return _Side(
        {marks.get(of, of) if of else None: chance for of, chance in found.items()},
        {marks.get(o.id, o.id): scale.score(o, each) for o, each in fitting},
    )


def _window(scores: Iterable[Score]) -> tuple[timedelta, timedelta]:
    """Until when a visit and a redemption count: the longest of what could be said, whatever was."""
    windows = [WINDOWS[score.offer.body.kind] for score in scores]
    return max(each.visit for each in windows), max(each.redemption for each in windows)


class _Answer:
    """What came after a moment."""

    def __init__(
        self, signs: Sequence[Sign], decision: Decision, window: timedelta, setting: Setting
    ) -> None:
        since, until = decision.decided_at, decision.decided_at + window
        self.redeemed = any(
            each.type == "redeemed" and each.decision_id == decision.id for each in signs
        )
        self.came = self.redeemed or any(
            each.type not in _WORDS and since < each.at <= until for each in signs
        )
        self.discounted = self.redeemed if setting.redeems else self.came
        self.model = setting.model


def _row(
    decision: Decision,
    context: Context,
    policy: Policy,
    then: _Side,
    draft: _Side,
    answer: _Answer,
) -> Row:
    money = _Money({**then.scores, **draft.scores}, then.scores or draft.scores, answer.model)
    held = policy.holdout_share if context.draw < NEVER else 0.0
    said = decision.offer_id if decision.outcome is Outcome.SEND else None
    drawn = {of: (1 - held) * chance for of, chance in then.chances.items()}
    drawn[None] = drawn.get(None, 0.0) + held
    chance = drawn[said]
    return Row(
        draft=draft.chances.get(said, 0.0) / chance,
        then=then.chances.get(said, 0.0) / chance,
        earned=money.earned(said, answer),
        believed=money.believed(said),
        drafted=sum(share * money.believed(of) for of, share in draft.chances.items()),
        thought=sum(share * money.believed(of) for of, share in then.chances.items()),
        unsupported=sum(
            share for of, share in draft.chances.items() if drawn.get(of, 0.0) < LEAST_CHANCE
        ),
        agreement=sum(min(share, then.chances.get(of, 0.0)) for of, share in draft.chances.items()),
        options=len(draft.scores) + 1,
    )


class _Money:
    """What each action is worth with and without a visit. A draft's money holds for both where it says the same."""

    def __init__(
        self, scores: Mapping[Action, Score], weighed: Mapping[Action, Score], model: Model
    ) -> None:
        self._scores = scores
        self._worth = model.worth
        best = max(weighed, key=lambda of: (weighed[of].gain, weighed[of].offer.external_id))
        self._before, self._usual = scores[best].before, scores[best].offer.body.value.margin

    def earned(self, said: Action, answer: _Answer) -> float:
        if said is None:
            return answer.came * self._usual
        value = self._scores[said].offer.body.value
        return answer.came * value.margin - answer.discounted * value.discount + self._fixed(said)

    def believed(self, of: Action) -> float:
        if of is None:
            return self._before * self._usual
        score = self._scores[of]
        value = score.offer.body.value
        return score.after * (value.margin - value.discount) + self._fixed(of)

    def _fixed(self, of: Action) -> float:
        score = self._scores[of]
        return self._worth.get(score.offer.body.kind, 0.0) - score.price
