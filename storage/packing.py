"""How a profile lies in the database: msgpack without names of fields, the wheel as half-precision floats; ≤ 1 KB.

The values stand in the order of `Profile`'s fields, so a new field goes to the end and has a default. Bodies of before,
which name their fields, are read as well.
"""

import struct
from datetime import datetime
from typing import Any

import msgspec

from domain.people import Profile, Wheel
from domain.values import Value

_DAYS, _HOURS = 7, 24
_COUNTS = struct.Struct(f"<{_DAYS + 2 * _HOURS + 1}e")
_MOST = 60_000.0  # of a count: half precision ends soon after
_ARRAYS = range(0x90, 0xA0)  # how msgpack begins an array of up to 15 values
_LONG_ARRAY = 0xDC


class _Wheel(Value, array_like=True):
    """`counts`: seven days, 24 hours of weekdays and 24 of weekend days, their weight; 11 bits of each are kept."""

    counts: bytes
    as_of: datetime | None


def _fields() -> list[Any]:
    return [
        (each.name, _Wheel if each.name == "wheel" else each.type, each.default)
        for each in msgspec.structs.fields(Profile)
        if each.name != "wheel"
    ]


_AtRest: Any = msgspec.defstruct("_AtRest", [("wheel", _Wheel), *_fields()], array_like=True)
_new = msgspec.msgpack.Decoder(_AtRest)
_old = msgspec.msgpack.Decoder(Profile)
_pack = msgspec.msgpack.Encoder()
_NAMES = [name for name in Profile.__struct_fields__ if name != "wheel"]


def packed(profile: Profile) -> bytes:
    """The profile as it is stored."""
    rest = {name: getattr(profile, name) for name in _NAMES}
    return _pack.encode(_AtRest(wheel=_small(profile.wheel), **rest))


def unpacked(body: bytes) -> Profile:
    """The profile of a stored body, whichever form it has."""
    if body[0] not in _ARRAYS and body[0] != _LONG_ARRAY:
        return _old.decode(body)
    found = _new.decode(body)
    return Profile(wheel=_whole(found.wheel), **{name: getattr(found, name) for name in _NAMES})


def named(value: Any) -> Any:
    """The same with the names of all fields, as an export shows it."""
    if isinstance(value, msgspec.Struct):
        return {name: named(getattr(value, name)) for name in value.__struct_fields__}
    return [named(each) for each in value] if isinstance(value, tuple) else value


def _small(wheel: Wheel) -> _Wheel:
    counts = (*wheel.days, *wheel.hours[0], *wheel.hours[1], wheel.weight)
    return _Wheel(
        counts=_COUNTS.pack(*(min(count, _MOST) for count in counts)),
        as_of=wheel.as_of,
    )


def _whole(small: _Wheel) -> Wheel:
    *counts, weight = _COUNTS.unpack(small.counts)
    return Wheel(
        days=tuple(counts[:_DAYS]),
        hours=(tuple(counts[_DAYS : _DAYS + _HOURS]), tuple(counts[_DAYS + _HOURS :])),
        weight=weight,
        as_of=small.as_of,
    )
