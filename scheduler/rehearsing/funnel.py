"""How far each person gets on the way to a push, counted once, in a fixed order. Pure.

The steps are those of `STEPS`. Who does not reach one is counted there, with the code of the first rule that stopped them.
"""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from domain.decisions import Cause, Reason
from domain.values import Value

# Each says what holds of those who reached it.
STEPS = (
    "everyone",
    "at_a_moment",
    "reachable",
    "allowed",
    "eligible",
    "worth_it",
    "best",
    "not_held_out",
    "sent",
)
SENT = STEPS[-1]
_SENDS_SHOWN, _DROPS_SHOWN = 3, 1  # examples
_Z = 1.96


class Drop(Value):
    """People who were stopped by one rule. `of`: the missing purpose, or the offer that won instead."""

    code: str
    people: float
    of: str | None = None


class Step(Value):
    """How many reached it, and by what the others were stopped. `low` and `high`: 95 % limits, where a sample was looked at."""

    name: str
    people: float
    drops: tuple[Drop, ...] = ()
    low: float | None = None
    high: float | None = None


class Hour(Value):
    """Sends within one hour of the people's own clocks, 0 to 23."""

    hour: int
    sends: float


class Expected(Value):
    """What the sends would bring, by what is believed of the answers; money in `currency`.

    `redemptions`: visits after a push, of which each costs the discount; `incremental_visits`: those that would not have come
    anyway. `margin` counts these only. `gain` = margin − discount + worth − interruption, as a decision reckons it.
    """

    currency: str
    sends: float = 0.0
    redemptions: float = 0.0
    incremental_visits: float = 0.0
    margin: float = 0.0
    discount: float = 0.0
    worth: float = 0.0
    interruption: float = 0.0
    gain: float = 0.0


class Example(Value):
    """One person: how far they got, and the reasons as the brand reads those of a decision."""

    customer_id: str
    customer: str | None  # external id
    at: datetime
    cause: Cause
    step: str  # that they did not reach, or `sent`
    code: str
    reasons: tuple[Reason, ...]


# What is told of a send, by the names of a score's terms.
MONEY = (
    "p:before",
    "p:after",
    "money:visit",
    "money:discount",
    "money:worth",
    "money:interruption",
)


class Send(NamedTuple):
    """A push that would leave: by the person's clock, on a day of the brand's. `money` is in the order of `MONEY`: a plain
    tuple, for there may be a million of them."""

    customer_id: str
    at: datetime
    hour: int
    day: str
    gain: float
    money: tuple[float, ...]


class Fate(NamedTuple):
    """What became of one moment: the step that it did not reach, and why; a send reaches all."""

    step: str
    code: str
    of: str | None = None
    send: Send | None = None

    @property
    def far(self) -> int:
        return STEPS.index(self.step)


NO_MOMENT = Fate("at_a_moment", "no_moment")
REDACTED = Fate("at_a_moment", "redacted")
PRUNED = Fate("at_a_moment", "pruned")
FAILED = Fate("at_a_moment", "failed")


class Found(NamedTuple):
    """A fate and the reasons to tell of it, made only where they are asked for."""

    fate: Fate
    reasons: Callable[[], Sequence[Reason]] = tuple
    cause: Cause | None = None


class Funnel:
    """Counts fates, keeps a few examples, and cuts the sends at the offer's limits at the end."""

    def __init__(self) -> None:
        self._fates: dict[tuple[str, str, str | None], int] = {}
        self._sends: list[Send] = []
        self._shown: Counter[tuple[str, str]] = Counter()
        self._examples: list[Example] = []
        self.people = 0

    def add(self, fate: Fate, sends: Iterable[Send] = ()) -> None:
        """One person, by the farthest that any of their moments got, and all that would be sent to them."""
        self.people += 1
        if fate.step == SENT:
            self._sends += sends
            return
        key = fate.step, fate.code, fate.of
        self._fates[key] = self._fates.get(key, 0) + 1

    def wants(self, fate: Fate) -> bool:
        """Whether another example of this would be shown."""
        most = _SENDS_SHOWN if fate.step == SENT else _DROPS_SHOWN
        return self._shown[fate.step, fate.code] < most

    def show(self, example: Example) -> None:
        self._shown[example.step, example.code] += 1
        self._examples.append(example)

    def cut(self, in_all: int | None, per_day: int | None) -> None:
        """Takes back the sends beyond the offer's limits, in the order in which they were added."""
        left: list[Send] = []
        days: Counter[str] = Counter()
        for send in self._sends:
            if in_all is not None and len(left) >= in_all:
                break
            if per_day is None or days[send.day] < per_day:
                days[send.day] += 1
                left.append(send)
        lost = len(_people(self._sends)) - len(_people(left))
        if lost:
            self._fates[SENT, "sold_out", None] = lost
        self._sends = left

    def sort_by_gain(self) -> None:
        """Greatest first, as scarce things are given."""
        self._sends.sort(key=lambda send: (-send.gain, send.customer_id))

    def sort_by_time(self) -> None:
        self._sends.sort(key=lambda send: (send.at, send.customer_id))

    def steps(self, of: int) -> tuple[Step, ...]:
        """The funnel of `of` people, of whom those counted are all, or a sample."""
        scale = of / self.people if self.people else 1.0
        left, found = self.people, []
        for name in STEPS:
            drops = [(key, n) for key, n in self._fates.items() if key[0] == name]
            left -= sum(n for _, n in drops)
            low, high = _limits(left, self.people, of) if self.people < of else (None, None)
            told = sorted(drops, key=lambda each: (-each[1], each[0][1], each[0][2] or ""))
            shown = tuple(Drop(code=key[1], people=n * scale, of=key[2]) for key, n in told)
            found.append(Step(name=name, people=left * scale, drops=shown, low=low, high=high))
        return tuple(found)

    def hours(self, scale: float) -> tuple[Hour, ...]:
        by_hour = Counter(send.hour for send in self._sends)
        return tuple(Hour(hour=hour, sends=by_hour[hour] * scale) for hour in sorted(by_hour))

    def expected(self, currency: str, scale: float) -> Expected:
        before, after, visit, discount, worth, interruption = (
            scale * math.fsum(send.money[n] for send in self._sends) for n in range(len(MONEY))
        )
        return Expected(
            currency=currency,
            sends=scale * len(self._sends),
            redemptions=after,
            incremental_visits=after - before,
            margin=visit,
            discount=-discount,
            worth=worth,
            interruption=-interruption,
            gain=scale * math.fsum(send.gain for send in self._sends),
        )

    @property
    def examples(self) -> tuple[Example, ...]:
        """Who would be sent something first, then the others by how far they got, farthest first."""
        return tuple(sorted(self._examples, key=lambda each: -STEPS.index(each.step)))


def _people(sends: Iterable[Send]) -> set[str]:
    return {send.customer_id for send in sends}


def _limits(found: int, looked_at: int, of: int) -> tuple[float, float]:
    """Wilson's limits of the share, narrowed by what a sample of a finite crowd leaves open."""
    n, p = looked_at, found / looked_at if looked_at else 0.0
    z = _Z * math.sqrt((of - n) / max(1, of - 1))
    if not n:
        return 0.0, float(of)
    middle, spread = (
        p + z * z / (2 * n),
        z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n)),
    )
    whole = 1 + z * z / n
    low = (middle - spread) / whole if found else 0.0
    return of * max(0.0, low), of * min(1.0, (middle + spread) / whole)
