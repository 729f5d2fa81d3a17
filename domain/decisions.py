"""Moments and what was decided at them."""

from datetime import datetime
from enum import StrEnum
from typing import Any

import msgspec

from domain.people import Mode
from domain.values import Value


class Cause(StrEnum):
    ENTER = "enter"
    DWELL = "dwell"
    HABIT = "habit"
    WEATHER = "weather"
    EVENT = "event"
    SLIPPING = "slipping"
    CADENCE = "cadence"
    OCCASION = "occasion"
    SLOT = "slot"
    MANUAL = "manual"


# How the keys of occasions begin: said by the person or brand, or told by a reservation.
SAID, TOLD = "said:", "told:"


class Moment(Value):
    """A time at which one customer may be worth speaking to. After `expires_at` it is decided as too late.

    `key` makes it unique per customer and cause: the visit for a transition, the local date for a habit …
    """

    id: str
    brand_id: str
    mode: Mode
    customer_id: str
    cause: Cause
    key: str
    due_at: datetime
    expires_at: datetime
    device_id: str | None = None
    store_id: str | None = None
    geofence_id: str | None = None
    visit_id: str | None = None
    fences_revision: int | None = None  # of the brand's fences, as they were when it arose


class Outcome(StrEnum):
    SEND = "send"
    HOLD = "hold"
    SILENCE = "silence"


class Reason(Value, omit_defaults=True):
    """Why: a stable `code`, `which` of its sentences, and the arguments that they name. Words are made when it is read.

    `args` are as JSON has them: times in RFC 3339, lengths in metres, money in `currency`. `reckoning` is of the brand's
    money, which is told to the brand only. `text`, `would_change` and `account` hold what was written in words.
    """

    code: str
    text: str = ""
    would_change: str | None = None
    offer: str | None = None  # external id, where the reason concerns one offer
    account: str | None = None
    which: str = ""
    args: dict[str, Any] = {}
    reckoning: dict[str, Any] = {}


# Codes whose arguments tell where somebody was, when they come, or what they are like.
TELLING = frozenset(
    {
        "chosen",
        "explored",
        "better_later",
        "not_worth_it",
        "audience",
        "position_unknown",
        "too_far",
        "place_unknown",
        "place_far",
        "weather",
        "weather_unknown",
        "no_text",
    }
)


def reason(code: str, *, which: str = "", offer: str | None = None, **args: Any) -> Reason:
    """A reason with its arguments as JSON has them, so that it is the same before it was stored and after."""
    given = {name: value for name, value in args.items() if value is not None}
    return Reason(code=code, which=which, offer=offer, args=msgspec.to_builtins(given))


def forgotten(told: dict[str, Any]) -> dict[str, Any]:
    """A stored reason without what must not be told any more: of telling codes only the code is left, and the offer."""
    if told["code"] not in TELLING:
        return {name: value for name, value in told.items() if name not in _MONEY}
    return {name: told[name] for name in ("code", "offer") if told.get(name) is not None}


_MONEY = ("account", "reckoning")


class Term(Value):
    """One named summand of a score, in log-odds or money as its name says."""

    name: str
    value: float


class Alternative(Value, array_like=True):
    """An offer that was looked at: what saying it would have brought over silence, to four decimals of the brand's money, or
    the rule that ruled it out.
    """

    offer: str  # external id
    gain: float | None = None
    code: str | None = None


class Decision(Value):
    """What was chosen at a moment. `inputs` is the whole context the choice rested on (`domain.context.Inputs`, or its JSON),
    None once redacted or pruned. `rules`: the rules on the person, all of which were asked; `alternatives`: what there was to
    choose from.
    """

    id: str
    brand_id: str
    mode: Mode
    customer_id: str | None
    moment_id: str
    cause: Cause
    decided_at: datetime
    outcome: Outcome
    reasons: tuple[Reason, ...]
    offer_id: str | None = None
    offer: str | None = None  # external id
    offer_revision: int | None = None
    store_id: str | None = None
    consent_entry_id: str | None = None
    terms: tuple[Term, ...] = ()
    propensity: float = 1.0
    seed: int = 0
    local_date: str | None = None
    daypart: int | None = None
    inputs: Any = None
    rules: tuple[str, ...] = ()
    alternatives: tuple[Alternative, ...] = ()
