"""Fading counts at rest in one byte each, so that reading and writing them again changes nothing.

All counts of a table fade alike, so only their proportions change, and only where something is added. They are stored as
whole numbers of a unit that fades with them: 2^k · e^(−t/τ) with t since 1970. A count to which nothing is added keeps its
number for ever; when one grows beyond 255 the unit doubles and all are rounded once. Bytes of a form that is not known
(none but the newest is written) read as nothing.
"""

import math
import struct
from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

from domain.people import Frequented, Orders, Stores, Wheel

ORDERS_TAU_S = 180 * 86_400.0
STORES_TAU_S = 60 * 86_400.0
_MOST = 255
_FINEST = 16  # units in a first visit
_DAYS, _HOURS = 7, 24
_CELLS = 8
# k of the unit, when (seconds since 1970), the rest
_ORDERS = struct.Struct(f"<hIef{_DAYS + 2 * _HOURS}B")
_STORES = struct.Struct("<hIe")
_STORE = struct.Struct(f"<16se{_CELLS}B")
_MOST_HALF = 60_000.0


def packed_orders(orders: Orders) -> bytes:
    wheel = orders.wheel
    if wheel.as_of is None:
        return b""
    counts = (*wheel.days, *wheel.hours[0], *wheel.hours[1])
    k, units = _in_units(counts, wheel.as_of, ORDERS_TAU_S)
    at = _seconds(wheel.as_of)
    return _ORDERS.pack(k, at, _half(orders.rate), orders.evidence, *units)


def orders_of(body: bytes) -> Orders:
    if len(body) != _ORDERS.size:
        return Orders()
    k, at, rate, evidence, *units = _ORDERS.unpack(body)
    as_of = datetime.fromtimestamp(at, UTC)
    counts = _counts(units, k, as_of, ORDERS_TAU_S)
    wheel = Wheel(
        days=counts[:_DAYS],
        hours=(counts[_DAYS : _DAYS + _HOURS], counts[_DAYS + _HOURS :]),
        weight=sum(counts[:_DAYS]),
        as_of=as_of,
    )
    return Orders(wheel=wheel, rate=rate, evidence=evidence)


def packed_stores(stores: Stores) -> bytes:
    if stores.as_of is None:
        return b""
    counts = [count for each in stores.known for count in each.cells]
    k, units = _in_units(counts, stores.as_of, STORES_TAU_S)
    body = [_STORES.pack(k, _seconds(stores.as_of), _half(stores.elsewhere))]
    for number, each in enumerate(stores.known):
        cells = units[number * _CELLS : (number + 1) * _CELLS]
        body.append(_STORE.pack(UUID(each.store_id).bytes, _half(each.nats), *cells))
    return b"".join(body)


def stores_of(body: bytes) -> Stores:
    if len(body) < _STORES.size or (len(body) - _STORES.size) % _STORE.size:
        return Stores()
    k, at, elsewhere = _STORES.unpack_from(body)
    as_of = datetime.fromtimestamp(at, UTC)
    known = (
        Frequented(
            store_id=str(UUID(bytes=id_)),
            cells=_counts(units, k, as_of, STORES_TAU_S),
            nats=nats,
        )
        for id_, nats, *units in _STORE.iter_unpack(body[_STORES.size :])
    )
    return Stores(known=tuple(known), elsewhere=elsewhere, as_of=as_of)


def _in_units(counts: Sequence[float], as_of: datetime, tau_s: float) -> tuple[int, list[int]]:
    """k, and each count as a whole number of units, at most 255; a lone first visit is at least 16 of them."""
    age = _seconds(as_of) / tau_s
    most = max(1.0, *counts)
    k = math.ceil((math.log(max(most / _MOST, 1 / (2 * _FINEST))) + age) / math.log(2))
    unit = math.exp(k * math.log(2) - age)
    return k, [min(_MOST, round(count / unit)) for count in counts]


def _counts(units: Sequence[int], k: int, as_of: datetime, tau_s: float) -> tuple[float, ...]:
    unit = math.exp(k * math.log(2) - _seconds(as_of) / tau_s)
    return tuple(number * unit for number in units)


def _seconds(at: datetime) -> int:
    return max(0, int(at.timestamp()))


def _half(value: float) -> float:
    return max(-_MOST_HALF, min(value, _MOST_HALF))
