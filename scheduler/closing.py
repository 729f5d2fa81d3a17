"""What became of a decision: its answer is awaited for a while, then it teaches, once, and is forgotten.

The answer is yes where the push was redeemed, or its person came to one of the offer's stores within the window. It is no
with a dismissal, "not for me" or silence. All of them teach at the end of the window; what comes later does not count.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import NamedTuple

import structlog

from domain.clock import Clock
from domain.context import Candidate, Context
from domain.decisions import Decision, Outcome
from domain.model import Evidence, TermName
from domain.offers import Offer, OfferKind
from domain.people import Consents, Mode, Purpose
from domain.policy import Policy
from scheduler import learned
from scheduler.decide.choose import Verdict
from scheduler.decide.score import Model, rested
from scheduler.drafts import Draft
from scheduler.learn import usual
from scheduler.learn.terms import ANNOYS, Terms, is_of_annoyance, is_of_leaving, leaving
from scheduler.learned import Lesson
from storage import consents, learning, offers, profiles
from storage.engine import Database, Transaction
from storage.learning import OpenDecision, Sign, day_of

LATE = timedelta(hours=1)  # that signs may arrive after they happened
LEFT_WITHIN = timedelta(hours=24)  # of a push, a withdrawal is its doing
LEAVING = -math.log(
    199
)  # log-odds of a withdrawal that the policy's price stands for: one in 200 pushes
ANNOYING = -math.log(9)  # log-odds that a push which does not please is wiped away: one in ten
_BATCH = 200
_REFUSALS = ("dismissed", "not_for_me")
_ANSWERS = {"redeemed": 1.0, **dict.fromkeys(_REFUSALS, 0.0)}
_DRAWN = ("holdout", "explored")  # silences that say what happens without a push: chance chose them
_log = structlog.get_logger()


class Window(NamedTuple):
    """How long after a push a visit, and a redemption, counts as its answer."""

    visit: timedelta
    redemption: timedelta


# Three hours, as the chance of a visit that comes anyway speaks of; longer where the push is about a later day.
_SOON = Window(timedelta(hours=3), timedelta(hours=24))
_WEEK = Window(timedelta(days=7), timedelta(days=7))
WINDOWS = {
    OfferKind.DISCOUNT: _SOON,
    OfferKind.INFORMATION: _SOON,
    OfferKind.SLOT: Window(timedelta(hours=24), timedelta(hours=24)),
    OfferKind.THANK_YOU: _WEEK,
    OfferKind.OCCASION: _WEEK,
    OfferKind.WIN_BACK: _WEEK,
}


def await_answers(
    tx: Transaction, drafts: Iterable[Draft], done: Sequence[Decision], model: Model
) -> None:
    """Begins to wait for the answers to what was sent, and for what happens without a push where a lot chose silence. Notes
    how good these moments were.

    Test customers teach nothing.
    """
    made = {decision.moment_id: decision for decision in done if decision.mode is Mode.LIVE}
    drafts = list(drafts)
    _note(tx, [each for each in drafts if each.moment.id in made], model)
    awaited = (_awaited(each, made[each.moment.id]) for each in drafts if each.moment.id in made)
    learning.open_many(tx, [each for each in awaited if each])


def _note(tx: Transaction, drafts: Iterable[Draft], model: Model) -> None:
    """Notes how good these moments were: of everybody, and of those who may be learned of."""
    own: dict[str, dict[TermName, Evidence]] = {}
    everybodys: dict[str, dict[TermName, Evidence]] = {}
    for draft in drafts:
        if draft.at is None or draft.choice is None:
            continue
        policy, context = draft.at.ground.brand.policy, draft.choice.context
        found = noted(context, draft.choice.verdict, policy, model)
        if found and found.own and Purpose.HABITS in context.permits:
            own[draft.moment.customer_id] = {usual.TERM: found.own}
        if found:
            brand_id = draft.moment.brand_id
            everybodys[brand_id] = usual.added(everybodys.get(brand_id, {}), found.everybodys)
    learning.add_own(tx, own)
    for brand_id, more in sorted(everybodys.items()):
        learning.count_shared(tx, brand_id, more)


class Noted(NamedTuple):
    """How good a moment was, as evidence of its person's moments and of everybody's; of the former only once the latter say what a person
    begins with.
    """

    own: Evidence | None
    everybodys: dict[TermName, Evidence]


def noted(context: Context, verdict: Verdict, policy: Policy, model: Model) -> Noted | None:
    """What the best that could be said at a moment would bring somebody who was left in peace of late. A moment that nothing but a cap
    closes is as good as the person's usual one; None where another rule forbade to speak.
    """
    day, known = day_of(context.decided_at), context.learned.usual
    if verdict.offer and verdict.candidate:
        said = verdict.offer, verdict.candidate
        gain = rested(context, *said, policy, model, gain=verdict.gain)
        everybodys = usual.everybodys(gain, day=day)
    elif known and all(each.code == "cap" for each in verdict.reasons):
        gain, everybodys = known.gain, {}
    else:
        return None
    own = usual.moment(gain, day=day) if known else None
    if own and known and known.new:
        own = usual.together(usual.begun(known.gain, day=day), own)
    return Noted(own, everybodys)


def _awaited(draft: Draft, decision: Decision) -> OpenDecision | None:
    if draft.at is None or draft.choice is None:
        return None
    context, verdict = draft.choice.context, draft.choice.verdict
    offer, candidate = verdict.offer, verdict.candidate
    if offer is None or candidate is None or decision.offer_id != offer.id:
        return None
    pushed = decision.outcome is Outcome.SEND
    drawn = decision.outcome is Outcome.SILENCE and decision.reasons[0].code in _DRAWN
    if not (pushed or drawn):
        return None
    active = taught_by(context, offer, candidate) if pushed else Terms(context).anyway
    stores = draft.at.premises.named(offer.body.stores) if offer.body.stores else ()
    visit_until, due_at = _until(offer, decision.decided_at, pushed=pushed)
    return OpenDecision(
        decision_id=decision.id,
        brand_id=decision.brand_id,
        customer_id=draft.moment.customer_id,
        pushed=pushed,
        opened_at=decision.decided_at,
        visit_until=visit_until,
        due_at=due_at,
        odds=verdict.odds if pushed else verdict.anyway,
        anyway=verdict.before if pushed else 0.0,
        likely=verdict.after if pushed else 0.0,
        stores=tuple(store.id for store in stores),
        terms=tuple((term.group, term.value) for term in active),
    )


def taught_by(context: Context, offer: Offer, candidate: Candidate) -> tuple[TermName, ...]:
    """What the answer to a push teaches: how people answer, whether it annoys them, and whether they leave."""
    terms = Terms(context)
    return (*terms.shared, *terms.of(offer, candidate), *terms.leaving, ANNOYS, *terms.annoyed)


def _until(offer: Offer, since: datetime, *, pushed: bool) -> tuple[datetime, datetime]:
    """Until when a visit counts, and when the answer is due. What is redeemed counts as long as the offer lives."""
    window, ends = WINDOWS[offer.body.kind], offer.body.life.ends_at
    last = ends or since + window.redemption
    redeemed = max(since + window.visit, min(since + window.redemption, last))
    visit_until = since + window.visit
    return visit_until, (redeemed if pushed else visit_until) + LATE


class Closing:
    """`tick` lets every decision teach whose answer is due, batch by batch; each costs an index entry, never a scan.

    Two processes at once do no harm: whoever deletes the row that waits is the one that learns from it.
    """

    def __init__(self, *, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def waiting(self) -> bool:
        """Whether any answer is due: a look into an index, which needs no lease."""
        with self._database.read() as tx:
            return bool(learning.due(tx, self._clock.now(), 1))

    def tick(self) -> int:
        """Returns how many decisions were closed."""
        now, closed = self._clock.now(), 0
        while many := self._database.write(partial(_close_batch, now=now)):
            closed += many
        if closed:
            _log.info("decisions_closed", decisions=closed)
        return closed


def _close_batch(tx: Transaction, *, now: datetime) -> int:
    """Locks the people first, so that a withdrawal or an erasure comes before, and leaves nothing to learn, or after."""
    due = learning.due(tx, now, _BATCH)
    if not due:
        return 0
    people = profiles.lock_people(tx, {each.customer_id for each in due})
    mine = learning.take(tx, [each.decision_id for each in due])
    offers.give_back(tx, mine)
    taken = [each for each in due if each.decision_id in mine and each.customer_id in people]
    lessons = _lessons(tx, taken, consents.of_many(tx, list(people)))
    for brand_id in sorted({each.brand_id for each, _ in lessons}):
        of_brand = [lesson for each, lesson in lessons if each.brand_id == brand_id]
        learned.teach(tx, brand_id, of_brand, now=now)
    return len(due)


def _lessons(
    tx: Transaction, taken: Sequence[OpenDecision], allowed: dict[str, Consents]
) -> list[tuple[OpenDecision, Lesson]]:
    """What each of these teaches; a push that reached no phone teaches nothing."""
    if not taken:
        return []
    lost = learning.unseen(tx, [each.decision_id for each in taken if each.pushed])
    since = min(each.opened_at for each in taken)
    signs = learning.signs(tx, {each.customer_id for each in taken}, since=since)
    return [
        (each, lesson)
        for each in taken
        if each.decision_id not in lost
        for lesson in _taught(each, signs.get(each.customer_id, []), allowed[each.customer_id])
    ]


def _taught(awaited: OpenDecision, signs: Iterable[Sign], allowed: Consents) -> tuple[Lesson, ...]:
    whose = awaited.customer_id if allowed.granted(Purpose.HABITS) else None
    known = list(signs)
    return lessons(
        [TermName(*each) for each in awaited.terms],
        odds=awaited.odds,
        anyway=awaited.anyway,
        y=answer(awaited, known),
        left=left_after(awaited.opened_at, allowed),
        refused=any(each.type in _REFUSALS for each in _words(awaited, known)),
        whose=whose,
    )


def lessons(
    terms: Sequence[TermName],
    *,
    odds: float,
    anyway: float,
    y: float,
    left: bool,
    refused: bool,
    whose: str | None,
) -> tuple[Lesson, ...]:
    """What an answer teaches of coming, over these odds, and where the terms are a push's, of leaving and of annoyance.

    Of the latter only where the push brought nobody: whom it pleased does not tell how easily they are annoyed.
    """
    leaves = [term for term in terms if is_of_leaving(term)]
    annoys = [term for term in terms if is_of_annoyance(term)]
    comes = [term for term in terms if term not in leaves and term not in annoys]
    found = [Lesson(terms=comes, odds=odds, y=y, whose=whose, anyway=anyway)]
    if leaves:
        before = LEAVING + sum(map(leaving, leaves))
        found.append(Lesson(terms=leaves, odds=before, y=float(left), whose=None))
    if annoys and not y:
        found.append(Lesson(terms=annoys, odds=ANNOYING, y=float(refused), whose=whose))
    return tuple(found)


def left_after(push: datetime, allowed: Consents) -> bool:
    """Whether the person withdrew from pushes within a day of this one."""
    said = allowed.of.get(Purpose.PUSH)
    return said is not None and not said.granted and push < said.since <= push + LEFT_WITHIN


def answer(awaited: OpenDecision, signs: Iterable[Sign]) -> float:
    """1 for yes, 0 for no, as these signs have it. A redemption outweighs a dismissal, and either a visit."""
    known = list(signs)
    said = [_ANSWERS[each.type] for each in _words(awaited, known)]
    return max(said) if said else float(any(_came(awaited, each) for each in known))


def _words(awaited: OpenDecision, signs: Iterable[Sign]) -> Iterator[Sign]:
    for each in signs:
        if each.decision_id == awaited.decision_id and each.type in _ANSWERS:
            yield each


def _came(awaited: OpenDecision, sign: Sign) -> bool:
    if sign.type in _ANSWERS or not awaited.opened_at < sign.at <= awaited.visit_until:
        return False
    return not awaited.stores or sign.store_id in awaited.stores
