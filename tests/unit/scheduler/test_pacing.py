"""How fast a project may be sent to, in a time that the tests make up."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.messages import DeliveryStatus, Outcome
from scheduler.pacing import Governor, is_near_quarter, until_after_quarter

OK = Outcome(status=DeliveryStatus.ACCEPTED)
GONE = Outcome(status=DeliveryStatus.UNREGISTERED, error_code="UNREGISTERED")
DOWN = Outcome(status=DeliveryStatus.UNAVAILABLE, error_code="UNAVAILABLE")
LOST = Outcome(status=DeliveryStatus.UNKNOWN, error_code="TIMEOUT")
QUOTA = Outcome(status=DeliveryStatus.UNAVAILABLE, error_code="QUOTA_EXCEEDED")
NOON = datetime(2026, 5, 6, 12, tzinfo=UTC)
TICK_S = 0.2


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def governor(clock: Clock, *, per_second: float = 1000) -> Governor:
    """Of a project whose quota's 80 % are so many a second."""
    return Governor(monotonic=clock, per_minute=round(per_second * 60 / 0.8))


def drain(paced: Governor, *, bulk: bool = False) -> int:
    """Takes all that may go now."""
    allowed = paced.allowance("soup")
    posts = allowed.bulk if bulk else allowed.posts
    paced.took("soup", posts=posts, bulk=posts if bulk else 0)
    return posts


def flood(paced: Governor, clock: Clock, seconds: float, *, bulk: bool = False) -> int:
    """Takes all that may go, tick by tick."""
    taken = 0
    for _ in range(round(seconds / TICK_S)):
        taken += drain(paced, bulk=bulk)
        clock.now += TICK_S
    return taken


def rate(paced: Governor) -> float:
    return paced.figures()["soup"].rate


def answer(
    paced: Governor, clock: Clock, outcome: Outcome, *, times: int = 1, took_s: float = 0.1
) -> None:
    for _ in range(times):
        paced.note("soup", outcome, begun=clock.now - took_s)


def test_the_default_is_80_per_cent_of_fcms_default_quota(clock: Clock) -> None:
    paced = Governor(monotonic=clock)
    assert (drain(paced), rate(paced)) == (8000, 8000)


def test_prompt_messages_never_wait_for_the_ramp(clock: Clock) -> None:
    paced = governor(clock)
    assert paced.allowance("soup").posts == 1000
    assert flood(paced, clock, 10) == pytest.approx(1000 + 10 * 1000, rel=0.03)


def test_bulk_begins_slowly_and_reaches_the_full_rate_after_a_minute_in_a_straight_line(
    clock: Clock,
) -> None:
    paced = governor(clock)
    sent = [flood(paced, clock, 10, bulk=True) for _ in range(8)]
    # A tenth of ten seconds at the full rate more, each ten seconds: 1/6 of it times a half, one and a half …
    expected = [10_000 / 6 * (n + 0.5) for n in range(6)] + [10_000, 10_000]
    assert sent == pytest.approx(expected, rel=0.15)


def test_above_5000_a_second_the_ramp_takes_five_minutes(clock: Clock) -> None:
    paced = Governor(monotonic=clock)
    flood(paced, clock, 150, bulk=True)
    assert flood(paced, clock, 10, bulk=True) == pytest.approx(80_000 * 155 / 300, rel=0.05)


def test_a_ramp_that_is_not_used_falls_back(clock: Clock) -> None:
    paced = governor(clock)
    flood(paced, clock, 70, bulk=True)
    clock.now += 61
    assert flood(paced, clock, 1, bulk=True) < 50


def test_a_trickle_of_bulk_does_not_climb_the_ramp(clock: Clock) -> None:
    paced = governor(clock)
    for _ in range(600):
        paced.allowance("soup")
        paced.took("soup", posts=1, bulk=1)
        clock.now += TICK_S
    assert flood(paced, clock, 1, bulk=True) < 50


def test_bulk_leaves_a_fifth_of_the_bucket_to_what_is_prompt(clock: Clock) -> None:
    paced = governor(clock)
    flood(paced, clock, 120, bulk=True)
    assert paced.allowance("soup").posts >= 200


@pytest.mark.parametrize(
    ("answers", "took_s", "left"),
    [
        pytest.param([OK] * 1000, 0.1, 1000, id="a fair day"),
        pytest.param([QUOTA], 0.1, 500, id="a 429"),
        pytest.param([OK] * 198 + [DOWN] * 2, 0.1, 1000, id="an error in a hundred"),
        pytest.param([OK] * 197 + [DOWN, LOST] * 2, 0.1, 500, id="more than that"),
        pytest.param([DOWN] * 99, 0.1, 1000, id="too few answers to tell"),
        pytest.param([OK] * 100 + [GONE] * 50, 0.1, 1000, id="dead targets are no errors"),
        pytest.param([OK] * 100, 0.6, 500, id="slow answers"),
    ],
)
def test_the_rate_is_halved_where_answers_ask_for_it(
    clock: Clock, answers: list[Outcome], took_s: float, left: float
) -> None:
    paced = governor(clock)
    drain(paced)
    for each in answers:
        answer(paced, clock, each, took_s=took_s)
    assert rate(paced) == left


def test_a_p95_of_half_a_second_is_borne(clock: Clock) -> None:
    paced = governor(clock)
    drain(paced)
    answer(paced, clock, OK, times=950)
    answer(paced, clock, OK, times=50, took_s=0.6)
    assert rate(paced) == 1000
    answer(paced, clock, OK, times=4, took_s=0.6)
    assert rate(paced) == 500


def test_errors_of_long_ago_do_not_count(clock: Clock) -> None:
    paced = governor(clock)
    drain(paced)
    answer(paced, clock, DOWN, times=99)
    clock.now += 11
    answer(paced, clock, OK, times=200)
    assert rate(paced) == 1000


def test_what_was_under_way_halves_only_once(clock: Clock) -> None:
    paced = governor(clock)
    drain(paced)
    answer(paced, clock, QUOTA, times=250)
    assert (rate(paced), paced.figures()["soup"].halvings) == (500, 1)
    clock.now += 1
    answer(paced, clock, QUOTA)
    assert (rate(paced), paced.figures()["soup"].halvings) == (250, 2)


def test_something_is_left_whatever_fcm_answers(clock: Clock) -> None:
    paced = governor(clock)
    drain(paced)
    for _ in range(50):
        clock.now += 1
        answer(paced, clock, QUOTA)
    assert rate(paced) == 1000 / 64


def test_the_rate_comes_back_by_a_twentieth_in_ten_seconds_of_good_answers(clock: Clock) -> None:
    paced = governor(clock)
    drain(paced)
    answer(paced, clock, QUOTA)
    seen = []
    for _ in range(110):
        clock.now += 1
        answer(paced, clock, OK)
        seen.append(rate(paced))
    assert seen[8:10] == [500, 550]
    assert seen[-1] == 1000
    assert all(after - before in (0, pytest.approx(50)) for before, after in pairwise(seen))


def test_each_project_has_its_own_pace(clock: Clock) -> None:
    paced = governor(clock)
    drain(paced)
    answer(paced, clock, QUOTA)
    assert paced.allowance("cake").posts == 1000
    assert paced.figures()["cake"].rate == 1000


def test_several_senders_share_one_quota(clock: Clock) -> None:
    paced = governor(clock)
    paced.share_among(4)
    assert flood(paced, clock, 10) == pytest.approx(250 + 2500, rel=0.03)
    paced.share_among(0)
    assert paced.figures()["soup"].rate == 1000


def test_a_rate_below_one_a_second_still_sends(clock: Clock) -> None:
    paced = governor(clock, per_second=0.5)
    assert flood(paced, clock, 60) in (30, 31)
    assert flood(paced, clock, 60, bulk=True) in (29, 30, 31)


@given(
    waits=st.lists(st.tuples(st.floats(0, 30), st.booleans()), min_size=2, max_size=60),
    per_second=st.floats(0.5, 5000),
)
def test_no_window_sees_more_than_the_burst_and_what_came_in_meanwhile(
    waits: list[tuple[float, bool]], per_second: float
) -> None:
    clock = Clock()
    paced = governor(clock, per_second=per_second)
    full = round(per_second * 60 / 0.8) * 0.8 / 60
    taken = []
    for wait, bulk in waits:
        clock.now += wait
        taken.append((clock.now, drain(paced, bulk=bulk)))
    burst = max(1.0, full)
    for first, (since, _) in enumerate(taken):
        total = 0
        for until, posts in taken[first:]:
            total += posts
            assert total <= burst + full * (until - since) + 1e-6


@given(
    seconds=st.floats(0, 3600),
    life_s=st.floats(0, 7200),
)
def test_bulk_goes_near_a_quarter_hour_only_where_it_would_expire_otherwise(
    seconds: float, life_s: float
) -> None:
    now = NOON + timedelta(seconds=seconds)
    wait_s = until_after_quarter(now, now + timedelta(seconds=life_s), distance_s=120)
    from_quarter = min(seconds % 900, 900 - seconds % 900)
    if wait_s is None:
        assert from_quarter >= 120 - 1e-5 or life_s <= 240 + 60 + 120
    else:
        after = now + timedelta(seconds=wait_s)
        assert from_quarter <= 120
        assert wait_s <= 240
        assert life_s > wait_s + 60
        assert not is_near_quarter(after + timedelta(milliseconds=1), distance_s=120)


@pytest.mark.parametrize(
    ("minute", "second", "wait_s"),
    [
        (12, 59, None), (13, 0, 240), (14, 59, 121), (15, 0, 120), (16, 59, 1), (17, 0, None), (30, 0, 120), (58, 0, 240),
    ],
)  # fmt: skip
def test_bulk_waits_from_two_minutes_before_a_quarter_hour_until_two_after(
    minute: int, second: int, wait_s: float | None
) -> None:
    now = NOON.replace(minute=minute, second=second)
    assert until_after_quarter(now, now + timedelta(hours=1), distance_s=120) == wait_s


def test_without_a_distance_bulk_never_waits() -> None:
    assert until_after_quarter(NOON, NOON + timedelta(hours=1), distance_s=0) is None
