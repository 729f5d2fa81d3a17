"""What an offer would have done in a window of the past: the decisions of that time, made again with it among the offers.

Each person's sends of the window are those that the rehearsal makes, so that its caps and distances hold among them.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from itertools import groupby
from typing import NamedTuple

import msgspec
import structlog

from domain.context import Context, Inputs
from domain.decisions import Decision, Outcome
from domain.offers import Offer
from domain.people import Mode
from domain.policy import Brand
from scheduler.context.clock import zone_of
from scheduler.decide import guards
from scheduler.decide.choose import Verdict, decide
from scheduler.decide.score import Model
from scheduler.rehearsing import judging
from scheduler.rehearsing.batches import uncollected
from scheduler.rehearsing.funnel import (
    FAILED,
    NO_MOMENT,
    PRUNED,
    REDACTED,
    Example,
    Fate,
    Found,
    Funnel,
)
from scheduler.rehearsing.recorded import Archive, Window, inputs_of, with_draft
from scheduler.rehearsing.sampling import sampled
from storage import rehearsal
from storage.engine import Database, Transaction
from storage.rehearsal import Recorded

BATCH = 500
_log = structlog.get_logger()

Names = Mapping[str, str | None]


class Then(NamedTuple):
    """What is rehearsed: an offer of a brand, among its customers of one mode, over a window."""

    brand: Brand
    mode: Mode
    offer: Offer
    window: Window
    archive: Archive
    model: Model
    share: float = 1.0  # of the customers, by hash


class Counts:
    """Of moments rather than of people. `displaced`: real sends of other offers in whose place this one would be said."""

    def __init__(self) -> None:
        self.moments = 0
        self.redacted = 0
        self.pruned = 0
        self.failed = 0
        self.displaced = 0


class Case(NamedTuple):
    """A recorded decision with all it takes to make it again; `inputs` is None where that cannot be done."""

    recorded: Recorded
    inputs: Inputs | None
    offers: Sequence[Offer]


def rehearse(database: Database, then: Then, funnel: Funnel, counts: Counts) -> Iterator[int]:
    """Counts everybody in; yields how many customers are done after each batch."""
    done, after = 0, None
    while True:
        with uncollected():
            with database.read() as tx:
                found = rehearsal.people(
                    tx, brand_id=then.brand.id, mode=then.mode, after=after, limit=BATCH
                )
                names = {id_: name for id_, name in found if sampled(id_, then.share)}
                cases = load(tx, then.archive, names, then.window)
            for whose, name in names.items():
                _Person(then, whose, name, counts).live(cases.get(whose, ()), funnel)
        done += len(found)
        yield done
        if len(found) < BATCH:
            return
        after = found[-1][0]


def load(tx: Transaction, archive: Archive, names: Names, window: Window) -> dict[str, list[Case]]:
    """What was decided about these people in the window, by person, oldest first."""
    rows = rehearsal.decided(tx, list(names), since=window.since, until=window.until)
    return {
        str(whose): [_case(tx, archive, recorded) for recorded in theirs]
        for whose, theirs in groupby(rows, key=lambda each: each.decision.customer_id)
    }


def _case(tx: Transaction, archive: Archive, recorded: Recorded) -> Case:
    inputs = inputs_of(recorded)
    offers = archive.offers(tx, inputs.context) if inputs else None
    return Case(recorded, inputs if offers is not None else None, offers or ())


class _Person:
    """One person's way through the window."""

    def __init__(self, then: Then, whose: str, name: str | None, counts: Counts) -> None:
        self._then = then
        self._whose = whose
        self._name = name
        self._counts = counts
        self._zone = zone_of(then.brand.time_zone)
        self._sent: list[datetime] = []  # of any offer, in the rehearsal
        self._own: list[Context] = []  # those of this offer

    def live(self, cases: Sequence[Case], funnel: Funnel) -> None:
        """Decides moment by moment, and counts the person in by the farthest that any of them got."""
        best, sends = None, []
        for case in cases:
            found = self._found(case)
            if send := found.fate.send:
                sends.append(send._replace(customer_id=self._whose))
            if best is None or found.fate.far > best[0].fate.far:
                best = found, case.recorded.decision
        if best is None:
            funnel.add(NO_MOMENT)
            return
        funnel.add(best[0].fate, sends)
        self._show(*best, funnel)

    def _show(self, found: Found, decision: Decision, funnel: Funnel) -> None:
        if funnel.wants(found.fate):
            funnel.show(
                Example(
                    customer_id=self._whose,
                    customer=self._name,
                    at=decision.decided_at,
                    cause=decision.cause,
                    step=found.fate.step,
                    code=found.fate.code,
                    reasons=tuple(found.reasons()),
                )
            )

    def _found(self, case: Case) -> Found:
        self._counts.moments += 1
        if case.recorded.redacted:
            self._counts.redacted += 1
            return Found(REDACTED)
        if case.recorded.pruned:
            self._counts.pruned += 1
            return Found(PRUNED)
        try:
            found = self._again(case)
        except Exception as error:  # noqa: BLE001 - one person's data cannot stop the others, as in the engine
            if not self._counts.failed:  # one of them tells enough
                found_in = case.recorded.decision.id
                _log.error("not_rehearsed", decision_id=found_in, error=type(error).__name__)
            found = Found(FAILED)
        self._counts.failed += found.fate == FAILED
        return found

    def _again(self, case: Case) -> Found:
        inputs, then = case.inputs, self._then
        if inputs is None:
            return Found(FAILED)
        context = self._as_rehearsed(inputs.context)
        reasons = guards.on_person(inputs.context, inputs.policy) or guards.on_person(
            context, inputs.policy
        )
        if reasons:
            return Found(judging.forbidden(reasons, judging.missing(context)), lambda: reasons)
        candidates = with_draft(context, case.recorded, then.offer, then.archive)
        context = self._said_before(msgspec.structs.replace(context, candidates=candidates))
        offers = [*(each for each in case.offers if each.id != then.offer.id), then.offer]
        verdict = decide(context, offers, inputs.policy, then.model)
        self._note(case.recorded.decision, context, verdict)
        if lack := judging.lacking(context, then.offer):
            return Found(Fate("eligible", lack.code), lambda: (lack,))
        known = judging.Case(context, then.offer, inputs.policy, then.model)
        day = judging.day_of(context.decided_at, self._zone)
        fate = judging.fate(known, verdict, day)
        return Found(fate, lambda: judging.reasons(known, verdict, fate))

    def _as_rehearsed(self, context: Context) -> Context:
        """With the sends of the rehearsal in place of those that there really were in the window."""
        before = (at for at in context.sent_at if at < self._then.window.since)
        return msgspec.structs.replace(context, sent_at=tuple(sorted((*before, *self._sent))))

    def _said_before(self, context: Context) -> Context:
        """When this offer was last said, in the rehearsal or before the window."""
        mine = judging.own(context, self._then.offer)
        last, since = mine.last_sent_at, self._then.window.since
        really = last is not None and last < since
        here = (context.local_date, context.daypart)
        now = msgspec.structs.replace(
            mine,
            last_sent_at=self._own[-1].decided_at if self._own else last if really else None,
            said_in_daypart=(mine.said_in_daypart and really)
            or any((each.local_date, each.daypart) == here for each in self._own),
        )
        others = (now if each is mine else each for each in context.candidates)
        return msgspec.structs.replace(context, candidates=tuple(others))

    def _note(self, decision: Decision, context: Context, verdict: Verdict) -> None:
        if verdict.outcome is not Outcome.SEND or verdict.offer is None:
            return
        self._sent.append(context.decided_at)
        if verdict.offer.id == self._then.offer.id:
            self._own.append(context)
            other = decision.offer_id != verdict.offer.id
            self._counts.displaced += decision.outcome is Outcome.SEND and other
