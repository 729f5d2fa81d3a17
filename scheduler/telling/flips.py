"""Counterfactuals: what would have turned a decision round. Each is decided again, and told only where it is so. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from itertools import islice
from typing import NamedTuple

from domain.decisions import Outcome
from scheduler.decide.choose import Verdict
from scheduler.telling import closings, openings, prices
from scheduler.telling.cases import Case, Change, changed


class Turn(StrEnum):
    """How it would have come out: a push, silence, or, where no offer was ever looked at, a search for one."""

    SENT = "sent"
    SILENT = "silent"
    CONSIDERED = "considered"


class Flip(NamedTuple):
    """Changes that together turn the decision, none of which can be left out. `offer`: external id."""

    turn: Turn
    changes: tuple[Change, ...]
    offer: str | None = None


def flips(case: Case, verdict: Verdict, *, inside: bool, most: int) -> list[Flip]:
    """Up to `most` of them, the smallest first; with `inside` also what only the brand may read."""
    sent = verdict.outcome is Outcome.SEND
    found = _silences(case, verdict, inside) if sent else _sends(case, verdict, inside)
    return list(islice(found, most))


# Tried step by step: the first step that does it is told.
_STEPPED = frozenset({"near", "far", "fewer", "cap_day"})


def _silences(case: Case, verdict: Verdict, inside: bool) -> Iterator[Flip]:
    """Single changes suffice: whatever a person may set silences by itself. The brand reads of its own part first."""
    offer, candidate = verdict.offer, verdict.candidate
    if offer is None or candidate is None:
        return
    theirs = closings.settings(case, offer)
    around = closings.circumstances(offer, candidate)
    tried = [*prices.of_send(case, offer), *around, *theirs] if inside else [*theirs, *around]
    done: set[str] = set()
    for change in tried:
        if (change.inside and not inside) or change.name in done:
            continue
        if not change.make(case).sends():
            done |= {change.name} & _STEPPED
            yield Flip(Turn.SILENT, (change,), offer.external_id)


def _sends(case: Case, verdict: Verdict, inside: bool) -> Iterator[Flip]:
    """Where money can be told, that; each single change that does it; else the least that does it for each offer."""
    if inside and verdict.offer:
        for change in prices.of_silence(case, verdict.offer):
            yield from _opened(case, (change,))
    tried = [each for each in openings.of_silence(case) if inside or not each.inside]
    singles = list(_singles(case, tried))
    yield from singles or sorted(_together(case, tried), key=lambda flip: len(flip.changes))


def _singles(case: Case, tried: Iterable[Change]) -> Iterator[Flip]:
    done: set[tuple[str, str | None]] = set()
    for change in tried:
        if (change.name, change.offer) in done:
            continue
        for flip in _opened(case, (change,)):
            if change.name in _STEPPED:
                done.add((change.name, change.offer))
            yield flip


def _together(case: Case, tried: Sequence[Change]) -> Iterator[Flip]:
    """For each offer all that bears on it, less whatever can be left out, from what is farthest at hand."""
    found: set[frozenset[int]] = set()
    for offer_id in dict.fromkeys([None, *(each.offer for each in tried if each.offer)]):
        bearing = tuple(each for each in tried if each.offer in {None, offer_id})
        least = _least(_only(case, offer_id), bearing)
        least = _least(case, least)
        key = frozenset(map(id, least))
        for_all = [each for each in least if each.offer is None]
        if len(for_all) < len(least) and changed(case, for_all).sends():
            continue  # another offer is said by these alone
        if least and key not in found:
            found.add(key)
            yield from _opened(case, least)


def _least(case: Case, changes: tuple[Change, ...]) -> tuple[Change, ...]:
    """Of these changes those without which the decision does not turn; none where all of them do not turn it."""
    if not _turns(case, changes):
        return ()
    for change in reversed(changes):
        fewer = tuple(each for each in changes if each is not change)
        if _turns(case, fewer):
            changes = fewer
    return changes


def _turns(case: Case, changes: Sequence[Change]) -> bool:
    return next(_opened(case, tuple(changes)), None) is not None


def _only(case: Case, offer_id: str | None) -> Case:
    """The case as if this offer were the only one; all of it where no offer is named."""
    if offer_id is None:
        return case
    alone = (each for each in case.context.candidates if each.offer_id == offer_id)
    offers = tuple(each for each in case.offers if each.id == offer_id)
    return case.with_context(candidates=tuple(alone))._replace(offers=offers)


def _opened(case: Case, changes: tuple[Change, ...]) -> Iterator[Flip]:
    """The flip that these changes are, if they are one."""
    names = {each.offer for each in changes if each.offer}
    if len(names) == 1 and not changed(_only(case, *names), changes).sends():
        return  # what bears on one offer alone turns nothing where that offer is not said even by itself
    other = changed(case, changes)
    if other.unlooked() and not case.unlooked():
        yield Flip(Turn.CONSIDERED, changes)
        return
    again = other.verdict()
    if again.outcome is Outcome.SEND and again.offer is not None:
        yield Flip(Turn.SENT, changes, again.offer.external_id)
