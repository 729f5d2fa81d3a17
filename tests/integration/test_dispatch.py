"""The outbox and its dispatcher over real databases, with a notifier that answers what a test tells it."""

import json
import threading
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa

from domain.clock import ManualClock
from domain.decisions import Cause, Reason
from domain.ids import new_id
from domain.messages import MOST_RESENDS, DeliveryStatus, Envelope, Message, Outcome, Push
from domain.people import Mode
from domain.policy import Brand, Policy
from notifiers.base import Notifier, Start
from notifiers.outcomes import accepted, lost, of_answer
from scheduler.dispatch import Dispatcher
from scheduler.pacing import PROMPT
from storage import brands, messages
from storage.engine import Database, Transaction
from storage.messages import Queued
from storage.models import (
    CustomerRow,
    DecisionRow,
    DeliveryRow,
    DeviceRow,
    MessageRow,
)

ACCEPTED = Outcome(status=DeliveryStatus.ACCEPTED, provider_id="projects/p/messages/1")
GONE = Outcome(status=DeliveryStatus.UNREGISTERED, error_code="UNREGISTERED", retire=True)
LOST = Outcome(status=DeliveryStatus.UNKNOWN, error_code="timeout")


class Scripted:
    """Answers by the target's value; counts every POST."""

    def __init__(self, answers: dict[str, Outcome] | None = None) -> None:
        self._answers = answers or {}
        self.posted: list[Envelope] = []

    def send(self, envelope: Envelope) -> Outcome:
        self.posted.append(envelope)
        return self._answers.get(envelope.target.value, ACCEPTED)

    def close(self) -> None:
        pass


class Outbox:
    """A brand whose outbox is filled by hand."""

    def __init__(self, database: Database, clock: ManualClock) -> None:
        self.database = database
        self.clock = clock
        self.brand = database.write(
            lambda tx: brands.create(tx, slug="soup", name="Soup", time_zone="UTC", now=clock.now())
        )
        self.notifier = Scripted()

    def customer(self, *targets: str, platform: str = "android") -> str:
        return self.database.write(lambda tx: self._customer(tx, targets, platform))

    def _customer(self, tx: Transaction, targets: Sequence[str], platform: str) -> str:
        now = self.clock.now()
        brand = {"brand_id": self.brand.id, "mode": "live", "created_at": now}
        customer = {"id": new_id(), "details": {}, "revision": 1, **brand}
        tx.execute(sa.insert(CustomerRow).values(customer))
        for target in targets:
            device = {
                "id": new_id(),
                "customer_id": customer["id"],
                "platform": platform,
                "target_kind": "token",
                "target_value": target,
                "push_permission": "granted",
                "last_seen_at": now,
                **brand,
            }
            tx.execute(sa.insert(DeviceRow).values(device))
        return str(customer["id"])

    def put(
        self,
        customer_id: str,
        *,
        life_s: int = 3600,
        cause: Cause = Cause.ENTER,
        offer: tuple[str, int] | None = None,
        data: dict[str, str] | None = None,
    ) -> str:
        """Queues a message as its decision would; `offer` is an id and a revision."""
        now = self.clock.now()
        message = Message(
            id=new_id(),
            brand_id=self.brand.id,
            mode=Mode.LIVE,
            customer_id=customer_id,
            decision_id=new_id(),
            offer_id=offer[0] if offer else new_id(),
            push=Push(title="Soup", body="Hot", data=data or {}),
            expires_at=now + timedelta(seconds=life_s),
        )
        decision = {
            "id": message.decision_id,
            "brand_id": self.brand.id,
            "mode": "live",
            "customer_id": customer_id,
            "moment_id": new_id(),
            "cause": cause.value,
            "offer_revision": offer[1] if offer else None,
            "decided_at": now,
            "outcome": "send",
            "offer_id": message.offer_id,
            "reasons": [],
            "terms": [],
            "propensity": 1.0,
            "seed": 0,
        }
        self.database.write(lambda tx: tx.execute(sa.insert(DecisionRow).values(decision)) and None)
        bulk = [message.id] if cause not in PROMPT else []
        self.database.write(lambda tx: messages.add_many(tx, [message], now=now, bulk=bulk))
        return message.id

    def dispatcher(
        self,
        *,
        notifier: Notifier | None = None,
        refuse: dict[str, Reason] | None = None,
        route: bool = True,
        **more: object,
    ) -> Dispatcher:
        def check(tx: Transaction, queued: Sequence[Queued], now: datetime) -> dict[str, Reason]:
            return {q.message.id: reason for q in queued for reason in (refuse or {}).values()}

        def way_out(brand: Brand, mode: Mode) -> tuple[str, Notifier] | None:
            return ("p", notifier or self.notifier) if route else None

        return Dispatcher(
            database=self.database,
            clock=self.clock,
            check=check,
            route=way_out,
            **more,  # type: ignore[arg-type]  # concurrency, lease_s or monotonic, as each test names it
        )

    def state(self, message_id: str) -> str:
        with self.database.read() as tx:
            query = sa.select(MessageRow.state).where(MessageRow.id == message_id)
            return tx.execute(query).scalar_one()

    def deliveries(self, message_id: str) -> list[str]:
        with self.database.read() as tx:
            query = sa.select(DeliveryRow.status).where(DeliveryRow.message_id == message_id)
            return sorted(tx.execute(query).scalars())


@pytest.fixture
def outbox(database: Database, clock: ManualClock) -> Outbox:
    return Outbox(database, clock)


def until(true: Callable[[], bool], within_s: float = 60.0) -> bool:
    deadline = time.monotonic() + within_s
    while not true() and time.monotonic() < deadline:
        time.sleep(0.01)
    return true()


def drain(dispatcher: Dispatcher) -> None:
    while dispatcher.tick():
        pass
    assert dispatcher.close(within_s=60)


def test_a_message_goes_to_every_live_device_once(outbox: Outbox) -> None:
    message = outbox.put(outbox.customer("phone", "tablet"))
    drain(outbox.dispatcher())
    assert outbox.state(message) == "sent"
    assert sorted(envelope.target.value for envelope in outbox.notifier.posted) == [
        "phone",
        "tablet",
    ]


def test_the_time_to_live_is_what_is_left_of_the_offer(outbox: Outbox) -> None:
    outbox.put(outbox.customer("phone"), life_s=600)
    outbox.clock.advance(seconds=100)
    drain(outbox.dispatcher())
    assert outbox.notifier.posted[0].ttl_s == 500


@pytest.mark.parametrize(
    ("answers", "state"),
    [
        pytest.param({"a": ACCEPTED, "b": GONE}, "sent", id="one device reached"),
        pytest.param({"a": GONE, "b": LOST}, "unknown", id="one answer lost"),
        pytest.param({"a": GONE, "b": GONE}, "failed", id="nobody reached"),
    ],
)
def test_a_message_ends_in_one_final_state(
    outbox: Outbox, answers: dict[str, Outcome], state: str
) -> None:
    message = outbox.put(outbox.customer("a", "b"))
    drain(outbox.dispatcher(notifier=Scripted(answers)))
    assert outbox.state(message) == state


def test_a_dead_target_is_forgotten_and_never_addressed_again(outbox: Outbox) -> None:
    customer = outbox.customer("gone")
    outbox.put(customer)
    drain(outbox.dispatcher(notifier=Scripted({"gone": GONE})))
    later = outbox.put(customer)
    drain(outbox.dispatcher())
    assert outbox.notifier.posted == []
    assert outbox.state(later) == "cancelled"


@pytest.mark.parametrize(("code", "state"), [("expired", "expired"), ("quiet_hours", "cancelled")])
def test_a_guard_that_now_refuses_ends_the_message_unsent(
    outbox: Outbox, code: str, state: str
) -> None:
    message = outbox.put(outbox.customer("phone"))
    drain(outbox.dispatcher(refuse={"any": Reason(code=code, text="No.")}))
    assert (outbox.state(message), outbox.deliveries(message)) == (state, [state])
    assert outbox.notifier.posted == []


def test_a_brand_without_a_project_ends_its_messages_with_the_reason(outbox: Outbox) -> None:
    message = outbox.put(outbox.customer("phone"))
    drain(outbox.dispatcher(route=False))
    assert outbox.state(message) == "cancelled"


class Hanging:
    """Holds every POST until it is let go."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.begun = threading.Semaphore(0)

    def send(self, envelope: Envelope) -> Outcome:
        self.begun.release()
        self.go.wait(60)
        return ACCEPTED

    def close(self) -> None:
        self.go.set()


def test_a_dead_senders_message_becomes_unknown_and_is_not_posted_again(outbox: Outbox) -> None:
    message = outbox.put(outbox.customer("phone"))
    hanging = Hanging()
    first = outbox.dispatcher(notifier=hanging, lease_s=0.0)
    first.tick()
    assert hanging.begun.acquire(timeout=60)
    second = outbox.dispatcher()
    assert second.sweep() == 1
    drain(second)
    hanging.go.set()
    assert first.close(within_s=60)
    assert outbox.state(message) == "unknown"
    assert outbox.deliveries(message) == ["unknown"]
    assert outbox.notifier.posted == []


def test_the_only_sender_takes_over_at_once_when_it_starts(outbox: Outbox) -> None:
    message = outbox.put(outbox.customer("phone"))
    hanging = Hanging()
    dead = outbox.dispatcher(notifier=hanging)
    dead.tick()
    assert outbox.dispatcher().start(alone=False) == 0
    assert outbox.dispatcher().start(alone=True) == 1
    assert outbox.state(message) == "unknown"
    hanging.go.set()
    assert dead.close(within_s=60)


def on_a_thread_of_its_own() -> bool:
    """Whether this is where a POST is about to start."""
    return threading.current_thread().name.startswith("post")


def test_a_post_that_cannot_start_in_time_is_taken_back_and_checked_again(outbox: Outbox) -> None:
    message = outbox.put(outbox.customer("phone"))
    late = outbox.dispatcher(monotonic=lambda: 5.0 if on_a_thread_of_its_own() else 0.0)
    late.tick()
    assert until(lambda: outbox.state(message) == "queued")
    assert late.close()
    assert (outbox.notifier.posted, outbox.deliveries(message)) == ([], [])
    drain(outbox.dispatcher())
    assert outbox.state(message) == "sent"


def test_a_text_that_was_emptied_meanwhile_is_not_queued_again(outbox: Outbox) -> None:
    message = outbox.put(outbox.customer("phone"))

    def monotonic() -> float:
        if not on_a_thread_of_its_own():
            return 0.0
        outbox.database.write(
            lambda tx: tx.execute(sa.update(MessageRow).values(push=None)) and None
        )
        return 5.0

    late = outbox.dispatcher(monotonic=monotonic)
    late.tick()
    assert until(lambda: outbox.state(message) == "cancelled")
    assert late.close()


def test_a_project_that_asks_to_wait_is_left_alone(outbox: Outbox) -> None:
    busy = Outcome(status=DeliveryStatus.UNAVAILABLE, error_code="QUOTA_EXCEEDED", retry_after_s=30)
    notifier = Scripted({"phone": busy})
    dispatcher = outbox.dispatcher(notifier=notifier)
    first = outbox.put(outbox.customer("phone"))
    assert dispatcher.tick() == 1
    assert until(lambda: outbox.state(first) == "failed")
    outbox.put(outbox.customer("other"))
    assert dispatcher.tick() == 0
    assert dispatcher.close()
    assert len(notifier.posted) == 1


def test_never_more_posts_are_under_way_than_allowed(outbox: Outbox) -> None:
    sent = [outbox.put(outbox.customer(f"phone{n}")) for n in range(5)]
    hanging = Hanging()
    dispatcher = outbox.dispatcher(notifier=hanging, concurrency=2)
    assert [dispatcher.tick(), dispatcher.tick()] == [2, 0]
    hanging.go.set()
    assert until(lambda: dispatcher.tick() == 0 and all(outbox.state(m) == "sent" for m in sent))
    assert dispatcher.close()


def test_several_senders_at_once_post_nothing_twice(outbox: Outbox) -> None:
    sent = [outbox.put(outbox.customer(f"phone{n}")) for n in range(40)]
    dispatchers = [outbox.dispatcher(concurrency=4) for _ in range(3)]

    def work(dispatcher: Dispatcher) -> None:
        until(lambda: dispatcher.tick() == 0 and all(outbox.state(m) == "sent" for m in sent))

    threads = [threading.Thread(target=work, args=(dispatcher,)) for dispatcher in dispatchers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(dispatcher.close() for dispatcher in dispatchers)
    assert [outbox.state(message) for message in sent] == ["sent"] * 40
    assert len(outbox.notifier.posted) == 40


class Multiplexing(Scripted):
    """Takes many attempts at once and answers each from another thread, in the order of `ends`."""

    def __init__(self, answers: dict[str, Outcome | None] | None = None) -> None:
        super().__init__()
        self._ends = answers or {}
        self.together: list[int] = []

    def start(self, starts: Sequence[Start]) -> None:
        self.together.append(len(starts))
        self.posted += [start.envelope for start in starts]
        threading.Thread(target=self._answer, args=(starts,)).start()

    def _answer(self, starts: Sequence[Start]) -> None:
        for start in starts:
            start.done(self._ends.get(start.envelope.target.value, ACCEPTED))


def test_a_way_out_that_multiplexes_is_given_a_batch_at_once(outbox: Outbox) -> None:
    sent = [outbox.put(outbox.customer(f"phone{n}", f"tablet{n}")) for n in range(5)]
    many = Multiplexing()
    drain(outbox.dispatcher(notifier=many))
    assert many.together == [10]
    assert {outbox.state(message) for message in sent} == {"sent"}


def test_what_could_not_start_in_time_is_queued_again_for_that_device_alone(outbox: Outbox) -> None:
    message = outbox.put(outbox.customer("late", "timely"))
    slow = outbox.dispatcher(notifier=Multiplexing({"late": None}), concurrency=2)
    slow.tick()
    assert until(lambda: outbox.state(message) == "queued")
    assert outbox.deliveries(message) == ["accepted"]
    assert slow.close()
    drain(outbox.dispatcher())
    assert [envelope.target.value for envelope in outbox.notifier.posted] == ["late"]
    assert (outbox.state(message), outbox.deliveries(message)) == ("sent", ["accepted"] * 2)


def test_outcomes_of_a_batch_are_told_apart(outbox: Outbox) -> None:
    answers = {"a": ACCEPTED, "b": GONE, "c": LOST, "d": None}
    messages_of = {name: outbox.put(outbox.customer(name)) for name in answers}
    dispatcher = outbox.dispatcher(notifier=Multiplexing(answers), concurrency=4)
    dispatcher.tick()
    assert until(lambda: outbox.state(messages_of["d"]) == "queued")
    assert dispatcher.close()
    states = {name: outbox.state(message) for name, message in messages_of.items()}
    assert states == {"a": "sent", "b": "failed", "c": "unknown", "d": "queued"}
    with outbox.database.read() as tx:
        named = tx.execute(sa.select(DeliveryRow.provider_id, DeliveryRow.status)).all()
        alive = set(tx.execute(sa.select(DeviceRow.target_value)).scalars())
    assert {row.status: row.provider_id for row in named} == {
        "accepted": ACCEPTED.provider_id, "unregistered": None, "unknown": None,
    }  # fmt: skip
    assert alive == {"a", None, "c", "d"}


def test_one_message_that_cannot_be_prepared_spares_the_others(outbox: Outbox) -> None:
    good = [outbox.put(outbox.customer(f"phone{n}")) for n in range(3)]
    bad = outbox.put(outbox.customer("poison"))

    def check(tx: Transaction, queued: Sequence[Queued], now: datetime) -> dict[str, Reason]:
        if any(each.message.id == bad for each in queued):
            raise ValueError("poison")
        return {}

    dispatcher = Dispatcher(
        database=outbox.database,
        clock=outbox.clock,
        check=check,
        route=lambda brand, mode: ("p", outbox.notifier),
    )
    drain(dispatcher)
    assert {outbox.state(message) for message in good} == {"sent"}
    assert outbox.state(bad) == "cancelled"
    assert len(outbox.notifier.posted) == 3


def test_what_a_way_out_raises_is_unknown(outbox: Outbox) -> None:
    class Broken(Scripted):
        def send(self, envelope: Envelope) -> Outcome:
            raise RuntimeError("a bug")

    message = outbox.put(outbox.customer("phone"))
    drain(outbox.dispatcher(notifier=Broken()))
    assert outbox.state(message) == "unknown"


def test_all_brands_of_a_project_that_asks_to_wait_are_left_alone(outbox: Outbox) -> None:
    busy = Outcome(status=DeliveryStatus.UNAVAILABLE, error_code="QUOTA_EXCEEDED", retry_after_s=30)
    dispatcher = outbox.dispatcher(notifier=Scripted({"phone": busy}))
    first = outbox.put(outbox.customer("phone"))
    dispatcher.tick()
    assert until(lambda: outbox.state(first) == "failed")
    outbox.brand = outbox.database.write(
        lambda tx: brands.create(
            tx, slug="cake", name="Cake", time_zone="UTC", now=outbox.clock.now()
        )
    )
    second = outbox.put(outbox.customer("other"))
    assert dispatcher.tick() == 0
    assert dispatcher.close()
    assert outbox.state(second) == "queued"


def test_the_oldest_message_that_is_due_tells_how_late_the_outbox_is(outbox: Outbox) -> None:
    def oldest() -> datetime | None:
        with outbox.database.read() as tx:
            return messages.oldest_due(tx, outbox.clock.now())

    assert oldest() is None
    first = outbox.clock.now()
    outbox.put(outbox.customer("phone"))
    outbox.clock.advance(seconds=90)
    outbox.put(outbox.customer("other"))
    assert oldest() == first
    drain(outbox.dispatcher())
    assert oldest() is None


def at_least_once(outbox: Outbox) -> None:
    policy = Policy(at_least_once=True)
    outbox.database.write(
        lambda tx: brands.save_policy(tx, outbox.brand.id, policy, expected=None) and None
    )


def pass_time(outbox: Outbox, dispatcher: Dispatcher, *, minutes: int = 2) -> None:
    """Time goes by, and whatever it brings is sent and answered."""
    outbox.clock.advance(minutes=minutes)
    dispatcher.sweep()
    dispatcher.tick()
    settle(dispatcher)


def settle(dispatcher: Dispatcher) -> None:
    assert until(lambda: dispatcher._in_flight == 0)


def test_a_lost_answer_is_sent_again_where_the_brand_chose_at_least_once(outbox: Outbox) -> None:
    at_least_once(outbox)
    notifier = Scripted({"phone": LOST})
    message = outbox.put(outbox.customer("phone"))
    dispatcher = outbox.dispatcher(notifier=notifier)
    dispatcher.tick()
    settle(dispatcher)
    assert outbox.state(message) == "unknown"

    notifier._answers["phone"] = ACCEPTED
    pass_time(outbox, dispatcher)

    assert outbox.state(message) == "sent"
    assert outbox.deliveries(message) == ["accepted"]
    first, second = notifier.posted
    assert first.message_id == second.message_id == message, (
        "by which the second replaces the first"
    )
    assert first.delivery_id != second.delivery_id


def test_a_lost_answer_is_never_sent_again_by_itself(outbox: Outbox) -> None:
    notifier = Scripted({"phone": LOST})
    message = outbox.put(outbox.customer("phone"))
    dispatcher = outbox.dispatcher(notifier=notifier)
    dispatcher.tick()
    settle(dispatcher)
    pass_time(outbox, dispatcher)

    assert outbox.state(message) == "unknown"
    assert len(notifier.posted) == 1


def test_a_message_is_sent_again_twice_at_most(outbox: Outbox) -> None:
    at_least_once(outbox)
    notifier = Scripted({"phone": LOST})
    message = outbox.put(outbox.customer("phone"))
    dispatcher = outbox.dispatcher(notifier=notifier)
    dispatcher.tick()
    settle(dispatcher)
    for _ in range(5):
        pass_time(outbox, dispatcher)

    assert outbox.state(message) == "unknown"
    assert len(notifier.posted) == 1 + MOST_RESENDS


def test_who_was_reached_on_one_device_is_not_sent_to_again(outbox: Outbox) -> None:
    at_least_once(outbox)
    notifier = Scripted({"tablet": LOST})
    message = outbox.put(outbox.customer("phone", "tablet"))
    dispatcher = outbox.dispatcher(notifier=notifier)
    dispatcher.tick()
    settle(dispatcher)
    pass_time(outbox, dispatcher)

    assert outbox.state(message) == "sent"
    assert len(notifier.posted) == 2


def expires(outbox: Outbox, message: str) -> None:
    outbox.clock.advance(hours=2)


def is_emptied(outbox: Outbox, message: str) -> None:
    outbox.database.write(lambda tx: tx.execute(sa.update(MessageRow).values(push=None)) and None)


def is_fresh(outbox: Outbox, message: str) -> None:
    outbox.clock.advance(minutes=-2)  # so that nothing has passed after all


@pytest.mark.parametrize("happens", [expires, is_emptied, is_fresh])
def test_what_is_over_withdrawn_or_too_fresh_is_not_sent_again(
    outbox: Outbox, happens: Callable[[Outbox, str], None]
) -> None:
    at_least_once(outbox)
    notifier = Scripted({"phone": LOST})
    message = outbox.put(outbox.customer("phone"))
    dispatcher = outbox.dispatcher(notifier=notifier)
    dispatcher.tick()
    settle(dispatcher)
    happens(outbox, message)
    pass_time(outbox, dispatcher)

    assert outbox.state(message) == "unknown"
    assert len(notifier.posted) == 1


REFUSED = Outcome(status=DeliveryStatus.UNAVAILABLE, error_code="INTERNAL")


def is_over(outbox: Outbox, message: str) -> dict[str, Reason]:
    return {"life": Reason(code="expired", text="")}


def is_withdrawn(outbox: Outbox, message: str) -> dict[str, Reason]:
    return {"consent": Reason(code="consent_missing", text="")}


@pytest.mark.parametrize("why", [is_over, is_withdrawn])
@pytest.mark.parametrize(("first", "state"), [(ACCEPTED, "sent"), (LOST, "unknown")])
def test_what_one_device_may_have_shown_is_not_called_unsent_for_the_other(
    outbox: Outbox, why: Callable[[Outbox, str], dict[str, Reason]], first: Outcome, state: str
) -> None:
    message = outbox.put(outbox.customer("late", "timely"))
    slow = outbox.dispatcher(notifier=Multiplexing({"late": None, "timely": first}), concurrency=2)
    slow.tick()
    assert until(lambda: outbox.state(message) == "queued" and slow._in_flight == 0)
    assert slow.close()
    drain(outbox.dispatcher(refuse=why(outbox, message)))
    assert outbox.state(message) == state


def test_a_text_emptied_after_one_device_got_it_leaves_the_message_sent(outbox: Outbox) -> None:
    message = outbox.put(outbox.customer("late", "timely"))

    class Emptying(Multiplexing):
        def start(self, starts: Sequence[Start]) -> None:
            is_emptied(outbox, message)
            super().start(starts)

    drain(outbox.dispatcher(notifier=Emptying({"late": None}), concurrency=2))
    assert outbox.state(message) == "sent"
    assert outbox.deliveries(message) == ["accepted"]


@pytest.mark.parametrize("then", ["refused", "expired"])
def test_a_lost_answer_stays_unknown_when_its_copy_goes_nowhere(outbox: Outbox, then: str) -> None:
    at_least_once(outbox)
    notifier = Scripted({"phone": LOST})
    message = outbox.put(outbox.customer("phone"))
    refuse: dict[str, Reason] = {}
    dispatcher = outbox.dispatcher(notifier=notifier, refuse=refuse)
    dispatcher.tick()
    settle(dispatcher)
    notifier._answers["phone"] = REFUSED
    if then == "expired":
        refuse |= is_over(outbox, message)
    for _ in range(3):
        pass_time(outbox, dispatcher)

    assert outbox.state(message) == "unknown"
    assert len(notifier.posted) == (2 if then == "refused" else 1)


def _error(message: str, status: str = "INTERNAL") -> bytes:
    return json.dumps({"error": {"status": status, "message": message}}).encode()


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        pytest.param(of_answer(400, _error("y" * 1000, "X" * 100), {}), "rejected", id="long"),
        pytest.param(of_answer(500, _error("a\x00b", "A\x00B"), {}), "unavailable", id="NUL"),
        pytest.param(of_answer(400, _error("half \ud83d", "\ud83d"), {}), "rejected", id="half"),
        pytest.param(accepted("projects/p/\x00\ud83d" + "z" * 400), "accepted", id="name"),
        pytest.param(lost("TIMEOUT", "\x00\udcff"), "unknown", id="an error's text"),
    ],
)
def test_no_answer_is_too_odd_to_be_recorded(outbox: Outbox, answer: Outcome, status: str) -> None:
    message = outbox.put(outbox.customer("phone"))
    drain(outbox.dispatcher(notifier=Scripted({"phone": answer})))
    assert outbox.deliveries(message) == [status]
