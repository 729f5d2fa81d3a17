"""Whether the push service takes an offer's messages: asked once with `validate_only`, before the first one is sent.

One bad template would otherwise fail for thousands; and since FCM answers 400 to bad texts and to dead tokens alike, it is the
offer that has to prove itself, not the phones.
"""

import threading
from collections.abc import Callable, Collection, Sequence
from enum import Enum
from random import Random

from domain.messages import DeliveryStatus, Outcome
from domain.values import Value
from storage import offer_checks
from storage.engine import Transaction
from storage.offer_checks import Question

ASKED_S = 0.5  # after which those that wait for an answer look again
_FIRST_S, _LONGEST_S = 10.0, 600.0  # waits after an answer that says nothing of the offer, doubling
_JITTER = 0.5
_MOST = 10_000  # answers kept in memory; all are in the store


class Proof(Enum):
    """What an answer means to the message that went ahead."""

    PASSED = "passed"  # the message may go, and all others of its kind
    REFUSED = "refused"  # the offer is stopped
    OF_THE_TARGET = "of the target"  # the answer is about this phone, and final for it
    NONE = "none"  # nothing was learnt: wait


class Stand(Value):
    """What holds for one message: a refusal, the seconds to wait, or the questions to ask with it (none: it just goes)."""

    refusal: str | None = None
    wait_s: float = 0.0
    ask: tuple[Question, ...] = ()


class _Asked(Value):
    asking: bool = False
    failures: int = 0
    until: float = 0.0


class Proving:
    """What one sender knows of offers. Safe for many threads."""

    def __init__(
        self, *, monotonic: Callable[[], float], random: Random, validates: bool = True
    ) -> None:
        self._validates = validates
        self._monotonic = monotonic
        self._random = random
        self._answers: dict[Question, str | None] = {}
        self._refused: dict[
            tuple[str, int], str
        ] = {}  # by offer and revision, on whatever platform
        self._questions: dict[Question, _Asked] = {}
        self._unsaved: dict[Question, str | None] = {}
        self._lock = threading.Lock()

    def read(self, tx: Transaction, questions: Collection[Question]) -> None:
        """Looks up what other senders, or this one in an earlier life, were told."""
        unknown = {question.offer_id for question in questions if question not in self._answers}
        if not unknown or not self._validates:
            return
        found = offer_checks.known(tx, unknown)
        with self._lock:
            if len(self._answers) > _MOST:
                self._answers.clear()
                self._refused.clear()
            for question, refusal in found.items():
                self._learn(question, refusal)

    def stand(self, questions: Sequence[Question]) -> Stand:
        """What holds for a message that asks these, one for each platform it goes to."""
        if not self._validates:
            return Stand()
        now = self._monotonic()
        with self._lock:
            for question in questions:
                if refusal := self._refused.get((question.offer_id, question.revision)):
                    return Stand(refusal=refusal)
            ask = tuple(question for question in questions if question not in self._answers)
            asked = [self._questions.get(question, _Asked()) for question in ask]
        waits = [ASKED_S if each.asking else each.until - now for each in asked]
        return Stand(wait_s=max(0.0, *waits), ask=ask) if waits else Stand()

    def ask(self, question: Question) -> None:
        """The question is on its way."""
        with self._lock:
            before = self._questions.get(question, _Asked())
            self._questions[question] = _Asked(asking=True, failures=before.failures)

    def answered(self, question: Question, outcome: Outcome | None) -> Proof:
        """Takes the answer into account; None is a question that did not start in time."""
        proof = _proof(outcome)
        with self._lock:
            before = self._questions.pop(question, _Asked())
            if proof in (Proof.PASSED, Proof.REFUSED) and outcome:
                refusal = (outcome.detail or "refused") if proof is Proof.REFUSED else None
                self._unsaved[question] = refusal
                self._learn(question, refusal)
            elif proof is Proof.NONE and outcome:
                self._questions[question] = self._after_failure(before)
        return proof

    def unsaved(self) -> dict[Question, str | None]:
        """Answers that are not in the store yet; they are not given out again."""
        with self._lock:
            found, self._unsaved = self._unsaved, {}
        return found

    def save_later(self, answers: dict[Question, str | None]) -> None:
        """Takes answers back that could not be stored."""
        with self._lock:
            self._unsaved = answers | self._unsaved

    def _learn(self, question: Question, refusal: str | None) -> None:
        self._answers[question] = refusal
        if refusal:
            self._refused[question.offer_id, question.revision] = refusal

    def _after_failure(self, before: _Asked) -> _Asked:
        wait_s = min(_LONGEST_S, _FIRST_S * 2.0 ** min(before.failures, 9))
        until = self._monotonic() + wait_s * (1 + _JITTER * self._random.random())
        return _Asked(failures=before.failures + 1, until=until)


def _proof(outcome: Outcome | None) -> Proof:
    if outcome is None:
        return Proof.NONE
    if outcome.status is DeliveryStatus.ACCEPTED:
        return Proof.PASSED
    if outcome.retire or outcome.error_code == "UNSENDABLE":
        return Proof.OF_THE_TARGET
    if outcome.status is DeliveryStatus.REJECTED and outcome.error_code == "INVALID_ARGUMENT":
        return Proof.REFUSED
    return Proof.NONE
