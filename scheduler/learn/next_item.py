"""What will this person take next? Each order is foretold from the person's tastes before it, then learned. Pure."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

from domain.events import LineItem
from domain.tastes import Tastes
from scheduler.context.tastes import ranked, with_order

_EARLIER = (1, 3, 10, 1 << 60)
_TOP = 3
_DAY_S = 86_400.0

Order = tuple[int, float, str]  # who, when (epoch seconds), what


def next_item(orders: Sequence[Order], *, tick: Callable[[int], None]) -> dict[str, Any]:
    """How often the first and one of the first three items was taken, by how many orders were known before."""
    tastes: dict[int, Tastes] = {}
    earlier: dict[int, int] = {}
    population: dict[str, float] = {}
    hits: list[tuple[int, bool, bool, bool]] = []
    for who, at_s, item in sorted(orders, key=lambda order: order[1]):
        at, own = datetime.fromtimestamp(at_s, UTC), tastes.get(who, Tastes())
        if seen := earlier.get(who, 0):
            best = ranked(own, at=at, population=population)[:_TOP]
            favourite = max(population, key=lambda name: (population[name], name))
            hits.append((seen, best[0] == item, item in best, favourite == item))
        tastes[who] = with_order(own, [LineItem(sku=item)], at=at)
        earlier[who] = seen + 1
        population[item] = population.get(item, 0.0) + 1
        tick(1)
    return {
        "orders": len(orders),
        "people": len(tastes),
        "items": len(population),
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
