"""The rule for grants: none counts that is not later than every withdrawal."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.ledger import Standing, Statement, after, counting, merged
from domain.people import Purpose

START = datetime(2026, 5, 6, 9, tzinfo=UTC)


def at(minutes: float) -> datetime:
    return START + timedelta(minutes=minutes)


def said(granted: bool, minutes: float) -> Statement:
    return Statement(
        purpose=Purpose.PUSH,
        granted=granted,
        occurred_at=at(minutes),
        wording="May we?",
        wording_version="1",
        locale="en",
        source="test",
    )


def standing(granted: bool, since: float, withdrawn: float | None = None) -> Standing:
    return Standing(
        granted=granted,
        entry_id=f"{granted}-{since}",
        since=at(since),
        withdrawn_at=None if withdrawn is None else at(withdrawn),
    )


WITHDRAWN = standing(False, 10, withdrawn=10)


@pytest.mark.parametrize(
    ("before", "batch", "expected"),
    [
        pytest.param(None, [(True, 0)], [True], id="a first grant counts"),
        pytest.param(None, [(False, 0)], [True], id="a withdrawal always counts"),
        pytest.param(WITHDRAWN, [(True, 11)], [True], id="a grant after the withdrawal counts"),
        pytest.param(
            WITHDRAWN, [(True, 9)], [False], id="a late upload of an older grant does not"
        ),
        pytest.param(WITHDRAWN, [(True, 10)], [False], id="a grant at the same instant does not"),
        pytest.param(
            standing(True, 12, withdrawn=10),
            [(True, 9)],
            [False],
            id="a withdrawal outlives the grant that followed it",
        ),
        pytest.param(
            None, [(False, 1), (True, 2)], [True, True], id="withdrawn, then granted in one request"
        ),
        pytest.param(
            None, [(True, 2), (False, 1)], [True, True], id="the device's clock orders its request"
        ),
        pytest.param(
            None,
            [(True, 1), (False, 2)],
            [False, True],
            id="granted, then withdrawn in one request",
        ),
        pytest.param(
            None, [(True, 2), (False, 2)], [False, True], id="both at once: the withdrawal wins"
        ),
        pytest.param(
            None,
            [(True, 1), (False, 2), (True, 3), (False, 4), (True, 5)],
            [False, True, False, True, True],
            id="only the grant after the last withdrawal",
        ),
    ],
)
def test_which_statements_count(
    before: Standing | None, batch: list[tuple[bool, float]], expected: list[bool]
) -> None:
    assert counting(before, [said(*each) for each in batch]) == expected


def test_a_renewed_grant_keeps_the_time_since_when_it_is_allowed() -> None:
    first = after(None, [("first", said(True, 0))], at(1))
    renewed = after(first, [("second", said(True, 5))], at(6))
    assert renewed == Standing(granted=True, entry_id="second", since=at(0))


def test_a_grant_after_a_withdrawal_begins_anew() -> None:
    granted = after(standing(True, 0), [("no", said(False, 3)), ("yes", said(True, 4))], at(5))
    assert granted == Standing(granted=True, entry_id="yes", since=at(4), withdrawn_at=at(5))


def test_nothing_said_leaves_everything_as_it_was() -> None:
    assert after(WITHDRAWN, [], at(20)) == WITHDRAWN
    assert after(WITHDRAWN, [("late", said(True, 9))], at(20)) == WITHDRAWN


@pytest.mark.parametrize(
    ("known", "anonymous", "granted"),
    [
        pytest.param(None, standing(True, 1), True, id="only the anonymous one said something"),
        pytest.param(standing(True, 1), None, True, id="only the known one did"),
        pytest.param(
            WITHDRAWN, standing(True, 99), False, id="the known one's withdrawal survives any grant"
        ),
        pytest.param(
            standing(True, 1),
            standing(False, 5, withdrawn=5),
            False,
            id="an anonymous withdrawal ends an older known grant",
        ),
        pytest.param(
            standing(True, 9),
            standing(False, 5, withdrawn=5),
            True,
            id="a known grant after the anonymous withdrawal stays",
        ),
        pytest.param(
            standing(True, 1),
            standing(True, 7, withdrawn=5),
            True,
            id="withdrawn and granted again while anonymous",
        ),
        pytest.param(WITHDRAWN, standing(False, 5, withdrawn=5), False, id="both withdrew"),
    ],
)
def test_two_people_who_turn_out_to_be_one(
    known: Standing | None, anonymous: Standing | None, granted: bool
) -> None:
    result = merged(known, anonymous)
    assert result is not None
    assert result.granted is granted


def test_a_merge_remembers_the_last_withdrawal_of_both() -> None:
    result = merged(standing(True, 9), standing(False, 5, withdrawn=5))
    assert result is not None
    assert result.withdrawn_at == at(5)
    assert counting(result, [said(True, 4)]) == [False]


History = list[tuple[list[tuple[bool, int]], int]]
batches = st.lists(
    st.tuples(st.booleans(), st.integers(min_value=-50, max_value=50)), min_size=1, max_size=4
)
histories: st.SearchStrategy[History] = st.lists(
    st.tuples(batches, st.integers(min_value=0, max_value=9)), max_size=8
)


def received(history: History) -> list[tuple[int, list[Statement]]]:
    """Requests with the minute of their receipt; nothing occurs after it."""
    now = 0
    requests = []
    for batch, pause in history:
        now += pause
        requests.append((now, [said(granted, min(minutes, now)) for granted, minutes in batch]))
    return requests


def reckoned(requests: list[tuple[int, list[Statement]]]) -> Standing | None:
    current: Standing | None = None
    for number, (now, batch) in enumerate(requests):
        entries = [(f"{number}-{place}", each) for place, each in enumerate(batch)]
        current = after(current, entries, at(now))
    return current


@given(histories)
def test_granted_means_a_grant_later_than_every_withdrawal_and_none_received_since(
    history: History,
) -> None:
    """The rule told over the whole history, against the reckoning step by step."""
    requests = received(history)
    in_force: list[datetime] = []
    receipts: list[datetime] = []
    for now, batch in requests:
        own = [each.occurred_at for each in batch if not each.granted]
        if own:
            in_force = []
        in_force += [
            each.occurred_at
            for each in batch
            if each.granted and all(each.occurred_at > other for other in [*receipts, *own])
        ]
        receipts += [at(now)] * len(own)
    standing = reckoned(requests)
    assert (standing is not None and standing.granted) is bool(in_force)
    if standing and standing.granted:
        assert standing.since == min(in_force)
    if standing:
        assert standing.withdrawn_at == max(receipts, default=None)


@given(histories, st.integers(min_value=-50, max_value=100))
def test_a_late_upload_never_undoes_a_withdrawal(history: History, minutes: int) -> None:
    requests = received(history)
    now = requests[-1][0] if requests else 0
    requests.append((now, [said(False, now)]))
    requests.append((now + 5, [said(True, min(minutes, now))]))
    standing = reckoned(requests)
    assert standing is not None
    assert not standing.granted


@given(histories, histories)
def test_a_merge_grants_nothing_that_neither_had_and_nothing_the_known_one_withdrew(
    known: History, anonymous: History
) -> None:
    one, other = reckoned(received(known)), reckoned(received(anonymous))
    result = merged(one, other)
    granted = result is not None and result.granted
    assert not (granted and one is not None and not one.granted)
    assert not granted or any(each is not None and each.granted for each in (one, other))
