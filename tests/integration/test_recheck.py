"""The guards once more before an intent: what changed since the decision silences a message, and nothing else does."""

from collections.abc import Callable

import pytest
import sqlalchemy as sa

from domain.clock import ManualClock
from domain.decisions import Cause, Reason
from domain.events import Event
from domain.ids import new_id
from domain.people import Device, Mode, Permission, Preferences, QuietHours
from domain.policy import Caps
from scheduler import recheck
from storage import customers, events, messages
from storage.engine import Database
from storage.events import StoredEvent
from storage.models import DeviceRow, OfferRow
from tests.integration.stage import OPEN, Stage

Change = Callable[[Stage, Device], object]


@pytest.fixture
def stage(sqlite_database: Database, clock: ManualClock) -> Stage:
    return Stage(sqlite_database, clock)


def reasons(stage: Stage) -> list[Reason]:
    now = stage.clock.now()
    with stage.database.read() as tx:
        (lane,) = messages.waiting(tx, now=now)
        queued = messages.claim(tx, lane, now=now, limit=99)
        assert queued
        return list(recheck.reasons_against(tx, queued, now).values())


def without_device(stage: Stage, person: Device) -> None:
    stage.write(lambda tx: tx.execute(sa.update(DeviceRow).values(target_value=None)) and None)


def denied(stage: Stage, person: Device) -> None:
    stage.write(
        lambda tx: (
            tx.execute(sa.update(DeviceRow).values(push_permission=Permission.DENIED)) and None
        )
    )


def switched_off(stage: Stage, person: Device) -> None:
    stage.write(
        lambda tx: tx.execute(sa.update(OfferRow).values(deleted_at=stage.clock.now())) and None
    )


def said_again(stage: Stage, person: Device) -> None:
    """A second push of the same day, and a cap that came after both."""
    stage.offer("cake")
    stage.enter(person)
    stage.engine.tick()
    stage.rule(OPEN, caps=Caps(per_day=1, per_week=None))


def muted(stage: Stage, person: Device) -> None:
    wanted = Preferences(muted_kinds=("discount",))
    stage.write(lambda tx: customers.save_preferences(tx, person.customer_id, wanted))


def refused(stage: Stage, person: Device) -> None:
    """As an answer to an earlier push of the same offer."""
    [decision] = stage.decisions()
    now = stage.clock.now()
    answer = StoredEvent(
        event=Event(event_id=new_id(), type="not_for_me", occurred_at=now, decision_id=decision.id),
        brand_id=stage.brand.id,
        mode=Mode.LIVE,
        customer_id=person.customer_id,
    )
    stage.write(lambda tx: events.add(tx, [answer], now=now))


@pytest.mark.parametrize(
    ("change", "code"),
    [
        pytest.param(lambda s, p: s.rule(OPEN, paused=True), "engine_paused", id="kill switch"),
        pytest.param(
            lambda s, p: s.rule(OPEN, quiet_hours=(QuietHours(from_="00:00", to="23:59"),)),
            "quiet_hours",
            id="quiet hours",
        ),
        pytest.param(without_device, "no_device", id="no device"),
        pytest.param(switched_off, "offer_ended", id="offer ended"),
        pytest.param(denied, "permission_denied", id="permission denied"),
        pytest.param(lambda s, p: s.clock.advance(hours=3), "expired", id="its life is over"),
        pytest.param(said_again, "cap", id="cap"),
        pytest.param(muted, "muted", id="its kind muted"),
        pytest.param(refused, "not_for_me", id="not for them"),
    ],
)
def test_what_changed_since_the_decision_silences_the_message(
    stage: Stage, change: Change, code: str
) -> None:
    stage.offer()
    person = stage.person()
    stage.enter(person)
    stage.engine.tick()
    assert reasons(stage) == []

    change(stage, person)

    assert {reason.code for reason in reasons(stage)} == {code}


@pytest.mark.parametrize("cause", [Cause.ENTER, Cause.HABIT, Cause.MANUAL])
def test_nothing_changed_means_that_it_may_go(stage: Stage, cause: Cause) -> None:
    stage.offer()
    stage.moment(stage.person(), cause)
    stage.engine.tick()

    assert reasons(stage) == []
