"""Whose a push target is: the registration rule, on both databases."""

import threading

import msgspec
import pytest
import sqlalchemy as sa

from domain.access import CredentialKind, Principal
from domain.clock import ManualClock
from domain.errors import Unauthenticated
from domain.messages import MessageState
from domain.people import Device, Mode, Permission, Purpose, Target, TargetKind
from storage import addressees, consents, customers, devices, keys, messages
from storage.devices import Registered
from storage.engine import Database
from storage.models import DeviceRow, PositionRow, VisitRow
from tests.integration.storage.people import Town, install, statement
from tests.integration.traces import Traces, rows


@pytest.fixture
def town(database: Database, clock: ManualClock) -> Town:
    return Town(database, clock)


def _holder(town: Town, credential: str) -> Principal | None:
    with town.database.read() as tx:
        return keys.principal(tx, credential, town.clock.now())


def _retired(town: Town, device: Device) -> str | None:
    with town.database.read() as tx:
        row = tx.execute(sa.select(DeviceRow.__table__).where(DeviceRow.id == device.id)).one()
    assert (row.retired_at is None) is (row.retired_reason is None)
    assert (row.retired_at is None) is (row.credential_hash is not None)
    return row.retired_reason


def _name(town: Town, device: Device) -> str | None:
    with town.database.read() as tx:
        return customers.by_id(tx, device.customer_id).external_id


def _again(town: Town, registered: Registered, target: str) -> Registered:
    return town.write(
        lambda tx: devices.register_again(
            tx, registered.device.id, install(target), now=town.clock.now()
        )
    )


def _change(
    town: Town, device: Device, external_id: str | None = None, **changes: object
) -> Device:
    return town.write(
        lambda tx: devices.change(
            tx, device.id, changes, now=town.clock.now(), external_id=external_id
        )
    )


def test_a_new_install_is_somebody_anonymous(town: Town) -> None:
    first, second = town.register(), town.register()
    assert first.created
    assert first.device.customer_id != second.device.customer_id
    assert _name(town, first.device) is None
    assert _holder(town, first.credential) == Principal(
        kind=CredentialKind.DEVICE,
        brand_id=town.brand.id,
        mode=Mode.LIVE,
        credential_id=first.device.id,
        device_id=first.device.id,
        customer_id=first.device.customer_id,
        seen_at=town.clock.now(),
    )


def test_knowing_a_target_proves_nothing(town: Town) -> None:
    """A stranger who sends somebody's token gets a device of their own and nothing of the other's."""
    first = town.register("jane", target="t")
    second = town.register(target="t")
    assert second.created
    assert second.device.id != first.device.id
    assert _name(town, second.device) is None
    assert _retired(town, first.device) == "replaced"
    assert _holder(town, first.credential) is None


def test_another_customers_proof_is_no_proof_for_this_device(town: Town) -> None:
    first = town.register("jane", target="t")
    second = town.register("john", target="t")
    assert second.created
    assert _name(town, second.device) == "john"
    assert _retired(town, first.device) == "replaced"


def test_an_anonymous_devices_target_is_not_claimed_by_a_known_customers_proof(town: Town) -> None:
    first = town.register(target="t")
    second = town.register("jane", target="t")
    assert second.created
    assert second.device.customer_id != first.device.customer_id


def test_the_same_customers_proof_brings_the_same_device_back(town: Town) -> None:
    first = town.register("jane", target="t")
    second = town.register("jane", target="t")
    assert not second.created
    assert second.device.id == first.device.id
    assert _holder(town, first.credential) is None
    assert _holder(town, second.credential) is not None


def test_the_devices_own_credential_brings_it_back_with_a_new_one(town: Town) -> None:
    first = town.register(target="t")
    second = _again(town, first, "t")
    assert not second.created
    assert second.device == first.device
    assert _holder(town, first.credential) is None
    assert _holder(town, second.credential) is not None


def test_a_device_may_come_back_with_another_target_and_takes_it(town: Town) -> None:
    first, other = town.register(target="old"), town.register("john", target="new")
    second = _again(town, first, "new")
    assert second.device.id == first.device.id
    assert second.device.target.value == "new"
    assert _retired(town, other.device) == "target_taken"
    assert town.register(target="old").created


def test_a_retired_device_does_not_come_back(town: Town) -> None:
    first = town.register(target="t")
    town.register(target="t")
    with pytest.raises(Unauthenticated):
        _again(town, first, "t")


def test_brands_and_modes_do_not_meet(town: Town) -> None:
    first = town.register("jane", target="t")
    other = town.register("jane", target="t", brand=town.add_brand("salon"))
    test = town.register("jane", target="t", mode=Mode.TEST)
    assert all(each.created for each in (other, test))
    assert _retired(town, first.device) is None
    assert len({each.device.customer_id for each in (first, other, test)}) == 3


def test_only_one_of_many_who_register_a_target_at_once_holds_it(town: Town) -> None:
    results: list[Registered] = []
    threads = [
        threading.Thread(target=lambda: results.append(town.register(target="t"))) for _ in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({each.device.id for each in results}) == 6
    live = [each for each in results if _retired(town, each.device) is None]
    assert len(live) == 1


def test_what_a_device_says_of_itself_can_be_changed(town: Town) -> None:
    device = town.register(target="t").device
    changed = _change(
        town,
        device,
        target=Target(kind=TargetKind.FID, value="f"),
        locale="fi-FI",
        time_zone="Europe/Helsinki",
        app_version="2.0",
        push_permission=Permission.DENIED,
    )
    assert changed.id == device.id
    assert changed.target == Target(kind=TargetKind.FID, value="f")
    assert changed.push_permission is Permission.DENIED
    assert _change(town, device, locale=None).locale is None
    assert _change(town, device).time_zone == "Europe/Helsinki"
    with town.database.read() as tx:
        assert tx.execute(sa.select(sa.func.count()).select_from(DeviceRow)).scalar_one() == 1


def test_taking_anothers_target_retires_them_and_touches_nothing_of_theirs(town: Town) -> None:
    thief, victim = town.register(target="a"), town.register("jane", target="b")
    town.say(victim.device.customer_id, Purpose.PUSH)
    _change(town, thief.device, target=Target(kind=TargetKind.TOKEN, value="b"))
    assert _retired(town, victim.device) == "target_taken"
    assert _name(town, thief.device) is None
    assert town.granted(thief.device.customer_id) == set()
    assert town.granted(victim.device.customer_id) == {Purpose.PUSH}


def test_naming_its_own_target_again_changes_nothing(town: Town) -> None:
    device = town.register(target="t").device
    assert _change(town, device, target=device.target) == device


def test_a_retired_device_leaves_its_customer_and_not_its_place(town: Town) -> None:
    device = town.device("jane", Purpose.PUSH)
    town.write(Traces(device, town.clock.now()).leave)
    town.write(lambda tx: devices.retire(tx, device.id, reason="signed_out", now=town.clock.now()))
    town.write(lambda tx: devices.retire(tx, device.id, reason="again", now=town.clock.now()))
    assert _retired(town, device) == "signed_out"
    assert town.granted(device.customer_id) == {Purpose.PUSH}
    with town.database.read() as tx:
        assert rows(tx, PositionRow, device.customer_id) == []
        visits = rows(tx, VisitRow, device.customer_id)
        (row,) = rows(tx, DeviceRow, device.customer_id)
        assert devices.of_customer(tx, device.customer_id) == []
    assert len(visits) == 2
    assert all(visit.exited_at for visit in visits)
    assert row.target_value is None


def test_the_owner_is_whoever_has_the_device_now(town: Town) -> None:
    device = town.register().device
    _change(town, device, external_id="jane")
    owner = town.write(lambda tx: devices.owner(tx, device.id))
    with town.database.read() as tx:
        assert customers.by_id(tx, owner).external_id == "jane"
        assert devices.customer_of(tx, device.id) == owner
    town.write(lambda tx: devices.retire(tx, device.id, reason="x", now=town.clock.now()))
    with pytest.raises(Unauthenticated):
        town.write(lambda tx: devices.owner(tx, device.id))


def test_who_says_something_during_a_merge_says_it_for_the_known_customer(
    postgres_database: Database, clock: ManualClock
) -> None:
    town = Town(postgres_database, clock)
    device = town.device(None, Purpose.PUSH)
    town.clock.advance(minutes=1)
    merging, may_end = threading.Event(), threading.Event()

    def merge(tx: sa.Connection) -> None:
        devices.change(tx, device.id, {}, now=clock.now(), external_id="jane")
        merging.set()
        assert may_end.wait(60)

    def withdraw(tx: sa.Connection) -> None:
        consents.append(
            tx,
            [statement(Purpose.PUSH, False, clock.now())],
            brand_id=town.brand.id,
            mode=Mode.LIVE,
            customer_id=devices.owner(tx, device.id),
            now=clock.now(),
        )

    one = threading.Thread(target=town.write, args=(merge,))
    one.start()
    assert merging.wait(60)
    errors: list[BaseException] = []

    def try_to_withdraw() -> None:
        try:
            town.write(withdraw)
        except BaseException as error:  # noqa: BLE001 - handed to the test's own thread
            errors.append(error)

    two = threading.Thread(target=try_to_withdraw)
    two.start()
    two.join(0.3)
    assert two.is_alive()
    may_end.set()
    one.join()
    two.join()
    assert errors == []
    with town.database.read() as tx:
        jane = customers.get(tx, brand_id=town.brand.id, mode=Mode.LIVE, external_id="jane")
    assert town.granted(jane.id) == set()


def test_what_waited_for_a_device_is_not_sent_to_it_once_it_signed_out(town: Town) -> None:
    phone = town.device("jane", Purpose.PUSH)
    tablet = town.device("jane")
    town.write(lambda tx: Traces(phone, town.clock.now()).message(tx, MessageState.QUEUED))
    town.write(lambda tx: devices.retire(tx, phone.id, reason="signed_out", now=town.clock.now()))
    with town.database.read() as tx:
        (lane,) = messages.waiting(tx, now=town.clock.now())
        (queued,) = messages.claim(tx, lane, now=town.clock.now(), limit=9)
        found = addressees.of_messages(tx, [queued.message], now=town.clock.now())
    assert [each.device_id for each in found[queued.message.id]] == [tablet.id]


FID = "cXyZ-0123456789_abcdef"


def _kind(town: Town, device: Device) -> tuple[str, str | None]:
    with town.database.read() as tx:
        row = tx.execute(sa.select(DeviceRow.__table__).where(DeviceRow.id == device.id)).one()
    return row.target_kind, row.target_value


def _fid(value: str = FID) -> Target:
    return Target(kind=TargetKind.FID, value=value)


def test_an_install_that_moves_from_its_token_to_its_id_stays_one_device(town: Town) -> None:
    device = town.register("jane", target=f"{FID}:APA91b").device
    moved = _change(town, device, target=_fid())
    assert (moved.id, _kind(town, moved)) == (device.id, ("fid", FID))


def test_an_id_that_is_registered_anew_takes_the_place_of_its_token(town: Town) -> None:
    """An app that lost its credential: proved, it is the same device; unproved, the token's device is replaced."""
    first = town.register("jane", target=f"{FID}:APA91b").device

    def register(external_id: str | None) -> Registered:
        return town.write(
            lambda tx: devices.register(
                tx,
                msgspec.structs.replace(install(), target=_fid()),
                brand_id=town.brand.id,
                mode=Mode.LIVE,
                now=town.clock.now(),
                external_id=external_id,
            )
        )

    again = register("jane")
    assert (again.device.id, again.created) == (first.id, False)
    stranger = register(None)
    assert stranger.created
    assert _retired(town, first) == "replaced"
    assert _kind(town, stranger.device) == ("fid", FID)


def test_an_id_is_not_given_up_for_a_token_of_the_same_install(town: Town) -> None:
    device = town.register("jane", target=f"{FID}:old").device
    _change(town, device, target=_fid())
    token = Target(kind=TargetKind.TOKEN, value=f"{FID}:new")
    assert _kind(town, _change(town, device, target=token)) == ("fid", FID)
    _again(town, Registered(device=device, credential="", created=False), f"{FID}:new")
    assert _kind(town, device) == ("fid", FID)
    other = Target(kind=TargetKind.TOKEN, value=f"{FID[::-1]}:new")
    assert _kind(town, _change(town, device, target=other)) == ("token", other.value)


def test_a_token_comes_back_where_the_id_was_proved_dead(town: Town) -> None:
    device = town.register("jane", target=f"{FID}:old").device
    _change(town, device, target=_fid())
    gone = sa.update(DeviceRow).values(target_value=None, fid=None)
    town.write(lambda tx: tx.execute(gone) and None)
    token = Target(kind=TargetKind.TOKEN, value=f"{FID}:new")
    assert _kind(town, _change(town, device, target=token)) == ("token", token.value)


def test_a_new_token_of_an_install_takes_the_place_of_its_old_one(town: Town) -> None:
    """Two devices of one install: the app lost its credential between two tokens."""
    first = town.register("jane", target=f"{FID}:old").device
    second = town.register(target="elsewhere").device
    _change(town, second, target=Target(kind=TargetKind.TOKEN, value=f"{FID}:new"))
    assert _retired(town, first) == "target_taken"


@pytest.mark.parametrize(
    ("kind", "value", "fid"),
    [
        (TargetKind.TOKEN, f"{FID}:APA91b", FID),
        (TargetKind.FID, FID, FID),
        (TargetKind.TOKEN, FID, None),
        (TargetKind.TOKEN, "short:APA91b", None),
        (TargetKind.FID, "an-id-of-another-form", None),
    ],
)
def test_a_target_tells_its_install_where_it_has_firebases_form(
    kind: TargetKind, value: str, fid: str | None
) -> None:
    assert Target(kind=kind, value=value).fid == fid


def test_a_check_in_that_changes_nothing_still_counts_as_seen(town: Town) -> None:
    device = town.register("jane").device
    town.clock.advance(days=3)
    _change(town, device)
    with town.database.read() as tx:
        seen = tx.execute(sa.select(DeviceRow.last_seen_at)).scalar_one()
    assert seen == town.clock.now()


def test_a_check_in_clears_a_target_of_suspicion(town: Town) -> None:
    device = town.register("jane", target="t").device
    doubt = sa.update(DeviceRow).values(suspect_at=town.clock.now(), suspect_reason="UNREGISTERED")
    town.write(lambda tx: tx.execute(doubt) and None)
    _change(town, device, target=Target(kind=TargetKind.TOKEN, value="t"))
    with town.database.read() as tx:
        assert tx.execute(sa.select(DeviceRow.suspect_at)).scalar_one() is None
