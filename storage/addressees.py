"""Which devices a message may go to."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from domain.messages import Message
from domain.people import ANDROID_EXPIRES_AFTER, Permission, Platform, Target, TargetKind
from domain.values import Value
from storage.engine import Transaction
from storage.models import DeliveryRow, DeviceRow, MessageRow
from storage.models.base import UtcTime
from storage.sql import among


class Addressee(Value):
    """A live device that a message goes to."""

    device_id: str
    platform: Platform
    target: Target
    permission: Permission = Permission.UNKNOWN
    last_seen_at: datetime | None = None


_OPEN = (
    sa.select(
        MessageRow.id.label("message_id"),
        DeviceRow.id,
        DeviceRow.platform,
        DeviceRow.target_kind,
        DeviceRow.target_value,
        DeviceRow.push_permission,
        DeviceRow.last_seen_at,
    )
    .join(DeviceRow, DeviceRow.customer_id == MessageRow.customer_id)
    .outerjoin(
        DeliveryRow,
        sa.and_(DeliveryRow.message_id == MessageRow.id, DeliveryRow.device_id == DeviceRow.id),
    )
    .where(
        DeliveryRow.id.is_(None),
        DeviceRow.retired_at.is_(None),
        DeviceRow.target_value.is_not(None),
    )
    .where(DeviceRow.push_permission != Permission.DENIED)
    .where(
        sa.or_(
            DeviceRow.platform != Platform.ANDROID,
            DeviceRow.last_seen_at >= sa.bindparam("android_since", type_=UtcTime),
        )
    )
)


def of_messages(
    tx: Transaction, messages: Iterable[Message], *, now: datetime
) -> dict[str, list[Addressee]]:
    """By message id, its customer's live devices that allow push and have no delivery of it yet; not one whose
    registration FCM has let expire.
    """
    found: defaultdict[str, list[Addressee]] = defaultdict(list)
    ids = [message.id for message in messages]
    given = {"android_since": now - ANDROID_EXPIRES_AFTER}
    rows: Sequence[Any] = tx.execute(_OPEN.where(among(tx, MessageRow.id, ids)), given).all()
    for message_id, device_id, platform, kind, value, permission, last_seen_at in rows:
        found[message_id].append(
            Addressee(
                device_id=device_id,
                platform=Platform(platform),
                target=Target(kind=TargetKind(kind), value=value),
                permission=Permission(permission),
                last_seen_at=last_seen_at,
            )
        )
    return found
