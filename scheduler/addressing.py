"""Which of a person's devices get a message: all of them, or the one they use."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from domain.people import Permission
from domain.policy import Devices
from storage import targets
from storage.addressees import Addressee
from storage.engine import Transaction

_NEVER = datetime.min.replace(tzinfo=UTC)


def addressed(
    tx: Transaction,
    by_message: Mapping[str, Sequence[Addressee]],
    policies: Mapping[str, Devices],
) -> dict[str, Sequence[Addressee]]:
    """By message id, its addressees as the policy of its brand chooses them."""
    several = {
        id_: found
        for id_, found in by_message.items()
        if len(found) > 1 and policies[id_] is Devices.ACTIVE
    }
    if not several:
        return dict(by_message)
    ids = [each.device_id for found in several.values() for each in found]
    fixed = targets.newest_fixes(tx, ids)
    return {**by_message, **{id_: [active(found, fixed)] for id_, found in several.items()}}


def active(devices: Sequence[Addressee], fixed: Mapping[str, datetime]) -> Addressee:
    """The device in use: of those whose phone surely allows pushes the one seen last, by check-in or by position (`fixed`,
    by device id); of others only where none surely does.
    """

    def rank(device: Addressee) -> tuple[bool, datetime, str]:
        times = (device.last_seen_at, fixed.get(device.device_id))
        seen = max((at for at in times if at), default=_NEVER)
        return device.permission is Permission.GRANTED, seen, device.device_id

    return max(devices, key=rank)
