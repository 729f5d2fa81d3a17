"""Counterfactuals: what would have turned a decision round. Each is decided again, and told only where it is so. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from itertools import combinations, islice
from typing import NamedTuple

from domain.decisions import Outcome
from scheduler.decide.choose import Verdict
from scheduler.telling import closings, openings, prices
from scheduler.telling.cases import Case, Change, changed

_TOGETHER = 3  # changes at most
_TRIES = 600  # decisions at most, so that an answer never takes long


class Turn(StrEnum):
    """How it would have come out: a push, silence, or, where no offer was ever looked at, a search for one."""

    SENT = "sent"
    SILENT = "silent"
    CONSIDERED = "considered"


class Flip(NamedTuple):
    """Changes that together turn the decision; no smaller set of those that are tried does. `offer`: external id."""

    turn: Turn
    changes: tuple[Change, ...]
    offer: str | None = None


def flips(case: Case, verdict: Verdict, *, inside: bool, most: int) -> list[Flip]:
    """Up to `most` of them, the smallest first; with `inside` also what only the brand may read."""
    found = (
        _silences(case, verdict, inside)
        if verdict.outcome is Outcome.SEND
        else _sends(case, verdict)
    )
    told = (each for each in found if inside or not any(part.inside for part in each.changes))
    return list(islice(told, most))


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
        again = change.make(case).verdict()
        if again.outcome is not Outcome.SEND and change.name not in done:
            if change.name in _STEPPED:
                done.add(change.name)
            yield Flip(Turn.SILENT, (change,), offer.external_id)


_STEPPED = frozenset(
    {"near", "far", "fewer", "cap_day"}
)  # tried step by step: the first one that does is told


def _sends(case: Case, verdict: Verdict) -> Iterator[Flip]:
    tried = list(openings.of_silence(case))
    found: list[tuple[Change, ...]] = []
    for sets in islice(_sets(tried), _TRIES):
        if _covered(sets, found):
            continue
        if flip := _opened(case, sets):
            found.append(sets)
            yield flip
    if verdict.offer and not found:
        for change in prices.of_silence(case, verdict.offer):
            if flip := _opened(case, (change,)):
                yield flip


def _sets(tried: Sequence[Change]) -> Iterator[tuple[Change, ...]]:
    for size in range(1, _TOGETHER + 1):
        yield from (each for each in combinations(tried, size) if _of_one_piece(each))


def _of_one_piece(sets: Iterable[Change]) -> bool:
    """Changes of one offer at most, and none of them twice."""
    parts = list(sets)
    offers = {each.offer for each in parts if each.offer}
    once = [each.name for each in parts if each.name not in _SEVERAL]
    return len(offers) <= 1 and len(set(once)) == len(once)


_SEVERAL = frozenset({"consent"})  # of which more than one may be missing


def _covered(sets: Sequence[Change], found: Iterable[Sequence[Change]]) -> bool:
    """Whether a part of these turns the decision by itself, with the same offer or in a smaller step."""
    keys = {_key(each) for each in sets}
    return any({_key(each) for each in smaller} <= keys for smaller in found)


def _key(change: Change) -> tuple[str, str | None, str]:
    args = "" if change.name in _STEPPED else str(sorted(change.args.items()))
    return change.name, change.offer, args


def _opened(case: Case, sets: tuple[Change, ...]) -> Flip | None:
    other = changed(case, sets)
    if other.unlooked() and not case.unlooked():
        return Flip(Turn.CONSIDERED, sets)
    again = other.verdict()
    if again.outcome is not Outcome.SEND or again.offer is None:
        return None
    return Flip(Turn.SENT, sets, again.offer.external_id)
