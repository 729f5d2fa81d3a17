"""An answer to a withdrawal waits until no push can start any more, and never for ever."""

import threading
import time
from collections.abc import Callable

import pytest
import sqlalchemy as sa
import structlog

from domain.messages import POST_STARTS_WITHIN_S, MessageState
from domain.people import Device, Purpose
from service.settling import MARGIN_S, Settling
from storage import devices
from storage.models import DeliveryRow
from tests.integration.conftest import Install, World
from tests.integration.traces import Traces

LONGEST = POST_STARTS_WITHIN_S + MARGIN_S


class Watch:
    """A monotonic clock that moves only while somebody sleeps."""

    def __init__(self, wake: Callable[[float], None] = lambda slept: None) -> None:
        self.slept = 0.0
        self._wake = wake

    def now(self) -> float:
        return self.slept

    def sleep(self, seconds: float) -> None:
        self.slept += seconds
        self._wake(self.slept)


def _settling(world: World, watch: Watch) -> Settling:
    return Settling(world.database, monotonic=watch.now, sleep=watch.sleep)


def _device(world: World, install: Install) -> Device:
    with world.database.read() as tx:
        return devices.lock(tx, install.device_id)


def _send(world: World, install: Install) -> None:
    traces = Traces(_device(world, install), world.clock.now())
    world.database.write(lambda tx: traces.message(tx, MessageState.SENDING))


def _answer(world: World) -> None:
    world.database.write(lambda tx: tx.execute(sa.update(DeliveryRow).values(status="accepted")))


def test_with_nothing_under_way_nobody_waits(any_world: World) -> None:
    install, watch = any_world.device(), Watch()
    settling = _settling(any_world, watch)
    settling.after_withdrawal(install.customer_id)
    settling.after_sign_out(install.device_id)
    settling.after_link(install.device_id, install.customer_id)
    settling.after_erasure(0)
    assert watch.slept == 0


def test_the_wait_ends_when_the_post_is_answered(any_world: World) -> None:
    install = any_world.device()
    _send(any_world, install)
    watch = Watch(lambda slept: _answer(any_world) if 0.5 < slept < 0.53 else None)
    _settling(any_world, watch).after_withdrawal(install.customer_id)
    assert 0.5 < watch.slept < 0.6


def test_the_wait_ends_when_the_intent_is_taken_back(world: World) -> None:
    install = world.device()
    _send(world, install)

    def take_back(slept: float) -> None:
        if slept > 0.2:
            world.database.write(lambda tx: tx.execute(sa.delete(DeliveryRow)))

    watch = Watch(take_back)
    _settling(world, watch).after_sign_out(install.device_id)
    assert 0.2 < watch.slept < 0.3


@pytest.mark.parametrize("what", ["withdrawal", "sign-out", "link", "erasure"])
def test_a_post_that_hangs_is_waited_for_until_it_must_have_started(
    world: World, what: str
) -> None:
    install, watch = world.device(), Watch()
    _send(world, install)
    settling = _settling(world, watch)
    {
        "withdrawal": lambda: settling.after_withdrawal(install.customer_id),
        "sign-out": lambda: settling.after_sign_out(install.device_id),
        "link": lambda: settling.after_link(install.device_id, "nobody"),
        "erasure": lambda: settling.after_erasure(1),
    }[what]()
    assert LONGEST <= watch.slept < LONGEST + 0.1


def test_other_peoples_posts_are_not_waited_for(world: World) -> None:
    install, other, watch = world.device(), world.device(), Watch()
    _send(world, other)
    _settling(world, watch).after_withdrawal(install.customer_id)
    _settling(world, watch).after_sign_out(install.device_id)
    assert watch.slept == 0


def test_posts_that_began_after_the_question_are_not_waited_for(world: World) -> None:
    """A stream of new pushes of the same person, allowed by a new grant, must not hold the answer up."""
    install = world.device()
    _send(world, install)

    def go_on(slept: float) -> None:
        if slept < 0.03:
            _answer(world)
        _send(world, install)

    watch = Watch(go_on)
    _settling(world, watch).after_withdrawal(install.customer_id)
    assert watch.slept < 0.1


def test_a_withdrawal_is_answered_only_then(world: World) -> None:
    """Through the API, by the real clock: the answer comes with the delivery's."""
    install = world.device(Purpose.PUSH)
    _send(world, install)
    world.clock.advance(minutes=1)
    answered = threading.Timer(0.4, _answer, args=(world,))
    started = time.monotonic()
    answered.start()
    world.say(install, Purpose.PUSH, granted=False)
    assert time.monotonic() - started > 0.35
    answered.join()


def test_a_reader_in_the_way_of_the_shredding_is_told_and_not_waited_for_long(
    world: World,
) -> None:
    install = world.device()
    with structlog.testing.capture_logs() as logs, world.database.read() as tx:
        tx.execute(sa.select(DeliveryRow.id)).all()
        world.device()
        started = time.monotonic()
        _settling(world, Watch()).after_withdrawal(install.customer_id)
    assert time.monotonic() - started < 5
    assert [each["event"] for each in logs if each["event"].startswith("shred")] == [
        "shred_postponed"
    ]
