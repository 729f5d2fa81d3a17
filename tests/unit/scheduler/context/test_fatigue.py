"""How pushes weary, and what answers change."""

from datetime import UTC, datetime, timedelta

import pytest

from domain.fatigue import Fatigue
from domain.offers import OfferKind
from scheduler.context.fatigue import digits, pushes, with_answer, with_push

NOW = datetime(2026, 5, 6, 12, tzinfo=UTC)


def test_pushes_fade_within_weeks() -> None:
    known = with_push(with_push(Fatigue(), at=NOW), at=NOW)
    assert pushes(known, at=NOW) == pytest.approx(2.0)
    assert pushes(known, at=NOW + timedelta(days=7)) == pytest.approx(2 / 2.718, rel=0.01)


def test_a_push_that_is_told_late_counts_as_old() -> None:
    known = with_push(with_push(Fatigue(), at=NOW), at=NOW - timedelta(days=7))
    assert pushes(known, at=NOW) == pytest.approx(1 + 1 / 2.718, rel=0.01)
    assert known.ignored == 2


@pytest.mark.parametrize(
    ("answer", "ignored"), [("opened", 0), ("redeemed", 0), ("dismissed", 2), ("delivered", 2)]
)
def test_interest_ends_a_streak_of_ignored_pushes(answer: str, ignored: int) -> None:
    known = with_push(with_push(Fatigue(), at=NOW), at=NOW)
    assert with_answer(known, answer, at=NOW).ignored == ignored


def test_refusals_are_counted_by_offer_and_kind_and_few_are_kept() -> None:
    known = Fatigue()
    for n in range(9):
        known = with_answer(known, "not_for_me", at=NOW, offer_id=f"o{n}", kind=OfferKind.DISCOUNT)
    assert [each.what for each in known.offers] == [digits(f"o{n}") for n in (8, 7, 6)]
    assert [(each.what, each.times) for each in known.kinds] == [("discount", 9)]
    assert known.answer == "not_for_me"


def test_an_older_answer_does_not_hide_a_newer_one() -> None:
    known = with_answer(Fatigue(), "opened", at=NOW)
    assert with_answer(known, "dismissed", at=NOW - timedelta(days=1)).answer == "opened"
