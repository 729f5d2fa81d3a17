"""`Idempotency-Key`: a repeat gets the first answer; nothing happens twice, and nothing is kept that must not be."""

import threading
from typing import Any

import pytest
import sqlalchemy as sa

from domain.clock import ManualClock
from domain.people import Purpose
from storage import idempotency
from storage.engine import Database, Transaction
from storage.models import BrandRow, ConsentEntryRow, CustomerRow, IdempotencyRow
from tests.integration.conftest import Caller, Install, World, statement


def _body(world: World, purpose: Purpose = Purpose.PUSH) -> dict[str, Any]:
    return {"entries": [statement(purpose, True, world.clock.now())]}


def _post(device: Caller, body: Any, key: str = "k") -> Any:
    return device.post("/v1/consents", body, headers={"Idempotency-Key": key})


def _entries(world: World) -> int:
    with world.database.read() as tx:
        return tx.execute(sa.select(sa.func.count()).select_from(ConsentEntryRow)).scalar_one()


def _kept(world: World) -> list[str]:
    with world.database.read() as tx:
        return list(tx.execute(sa.select(IdempotencyRow.key)).scalars())


def test_a_repeat_gets_the_first_answer_byte_for_byte(any_world: World) -> None:
    device, body = any_world.device(), _body(any_world)
    first = _post(device, body)
    any_world.clock.advance(hours=23)
    again = _post(device, body)
    assert (again.status_code, again.data, again.mimetype) == (201, first.data, first.mimetype)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert _entries(any_world) == 1


def test_without_the_header_every_request_counts(world: World) -> None:
    device, body = world.device(), _body(world)
    device.post("/v1/consents", body)
    device.post("/v1/consents", body)
    assert _entries(world) == 2
    assert _kept(world) == []


def test_a_key_serves_one_request_only(any_world: World) -> None:
    device = any_world.device()
    _post(device, _body(any_world))
    other = _post(device, _body(any_world, Purpose.HABITS))
    assert (other.status_code, other.json["code"]) == (422, "idempotency_mismatch")
    assert _entries(any_world) == 1
    assert _post(device, _body(any_world, Purpose.HABITS), key="k2").status_code == 201


def test_after_a_day_the_key_is_free(any_world: World) -> None:
    device, body = any_world.device(), _body(any_world)
    _post(device, body)
    any_world.clock.advance(hours=24)
    again = _post(device, body)
    assert "Idempotent-Replayed" not in again.headers
    assert _entries(any_world) == 2


def test_old_answers_are_purged_and_young_ones_stay(any_world: World) -> None:
    device = any_world.device()
    _post(device, _body(any_world), key="old")
    any_world.clock.advance(hours=23)
    _post(device, _body(any_world), key="young")
    any_world.clock.advance(hours=1)
    now = any_world.clock.now()
    assert any_world.database.write(lambda tx: idempotency.purge(tx, now)) == 1
    assert _kept(any_world) == ["young"]


def test_callers_do_not_share_keys(world: World) -> None:
    body = _body(world)
    for device in (world.device(), world.device()):
        assert "Idempotent-Replayed" not in _post(device, body).headers
    assert _entries(world) == 2


def test_a_device_keeps_its_keys_when_it_comes_back(world: World) -> None:
    device, body = world.device(target="t"), _body(world)
    _post(device, body)
    target = {"kind": "token", "value": "t"}
    answer = device.post("/v1/devices", {"platform": "android", "target": target})
    back = Install(world.client, answer.json)
    assert _post(back, body).headers["Idempotent-Replayed"] == "true"


def test_a_refusal_is_not_kept(world: World) -> None:
    device = world.device()
    assert _post(device, {"entries": []}).status_code == 422
    assert _kept(world) == []
    assert _post(device, _body(world)).status_code == 201


@pytest.mark.parametrize("key", ["", "x" * 256, "ä", "a\tb"])
def test_an_unusable_key_is_refused(world: World, key: str) -> None:
    answer = _post(world.device(), _body(world), key=key)
    assert answer.status_code == 422
    assert answer.json["errors"][0]["pointer"] == "/Idempotency-Key"
    assert _entries(world) == 0


def test_the_longest_key_is_taken(any_world: World) -> None:
    device, body = any_world.device(), _body(any_world)
    key = "x y" * 85
    _post(device, body, key=key)
    assert _post(device, body, key=key).headers["Idempotent-Replayed"] == "true"


def test_the_answer_names_the_person_it_is_about(world: World) -> None:
    device = world.device()
    _post(device, _body(world))
    with world.database.read() as tx:
        assert tx.execute(sa.select(IdempotencyRow.customer_id)).scalar_one() == device.customer_id


class Held:
    """A transaction that holds the store, or one customer, until it is let go."""

    def __init__(self, database: Database, customer_id: str) -> None:
        self._customer_id = customer_id
        self._go = threading.Event()
        self.has_it = threading.Event()
        self._thread = threading.Thread(target=database.write, args=(self._hold,))
        self._thread.start()
        assert self.has_it.wait(60)

    def _hold(self, tx: Transaction) -> None:
        tx.execute(sa.update(BrandRow).values(name="held"))
        mine = CustomerRow.id == self._customer_id
        tx.execute(sa.update(CustomerRow).where(mine).values(revision=2))
        self.has_it.set()
        assert self._go.wait(60)

    def let_go(self) -> None:
        self._go.set()
        self._thread.join()


def _while_the_first_is_answered(world: World, second: Install, first: Install) -> tuple[Any, Any]:
    """The answers of two equal requests, the second sent while the first waits for the store."""
    body = _body(world)
    held = Held(world.database, first.customer_id)
    answers: list[Any] = []
    thread = threading.Thread(target=lambda: answers.append(_post(first, body)))
    thread.start()
    thread.join(0.4)
    assert thread.is_alive()
    late = _post(second, body)
    held.let_go()
    thread.join()
    return answers[0], late


def test_a_repeat_during_the_first_is_refused(any_world: World) -> None:
    device = any_world.device()
    first, second = _while_the_first_is_answered(any_world, device, device)
    assert first.status_code == 201
    assert (second.status_code, second.json["code"]) == (409, "idempotency_in_flight")
    assert _entries(any_world) == 1
    assert _post(device, _body(any_world)).headers["Idempotent-Replayed"] == "true"


def test_a_repeat_in_another_process_during_the_first_is_refused(
    postgres_database: Database, clock: ManualClock
) -> None:
    world, other = World(postgres_database, clock), World(postgres_database, clock, slug="salon")
    device = world.device()
    there = Install(other.client, {"credential": device.credential, **vars(device)})
    first, second = _while_the_first_is_answered(world, there, device)
    assert first.status_code == 201
    assert (second.status_code, second.json["code"]) == (409, "idempotency_in_flight")
    assert _post(there, _body(world)).headers["Idempotent-Replayed"] == "true"


def test_many_repeats_at_once_do_it_once(any_world: World) -> None:
    device, body = any_world.device(), _body(any_world)
    answers: list[Any] = []
    threads = [
        threading.Thread(target=lambda: answers.append(_post(device, body))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {answer.status_code for answer in answers} <= {201, 409}
    assert _entries(any_world) == 1
