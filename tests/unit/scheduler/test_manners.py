"""Which messages may go in one turn, and how long the others wait."""

from datetime import UTC, datetime, timedelta
from random import Random

import pytest

from domain.ids import new_id
from domain.messages import DeliveryStatus, Envelope, Outcome, Push
from domain.people import Platform, Target, TargetKind
from scheduler.manners import Manners, Pace, Placed, Turn
from storage.addressees import Addressee

NOON = datetime(2026, 5, 6, 12, tzinfo=UTC)
LATER = NOON + timedelta(minutes=5)
AT_REST = Outcome(status=DeliveryStatus.UNAVAILABLE, error_code="QUOTA_EXCEEDED", retry_after_s=30)
NO_APNS_KEY = Outcome(status=DeliveryStatus.REJECTED, error_code="THIRD_PARTY_AUTH_ERROR")
OK = Outcome(status=DeliveryStatus.ACCEPTED)


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def manners(clock: Clock) -> Manners:
    return Manners(monotonic=clock, random=Random(7), pace=Pace(per_minute=750))  # 10 a second


def phone(platform: Platform = Platform.ANDROID) -> Addressee:
    target = Target(kind=TargetKind.TOKEN, value="phone")
    return Addressee(device_id=new_id(), platform=platform, target=target)


IOS = phone(Platform.IOS)


def place(
    turn: Turn,
    *to: Addressee,
    bulk: bool = False,
    life: timedelta = timedelta(hours=1),
    now: datetime = LATER,
) -> Placed:
    return turn.place("soup", to or [phone()], bulk=bulk, expires_at=now + life, now=now)


def answered(
    manners: Manners, clock: Clock, outcome: Outcome, platform: Platform = Platform.ANDROID
) -> None:
    envelope = Envelope(
        delivery_id=new_id(),
        message_id=new_id(),
        project="soup",
        platform=platform,
        target=Target(kind=TargetKind.TOKEN, value="phone"),
        push=Push(title="Soup", body="Hot"),
        ttl_s=60,
        expires_at=NOON,
    )
    manners.note(envelope, outcome, begun=clock.now)


def test_there_are_places_until_the_bucket_is_empty(manners: Manners, clock: Clock) -> None:
    turn = manners.turn()
    placed = [place(turn) for _ in range(12)]
    assert [len(each.to) for each in placed] == [1] * 10 + [0] * 2
    assert placed[-1] == Placed()  # it stays queued, and is looked at in the next turn
    manners.took(turn)
    assert manners.turn().room("soup") == 0
    clock.now += 0.5
    assert manners.turn().room("soup") == 5


def test_all_devices_of_a_person_go_together_or_none(manners: Manners) -> None:
    turn = manners.turn()
    assert len(place(turn, *[phone() for _ in range(8)]).to) == 8
    assert place(turn, *[phone() for _ in range(3)]) == Placed()
    assert len(place(turn, *[phone() for _ in range(2)]).to) == 2


def test_who_has_more_devices_than_there_are_places_is_not_left_out(
    manners: Manners, clock: Clock
) -> None:
    turn = manners.turn()
    assert len(place(turn, *[phone() for _ in range(15)]).to) == 15
    manners.took(turn)
    clock.now += 0.5
    assert place(manners.turn()) == Placed()


def test_near_a_quarter_hour_bulk_is_claimed_to_be_told_to_wait(manners: Manners) -> None:
    turn = manners.turn()
    assert turn.room_for_bulk("soup", now=NOON) == 10
    assert turn.room_for_bulk("soup", now=LATER) == 1
    waits = {place(turn, bulk=True, now=NOON).wait_until for _ in range(50)}
    assert min(filter(None, waits)) >= NOON + timedelta(seconds=120)
    assert max(filter(None, waits)) <= NOON + timedelta(seconds=185)
    assert len(waits) > 5
    assert len(place(turn, bulk=True, now=NOON, life=timedelta(minutes=4)).to) == 1
    assert len(place(turn, bulk=False, now=NOON).to) == 1


def test_while_a_project_rests_nothing_goes(manners: Manners, clock: Clock) -> None:
    answered(manners, clock, AT_REST)
    turn = manners.turn()
    assert turn.room("soup") == 0
    assert place(turn).wait_until == LATER + timedelta(seconds=5)
    assert place(turn, life=timedelta(seconds=2)).wait_until == LATER + timedelta(seconds=2)


def test_after_a_rest_one_message_goes_ahead(manners: Manners, clock: Clock) -> None:
    answered(manners, clock, AT_REST)
    clock.now += 31
    turn = manners.turn()
    assert turn.room("soup") == 1
    assert [len(place(turn).to) for _ in range(3)] == [1, 0, 0]
    manners.took(turn)
    assert manners.turn().room("soup") == 0
    answered(manners, clock, OK)
    assert manners.turn().room("soup") >= 5


def test_a_platform_that_rests_leaves_the_others_flowing(manners: Manners, clock: Clock) -> None:
    answered(manners, clock, NO_APNS_KEY, Platform.IOS)
    turn = manners.turn()
    android = phone()
    assert place(turn, android) == Placed(to=(android,))
    assert place(turn, android, IOS) == Placed(to=(android,), passed_over=(IOS,))
    waits = place(turn, IOS)
    assert waits.wait_until is not None
    assert timedelta(seconds=60) <= waits.wait_until - LATER <= timedelta(seconds=95)


def test_after_its_rest_one_message_of_a_platform_goes_ahead(
    manners: Manners, clock: Clock
) -> None:
    answered(manners, clock, NO_APNS_KEY, Platform.IOS)
    clock.now += 91
    turn = manners.turn()
    assert [len(place(turn, IOS).to) for _ in range(3)] == [1, 0, 0]
    manners.took(turn)
    assert place(manners.turn(), IOS).wait_until == LATER + timedelta(seconds=5)
    answered(manners, clock, OK, Platform.IOS)
    assert len(place(manners.turn(), IOS).to) == 1


def test_what_was_placed_in_vain_can_be_taken_back(manners: Manners) -> None:
    turn = manners.turn()
    place(turn)
    before = turn.again()
    for _ in range(9):
        place(turn, IOS)
    assert place(turn) == Placed()
    turn.become(before)
    assert (turn.taken["soup"], [len(place(turn).to) for _ in range(10)]) == (1, [1] * 9 + [0])
    turn.become(before)
    assert turn.taken["soup"] == 1


def test_a_webhook_has_no_pace_but_rests(manners: Manners, clock: Clock) -> None:
    turn = manners.turn()
    assert all(turn.place_hooked("hook", [phone()], now=LATER).to for _ in range(100))
    manners.took(turn)
    assert "hook" not in manners.figures()
