"""Which money would have tipped a decision: margin, discount, the price of an interruption. Pure."""

import math
from collections.abc import Callable, Iterator

import msgspec

from domain.offers import Offer
from scheduler.telling.cases import Case, Change, edited

_MOST = 10_000.0
_CENT = 0.01
_STEPS = 24


def of_silence(case: Case, offer: Offer) -> Iterator[Change]:
    """The least that would have made the offer worth saying, each alone."""
    value = offer.body.value
    yield from _tipping(case, offer, "price", case.policy.interruption_price, 0.0, case.sends)
    yield from _tipping(case, offer, "discount", value.discount, 0.0, case.sends)
    yield from _tipping(case, offer, "margin", value.margin, _MOST, case.sends)


def of_send(case: Case, offer: Offer) -> Iterator[Change]:
    """The least that would have made silence worth more, each alone."""
    value = offer.body.value
    yield from _tipping(case, offer, "price", case.policy.interruption_price, _MOST, case.sends)
    yield from _tipping(case, offer, "discount", value.discount, _MOST, case.sends)
    yield from _tipping(case, offer, "margin", value.margin, 0.0, case.sends)


def _tipping(
    case: Case, offer: Offer, name: str, now: float, end: float, sends: Callable[[], bool]
) -> Iterator[Change]:
    """Between what is and the far end the amount, to the cent, from which on the outcome is another one."""
    before = sends()

    def tips(amount: float) -> bool:
        return _with(name, offer, amount)(case).sends() is not before

    if now == end or not tips(end):
        return
    still, tipped = now, end
    for _ in range(_STEPS):
        middle = (still + tipped) / 2
        still, tipped = (still, middle) if tips(middle) else (middle, tipped)
    amount = _to_the_cent(tipped, up=end > now)
    if tips(amount):
        args = {name: amount, "offer": offer.external_id, "currency": case.policy.currency}
        yield Change(name, _with(name, offer, amount), args, offer.id, inside=True)


def _to_the_cent(amount: float, *, up: bool) -> float:
    cents = amount / _CENT
    return round((math.ceil(cents - 1e-6) if up else math.floor(cents + 1e-6)) * _CENT, 2)


def _with(name: str, offer: Offer, amount: float) -> Callable[[Case], Case]:
    if name == "price":
        return lambda case: case.with_policy(interruption_price=amount)
    value = msgspec.structs.replace(offer.body.value, **{name: amount})
    return lambda case: case.with_offer(offer.id, edited(value=value))
