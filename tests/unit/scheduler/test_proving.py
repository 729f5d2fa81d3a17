"""What the push service's answers about offers lead to."""

from random import Random

import pytest

from domain.messages import DeliveryStatus, Outcome
from scheduler.proving import Proof, Proving, Stand
from storage.offer_checks import Question

SOUP = Question(offer_id="soup", revision=1, project="p", platform="android")
ON_IOS = Question(offer_id="soup", revision=1, project="p", platform="ios")
EDITED = Question(offer_id="soup", revision=2, project="p", platform="android")


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def proving(clock: Clock) -> Proving:
    return Proving(monotonic=clock, random=Random(7))


def outcome(status: DeliveryStatus, code: str | None = None, *, retire: bool = False) -> Outcome:
    return Outcome(status=status, error_code=code, detail="Invalid key", retire=retire)


OK = outcome(DeliveryStatus.ACCEPTED)
BAD = outcome(DeliveryStatus.REJECTED, "INVALID_ARGUMENT")
DOWN = outcome(DeliveryStatus.UNAVAILABLE, "UNAVAILABLE")


@pytest.mark.parametrize(
    ("answer", "proof"),
    [
        pytest.param(OK, Proof.PASSED, id="taken"),
        pytest.param(BAD, Proof.REFUSED, id="a bad text"),
        pytest.param(
            outcome(DeliveryStatus.REJECTED, "INVALID_ARGUMENT", retire=True),
            Proof.OF_THE_TARGET, id="a bad token",
        ),
        pytest.param(
            outcome(DeliveryStatus.UNREGISTERED, "UNREGISTERED", retire=True),
            Proof.OF_THE_TARGET, id="a dead token",
        ),
        pytest.param(
            outcome(DeliveryStatus.REJECTED, "UNSENDABLE"), Proof.OF_THE_TARGET, id="no message",
        ),
        pytest.param(
            outcome(DeliveryStatus.REJECTED, "THIRD_PARTY_AUTH_ERROR"), Proof.NONE, id="no key",
        ),
        pytest.param(
            outcome(DeliveryStatus.REJECTED, "PERMISSION_DENIED"), Proof.NONE, id="not let in",
        ),
        pytest.param(DOWN, Proof.NONE, id="down"),
        pytest.param(outcome(DeliveryStatus.UNKNOWN, "TIMEOUT"), Proof.NONE, id="lost"),
        pytest.param(None, Proof.NONE, id="not asked in time"),
    ],
)  # fmt: skip
def test_what_an_answer_means(proving: Proving, answer: Outcome | None, proof: Proof) -> None:
    proving.ask(SOUP)
    assert proving.answered(SOUP, answer) is proof


def test_each_platform_is_asked_once(proving: Proving) -> None:
    assert proving.stand([SOUP, ON_IOS]) == Stand(ask=(SOUP, ON_IOS))
    proving.answered(SOUP, OK)
    assert proving.stand([SOUP]) == Stand()
    assert proving.stand([SOUP, ON_IOS]) == Stand(ask=(ON_IOS,))
    assert proving.stand([EDITED]) == Stand(ask=(EDITED,))


def test_while_one_message_asks_the_others_wait(proving: Proving) -> None:
    proving.ask(SOUP)
    assert 0 < proving.stand([SOUP]).wait_s <= 1


def test_an_offer_that_was_refused_on_one_platform_is_stopped_on_all(proving: Proving) -> None:
    proving.answered(ON_IOS, BAD)
    assert proving.stand([SOUP]).refusal == "Invalid key"
    assert proving.stand([EDITED]).refusal is None


def test_a_question_in_vain_is_asked_again_after_ten_seconds_and_ever_later(
    proving: Proving, clock: Clock
) -> None:
    waits = []
    for _ in range(9):
        proving.ask(SOUP)
        proving.answered(SOUP, DOWN)
        waits.append(proving.stand([SOUP]).wait_s)
        clock.now += waits[-1] + 0.001
        assert proving.stand([SOUP]) == Stand(ask=(SOUP,))
    assert all(10 * 2**n <= wait <= 15 * 2**n for n, wait in enumerate(waits[:6]))
    assert 600 <= waits[-1] <= 900


def test_answers_are_given_out_for_keeping_until_they_are_kept(proving: Proving) -> None:
    proving.answered(SOUP, OK)
    proving.answered(ON_IOS, BAD)
    answers = proving.unsaved()
    assert answers == {SOUP: None, ON_IOS: "Invalid key"}
    assert proving.unsaved() == {}
    proving.save_later(answers)
    assert proving.unsaved() == answers
