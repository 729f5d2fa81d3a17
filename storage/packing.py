"""How a profile lies in the database: msgpack without names of fields, the wheel as half-precision floats; ≤ 1 KB.

The values stand in the order of `Profile`'s fields, so a new field goes to the end and has a default. Bodies of before,
which name their fields, are read as well, and so are those of fewer fields.
"""

import struct
from datetime import datetime
from typing import Any

import msgspec

from domain.people import Profile, Wheel
from domain.traits import RULES, Leaning
from domain.values import Value
from storage.fading import orders_of, packed_orders, packed_stores, stores_of

_DAYS, _HOURS = 7, 24
_COUNTS = struct.Struct(f"<{_DAYS + 2 * _HOURS + 1}e")
_MOST = 60_000.0  # of a count: half precision ends soon after
_ARRAYS = range(0x90, 0xA0)  # how msgpack begins an array of up to 15 values
_LONG_ARRAY = 0xDC


class _Wheel(Value, array_like=True):
    """`counts`: seven days, 24 hours of weekdays and 24 of weekend days, their weight; 11 bits of each are kept."""

    counts: bytes
    as_of: datetime | None  # None where it is that of the rate, as it is after every visit


class _Leaning(Leaning, array_like=True):
    trait: int | str  # type: ignore[assignment]  # at rest a number of `_TRAITS` stands for the name


_TRAITS = [rule.trait for rule in RULES]  # stored by their place: new rules go to the end
_AS_BYTES = ("orders", "stores")
_SINGLE = ("rate", "rate14", "evidence")


def _fields() -> list[Any]:
    kinds: dict[str, Any] = {"traits": tuple[_Leaning, ...]} | dict.fromkeys(_AS_BYTES, bytes)
    return [
        (
            each.name,
            kinds.get(each.name, each.type),
            b"" if each.name in _AS_BYTES else each.default,
        )
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
    rest |= {name: _single(rest[name]) for name in _SINGLE}
    if profile.first_at:
        rest["first_at"] = profile.first_at.replace(microsecond=0)
    if profile.rate_as_of == profile.last_at:
        rest["rate_as_of"] = None
    rest["traits"] = tuple(_numbered(each) for each in profile.traits)
    rest["orders"] = packed_orders(profile.orders)
    rest["stores"] = packed_stores(profile.stores)
    return _pack.encode(_AtRest(wheel=_small(profile), **rest))


def unpacked(body: bytes) -> Profile:
    """The profile of a stored body, whichever form it has."""
    if body[0] not in _ARRAYS and body[0] != _LONG_ARRAY:
        return _old.decode(body)
    found = _new.decode(body)
    rest = {name: getattr(found, name) for name in _NAMES}
    rest["rate_as_of"] = found.rate_as_of or found.last_at  # the same after every visit
    rest["traits"] = tuple(_by_name(each) for each in found.traits)
    rest["orders"] = orders_of(found.orders)
    rest["stores"] = stores_of(found.stores)
    return Profile(wheel=_whole(found.wheel, rest["rate_as_of"]), **rest)


def named(value: Any) -> Any:
    """The same with the names of all fields, as an export shows it."""
    if isinstance(value, msgspec.Struct):
        return {name: named(getattr(value, name)) for name in value.__struct_fields__}
    return [named(each) for each in value] if isinstance(value, tuple) else value


def _single(value: float) -> msgspec.Raw:
    """As a float of 32 bits, which MessagePack knows and the encoder never writes."""
    return msgspec.Raw(struct.pack(">Bf", 0xCA, value))


def _numbered(each: Leaning) -> _Leaning:
    return _Leaning(**msgspec.structs.asdict(each) | {"trait": _TRAITS.index(each.trait)})


def _by_name(each: _Leaning) -> Leaning:
    trait = _TRAITS[each.trait] if isinstance(each.trait, int) else each.trait
    return Leaning(**msgspec.structs.asdict(each) | {"trait": trait})


def _small(profile: Profile) -> _Wheel:
    wheel = profile.wheel
    counts = (*wheel.days, *wheel.hours[0], *wheel.hours[1], wheel.weight)
    return _Wheel(
        counts=_COUNTS.pack(*(min(count, _MOST) for count in counts)),
        as_of=None if wheel.as_of == profile.rate_as_of else wheel.as_of,
    )


def _whole(small: _Wheel, rate_as_of: datetime | None) -> Wheel:
    *counts, weight = _COUNTS.unpack(small.counts)
    return Wheel(
        days=tuple(counts[:_DAYS]),
        hours=(tuple(counts[_DAYS : _DAYS + _HOURS]), tuple(counts[_DAYS + _HOURS :])),
        weight=weight,
        as_of=small.as_of or rate_as_of,
    )
