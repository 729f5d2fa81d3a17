"""At which place will a person's next visit be? Each visit is foretold from the earlier ones, then learned. Pure."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from math import log
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from domain.people import Stores
from scheduler.context.profile import SAME_VISIT
from scheduler.context.stores import cell, shares, with_store
from scheduler.learn.histories import Counts, Histories, Numbers


class Where(NamedTuple):
    """Of each visit after a person's first: who, and by the shares alone (0) and by those at that hour (1), (…, 2): ln p of
    its place, a place that is not known of the person counting as elsewhere, and whether the likeliest one was right.
    """

    who: Counts
    log_p: Numbers
    first: NDArray[np.bool_]


def foretold(
    visits: Histories, units: Sequence[tuple[str, ...]], tick: Callable[[int], None]
) -> Where:
    """`visits` are of persons at a place; `units` names both of each. Signs within an hour are one visit."""
    people: dict[str, int] = {}
    known: list[Stores] = []
    last: list[float] = []
    rows: list[tuple[int, float, float, bool, bool]] = []
    for unit, at_s in zip(visits.who.tolist(), visits.at.tolist(), strict=True):
        tick(1)
        person, place = units[unit]
        who = people.setdefault(person, len(people))
        if who == len(known):
            known.append(Stores())
            last.append(float("-inf"))
        if at_s - last[who] < SAME_VISIT.total_seconds():
            continue
        last[who] = at_s
        at = datetime.fromtimestamp(at_s, UTC)
        if known[who].known:
            local = at.astimezone(visits.zone)
            rows.append((who, *_said(known[who], place, cell(local.weekday(), local.hour))))
        known[who] = with_store(known[who], place, at=at, zone=visits.zone)
    table = np.array(rows).reshape(-1, 5)
    return Where(table[:, 0].astype(np.int64), table[:, 1:3], table[:, 3:] > 0)


def _said(known: Stores, place: str, where: int) -> tuple[float, float, bool, bool]:
    plain, hourly = shares(known), shares(known, where=where)
    p, q = (said.get(place, 1 - sum(said.values())) for said in (plain, hourly))
    return log(p), log(q), _likeliest(plain) == place, _likeliest(hourly) == place


def _likeliest(said: dict[str, float]) -> str:
    return max(said, key=lambda place: said[place])
