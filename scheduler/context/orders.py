"""When a person orders, where that is not just when they come: of their visits, which ones hold an order. Pure.

With V the visits' wheel and O that of visits with an order, both faded alike, and r = ΣO/ΣV:
f(d) = (O_d + m·r)/(V_d + m)/r and f(h|w) likewise, m = 10 visits, so that few orders follow the visits' own wheel, and where
every visit is an order nothing differs. p(order at d, h) ∝ p(visit at d, h) · f(d) · f(h|w), and
P(order in 3 h) = P(visit in 3 h) · r45 · the mean of f in the window.
"""

import math
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import msgspec
import numpy as np
from numpy.typing import NDArray

from domain.people import Orders, Profile, Wheel
from scheduler.context import chances, rhythm
from scheduler.context.pace import DAY_S, RATE_DAYS

Numbers = NDArray[np.float64]

_STRENGTH = 10.0
_SAME_ORDER_S = 3600.0  # further orders within an hour belong to the same visit


def with_order(
    profile: Profile, *, at: datetime, zone: ZoneInfo, brand: Wheel, anyway: float = 1.0
) -> Profile:
    """The profile after an order, before the visit that it shows is counted, as far as both came `anyway`; further orders within an
    hour change nothing.
    """
    known, since = profile.orders, profile.orders.wheel.as_of
    if since and abs((at - since).total_seconds()) < _SAME_ORDER_S:
        return profile
    local = at.astimezone(zone)
    as_of = max(at, since or at)
    aged = known.rate * math.exp(-_days(since, as_of) / RATE_DAYS) if since else 0.0
    orders = Orders(
        wheel=rhythm.turned(known.wheel, local=local, spread=False, anyway=anyway),
        rate=aged + anyway * math.exp(-_days(at, as_of) / RATE_DAYS),
        evidence=known.evidence + anyway * _surprise(profile, brand, local),
    )
    return msgspec.structs.replace(profile, orders=orders)


def order_shape(profile: Profile, brand: Wheel, *, at: datetime) -> Numbers:
    """p(weekday and hour of the next order), (7, 24); sums to 1. Nobody's orders give the shape of the visits."""
    visits = rhythm.person_shape(profile.wheel, rhythm.brand_shape(brand), at=at).week()
    slots = visits * _lean(profile, at)
    shape: Numbers = slots / slots.sum()
    return shape


def p_order(profile: Profile, brand: Wheel, *, at: datetime, zone: ZoneInfo) -> float:
    """The probability of an order within three hours; 0 for whom nobody saw order yet."""
    if not profile.orders.rate:
        return 0.0
    visits = rhythm.person_shape(profile.wheel, rhythm.brand_shape(brand), at=at).week()
    lean, came, ordered = _lean(profile, at), 0.0, 0.0
    for weekday, hour, share in rhythm.window_slots(at, zone):
        came += share * visits[weekday, hour]
        ordered += share * visits[weekday, hour] * lean[weekday, hour]
    within = min(1.0, _of_late(profile) * ordered / came)
    return within * chances.p_visit(profile, brand, at=at, zone=zone)


def _lean(profile: Profile, at: datetime) -> Numbers:
    """f(d) · f(h|w) of each slot of the week, (7, 24)."""
    came, ordered = profile.wheel, profile.orders.wheel
    faded, left = rhythm.faded(came.as_of, at), rhythm.faded(ordered.as_of, at)
    v_days, v_hours = np.array(came.days) * faded, np.array(came.hours) * faded
    o_days = np.array(ordered.days) * left
    o_hours = rhythm.spread_out(np.array(ordered.hours) * left)
    r = (o_days.sum() + 0.5) / (v_days.sum() + 1.0)
    days = (o_days + _STRENGTH * r) / (v_days + _STRENGTH) / r
    hours = (o_hours + _STRENGTH * r) / (v_hours + _STRENGTH) / r
    lean: Numbers = days[:, None] * hours[rhythm.KINDS]
    return lean


def _of_late(profile: Profile) -> float:
    """The share of visits with an order, within a memory of 45 days."""
    moved = 0.0
    if profile.rate_as_of and profile.orders.wheel.as_of:
        moved = _days(profile.orders.wheel.as_of, profile.rate_as_of)
    return (profile.orders.rate * math.exp(-moved / RATE_DAYS) + 0.5) / (profile.rate + 1.0)


def _surprise(profile: Profile, brand: Wheel, local: datetime) -> float:
    """Nats by which the orders' own shape foretold this order better than the visits'."""
    at = local.astimezone(UTC)
    visits = rhythm.person_shape(profile.wheel, rhythm.brand_shape(brand), at=at).week()
    lean = _lean(profile, at)
    return math.log(float(lean[local.weekday(), local.hour]) / float((visits * lean).sum()))


def _days(earlier: datetime, later: datetime) -> float:
    return (later - earlier).total_seconds() / DAY_S
