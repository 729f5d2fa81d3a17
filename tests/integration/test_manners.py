"""Manners towards FCM, seen at the emulator over real HTTP: what is sent, in which order, and what becomes of the rest."""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from domain.clock import ManualClock
from domain.decisions import Cause
from domain.ids import new_id
from domain.offers import OfferBody, OfferKind
from notifiers.curl import CurlNotifier
from notifiers.emulator.scenario import Scenario
from notifiers.emulator.server import Emulator
from notifiers.firebase import FirebaseNotifier
from scheduler.dispatch import Dispatcher
from scheduler.manners import Pace
from storage import messages, offer_checks, offers
from storage.engine import Database, Transaction
from storage.models import CustomerRow, DecisionRow, DeliveryRow, DeviceRow, MessageRow
from tests.integration.test_dispatch import Outbox, until

PLAIN = Pace(quarter_s=0)
SOUP = OfferBody(kind=OfferKind.INFORMATION, title={"en": "Soup"}, body={"en": "Hot."})


class Time:
    """The machine's monotonic clock, which the tests can put forward."""

    ahead = 0.0

    def __call__(self) -> float:
        return time.monotonic() + self.ahead


@pytest.fixture
def fcm(clock: ManualClock) -> Iterator[Emulator]:
    with Emulator(clock=clock) as running:
        yield running


@pytest.fixture
def outbox(sqlite_database: Database, clock: ManualClock) -> Outbox:
    return Outbox(sqlite_database, clock)


@pytest.fixture
def any_outbox(database: Database, clock: ManualClock) -> Outbox:
    return Outbox(database, clock)


@pytest.fixture(params=[CurlNotifier, FirebaseNotifier])
def sending(request: pytest.FixtureRequest, fcm: Emulator) -> Iterator[Callable[..., Dispatcher]]:
    """Makes dispatchers that send to the emulator."""
    notifier = request.param(accounts={"p": "anonymous"}, endpoint=fcm.url, timeout_s=5.0)
    made: list[Dispatcher] = []

    def make(outbox: Outbox, **more: Any) -> Dispatcher:
        dispatcher = outbox.dispatcher(notifier=notifier, **{"pace": PLAIN, **more})
        made.append(dispatcher)
        return dispatcher

    yield make
    assert all(dispatcher.close(within_s=60) for dispatcher in made)
    notifier.close()


def states(outbox: Outbox) -> Counter[str]:
    with outbox.database.read() as tx:
        return Counter(tx.execute(sa.select(MessageRow.state)).scalars())


def reasons(outbox: Outbox) -> Counter[str]:
    with outbox.database.read() as tx:
        query = sa.select(MessageRow.reason).where(MessageRow.state == "cancelled")
        return Counter(str(reason) for reason in tx.execute(query).scalars())


def posts(fcm: Emulator, kind: str = "send") -> Counter[str]:
    return Counter(each["target"] for each in fcm.requests(kind=kind))


def rest(outbox: Outbox, passing: Time, seconds: float) -> None:
    """Lets time pass on all clocks."""
    passing.ahead += seconds
    outbox.clock.advance(seconds=seconds)


def work(dispatcher: Dispatcher, done: Callable[[], bool]) -> None:
    def round_() -> bool:
        dispatcher.tick()
        return done()

    assert until(round_, within_s=60)


def test_beyond_the_quota_everything_is_accounted_for_and_nothing_posted_twice(
    outbox: Outbox, fcm: Emulator, sending: Callable[..., Dispatcher]
) -> None:
    fcm.follow(Scenario(per_minute=20))
    for n in range(60):
        outbox.put(outbox.customer(f"phone{n}"))
    passing = Time()
    dispatcher = sending(outbox, monotonic=passing, concurrency=25)

    work(dispatcher, lambda: not states(outbox)["sending"] and states(outbox)["failed"] > 0)
    assert dispatcher.tick() == 0  # for Retry-After
    # Six answers that come together halve it once; where they come in twos and threes, once for each of these.
    assert 1 <= dispatcher.manners.figures()["p"].halvings < 6
    refused = states(outbox)["failed"]
    assert refused <= 25  # those that were under way together
    assert states(outbox)["sent"] == 20

    fcm.follow(Scenario())
    rest(outbox, passing, 60)
    assert dispatcher.tick() == 1  # one goes ahead
    work(dispatcher, lambda: states(outbox) == {"sent": 60 - refused, "failed": refused})
    assert set(posts(fcm).values()) == {1}
    assert len(posts(fcm)) == 60


def test_what_comes_while_a_project_rests_stays_queued_at_no_cost(
    outbox: Outbox, fcm: Emulator, sending: Callable[..., Dispatcher]
) -> None:
    passing = Time()
    dispatcher = sending(outbox, monotonic=passing)
    first = outbox.put(outbox.customer("quota-90-a"))
    work(dispatcher, lambda: outbox.state(first) == "failed")
    late = outbox.put(outbox.customer("phone"))
    dispatcher.tick()
    assert (outbox.state(late), outbox.deliveries(late)) == ("queued", [])
    rest(outbox, passing, 91)
    work(dispatcher, lambda: outbox.state(late) == "sent")
    assert posts(fcm)["phone"] == 1


def test_an_apns_key_that_is_refused_leaves_android_flowing(
    outbox: Outbox, fcm: Emulator, sending: Callable[..., Dispatcher]
) -> None:
    passing = Time()
    dispatcher = sending(outbox, monotonic=passing)
    first = outbox.put(outbox.customer("thirdparty-1", platform="ios"))
    work(dispatcher, lambda: outbox.state(first) == "failed")
    iphones = [outbox.put(outbox.customer(f"iphone{n}", platform="ios")) for n in range(5)]
    androids = [outbox.put(outbox.customer(f"phone{n}")) for n in range(5)]

    work(dispatcher, lambda: all(outbox.state(each) == "sent" for each in androids))
    assert {outbox.state(each) for each in iphones} == {"queued"}
    with outbox.database.read() as tx:
        assert set(tx.execute(sa.select(DeviceRow.target_dead_at)).scalars()) == {None}

    rest(outbox, passing, 100)
    assert dispatcher.tick() == 1
    work(dispatcher, lambda: any(outbox.state(each) == "sent" for each in iphones))
    rest(outbox, passing, 6)
    work(dispatcher, lambda: all(outbox.state(each) == "sent" for each in iphones))


def test_an_android_phone_gets_what_the_same_persons_iphone_cannot(
    outbox: Outbox, sending: Callable[..., Dispatcher]
) -> None:
    dispatcher = sending(outbox)
    first = outbox.put(outbox.customer("thirdparty-1", platform="ios"))
    work(dispatcher, lambda: outbox.state(first) == "failed")
    person = outbox.customer("phone", "iphone")
    outbox.database.write(
        lambda tx: (
            tx.execute(
                sa.update(DeviceRow)
                .where(DeviceRow.target_value == "iphone")
                .values(platform="ios")
            )
            and None
        )
    )
    message = outbox.put(person)
    work(dispatcher, lambda: outbox.state(message) == "sent")
    assert outbox.deliveries(message) == ["accepted", "cancelled"]
    with outbox.database.read() as tx:
        query = sa.select(DeliveryRow.error_code).where(DeliveryRow.status == "cancelled")
        assert tx.execute(query).scalar_one() == "platform_rests"


def test_near_a_quarter_hour_bulk_waits_and_what_a_person_did_goes(
    outbox: Outbox, fcm: Emulator, sending: Callable[..., Dispatcher]
) -> None:
    outbox.clock.set(outbox.clock.now().replace(minute=14, second=0))
    passing = Time()
    dispatcher = sending(outbox, monotonic=passing, pace=Pace())
    habits = [outbox.put(outbox.customer(f"habit{n}"), cause=Cause.HABIT) for n in range(9)]
    dying = outbox.put(outbox.customer("dying"), cause=Cause.WEATHER, life_s=240)
    prompt = outbox.put(outbox.customer("prompt"))

    work(dispatcher, lambda: outbox.state(prompt) == outbox.state(dying) == "sent")
    assert {outbox.state(each) for each in habits} == {"queued"}
    rest(outbox, passing, 179)
    assert dispatcher.tick() == 0
    rest(outbox, passing, 66)  # over :17, and over the minute in which they come back
    work(dispatcher, lambda: {outbox.state(each) for each in habits} == {"sent"})


def test_what_is_prompt_overtakes_a_backlog_of_bulk(
    outbox: Outbox, fcm: Emulator, sending: Callable[..., Dispatcher]
) -> None:
    for n in range(40):
        outbox.put(outbox.customer(f"habit{n}"), cause=Cause.HABIT)
    dispatcher = sending(outbox, pace=Pace(per_minute=1500, quarter_s=0))  # 20 a second
    dispatcher.tick()
    prompt = outbox.put(outbox.customer("prompt"))
    work(dispatcher, lambda: outbox.state(prompt) == "sent")
    assert states(outbox)["queued"] >= 30


def test_a_claim_looks_at_no_message_of_another_lane(any_outbox: Outbox) -> None:
    """The plans say so: whatever waits in other lanes, the index leads to what is due in this one."""
    outbox, now = any_outbox, any_outbox.clock.now()
    outbox.put(outbox.customer("phone"))
    outbox.database.write(lambda tx: _backlog(tx, outbox, 3000))
    executed: list[tuple[str, Any]] = []
    sa.event.listen(
        outbox.database.engine,
        "before_cursor_execute",
        lambda _c, _u, statement, given, *_: executed.append((statement, given)),
    )

    def claimed(tx: Transaction) -> dict[bool, int]:
        lanes = messages.waiting(tx, now=now)
        return {lane.bulk: len(messages.claim(tx, lane, now=now, limit=9)) for lane in lanes}

    assert outbox.database.write(claimed) == {False: 1, True: 9}
    plans = [_plan(outbox.database, *each) for each in tuple(executed) if " messages" in each[0]]
    assert len(plans) == 3
    for plan in plans:
        assert "ix_messages_backlog" in plan
        assert not any(word in plan for word in ("Seq Scan on messages", "SCAN messages"))


def _backlog(tx: Transaction, outbox: Outbox, many: int) -> None:
    """Bulk messages that wait, without the people they are for, and what the planner knows of them."""
    now = outbox.clock.now()
    customer = tx.execute(sa.select(CustomerRow.id)).scalar_one()
    common = {"brand_id": outbox.brand.id, "mode": "live", "customer_id": customer}
    ids = [(new_id(), new_id()) for _ in range(many)]
    decision = {"cause": "habit", "decided_at": now, "outcome": "silence", "propensity": 1.0}
    rest_of_it = {"reasons": [], "terms": [], "seed": 0}
    tx.execute(
        sa.insert(DecisionRow),
        [{"id": d, "moment_id": new_id(), **common, **decision, **rest_of_it} for _, d in ids],
    )
    times = dict.fromkeys(("created_at", "due_at", "expires_at"), now)
    message = {"push": {"title": "Soup", "body": "Hot"}, "state": "queued", "bulk": True, **times}
    tx.execute(
        sa.insert(MessageRow),
        [{"id": m, "decision_id": d, "offer_id": new_id(), **common, **message} for m, d in ids],
    )
    tx.exec_driver_sql("ANALYZE")


def _plan(database: Database, statement: str, given: Any) -> str:
    explain = "EXPLAIN QUERY PLAN" if database.is_sqlite else "EXPLAIN"
    with database.read() as tx:
        rows = tx.exec_driver_sql(f"{explain} {statement}", given)
        return " / ".join(str(row[-1]) for row in rows)


@pytest.mark.parametrize("platform", ["android", "ios"])
def test_the_first_message_of_an_offer_is_validated_before_it_is_sent(
    outbox: Outbox, fcm: Emulator, sending: Callable[..., Dispatcher], platform: str
) -> None:
    offer = new_id()
    dispatcher = sending(outbox)
    outbox.put(outbox.customer("first", platform=platform), offer=(offer, 1))
    work(dispatcher, lambda: states(outbox) == {"sent": 1})
    assert [(each["kind"], each["target"]) for each in fcm.requests()] == [
        ("validate", "first"),
        ("send", "first"),
    ]
    assert len(fcm.inbox()) == 1

    outbox.put(outbox.customer("second", platform=platform), offer=(offer, 1))
    work(dispatcher, lambda: states(outbox) == {"sent": 2})
    again = sending(outbox)
    outbox.put(outbox.customer("third", platform=platform), offer=(offer, 1))
    work(again, lambda: states(outbox) == {"sent": 3})
    assert posts(fcm, "validate") == {"first": 1}  # known to senders that come later too

    outbox.put(outbox.customer("edited", platform=platform), offer=(offer, 2))
    work(again, lambda: states(outbox) == {"sent": 4})
    assert posts(fcm, "validate") == {"first": 1, "edited": 1}
    assert set(posts(fcm).values()) == {1}


def test_where_nothing_is_to_be_validated_nothing_is(
    outbox: Outbox, fcm: Emulator, sending: Callable[..., Dispatcher]
) -> None:
    dispatcher = sending(outbox, pace=Pace(validates=False))
    outbox.put(outbox.customer("first"), offer=(new_id(), 1))
    work(dispatcher, lambda: states(outbox) == {"sent": 1})
    assert [each["kind"] for each in fcm.requests()] == ["send"]


def test_many_first_messages_ask_once(
    outbox: Outbox, fcm: Emulator, sending: Callable[..., Dispatcher]
) -> None:
    offer = new_id()
    for n in range(20):
        outbox.put(outbox.customer(f"phone{n}"), offer=(offer, 1))
    passing = Time()
    dispatcher = sending(outbox, monotonic=passing)
    work(dispatcher, lambda: states(outbox)["sent"] == 1)
    assert posts(fcm, "validate").total() == 1
    rest(outbox, passing, 5)
    work(dispatcher, lambda: states(outbox) == {"sent": 20})
    assert posts(fcm, "validate").total() == 1


def test_an_offer_that_fcm_refuses_is_stopped_and_no_device_retired(
    outbox: Outbox, fcm: Emulator, sending: Callable[..., Dispatcher]
) -> None:
    database, brand, now = outbox.database, outbox.brand.id, outbox.clock.now()

    def save() -> tuple[str, int]:
        saved, _ = database.write(
            lambda tx: offers.put(tx, brand_id=brand, external_id="soup", body=SOUP, now=now)
        )
        return saved.id, saved.revision

    offer = save()
    for n in range(30):
        outbox.put(outbox.customer(f"phone{n}"), offer=offer, data={"from": "us"})
    other = outbox.put(outbox.customer("other"), offer=(new_id(), 1))
    dispatcher = sending(outbox)

    work(dispatcher, lambda: states(outbox) == {"cancelled": 30, "sent": 1})
    assert reasons(outbox) == {"offer_refused": 30}
    assert posts(fcm) == {"other": 1}
    assert outbox.state(other) == "sent"
    with database.read() as tx:
        assert set(tx.execute(sa.select(DeviceRow.target_dead_at)).scalars()) == {None}
        stopped = offer_checks.suspended(tx, [offer[0]])
        assert "Invalid data payload key: from" in stopped[offer[0]].reason
        assert (offers.active(tx, brand), offer_checks.suspended_count(tx)) == ([], 1)

    edited = save()
    with database.read() as tx:
        assert [each.id for each in offers.active(tx, brand)] == [offer[0]]
        assert offer_checks.suspended_count(tx) == 0
    outbox.put(outbox.customer("edited"), offer=edited)
    work(dispatcher, lambda: states(outbox)["sent"] == 2)


@pytest.mark.parametrize(
    "scenario", [Scenario(error_rate=1), Scenario(error_rate=1, errors=("reset",))]
)
def test_a_validation_that_fails_for_other_reasons_is_asked_again_later_and_nothing_sent(
    outbox: Outbox, fcm: Emulator, sending: Callable[..., Dispatcher], scenario: Scenario
) -> None:
    fcm.follow(Scenario(**{**_fields(scenario), "retry_after_s": 20}))
    passing = Time()
    dispatcher = sending(outbox, monotonic=passing)
    message = outbox.put(outbox.customer("phone"), offer=(new_id(), 1))
    work(dispatcher, lambda: posts(fcm, "validate").total() == 1)
    for _ in range(5):
        dispatcher.tick()
    assert (posts(fcm), posts(fcm, "validate").total()) == ({}, 1)
    assert until(lambda: outbox.state(message) == "queued")

    fcm.follow(Scenario())
    rest(outbox, passing, 30)
    work(dispatcher, lambda: outbox.state(message) == "sent")
    assert posts(fcm) == {"phone": 1}


def test_a_dead_phone_that_is_asked_with_says_nothing_of_the_offer(
    outbox: Outbox, fcm: Emulator, sending: Callable[..., Dispatcher]
) -> None:
    offer = new_id()
    dispatcher = sending(outbox)
    gone = outbox.put(outbox.customer("unregistered-1"), offer=(offer, 1))
    work(dispatcher, lambda: outbox.state(gone) == "failed")
    assert outbox.deliveries(gone) == ["unregistered"]
    alive = outbox.put(outbox.customer("alive"), offer=(offer, 1))
    work(dispatcher, lambda: outbox.state(alive) == "sent")
    assert posts(fcm, "validate") == {"unregistered-1": 1, "alive": 1}


def test_test_customers_wait_for_nothing(outbox: Outbox) -> None:
    outbox.clock.set(outbox.clock.now().replace(minute=0) + timedelta(seconds=1))
    habit = outbox.put(outbox.customer("phone"), cause=Cause.HABIT)
    outbox.database.write(
        lambda tx: (
            [tx.execute(sa.update(row).values(mode="test")) for row in (MessageRow,)] and None
        )
    )
    dispatcher = outbox.dispatcher(pace=Pace())
    work(dispatcher, lambda: outbox.state(habit) == "sent")
    assert dispatcher.close()


def _fields(scenario: Scenario) -> dict[str, Any]:
    return {name: getattr(scenario, name) for name in scenario.__struct_fields__}


def test_a_steady_flow_of_what_is_prompt_leaves_bulk_its_share(
    outbox: Outbox, fcm: Emulator, sending: Callable[..., Dispatcher]
) -> None:
    for n in range(30):
        outbox.put(outbox.customer(f"phone{n}"))
    habit = outbox.put(outbox.customer("habit"), cause=Cause.HABIT)
    dispatcher = sending(outbox, pace=Pace(per_minute=7500, quarter_s=0))  # bulk: one to begin with
    dispatcher.tick()
    assert until(lambda: outbox.state(habit) == "sent")
