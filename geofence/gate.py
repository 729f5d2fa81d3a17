"""Which fixes count. Dirty ones are recognised singly, in one order, and answered with a code; nothing is raised."""

from datetime import datetime
from enum import StrEnum
from math import inf

from domain.places import Fix
from domain.values import Value
from geofence.earth import apart

LEAST_ACCURACY_M = 3.0  # no phone knows better in the open, whatever it reports
GREATEST_ACCURACY_M = 20_000_000.0  # as far as the earth goes
FUTURE_S = 120.0  # phones' clocks are this far ahead at times
TOO_OLD_S = 86_400.0
FASTEST_MPS = 70.0  # 250 km/h: trains and cars stay below
FASTEST_FLIGHT_MPS = 340.0  # airliners stay below, with the wind behind them
SPEED_CHANGE = 1.5  # a flight's speed from one fix to the next


class Rejection(StrEnum):
    """Why a fix is left out, in the order in which it is asked."""

    OUT_OF_RANGE = "out_of_range"
    BAD_ACCURACY = "bad_accuracy"
    NULL_ISLAND = "null_island"
    FUTURE = "future"
    TOO_OLD = "too_old"
    BEFORE_CONSENT = "before_consent"
    MOCK = "mock"
    OUT_OF_ORDER = "out_of_order"
    TELEPORT = "teleport"


class Position(Value, array_like=True, kw_only=False, gc=False):
    """An accepted or held fix: device time in epoch seconds, degrees, metres; `speed_mps` only above FASTEST_MPS."""

    at: float
    lat: float
    lon: float
    accuracy_m: float
    speed_mps: float = 0.0


def refuse(fix: Fix, *, now: datetime, consent_since: datetime | None) -> Rejection | None:
    """What is wrong with the fix itself, or None."""
    if not (-90.0 <= fix.latitude <= 90.0 and -180.0 <= fix.longitude <= 180.0):
        return Rejection.OUT_OF_RANGE  # NaN and infinity end here too
    if not 0.0 <= fix.accuracy_m < inf:
        return Rejection.BAD_ACCURACY
    if fix.latitude == 0.0 == fix.longitude:
        return Rejection.NULL_ISLAND
    age = (now - fix.occurred_at).total_seconds()
    if age < -FUTURE_S:
        return Rejection.FUTURE
    if age > TOO_OLD_S:
        return Rejection.TOO_OLD
    if consent_since is not None and fix.occurred_at < consent_since:
        return Rejection.BEFORE_CONSENT
    return Rejection.MOCK if fix.is_mock else None


def read(fix: Fix) -> Position:
    """The fix as a position; an accuracy below 3 m counts as 3 m, one beyond the earth as half around it."""
    accuracy = fix.accuracy_m
    if not LEAST_ACCURACY_M <= accuracy <= GREATEST_ACCURACY_M:
        accuracy = LEAST_ACCURACY_M if accuracy < LEAST_ACCURACY_M else GREATEST_ACCURACY_M
    return Position(fix.occurred_at.timestamp(), fix.latitude, fix.longitude, accuracy)


def follow(
    last: Position | None, held: Position | None, here: Position
) -> tuple[Position, Rejection | None]:
    """Whether `here` can follow the last accepted position: it, with the speed it implies, and a rejection or None.

    A jump beyond what moves on the ground is held, and believed when the next fix agrees with it: from the held one it
    can be reached on the ground, or at about the speed of a flight that the jump suggested.
    """
    if last is None:
        return here, None
    if here.at <= last.at:
        return here, Rejection.OUT_OF_ORDER
    speed = _speed(last, here)
    if speed <= FASTEST_MPS:
        return here, None
    if speed <= _limit(last.speed_mps):
        return _at_speed(here, speed), None
    if held is not None and here.at > held.at:
        onwards = _speed(held, here)
        if onwards <= _limit(held.speed_mps):
            return _at_speed(here, onwards), None
    return _at_speed(here, speed), Rejection.TELEPORT


def _limit(speed_before: float) -> float:
    """How fast the next step may be. A speed no aeroplane has was a glitch, and excuses nothing."""
    if speed_before > FASTEST_FLIGHT_MPS:
        return FASTEST_MPS
    return max(FASTEST_MPS, min(SPEED_CHANGE * speed_before, FASTEST_FLIGHT_MPS))


def _speed(a: Position, b: Position) -> float:
    """The least speed in m/s that explains both positions; 0 where that is below FASTEST_MPS at a glance."""
    seconds = b.at - a.at
    if (abs(a.lat - b.lat) + abs(a.lon - b.lon)) * 111_700.0 <= FASTEST_MPS * seconds:
        return 0.0
    gap = apart(a.lat, a.lon, b.lat, b.lon) - a.accuracy_m - b.accuracy_m
    return max(gap, 0.0) / seconds


def _at_speed(here: Position, speed: float) -> Position:
    if speed <= FASTEST_MPS:
        return here
    return Position(here.at, here.lat, here.lon, here.accuracy_m, speed)
