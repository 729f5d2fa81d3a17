"""What was learned of answers, between the store and the decisions: loaded for a batch, and added to after answers."""

import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from domain.model import Evidence, Learned, Spread, TermName
from domain.people import Purpose
from scheduler.context.build import Scene
from scheduler.learn.response import Response
from scheduler.learn.terms import GROUPS, first_certainty, first_variance, is_own
from scheduler.learn.usual import EVERYBODYS, SQUARES, TERM, usual
from storage import contexts, learning
from storage.engine import Transaction
from storage.learning import Moved, day_of

_PLACES = 4  # decimals that a belief is rounded to before it is used, so that what is stored is what was used
_MOST_BRANDS = 64  # that are remembered
_LEAST, _MOST = -9.0, 3.0  # bounds of ln τ², as the model has them

Terms = dict[str, dict[str, tuple[float, float]]]


class Everybodys(NamedTuple):
    """What a brand's people together taught, ready to be decided with. `spreads` are the variances of all groups."""

    terms: Terms
    spreads: dict[str, float]
    revision: int = 0
    moments: Mapping[TermName, Evidence] = {}  # how good everybody's are

    def of_person(self, own: Mapping[TermName, Evidence], *, day: int) -> Learned:
        """The same with one person's own terms, as of `day`."""
        return Learned(
            terms={**self.terms, **beliefs(own, self.spreads)} if own else self.terms,
            spreads=self.spreads,
            revision=self.revision,
            usual=usual(own.get(TERM), self.moments, day=day, other_memory=learning.MEMORY_DAYS),
        )


def load(tx: Transaction, brand_id: str, *, now: datetime) -> Everybodys:
    """What everybody of a brand taught, in three statements."""
    revision = learning.revision(tx, brand_id)
    spreads = _variances(learning.spreads(tx, brand_id))
    evidence = learning.shared(tx, brand_id, day=day_of(now))
    return Everybodys(
        beliefs(evidence, spreads),
        {group: round(variance, _PLACES) for group, variance in spreads.items()},
        revision,
        {term: each for term, each in evidence.items() if term in (EVERYBODYS, SQUARES)},
    )


class Remembered:
    """What everybody of each brand taught, read anew only where it has changed since: it is kept by its revision and the day.

    Whoever teaches raises the revision in the same transaction, so any number of processes may keep it. One thread at a time.
    """

    def __init__(self) -> None:
        self._known: dict[str, tuple[int, Everybodys]] = {}

    def load(self, tx: Transaction, brand_id: str, *, now: datetime) -> Everybodys:
        """As `load` gives it, mostly in one statement."""
        day, revision = day_of(now), learning.revision(tx, brand_id)
        known = self._known.get(brand_id)
        if known and (known[0], known[1].revision) == (day, revision):
            return known[1]
        if len(self._known) >= _MOST_BRANDS:
            self.forget()
        fresh = load(tx, brand_id, now=now)
        self._known[brand_id] = day, fresh
        return fresh

    def forget(self) -> None:
        """After a transaction that failed: what was read in it may have been undone."""
        self._known.clear()


def own(
    tx: Transaction, customer_ids: Collection[str], *, now: datetime
) -> dict[str, dict[TermName, Evidence]]:
    """What these people taught of themselves, in one statement. The caller knows who permits it."""
    return learning.of_people(tx, customer_ids, day=day_of(now)) if customer_ids else {}


def believing(
    tx: Transaction,
    scenes: Sequence[Scene],
    *,
    now: datetime,
    load: Callable[..., Everybodys] = load,
) -> list[Scene]:
    """The scenes with what is believed of their people's answers, in one statement for all people and a few for each brand."""
    mine = [at.known.customer.id for at in scenes if at.known.consents.granted(Purpose.HABITS)]
    people = own(tx, mine, now=now)
    times = contexts.days_at_stores(tx, mine) if mine else {}
    shared = {
        brand_id: load(tx, brand_id, now=now)
        for brand_id in sorted({at.ground.brand.id for at in scenes})
    }
    return [
        at._replace(
            learned=shared[at.ground.brand.id].of_person(
                people.get(at.known.customer.id, {}),
                day=day_of(now),
            ),
            regular=times.get(at.known.customer.id),
        )
        for at in scenes
    ]


class Lesson(NamedTuple):
    """An answer: y of the decision's terms, over log-odds known from elsewhere. `whose` is None where nothing may be learned
    of the person themselves."""

    terms: Collection[TermName]
    odds: float
    y: float
    whose: str | None
    anyway: float = 0.0


def learn(model: Response, terms: Sequence[TermName], lesson: Lesson, *, day: int) -> None:
    """Lets one answer teach these terms."""
    model.update(terms, lesson.y, offset=lesson.odds, day=day, anyway=lesson.anyway)


def teach(tx: Transaction, brand_id: str, lessons: Iterable[Lesson], *, now: datetime) -> int:
    """Learns answers of one brand's people in the order given and adds what they taught. The people are locked."""
    given, day = list(lessons), day_of(now)
    before = learning.spreads(tx, brand_id)
    evidence = learning.shared(tx, brand_id, day=day)
    people = sorted({each.whose for each in given if each.whose})
    for whose, terms in own(tx, people, now=now).items():
        evidence |= {_owned(term, whose): known for term, known in terms.items()}
    model = Response(evidence, _spreads(before), memory_days=learning.MEMORY_DAYS)
    for each in given:
        learn(model, list(_active(each)), each, day=day)
    _save(tx, brand_id, model, before)
    return len(given)


def _active(lesson: Lesson) -> Iterable[TermName]:
    """The terms that may be learned: without the person's own where they do not permit it."""
    for term in lesson.terms:
        if not is_own(term):
            yield term
        elif lesson.whose:
            yield _owned(term, lesson.whose)


def _owned(term: TermName, whose: str) -> TermName:
    return TermName(term.group, f"{whose}/{term.value}")


def _save(tx: Transaction, brand_id: str, model: Response, before: dict[str, Moved]) -> None:
    changes = model.changes()
    shared: dict[TermName, Evidence] = {}
    people: dict[str, dict[TermName, Evidence]] = {}
    for term, more in changes.evidence.items():
        if is_own(term):
            whose, _, value = term.value.partition("/")
            people.setdefault(whose, {})[TermName(term.group, value)] = more
        else:
            shared[term] = more
    learning.add_own(tx, people)
    learning.add_shared(tx, brand_id, shared)
    learning.move(tx, brand_id, _moved(changes.spreads, _spreads(before)))


def _moved(after: Mapping[str, Spread], before: Mapping[str, Spread]) -> dict[str, Moved]:
    return {
        group: Moved(
            moved=spread.log_variance - before[group].log_variance,
            gained=spread.certainty - before[group].certainty,
        )
        for group, spread in after.items()
    }


def first_spreads() -> dict[str, Spread]:
    """The groups' spreads before any answer."""
    return _spreads({})


def _spreads(moved: Mapping[str, Moved]) -> dict[str, Spread]:
    """The groups' spreads as the model wants them. Steps taken at once by several may add up beyond the bounds."""
    found = {}
    for group in sorted(GROUPS):
        by = moved.get(group, Moved())
        reached = math.log(first_variance(group)) + by.moved
        found[group] = Spread(
            log_variance=min(max(reached, _LEAST), _MOST),
            certainty=first_certainty(group) + by.gained,
        )
    return found


def _variances(moved: Mapping[str, Moved]) -> dict[str, float]:
    """The variances of the groups that answers have moved."""
    known = {group: by for group, by in moved.items() if group in GROUPS}
    return {
        group: math.exp(spread.log_variance)
        for group, spread in _spreads(known).items()
        if group in known
    }


def beliefs(evidence: Mapping[TermName, Evidence], spreads: Mapping[str, float]) -> Terms:
    """Means and variances of the terms, rounded as they will be stored; groups of before that are no longer used fall out."""
    found: Terms = {}
    for term, known in evidence.items():
        if term.group not in GROUPS:
            continue
        prior = spreads.get(term.group) or first_variance(term.group)
        variance = 1 / (1 / prior + known.weight)
        mean = variance * known.pull
        found.setdefault(term.group, {})[term.value] = (
            round(mean, _PLACES),
            round(variance, _PLACES),
        )
    return found
