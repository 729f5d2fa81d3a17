"""What a visit after a push says of its person's rhythm: only as much as it would have come anyway.

A rhythm that took what pushes bring for habit would foretell these visits without a push, and then find nothing left
for the next push to bring. So such a visit counts with the chance P₀ / P that it came by itself, given that somebody came:
the expectation step of EM (Dempster, Laird and Rubin 1977), with both chances as they were foretold when the push was decided.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Protocol

from scheduler.context.rhythm import WINDOW_H
from storage import learning
from storage.engine import Transaction
from storage.learning import Prompt

WITHIN = timedelta(hours=WINDOW_H)  # of which the chance of a visit that comes anyway speaks


class Seen(Protocol):
    """Somebody was there, as far as it matters here."""

    @property
    def customer_id(self) -> str: ...
    @property
    def occurred_at(self) -> datetime: ...
    @property
    def store_id(self) -> str | None: ...


class Prompts:
    """The pushes that these visits may follow, for one transaction."""

    def __init__(self, tx: Transaction, visits: Sequence[Seen]) -> None:
        self._of: dict[str, list[Prompt]] = {}
        if visits:
            since = min(each.occurred_at for each in visits) - WITHIN
            self._of = learning.prompts(tx, {each.customer_id for each in visits}, since=since)

    def anyway(self, visit: Seen) -> float:
        """How probable it is that it came by itself."""
        mine = self._of.get(visit.customer_id, ())
        return anyway(mine, at=visit.occurred_at, store_id=visit.store_id)


def anyway(prompts: Sequence[Prompt], *, at: datetime, store_id: str | None) -> float:
    """How probable it is that a visit came by itself: by the latest push that it may answer; 1 where there is none.

    `prompts` are in the order of time.
    """
    answered = [
        each
        for each in prompts
        if each.at < at <= each.at + WITHIN and (not each.stores or store_id in each.stores)
    ]
    return answered[-1].anyway if answered else 1.0
