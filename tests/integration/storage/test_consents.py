"""The ledger in the database: append-only, ordered, and fail closed under concurrency."""

import threading
from datetime import timedelta

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.clock import ManualClock
from domain.errors import NotFound
from domain.ids import new_id
from domain.people import Mode, Purpose
from storage import consents
from storage.engine import Database, Transaction
from storage.models import ConsentEntryRow, PositionRow
from tests.integration.storage.people import Town, statement
from tests.integration.traces import Traces, rows

ALL = st.sampled_from(Purpose)


@pytest.fixture
def town(database: Database, clock: ManualClock) -> Town:
    return Town(database, clock)


def test_nobody_consents_to_anything_by_being_there(town: Town) -> None:
    device = town.device("jane")
    assert town.granted(device.customer_id) == set()
    with town.database.read() as tx:
        found = consents.of_many(tx, [device.customer_id, new_id()])
    assert [each.of for each in found.values()] == [{}, {}]


def test_each_purpose_stands_for_itself(town: Town) -> None:
    device = town.device("jane", Purpose.PUSH, Purpose.LOCATION)
    town.clock.advance(minutes=1)
    town.say(device.customer_id, Purpose.PUSH, granted=False)
    assert town.granted(device.customer_id) == {Purpose.LOCATION}


def test_a_withdrawal_counts_from_its_receipt_and_outlives_late_grants(town: Town) -> None:
    device = town.device("jane", Purpose.PUSH)
    begun = town.clock.now()
    town.clock.advance(hours=1)
    town.say(device.customer_id, Purpose.PUSH, granted=False, at=begun - timedelta(days=3))
    received = town.clock.now()
    town.clock.advance(minutes=1)
    (late,) = town.say(device.customer_id, Purpose.PUSH, at=received)
    assert not late.counts
    assert town.granted(device.customer_id) == set()
    (good,) = town.say(device.customer_id, Purpose.PUSH, at=received + timedelta(seconds=1))
    assert good.counts
    assert town.granted(device.customer_id) == {Purpose.PUSH}


def test_a_statement_from_the_future_is_dated_to_its_receipt(town: Town) -> None:
    device = town.device("jane")
    (entry,) = town.say(device.customer_id, Purpose.PUSH, at=town.clock.now() + timedelta(days=400))
    assert entry.occurred_at == entry.recorded_at == town.clock.now()


def test_the_state_names_the_entry_that_permits(town: Town) -> None:
    device = town.device("jane")
    (entry,) = town.say(device.customer_id, Purpose.HABITS)
    with town.database.read() as tx:
        consent = consents.current(tx, device.customer_id).granted(Purpose.HABITS)
    assert consent is not None
    assert (consent.entry_id, consent.since) == (entry.id, entry.occurred_at)


def test_many_people_are_read_at_once(town: Town) -> None:
    people = [town.device(name, Purpose.PUSH) for name in "abc"]
    town.clock.advance(minutes=1)
    town.say(people[1].customer_id, Purpose.PUSH, granted=False)
    with town.database.read() as tx:
        found = consents.of_many(tx, [each.customer_id for each in people])
        singly = {each.customer_id: consents.current(tx, each.customer_id) for each in people}
    assert found == singly
    assert [bool(each.granted(Purpose.PUSH)) for each in found.values()] == [True, False, True]


def test_the_ledger_is_read_in_the_order_of_receipt_and_by_pages(town: Town) -> None:
    device = town.device("jane", *Purpose)
    for _ in range(3):
        town.clock.advance(minutes=1)
        town.say(device.customer_id, *Purpose, granted=False)
    with town.database.read() as tx:
        whole = consents.page(tx, device.customer_id)
        first = consents.page(tx, device.customer_id, limit=7)
        rest = consents.page(tx, device.customer_id, after=first[-1].id)
    assert len(whole) == 20
    assert first + rest == whole
    assert [entry.recorded_at for entry in whole] == sorted(e.recorded_at for e in whole)
    assert all((entry.receipt is None) is entry.granted for entry in whole)


def test_a_person_who_is_gone_is_told_so(town: Town) -> None:
    with pytest.raises(NotFound):
        town.say(new_id(), Purpose.PUSH)


def test_nothing_of_a_failing_request_is_kept(town: Town) -> None:
    device = town.device("jane", Purpose.LOCATION)
    town.write(Traces(device, town.clock.now()).position)

    def fail(tx: Transaction) -> None:
        consents.append(
            tx,
            [statement(Purpose.LOCATION, False, town.clock.now())],
            brand_id=town.brand.id,
            mode=Mode.LIVE,
            customer_id=device.customer_id,
            now=town.clock.now(),
        )
        raise LookupError

    with pytest.raises(LookupError):
        town.write(fail)
    assert town.granted(device.customer_id) == {Purpose.LOCATION}
    with town.database.read() as tx:
        assert len(rows(tx, PositionRow, device.customer_id)) == 1


def test_a_fix_that_read_the_consent_is_stored_before_the_withdrawal_or_not_at_all(
    postgres_database: Database, clock: ManualClock
) -> None:
    """The withdrawal waits for a transaction that holds the consent it read, then deletes what that one stored."""
    town = Town(postgres_database, clock)
    device = town.device("jane", Purpose.LOCATION)
    town.clock.advance(minutes=1)
    has_read, may_store = threading.Event(), threading.Event()

    def store(tx: Transaction) -> None:
        assert consents.current(tx, device.customer_id, held=True).granted(Purpose.LOCATION)
        has_read.set()
        assert may_store.wait(60)
        Traces(device, town.clock.now()).position(tx)

    fix = threading.Thread(target=town.write, args=(store,))
    fix.start()
    assert has_read.wait(60)
    withdrawal = threading.Thread(
        target=town.say, args=(device.customer_id, Purpose.LOCATION), kwargs={"granted": False}
    )
    withdrawal.start()
    withdrawal.join(0.3)
    assert withdrawal.is_alive()
    may_store.set()
    fix.join()
    withdrawal.join()
    with town.database.read() as tx:
        assert rows(tx, PositionRow, device.customer_id) == []


def test_requests_at_the_same_time_leave_one_state_that_fits_the_ledger(town: Town) -> None:
    device = town.device("jane")
    threads = [
        threading.Thread(
            target=town.say, args=(device.customer_id, *Purpose), kwargs={"granted": bool(n % 2)}
        )
        for n in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert town.granted(device.customer_id) == set()  # no grant is later than every withdrawal
    with town.database.read() as tx:
        assert len(consents.page(tx, device.customer_id)) == 40


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.lists(
        st.lists(
            st.tuples(ALL, st.booleans(), st.integers(min_value=-90, max_value=30)),
            min_size=1,
            max_size=4,
        ),
        max_size=6,
    )
)
def test_the_stored_state_always_follows_from_the_stored_ledger(
    town: Town, history: list[list[tuple[Purpose, bool, int]]]
) -> None:
    device = town.device(new_id())
    for batch in history:
        town.clock.advance(minutes=1)
        said = [
            statement(purpose, granted, town.clock.now() + timedelta(minutes=minutes))
            for purpose, granted, minutes in batch
        ]
        town.write(
            lambda tx, said=said: consents.append(
                tx,
                said,
                brand_id=town.brand.id,
                mode=Mode.LIVE,
                customer_id=device.customer_id,
                now=town.clock.now(),
            )
        )
    with town.database.read() as tx:
        entries = consents.page(tx, device.customer_id)
        stored = consents.current(tx, device.customer_id)
    assert all(entry.occurred_at <= entry.recorded_at for entry in entries)
    for purpose in Purpose:
        mine = [entry for entry in entries if entry.purpose is purpose]
        last = max((e.recorded_at for e in mine if not e.granted), default=None)
        counting = [
            e for e in mine if e.granted and e.counts and (last is None or e.recorded_at >= last)
        ]
        assert bool(stored.granted(purpose)) is bool(counting)
        for entry in mine:
            earlier = [w for w in mine if not w.granted and w.recorded_at < entry.recorded_at]
            if entry.granted and entry.counts:
                assert all(entry.occurred_at > w.recorded_at for w in earlier)


def test_rows_of_the_ledger_are_only_added(town: Town) -> None:
    device = town.device("jane", *Purpose)
    with town.database.read() as tx:
        before = tx.execute(sa.select(ConsentEntryRow.__table__)).all()
    town.clock.advance(minutes=1)
    town.say(device.customer_id, *Purpose, granted=False)
    town.clock.advance(minutes=1)
    town.say(device.customer_id, *Purpose)
    with town.database.read() as tx:
        after = tx.execute(sa.select(ConsentEntryRow.__table__)).all()
    assert set(map(str, before)) <= set(map(str, after))
    assert len(after) == 3 * len(before)
