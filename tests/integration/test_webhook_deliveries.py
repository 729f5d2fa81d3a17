"""Messages that go to a brand's webhook instead of to phones: decided, guarded and accounted for like all others."""

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa

from domain.clock import ManualClock
from domain.decisions import Outcome
from domain.ids import new_id
from domain.people import Device, Mode, Purpose
from domain.policy import Brand
from domain.settings import Settings
from domain.webhooks import Serves, Webhook
from notifiers.base import Notifier
from notifiers.memory import MemoryNotifier
from scheduler import recheck
from scheduler.dispatch import Dispatcher
from service.outlets import Outlets
from service.webhooks import MOST_AT_ONCE
from storage import erasure, webhooks
from storage.engine import Database
from storage.models import DeliveryRow, DeviceRow, MessageRow
from tests.integration.stage import ALLOWED, Stage
from tests.receiver import Receiver, until


class Post(Stage):
    """A stage whose messages are sent: to phones in memory, and to webhooks over real HTTP."""

    def __init__(self, database: Database, clock: ManualClock, receiver: Receiver) -> None:
        super().__init__(database, clock)
        self.receiver = receiver
        self.phones = MemoryNotifier()
        self.has_project = True
        self.outlets = Outlets(
            Settings(fcm_transport="memory", webhook_networks="127.0.0.0/8", fcm_timeout_s=5.0),
            observe=lambda outcome, seconds: None,
        )
        self.dispatcher = Dispatcher(
            database=database,
            clock=clock,
            check=recheck.reasons_against,
            route=self._route,
            hook=self.outlets.hook,
        )
        self.offer()

    def _route(self, brand: Brand, mode: Mode) -> tuple[str, Notifier] | None:
        return ("town", self.phones) if self.has_project else None

    def hook(self, path: str = "take", **more: Any) -> Webhook:
        given = {
            "external_id": "mail",
            "serves": Serves.WITHOUT_PHONE,
            "offers": (),
            "mode": Mode.LIVE,
            **more,
        }
        url = f"{self.receiver.url}/{path}"
        saved, _ = self.write(
            lambda tx: webhooks.put(
                tx, brand_id=self.brand.id, url=url, now=self.clock.now(), **given
            )
        )
        return saved

    def somebody(self, name: str | None = "aino", *granted: Purpose) -> Device:
        """Somebody the brand knows (or not) without any phone; the device is gone and only lends its ids."""
        device = self.device(name, *(granted or ALLOWED))
        gone = sa.delete(DeviceRow).where(DeviceRow.id == device.id)
        self.write(lambda tx: tx.execute(gone) and None)
        return device

    def tell(self, person: Device) -> Any:
        """Decides a moment of theirs and sends what comes of it."""
        decision = self.decide(self.enter(person))
        self.send()
        return decision

    def send(self) -> None:
        self.dispatcher.tick()
        assert until(lambda: not self._under_way())

    def _under_way(self) -> int:
        with self.database.read() as tx:
            query = sa.select(sa.func.count()).where(MessageRow.state == "sending")
            return int(tx.execute(query).scalar_one())

    def deliveries(self) -> list[Any]:
        with self.database.read() as tx:
            return list(tx.execute(sa.select(DeliveryRow.__table__).order_by(DeliveryRow.id)))

    def events(self) -> list[Any]:
        return [json.loads(got.body)["data"] for got in self.receiver.received]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as listening:
        yield listening


def _opened(database: Database, clock: ManualClock, receiver: Receiver) -> Iterator[Post]:
    made = Post(database, clock, receiver)
    yield made
    made.dispatcher.close(within_s=2)
    made.outlets.close()


@pytest.fixture
def post(sqlite_database: Database, clock: ManualClock, receiver: Receiver) -> Iterator[Post]:
    yield from _opened(sqlite_database, clock, receiver)


@pytest.fixture
def any_post(database: Database, clock: ManualClock, receiver: Receiver) -> Iterator[Post]:
    """On both databases in turn."""
    yield from _opened(database, clock, receiver)


def test_who_has_no_phone_is_reached_by_webhook(any_post: Post) -> None:
    to = any_post.hook()
    person = any_post.somebody()

    decision = any_post.tell(person)

    assert decision.outcome is Outcome.SEND
    [message] = any_post.messages()
    [delivery] = any_post.deliveries()
    [event] = any_post.events()
    assert (message.state, delivery.status) == ("sent", "accepted")
    assert (delivery.device_id, delivery.provider_id) == (to.id, f"webhook/{message.id}")
    assert (event["customer"], event["offer"], event["title"]) == ("aino", "soup", "Hot soup")
    assert (event["decision_id"], event["message_id"]) == (decision.id, message.id)
    assert event["data"]["deep_link"] == "brand://soup"


def test_who_has_a_phone_is_not(post: Post) -> None:
    post.hook()

    post.tell(post.device("aino", *ALLOWED))

    assert len(post.phones.sent) == 1
    assert post.events() == []


def test_everybody_is_where_the_brand_says_so(post: Post) -> None:
    post.hook(serves=Serves.EVERYBODY)
    post.has_project = False  # nor is a Firebase project needed then

    post.tell(post.device("aino", *ALLOWED))

    assert post.phones.sent == []
    assert [event["customer"] for event in post.events()] == ["aino"]


def test_a_webhook_of_certain_offers_takes_no_others(post: Post) -> None:
    post.hook("soup", external_id="till", serves=Serves.EVERYBODY, offers=("soup",))
    post.hook("rest", external_id="a", serves=Serves.EVERYBODY)
    post.tell(post.device("aino", *ALLOWED))
    post.write(
        lambda tx: webhooks.delete(tx, brand_id=post.brand.id, mode=Mode.LIVE, external_id="a")
    )
    post.hook("cake", external_id="till", serves=Serves.EVERYBODY, offers=("cake",))
    post.tell(post.device("eero", *ALLOWED))

    assert [got.path for got in post.receiver.received] == ["/soup"]
    assert len(post.phones.sent) == 1


def test_people_the_brand_has_no_name_for_stay_with_their_phones(post: Post) -> None:
    post.hook(serves=Serves.EVERYBODY)
    nobody = post.decide(post.enter(post.somebody(None)))
    post.tell(post.device(None, *ALLOWED))

    assert [reason.code for reason in nobody.reasons] == ["no_device"]
    assert len(post.phones.sent) == 1
    assert post.events() == []


def test_a_webhook_needs_the_same_consent(post: Post) -> None:
    post.hook()
    person = post.somebody("aino", Purpose.LOCATION, Purpose.HABITS)

    decision = post.tell(person)

    assert "consent_missing" in [reason.code for reason in decision.reasons]
    assert post.events() == []


def test_what_is_withdrawn_meanwhile_is_not_sent(post: Post) -> None:
    post.hook()
    person = post.somebody()
    post.decide(post.enter(person))
    post.clock.advance(minutes=1)
    post.say(person.customer_id, Purpose.PUSH, granted=False)
    post.send()

    assert post.messages()[0].state == "cancelled"
    assert post.events() == []


def test_a_phone_that_says_no_is_not_gone_around(post: Post) -> None:
    post.hook()
    person = post.device("aino", *ALLOWED)
    post.write(
        lambda tx: tx.execute(sa.update(DeviceRow).values(push_permission="denied")) and None
    )

    decision = post.tell(person)

    assert [reason.code for reason in decision.reasons] == ["permission_denied"]
    assert post.events() == []


@pytest.mark.parametrize(
    ("path", "state", "status"),
    [
        ("400", "failed", "rejected"),
        ("500", "failed", "unavailable"),
        ("504", "unknown", "unknown"),
        ("lost", "unknown", "unknown"),
    ],
)
def test_every_answer_ends_the_message_and_none_is_posted_twice(
    post: Post, path: str, state: str, status: str
) -> None:
    post.hook(path)

    post.tell(post.somebody())
    post.send()

    assert [message.state for message in post.messages()] == [state]
    assert [delivery.status for delivery in post.deliveries()] == [status]
    assert len(post.events()) == 1


def test_one_that_wants_no_more_is_disabled_until_it_is_saved_again(any_post: Post) -> None:
    any_post.hook("410")
    any_post.tell(any_post.somebody("aino"))
    silenced = any_post.decide(any_post.enter(any_post.somebody("eero")))
    with any_post.database.read() as tx:
        [shown] = webhooks.of_brand(tx, brand_id=any_post.brand.id, mode=Mode.LIVE)
    any_post.hook("take")
    again = any_post.tell(any_post.somebody("liisa"))

    assert shown.disabled_at == any_post.clock.now()
    assert [reason.code for reason in silenced.reasons] == ["no_device"]
    assert again.outcome is Outcome.SEND
    assert [event["customer"] for event in any_post.events()] == ["aino", "liisa"]


def test_one_that_wants_no_more_is_disabled_however_many_messages_are_on_their_way(
    post: Post,
) -> None:
    post.hook("410", serves=Serves.EVERYBODY)
    for number in range(40):
        post.enter(post.device(f"person-{number}", *ALLOWED))
    post.engine.tick()
    post.send()

    with post.database.read() as tx:
        [shown] = webhooks.of_brand(tx, brand_id=post.brand.id, mode=Mode.LIVE)
    assert shown.disabled_at
    assert len(post.events()) <= 40


def test_one_that_asks_for_time_gets_it_and_holds_up_nobody(any_post: Post) -> None:
    any_post.hook("503?60", serves=Serves.EVERYBODY, offers=("soup",))
    any_post.tell(any_post.device("aino", *ALLOWED))
    any_post.decide(any_post.enter(any_post.device("eero", *ALLOWED)))
    any_post.hook("503?60", serves=Serves.EVERYBODY, offers=("soup",))
    any_post.send()
    waiting = [message.state for message in any_post.messages()]
    any_post.write(
        lambda tx: webhooks.delete(
            tx, brand_id=any_post.brand.id, mode=Mode.LIVE, external_id="mail"
        )
    )
    any_post.clock.advance(seconds=5)
    any_post.send()

    assert waiting == ["failed", "queued"]
    assert len(any_post.events()) == 1
    assert [envelope.push.title for envelope in any_post.phones.sent] == ["Hot soup"]


def test_test_customers_have_webhooks_of_their_own(post: Post) -> None:
    post.hook("live", serves=Serves.EVERYBODY)
    post.hook("test", serves=Serves.EVERYBODY, mode=Mode.TEST)
    device = post.register("aino", mode=Mode.TEST).device
    post.say(device.customer_id, *ALLOWED)
    with post.database.read() as tx:
        found = webhooks.of_brands(tx, [post.brand.id])

    post.tell(device)

    assert {mode: [each.url for each in some] for (_, mode), some in found.items()} == {
        Mode.LIVE: [f"{post.receiver.url}/live"],
        Mode.TEST: [f"{post.receiver.url}/test"],
    }
    assert [got.path for got in post.receiver.received] == ["/test"]


def test_an_erasure_leaves_nothing_of_what_went_to_a_webhook(any_post: Post) -> None:
    any_post.hook()
    person = any_post.somebody()
    any_post.tell(person)

    receipt = any_post.write(
        lambda tx: erasure.erase(tx, person.customer_id, now=any_post.clock.now())
    )

    assert receipt.deleted["deliveries"] == 1
    assert (any_post.messages(), any_post.deliveries()) == ([], [])


def test_a_message_that_reached_one_phone_already_goes_to_no_webhook_besides(post: Post) -> None:
    """Two phones, one posted and one not in time; then the second goes, and with it the last target."""
    person = post.device("aino", *ALLOWED)
    post.decide(post.enter(person))
    [message] = post.messages()
    delivery = {
        "id": new_id(),
        "brand_id": post.brand.id,
        "message_id": message.id,
        "device_id": person.id,
        "status": "accepted",
        "simulated": False,
        "attempted_at": post.clock.now(),
        "owner": new_id(),
        "lease_until": post.clock.now(),
    }
    post.write(lambda tx: tx.execute(sa.insert(DeliveryRow).values(delivery)) and None)
    post.hook()

    post.send()

    assert post.events() == []


def test_a_slow_webhook_takes_a_few_posts_at_a_time_and_phones_go_past_it(post: Post) -> None:
    post.hook("hang", serves=Serves.EVERYBODY, offers=("soup",))
    for number in range(MOST_AT_ONCE + 20):
        post.enter(post.device(f"person-{number}", *ALLOWED))
    post.engine.tick()
    post.dispatcher.tick()
    assert until(lambda: len(post.receiver.received) == MOST_AT_ONCE)
    post.dispatcher.tick()
    states = Counter(message.state for message in post.messages())
    post.clock.advance(seconds=1)
    post.write(
        lambda tx: webhooks.delete(tx, brand_id=post.brand.id, mode=Mode.LIVE, external_id="mail")
    )

    assert states == {"sending": MOST_AT_ONCE, "queued": 20}
    assert until(lambda: post.dispatcher.tick() >= 0 and len(post.phones.sent) == 20)
    assert len(post.receiver.received) == MOST_AT_ONCE
