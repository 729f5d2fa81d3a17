"""One pass over past answers, as if it were lived: predict each row from those before it, then learn it. Pure.

The engine's own `Response` and the engine's own rule of push or silence do the work; nothing is computed twice.
"""

import random
from collections import Counter
from collections.abc import Iterable, Iterator
from heapq import heappop, heappush
from typing import NamedTuple

from domain.values import Value
from scheduler.learn.choice import push_or_silence
from scheduler.learn.columns import Layout, Own, Phrase, Phrasing, Row
from scheduler.learn.response import Response


class Waiting(NamedTuple):
    """An answer that has not come yet. The number keeps those of one time in their order."""

    answered: float
    number: int
    row: Row
    phrase: Phrase


class Net(Value):
    """What a policy earned: answers minus the price of each push; and how many it pushed."""

    net: float
    pushes: int


class _Life:
    """A model that learns each answer when it comes."""

    def __init__(self, layout: Layout, own: Own) -> None:
        self.model = Response()
        self._phrasing = Phrasing(layout, own)
        self._waiting: list[Waiting] = []
        self._number = 0

    def meet(self, row: Row) -> Phrase:
        """The row's terms, after learning all answers that have come by then."""
        for due in _due(self._waiting, row.at):
            terms, scales = due.phrase
            self.model.update(terms, due.row.y, scales, day=int(due.answered))
        return self._phrasing.phrase(row)

    def wait(self, row: Row, phrase: Phrase, answered: float) -> None:
        self._number += 1
        heappush(self._waiting, Waiting(answered, self._number, row, phrase))


def _due(waiting: list[Waiting], at: float) -> Iterator[Waiting]:
    while waiting and waiting[0].answered <= at:
        yield heappop(waiting)


def forecasts(rows: Iterable[Row], layout: Layout, own: Own) -> list[float]:
    """The chance of a yes to each row, told before its answer."""
    life = _Life(layout, own)
    told = []
    for row in rows:
        phrase, day = life.meet(row), int(row.at)
        terms, scales = phrase
        if row.answered is None:
            told.append(life.model.update(terms, row.y, scales, day=day).p)
        else:
            told.append(life.model.predict(terms, scales, day=day).p)
            life.wait(row, phrase, row.answered)
    return told


def push_net(rows: Iterable[Row], layout: Layout, own: Own, *, price: float, seed: int) -> Net:
    """What pushing or not, at this price, earns on these rows, where only the answers to pushes are learned."""
    life, lot = _Life(layout, own), random.Random(seed)
    net, pushes = 0.0, 0
    for row in rows:
        phrase, day = life.meet(row), int(row.at)
        terms, scales = phrase
        said = life.model.predict(terms, scales, day=day)
        if not push_or_silence(said, price=price, uniform=lot.random()).push:
            continue
        net += row.y - price
        pushes += 1
        if row.answered is None:
            life.model.update(terms, row.y, scales, day=day)
        else:
            life.wait(row, phrase, row.answered)
    return Net(net=net, pushes=pushes)


def earlier_answers(rows: Iterable[Row]) -> list[int]:
    """How many answers of the same person had come before each row."""
    known: Counter[str] = Counter()
    waiting: list[Waiting] = []
    counts = []
    for number, row in enumerate(rows):
        known.update(due.row.person for due in _due(waiting, row.at))
        counts.append(known[row.person])
        if row.answered is None:
            known[row.person] += 1
        else:
            heappush(waiting, Waiting(row.answered, number, row, Phrase(())))
    return counts


def shuffled(count: int, seed: int) -> list[int]:
    """The places 0 … count − 1 in the order that belongs to this seed."""
    order = list(range(count))
    random.Random(seed).shuffle(order)
    return order
