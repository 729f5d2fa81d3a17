"""Computes a decision again from what is stored of it, and tells in what it differs. It reads and never writes."""

from collections.abc import Iterator
from enum import StrEnum
from typing import Any

import msgspec

from domain.context import Inputs
from domain.decisions import Decision
from domain.offers import Offer
from domain.values import Value
from scheduler.decide.choose import Verdict, decide
from scheduler.decide.score import Model
from storage import offers
from storage.decisions import Stored
from storage.engine import Transaction


class Result(StrEnum):
    """`uncomputed`: nothing was chosen there; a failure, or a unique index, ended it in a silence of its own. `pruned`: its
    inputs have served their time.
    """

    IDENTICAL = "identical"
    DIFFERS = "differs"
    REDACTED = "redacted"
    PRUNED = "pruned"
    UNCOMPUTED = "uncomputed"


class Difference(Value):
    """A part of the decision as it is stored and as it comes out now."""

    what: str
    stored: Any
    now: Any


class Replay(Value):
    decision_id: str
    result: Result
    differences: tuple[Difference, ...] = ()


class Replayer:
    """Replays any number of decisions within one transaction; remembers the offers it has read."""

    def __init__(self, tx: Transaction, model: Model | None = None) -> None:
        self._tx = tx
        self._model = model or Model()
        self._offers: dict[tuple[str, int], Offer | None] = {}

    def replay(self, stored: Stored) -> Replay:
        """What comes out of the stored inputs today, with the offers as they were."""
        decision = stored.decision
        if stored.redacted:
            return Replay(decision_id=decision.id, result=Result.REDACTED)
        if stored.pruned:
            return Replay(decision_id=decision.id, result=Result.PRUNED)
        if decision.inputs is None:
            return Replay(decision_id=decision.id, result=Result.UNCOMPUTED)
        found = tuple(self._differences(decision, msgspec.convert(decision.inputs, Inputs)))
        result = Result.DIFFERS if found else Result.IDENTICAL
        return Replay(decision_id=decision.id, result=result, differences=found)

    def _differences(self, decision: Decision, inputs: Inputs) -> Iterator[Difference]:
        if inputs.model != self._model.revision:
            yield Difference(what="model", stored=inputs.model, now=self._model.revision)
        known = []
        for candidate in inputs.context.candidates:
            key = candidate.offer_id, candidate.revision
            if offer := self._as_of(key):
                known.append(offer)
            else:
                yield Difference(what="offer", stored=list(key), now=None)
        if len(known) < len(inputs.context.candidates):
            return
        verdict = decide(inputs.context, known, inputs.policy, self._model)
        then, now = _told(decision), _chosen(verdict)
        if any(each.text for each in decision.reasons):  # written in words, as they once were
            then["reasons"] = [each.code for each in decision.reasons]
            now["reasons"] = [each.code for each in verdict.reasons]
        for what, value in then.items():
            if value != now[what]:
                yield Difference(what=what, stored=value, now=now[what])
        told, looked_at = decision.alternatives, verdict.alternatives
        if decision.rules and told != looked_at:  # decisions of before told none
            yield Difference(
                what="alternatives",
                stored=msgspec.to_builtins(told),
                now=msgspec.to_builtins(looked_at),
            )

    def _as_of(self, key: tuple[str, int]) -> Offer | None:
        if key not in self._offers:
            self._offers[key] = offers.as_of(self._tx, *key)
        return self._offers[key]


def _told(decision: Decision) -> dict[str, Any]:
    return {
        "outcome": decision.outcome.value,
        "reasons": msgspec.to_builtins(decision.reasons),
        "offer": [decision.offer_id, decision.offer, decision.offer_revision],
        "terms": msgspec.to_builtins(decision.terms),
        "propensity": decision.propensity,
        "seed": decision.seed,
    }


def _chosen(verdict: Verdict) -> dict[str, Any]:
    offer = verdict.offer
    return {
        "outcome": verdict.outcome.value,
        "reasons": msgspec.to_builtins(verdict.reasons),
        "offer": [offer.id, offer.external_id, offer.revision] if offer else [None, None, None],
        "terms": msgspec.to_builtins(verdict.terms),
        "propensity": verdict.propensity,
        "seed": verdict.seed,
    }
