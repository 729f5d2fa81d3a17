"""Stays: where a device remains for a while, found fix by fix in constant time and space. Pure.

The centre of a stay is the mean of its fixes weighted by time. Who walks draws it along at half their pace and so leaves it
within minutes, however often the phone reports; so every sampling rate finds the same stays.
"""

from math import cos, hypot, radians

from domain.values import Value
from geofence.gate import Position

RADIUS_M = 200.0  # as far from its centre a fix still belongs to a stay, besides its own accuracy
COARSEST_M = 200.0  # a fix that is less accurate does not say where somebody stays
LEAST_S = 15 * 60.0
PIECE_S = 8 * 3600.0  # so often a stay is handed over, so that who never leaves is known too
LONGEST_GAP_S = 16 * 3600.0  # from coming home to leaving again: phones may sleep that long
_HEAVIEST_S = 300.0  # what one fix weighs in the centre at most
_METRES_PER_DEGREE = 111_195.0


class Stay(Value, array_like=True, kw_only=False, gc=False):
    """From the first to the last fix at one place, in epoch seconds, with its centre and the weight of that."""

    since: float
    until: float
    lat: float
    lon: float
    weight: float = 1.0


def follow(stay: Stay | None, here: Position) -> tuple[Stay | None, Stay | None]:
    """The stay after the next accepted fix, and the one, or the piece of it, that is complete by now.

    Two fixes at the same place mean presence in between, up to 16 hours; between two different places nobody was anywhere.
    """
    if stay is None:
        return _begun(here), None
    gap = here.at - stay.until
    east, north = _offset(stay, here)
    away = hypot(east, north)
    if here.accuracy_m > COARSEST_M and away <= RADIUS_M + here.accuracy_m:
        return stay, None  # as if it had not come: it fits, and proves nothing
    if away > RADIUS_M + here.accuracy_m or gap > LONGEST_GAP_S:
        return _begun(here), _worth_telling(stay)
    weight = min(max(gap, 1.0), _HEAVIEST_S)
    share = weight / (stay.weight + weight)
    since, until = stay.since, here.at
    complete = until - since >= PIECE_S
    after = Stay(
        until if complete else since,
        until,
        stay.lat + share * (here.lat - stay.lat),
        _wrapped(stay.lon + share * _wrapped(here.lon - stay.lon)),
        stay.weight + weight,
    )
    return after, Stay(since, until, after.lat, after.lon) if complete else None


def _begun(here: Position) -> Stay | None:
    if here.accuracy_m > COARSEST_M:
        return None
    return Stay(here.at, here.at, here.lat, here.lon)


def _worth_telling(stay: Stay) -> Stay | None:
    return stay if stay.until - stay.since >= LEAST_S else None


def _offset(stay: Stay, here: Position) -> tuple[float, float]:
    """Metres east and north; on a sphere, which is exact enough at the size of a stay."""
    east = _wrapped(here.lon - stay.lon) * cos(radians(here.lat))
    return east * _METRES_PER_DEGREE, (here.lat - stay.lat) * _METRES_PER_DEGREE


def _wrapped(degrees: float) -> float:
    return degrees if -180.0 <= degrees <= 180.0 else (degrees + 180.0) % 360.0 - 180.0
