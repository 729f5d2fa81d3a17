"""Devices: registering, changing and retiring them. A push token proves nothing about who holds it."""

from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa

from domain.access import CredentialKind, digest, new_credential
from domain.errors import Unauthenticated
from domain.ids import new_id
from domain.people import Device, Mode, Permission, Platform, Target, TargetKind
from domain.values import Value
from storage import customers, linking, withdrawal
from storage.engine import Transaction
from storage.models import CustomerRow, DeviceRow
from storage.sql import hold, locked


class Install(Value):
    """What an app says of itself when it registers."""

    platform: Platform
    target: Target
    locale: str | None = None
    time_zone: str | None = None
    app_version: str | None = None
    push_permission: Permission = Permission.UNKNOWN


class Registered(Value):
    """`credential` is shown this once; `created` is False where the same device came again."""

    device: Device
    credential: str
    created: bool


_COLUMNS = DeviceRow.__table__
_LIVE = DeviceRow.retired_at.is_(None)


def register(
    tx: Transaction,
    install: Install,
    *,
    brand_id: str,
    mode: Mode,
    now: datetime,
    external_id: str | None = None,
) -> Registered:
    """Registers an install; `external_id` is the customer a token proved, if any.

    A live device with this target, or with another one of the same install, is the same device only for its own, proved
    customer. For everybody else it is retired, and a new device with a customer of its own takes the target.
    """
    found = _holding(tx, install.target, brand_id=brand_id, mode=mode)
    mine = [each for each in found if external_id and _is(tx, each.customer_id, external_id)]
    if mine:
        return _again(tx, mine[-1], install, now=now)
    for each in found:
        retire(tx, each.id, reason="replaced", now=now)
    owner = (
        customers.known(tx, brand_id=brand_id, mode=mode, external_id=external_id, now=now)
        if external_id
        else customers.anonymous(tx, brand_id=brand_id, mode=mode, now=now)
    )
    return _add(tx, install, owner.id, brand_id=brand_id, mode=mode, now=now)


def register_again(
    tx: Transaction,
    device_id: str,
    install: Install,
    *,
    now: datetime,
    external_id: str | None = None,
) -> Registered:
    """The same for a caller with the device's own credential, which ends with this call."""
    device = lock(tx, device_id)
    if external_id:
        linking.link(tx, device, external_id, now=now)
    return _again(tx, device, install, now=now)


def change(
    tx: Transaction,
    device_id: str,
    changes: dict[str, Any],
    *,
    now: datetime,
    external_id: str | None = None,
) -> Device:
    """Changes what `changes` names: target, locale, time_zone, app_version or push_permission; links as proved.

    Another live device that holds the new target, or another one of the same install, is retired; whose it was is not
    touched. An installation id stays where only a token of the same install comes.
    """
    device = lock(tx, device_id)
    if external_id:
        linking.link(tx, device, external_id, now=now)
    if target := changes.get("target"):
        _take(tx, device, target, now=now)
    values = _values(_preferred(device, changes)) | {"last_seen_at": now}
    tx.execute(sa.update(DeviceRow).where(DeviceRow.id == device_id).values(**values))
    return lock(tx, device_id)


def retire(tx: Transaction, device_id: str, *, reason: str, now: datetime) -> None:
    """Ends a device: its credential is dead, its target free and forgotten, its position deleted. Repeatable."""
    tx.execute(
        sa.update(DeviceRow)
        .where(DeviceRow.id == device_id, _LIVE)
        .values(
            retired_at=now,
            retired_reason=reason,
            credential_hash=None,
            target_value=None,
            fid=None,
            suspect_at=None,
            suspect_reason=None,
        )
    )
    withdrawal.forget_position(tx, device_id, now=now)


def lock(tx: Transaction, device_id: str) -> Device:
    """The device, locked against its own other requests; Unauthenticated where it has been retired."""
    query = sa.select(_COLUMNS).where(DeviceRow.id == device_id, _LIVE)
    row = tx.execute(locked(tx, query)).one_or_none()
    if row is None:
        raise Unauthenticated("This device has been signed out; register it again.")
    return _device(row)


def owner(tx: Transaction, device_id: str) -> str:
    """The customer whose the device is now, locked; Unauthenticated where it has been retired.

    A merge may have given the device away since its credential was looked up: then the row waited for is gone, and
    the second look finds the new owner.
    """
    query = (
        sa.select(CustomerRow.id)
        .join(DeviceRow, DeviceRow.customer_id == CustomerRow.id)
        .where(DeviceRow.id == device_id, _LIVE)
    )
    if tx.dialect.name == "postgresql":
        query = query.with_for_update(of=CustomerRow)
    for _ in range(2):
        if found := tx.execute(query).scalar_one_or_none():
            return found
    raise Unauthenticated("This device has been signed out; register it again.")


def customer_of(tx: Transaction, device_id: str) -> str:
    """The customer whose the device is or last was, not locked."""
    query = sa.select(DeviceRow.customer_id).where(DeviceRow.id == device_id)
    found: str = tx.execute(query).scalar_one()
    return found


def of_customer(tx: Transaction, customer_id: str) -> list[Device]:
    """The person's live devices, oldest first."""
    query = sa.select(_COLUMNS).where(DeviceRow.customer_id == customer_id, _LIVE)
    return [_device(row) for row in tx.execute(query.order_by(DeviceRow.id))]


def seen(tx: Transaction, device_id: str, *, now: datetime) -> None:
    """Notes that the app behind a device lives."""
    earlier = sa.and_(DeviceRow.id == device_id, _LIVE, DeviceRow.last_seen_at < now)
    tx.execute(sa.update(DeviceRow).where(earlier).values(last_seen_at=now))


def _holding(tx: Transaction, target: Target, *, brand_id: str, mode: Mode) -> list[Device]:
    """The live devices with this target or another one of its install, locked, oldest first; whoever else wants it waits
    until the commit.
    """
    hold(tx, "target", brand_id, mode, target.fid or target.value)
    here = (DeviceRow.brand_id == brand_id, DeviceRow.mode == mode, _LIVE)
    same = [DeviceRow.target_value == target.value]
    if target.fid:
        same.append(DeviceRow.fid == target.fid)
    # Each by its own index: of an OR, SQLite reads all devices of the brand.
    ids = sa.union(*(sa.select(DeviceRow.id).where(*here, each) for each in same))
    query = sa.select(_COLUMNS).where(DeviceRow.id.in_(ids), _LIVE).order_by(DeviceRow.id)
    return [_device(row) for row in tx.execute(locked(tx, query))]


def _is(tx: Transaction, customer_id: str, external_id: str) -> bool:
    return customers.by_id(tx, customer_id).external_id == external_id


def _take(tx: Transaction, device: Device, target: Target, *, now: datetime) -> None:
    for holder in _holding(tx, target, brand_id=device.brand_id, mode=device.mode):
        if holder.id != device.id:
            retire(tx, holder.id, reason="target_taken", now=now)


def _preferred(device: Device, changes: dict[str, Any]) -> dict[str, Any]:
    """The changes without a token where the device has the installation id that it belongs to: FCM is leaving tokens, and
    a token may end with the first push to the id.
    """
    held, new = device.target, changes.get("target")
    if (
        held
        and new
        and held.kind is TargetKind.FID
        and new.kind is TargetKind.TOKEN
        and held.fid
        and held.fid == new.fid
    ):
        return {name: value for name, value in changes.items() if name != "target"}
    return changes


def _again(tx: Transaction, device: Device, install: Install, *, now: datetime) -> Registered:
    credential = new_credential(CredentialKind.DEVICE, device.mode)
    _take(tx, device, install.target, now=now)
    values = _values(_preferred(device, msgspec.structs.asdict(install))) | {
        "credential_hash": digest(credential),
        "last_seen_at": now,
    }
    tx.execute(sa.update(DeviceRow).where(DeviceRow.id == device.id).values(**values))
    return Registered(device=lock(tx, device.id), credential=credential, created=False)


def _add(
    tx: Transaction, install: Install, customer_id: str, *, brand_id: str, mode: Mode, now: datetime
) -> Registered:
    credential = new_credential(CredentialKind.DEVICE, mode)
    device = Device(
        id=new_id(),
        brand_id=brand_id,
        mode=mode,
        customer_id=customer_id,
        **msgspec.structs.asdict(install),
    )
    tx.execute(
        sa.insert(DeviceRow).values(
            **_values(msgspec.structs.asdict(device)),
            credential_hash=digest(credential),
            created_at=now,
            last_seen_at=now,
        )
    )
    return Registered(device=device, credential=credential, created=True)


def _values(fields: dict[str, Any]) -> dict[str, Any]:
    """The columns of these fields; a target is two of them."""
    values = dict(fields)
    if target := values.pop("target", None):
        values |= {
            "target_kind": target.kind,
            "target_value": target.value,
            "target_dead_at": None,
            "target_dead_reason": None,
            "fid": target.fid,
            "suspect_at": None,
            "suspect_reason": None,
        }
    return values


def _device(row: sa.Row[Any]) -> Device:
    alive = row.target_value is not None
    target = Target(kind=TargetKind(row.target_kind), value=row.target_value) if alive else None
    return msgspec.convert({**row._mapping, "target": target}, Device)
