"""What will this person take next? Each order is foretold from the person's tastes before it, then learned. Pure."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

from domain.events import LineItem
from domain.tastes import Tastes
from scheduler.context.tastes import ranked, short, with_order

_EARLIER = (1, 3, 10, 1 << 60)
_TOP = 3
_AT_HAND = 32  # more than a person's table and the asked ones hold together, so that no likelier item is left out
_ALL_ELSE = ""  # no item has this name
_DAY_S = 86_400.0

Order = tuple[int, float, str]  # who, when (epoch seconds), what


class _Everybody:
    """How often everybody took each item. Counts only grow, so the most taken ones are kept at hand without a search."""

    def __init__(self) -> None:
        self.counts: dict[str, int] = {}
        self._total = 0
        self._most: set[str] = set()

    def take(self, item: str) -> None:
        self._total += 1
        self.counts[item] = self.counts.get(item, 0) + 1
        self._most.add(item)
        if len(self._most) > _AT_HAND:
            self._most.remove(min(self._most, key=self._rank))

    def favourite(self) -> str:
        return max(self._most, key=self._rank)

    def beside(self, own: Tastes) -> dict[str, float]:
        """The counts of the most taken and of what this person took, and of all else together."""
        near = {*self._most, *(each.name for each in own.items), *own.last}
        counts: dict[str, float] = {name: self.counts[name] for name in near}
        return counts | {_ALL_ELSE: self._total - sum(counts.values())}

    def _rank(self, item: str) -> tuple[int, str]:
        return self.counts[item], item


def next_item(orders: Sequence[Order], *, tick: Callable[[int], None]) -> dict[str, Any]:
    """How often the first and one of the first three items was taken, by how many orders were known before."""
    tastes: dict[int, Tastes] = {}
    earlier: dict[int, int] = {}
    everybody = _Everybody()
    hits: list[tuple[int, bool, bool, bool]] = []
    for who, at_s, name in sorted(orders, key=lambda order: order[1]):
        item = short(name)
        at, own = datetime.fromtimestamp(at_s, UTC), tastes.get(who, Tastes())
        if seen := earlier.get(who, 0):
            likely = ranked(own, at=at, population=everybody.beside(own))
            best = [each for each in likely if each != _ALL_ELSE][:_TOP]
            hits.append((seen, best[0] == item, item in best, everybody.favourite() == item))
        tastes[who] = with_order(own, [LineItem(sku=item)], at=at)
        earlier[who] = seen + 1
        everybody.take(item)
        tick(1)
    return {
        "orders": len(orders),
        "people": len(tastes),
        "items": len(everybody.counts),
        "asked": len(hits),
        "models": {"global": _share(hits, 3), "whenabouts": _shares(hits)},
        "by_visits": [
            {
                "from": low,
                "orders": len(inside),
                "global": _share(inside, 3),
                "whenabouts": _shares(inside),
            }
            for low, high in pairwise(_EARLIER)
            if (inside := [hit for hit in hits if low <= hit[0] < high])
        ],
    }


def _shares(hits: Sequence[tuple[int, bool, bool, bool]]) -> dict[str, float]:
    return {"top1": _share(hits, 1)["top1"], "top3": _share(hits, 2)["top1"]}


def _share(hits: Sequence[tuple[int, bool, bool, bool]], column: int) -> dict[str, float]:
    return {"top1": sum(hit[column] for hit in hits) / max(1, len(hits))}
