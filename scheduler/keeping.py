"""Writes what the engine chose: reserves what offers allow, then stores decisions and messages, a batch at a time."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime

import structlog

from domain.context import Context
from domain.decisions import Decision
from scheduler.context.build import Scene
from scheduler.drafts import (
    ALREADY_SAID,
    FAILED,
    Choice,
    Draft,
    ExplainUrl,
    Made,
    expiry,
    made_of,
    marked,
    silence,
)
from scheduler.loading import today
from scheduler.pacing import PROMPT
from storage import decisions, messages, offers, slots
from storage.engine import Transaction
from storage.sql import must_repeat

_log = structlog.get_logger()


class Keeper:
    """Stores one decision for each draft, within the transaction that claimed its moment.

    `again` chooses once more with less to choose from; `model` is the revision that the choices were made with.
    """

    def __init__(
        self, *, again: Callable[[Scene, Context], Choice], model: int, explain_url: ExplainUrl
    ) -> None:
        self._again = again
        self._model = model
        self._explain_url = explain_url

    def keep(self, tx: Transaction, drafts: Sequence[Draft], *, now: datetime) -> list[Decision]:
        """The stored decisions: all in a few statements, or, where that fails, one by one.

        What cannot be stored as it should ends in a silence that says so, and spares the others.
        """
        try:
            with tx.begin_nested():
                return self._together(tx, drafts, now)
        except Exception as error:
            if must_repeat(error):
                raise
            _log.exception("decisions_not_stored", moment_ids=[each.moment.id for each in drafts])
        if len(drafts) > 1:
            return [kept for draft in drafts for kept in self.keep(tx, [draft], now=now)]
        return self._failed(tx, drafts[0], now)

    def _together(self, tx: Transaction, drafts: Sequence[Draft], now: datetime) -> list[Decision]:
        made = [
            made_of(draft, now=now, model=self._model, explain_url=self._explain_url)
            for draft in self._within_limits(tx, drafts)
        ]
        stored = decisions.add_many(tx, [each.decision for each in made])
        kept = [each for each in made if each.decision.id in stored]
        said = [(each.message, each.decision.cause) for each in kept if each.message]
        bulk = {message.id for message, cause in said if cause not in PROMPT}
        messages.add_many(tx, [message for message, _ in said], now=now, bulk=bulk)
        refused = [each for each in made if each.decision.id not in stored]
        return [each.decision for each in kept] + _silenced(tx, refused, now)

    def _within_limits(self, tx: Transaction, drafts: Iterable[Draft]) -> list[Draft]:
        """The drafts with every send counted against its offer; who gets none any more is chosen for once more.

        Where too little is left for all, it goes to those to whom it is worth most.
        """
        done: list[Draft] = []
        waiting = list(drafts)
        while waiting:
            sends: defaultdict[tuple[str, str], list[Draft]] = defaultdict(list)
            for draft in waiting:
                send = draft.send()
                (sends[send[2].offer.id, draft.moment.mode] if send else done).append(draft)
            waiting = []
            for _, group in sorted(sends.items()):  # two engines count in the same order
                group.sort(key=_worth, reverse=True)
                placed = [draft for draft in group if _promise(tx, draft)]
                granted = _reserve(tx, placed) if placed else 0
                done += placed[:granted]
                refused = [draft for draft in group if draft not in placed[:granted]]
                waiting += [self._without(over) for over in refused]
        return done

    def _without(self, draft: Draft) -> Draft:
        """The draft as it would be had its offer been sold out before."""
        send = draft.send()
        assert send is not None, "only a send is counted"
        at, context, said = send
        return draft._replace(choice=self._again(at, marked(context, said.candidate, left=0)))

    def _failed(self, tx: Transaction, draft: Draft, now: datetime) -> list[Decision]:
        decision = silence(draft.moment, FAILED, now)
        try:
            with tx.begin_nested():
                return [decision] if decisions.add_many(tx, [decision]) else []
        except Exception as error:
            if must_repeat(error):
                raise
            _log.exception("decision_not_stored", moment_id=draft.moment.id)
            return []


def _worth(draft: Draft) -> tuple[float, str]:
    """By what saying it gains over silence; among equals the latest moment, so that the order is one."""
    return draft.choice.verdict.gain if draft.choice else 0.0, draft.moment.id


def _reserve(tx: Transaction, group: Sequence[Draft]) -> int:
    """How many of these sends of one offer may be; the first ones first."""
    send = group[0].send()
    assert send is not None, "only a send is counted"
    at, _, said = send
    day = today(at.ground.brand, at.now)
    return offers.reserve(tx, said.offer, mode=at.moment.mode, day=day, wanted=len(group))


def _promise(tx: Transaction, draft: Draft) -> bool:
    """Whether a place of the slot can be kept for this person as long as they may answer; true where it is about none.

    Who is not spoken to in the end gives it back as the moment is settled.
    """
    send = draft.send()
    if send is None or draft.at is None or draft.at.slot is None:
        return True
    at, _, said = send
    slot = draft.at.slot
    until = expiry(said.offer, slot, at.now)
    return slots.promise(tx, slot.id, draft.moment.customer_id, until=until, now=at.now)


def _silenced(tx: Transaction, refused: Iterable[Made], now: datetime) -> list[Decision]:
    """The unique index refused these sends: each person got the offer within the same three hours, from elsewhere."""
    silent: list[Decision] = []
    for each in refused:
        if send := each.draft.send():
            at, _, said = send
            day = today(at.ground.brand, at.now)
            offers.release(tx, said.offer, mode=at.moment.mode, day=day)
        silent.append(silence(each.draft.moment, ALREADY_SAID, now))
    stored = decisions.add_many(tx, silent)
    return [decision for decision in silent if decision.id in stored]
