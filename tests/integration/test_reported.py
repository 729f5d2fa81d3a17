"""Deliveries that Firebase reports afterwards: counted once, whoever else reports them, and never for strangers."""

import json
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from domain.clock import ManualClock
from domain.messages import DeliveryStatus, MessageState
from notifiers.reports import read
from scheduler.reported import Reported, Taken
from storage import erasure
from storage.engine import Database, Transaction
from storage.models import DeliveryRow, EventRow, MessageRow
from tests.integration.api.test_stats import answer, stats
from tests.integration.api.test_uplift import DAY, Shop
from tests.integration.conftest import Install


class Sent:
    """A shop that sent one push each to two people."""

    def __init__(self, database: Database, clock: ManualClock) -> None:
        self.shop = Shop(database, clock)
        self.database, self.clock = database, clock
        self.people = [self.shop.person(held=False) for _ in range(2)]
        self.shop.meet(*self.people)
        with database.read() as tx:
            self.messages = list(
                tx.execute(sa.select(MessageRow.id).order_by(MessageRow.id)).scalars()
            )
        self.be(MessageState.SENT)

    def be(self, state: MessageState) -> None:
        self.database.write(
            lambda tx: tx.execute(sa.update(MessageRow).values(state=state)) and None
        )

    def take(self, *rows: dict[str, Any], dry_run: bool = False) -> Taken:
        found = read("\n".join(json.dumps(row) for row in rows).encode())
        assert not found.faults
        taking = Reported(
            self.database, brand_id=self.shop.brand.id, project="demo", now=self.clock.now()
        )
        return taking.take(found, dry_run=dry_run)

    def row(
        self, event: str = "MESSAGE_DELIVERED", *, of: int = 0, **changes: Any
    ) -> dict[str, Any]:
        return {
            "event": event,
            "message_id": f"0:{of}",
            "event_timestamp": self.clock.now().isoformat(),
            "collapse_key": self.messages[of],
        } | changes

    def funnel(self) -> dict[str, Any]:
        (found,) = stats(self.shop)["funnel"]
        return found  # type: ignore[no-any-return]  # JSON


@pytest.fixture
def sent(database: Database, clock: ManualClock) -> Sent:
    return Sent(database, clock)


def decision_of(person: Install) -> str:
    [decision] = person.get("/v1/me/decisions").json["data"]
    return str(decision["id"])


def test_a_reported_delivery_fills_the_funnel_once_however_often_it_is_told(sent: Sent) -> None:
    rows = [sent.row(), sent.row(message_id="0:tablet"), sent.row(of=1)]
    assert sent.take(*rows, dry_run=True).delivered == 2
    assert sent.funnel()["delivered"] == 0
    taken = sent.take(*rows)
    assert (taken.delivered, taken.known) == (2, 1)
    again = sent.take(*rows)
    assert (again.delivered, again.known) == (0, 3)
    told = sent.funnel()
    assert (told["accepted"], told["delivered"], told["opened"]) == (2, 2, 0)


def test_what_the_phone_reported_before_or_after_is_not_counted_twice(sent: Sent) -> None:
    before, after = sent.people
    now = sent.clock.now().isoformat()
    answer(before, "delivered", decision_of(before), now)
    taken = sent.take(sent.row(of=0), sent.row(of=1))
    assert sorted([taken.delivered, taken.known]) == [1, 1]
    answer(after, "delivered", decision_of(after), now)
    assert sent.funnel()["delivered"] == 2


def test_a_message_is_found_by_fcms_own_name_where_the_export_has_no_collapse_key(
    sent: Sent,
) -> None:
    delivery = {
        "id": sent.messages[1],
        "brand_id": sent.shop.brand.id,
        "message_id": sent.messages[0],
        "device_id": sent.messages[0],
        "status": DeliveryStatus.ACCEPTED,
        "simulated": False,
        "provider_id": "projects/demo/messages/0:iphone",
        "attempted_at": sent.clock.now(),
        "owner": sent.messages[0],
        "lease_until": sent.clock.now(),
    }
    sent.database.write(lambda tx: tx.execute(sa.insert(DeliveryRow).values(delivery)) and None)
    taken = sent.take(sent.row(message_id="0:iphone", collapse_key=None))
    assert (taken.delivered, taken.strange) == (1, 0)


@pytest.mark.parametrize("key", [None, "soup", "01997b4e-7d9a-7c3e-9a51-0123456789ab"])
def test_messages_of_others_in_the_same_project_are_left_out(sent: Sent, key: str | None) -> None:
    taken = sent.take(sent.row(collapse_key=key, message_id="0:stranger"))
    assert (taken.delivered, taken.strange) == (0, 1)


def test_an_unknown_message_that_fcm_took_turns_out_to_be_sent(sent: Sent) -> None:
    sent.be(MessageState.UNKNOWN)
    assert sent.take(sent.row("MESSAGE_ACCEPTED"), dry_run=True).settled == 1
    taken = sent.take(sent.row("MESSAGE_ACCEPTED"))
    assert (taken.settled, taken.delivered) == (1, 0)
    with sent.database.read() as tx:
        rows = tx.execute(sa.select(MessageRow.state, MessageRow.reason).order_by(MessageRow.id))
        assert [tuple(row) for row in rows] == [("sent", "was_unknown"), ("unknown", None)]
    assert sent.take(sent.row("MESSAGE_ACCEPTED")).settled == 0
    assert sent.funnel()["accepted"] == 1


def test_a_message_that_is_certain_is_not_changed_by_the_export(sent: Sent) -> None:
    sent.be(MessageState.FAILED)
    assert sent.take(sent.row("MESSAGE_ACCEPTED")).settled == 0
    assert sent.funnel()["accepted"] == 0


def test_nothing_is_kept_of_a_person_who_was_erased(sent: Sent) -> None:
    with sent.database.read() as tx:
        query = sa.select(MessageRow.customer_id).where(MessageRow.id == sent.messages[0])
        customer = tx.execute(query).scalar_one()

    def erase(tx: Transaction) -> None:
        erasure.erase(tx, customer, now=sent.clock.now())

    sent.database.write(erase)
    taken = sent.take(sent.row())
    assert (taken.delivered, taken.strange) == (0, 1)
    with sent.database.read() as tx:
        assert (
            tx.execute(sa.select(EventRow.id).where(EventRow.customer_id == customer)).all() == []
        )


def test_a_report_is_not_later_than_its_import(sent: Sent) -> None:
    ahead = (sent.clock.now() + timedelta(days=1)).isoformat()
    sent.take(sent.row(event_timestamp=ahead))
    with sent.database.read() as tx:
        at = tx.execute(
            sa.select(EventRow.occurred_at).where(EventRow.type == "delivered")
        ).scalar_one()
    assert at == sent.clock.now()


def test_the_data_apis_sums_stand_beside_the_funnel_and_replace_themselves(sent: Sent) -> None:
    def entry(accepted: int, share: float, label: str = "soup") -> dict[str, Any]:
        year, month, day = map(int, DAY.split("-"))
        return {
            "appId": "app",
            "date": {"year": year, "month": month, "day": day},
            "analyticsLabel": label,
            "data": {
                "countMessagesAccepted": str(accepted),
                "messageOutcomePercents": {"delivered": share},
            },
        }

    name = sent.funnel()["offer"]
    assert sent.funnel()["reported_delivered"] is None
    for accepted, share in ((10, 50.0), (200, 80.5)):
        page = {"androidDeliveryData": [entry(accepted, share, name), entry(7, 1, "other")]}
        assert sent.take(page).reports == 2
    told = sent.funnel()
    assert (told["reported_accepted"], told["reported_delivered"]) == (200, 161)
    assert told["delivered"] == 0
