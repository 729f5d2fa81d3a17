"""What was accepted and yet may not work as meant: each in one sentence that says what to do."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from functools import cache, partial
from itertools import islice
from typing import Any

from domain.errors import Invalid
from domain.places import Geofence, Store
from geofence.distance import metres, within
from geofence.overlap import overlapping
from geofence.shapes import Circle, Polygon, parse_shape
from scheduler.context.hours import OpeningTimes, has_calendar
from storage import neighbours
from storage.engine import Transaction
from storage.neighbours import Fenced

RELIABLE_M = 100.0  # phones notice smaller circles late or never
FAR_M = 5_000.0  # from a store to the nearest edge of a fence of its own
_NAMED = 5  # neighbours in one sentence
_MOST_PAIRS = 10_000  # of one store: who has more reads the first of them and knows

Cautions = Callable[[], list[list[str]]]  # the warnings of each value, in order


def of_stores(tx: Transaction, stores: Sequence[Store], now: datetime) -> Cautions:
    """Reads what stands near these saved stores; the answer reckons, without the transaction."""
    brand_id = stores[0].brand_id
    positions = {(store.latitude, store.longitude) for store in stores}
    crowded = neighbours.at_one_place(tx, brand_id=brand_id, positions=positions)
    names = {store.external_id for store in stores}
    fenced = _by_store(neighbours.fences_of(tx, brand_id=brand_id, stores=names))

    def reckon() -> list[list[str]]:
        opens = cache(partial(_opens, now))  # chains have the same hours everywhere
        return [
            [
                *_hours(store, now.year, opens),
                *_shared(store, crowded),
                *_left_behind(store, fenced[store.external_id]),
            ]
            for store in stores
        ]

    return reckon


def of_fences(tx: Transaction, fences: Sequence[Geofence], _now: datetime) -> Cautions:
    """The same for saved fences; each is compared with the active fences of its store alone."""
    stores = {fence.store for fence in fences if fence.store and fence.active}
    found = neighbours.fences_of(tx, brand_id=fences[0].brand_id, stores=stores) if stores else []

    def reckon() -> list[list[str]]:
        near = _near_in_each(_by_store(found), {fence.external_id for fence in fences})
        far = {fence.external_id: _far(fence) for fence in found}
        return [
            [*_small(fence), *far.get(fence.external_id, []), *near.get(fence.external_id, [])]
            for fence in fences
        ]

    return reckon


def none(_tx: Transaction, values: Sequence[Any], _now: datetime) -> Cautions:
    """For what nothing is known to go wrong with."""
    return lambda: [[] for _ in values]


def _hours(store: Store, year: int, opens: Callable[..., bool]) -> list[str]:
    hours = store.opening_hours
    if hours is None:
        return []
    if "PH" in hours and store.country is None:
        return ["`PH` never holds without `country`: add its ISO 3166 code."]
    if "PH" in hours and not has_calendar(str(store.country), year):
        return [f"`PH` never holds: the public holidays of {store.country} are not known here."]
    if not opens(hours, store.time_zone, store.country):
        return ["By its opening hours it never opens within a year: correct or remove them."]
    return []


def _opens(now: datetime, hours: str, zone: str, country: str | None) -> bool:
    times = OpeningTimes(hours, zone=zone, country=country)
    return times.is_open(now) or times.next_change(now) is not None


def _shared(store: Store, crowded: dict[tuple[float, float], list[str]]) -> list[str]:
    here = crowded.get((store.latitude, store.longitude), [])
    others = [name for name in here if name != store.external_id]
    if not others:
        return []
    return [f"{_names(others)} has the same coordinates: check which of them is right."]


def _left_behind(store: Store, fences: Iterable[Fenced]) -> list[str]:
    lost = [fence.external_id for fence in fences if _far(fence)]
    if not lost:
        return []
    return [f"Its fence {_names(lost)} is over {FAR_M / 1000:.0f} km away: move the fence too."]


def _small(fence: Geofence) -> list[str]:
    *_, radius = parse_shape(fence.shape).reach
    if radius >= RELIABLE_M:
        return []
    if fence.shape["type"] == "circle":
        return [
            f"Phones notice circles under {RELIABLE_M:.0f} m late or never; 100 to 150 m work best."
        ]
    return [
        f"It lies within {radius:.0f} m of its middle, which phones notice late or never: draw it wider, or as a circle "
        "of 100 to 150 m."
    ]


def _far(fence: Fenced) -> list[str]:
    shape = _shape(fence)
    if shape is None:
        return []
    if isinstance(shape, Circle):
        if within(fence.latitude, fence.longitude, shape.lat, shape.lon, FAR_M + shape.radius_m):
            return []
        away = metres(fence.latitude, fence.longitude, shape.lat, shape.lon) - shape.radius_m
    else:
        away = shape.edge_m(fence.latitude, fence.longitude)
    if away <= FAR_M:
        return []
    return [
        f"It is {away / 1000:.0f} km from its store {fence.store}: check the coordinates of both."
    ]


def _near_in_each(stores: dict[str, list[Fenced]], about: set[str]) -> dict[str, list[str]]:
    """By fence of `about`, the sentence about those of the same store that share ground with it."""
    near: defaultdict[str, list[str]] = defaultdict(list)
    for fences in stores.values():
        if len(fences) < 2:
            continue
        there = [(each.external_id, shape) for each in fences if (shape := _shape(each))]
        pairs = overlapping([shape for _, shape in there])
        for one, other in islice(pairs, _MOST_PAIRS):
            near[there[one][0]].append(there[other][0])
            near[there[other][0]].append(there[one][0])
    return {
        name: [
            f"It overlaps {_names(others)} of the same store, so one walk enters both: "
            "keep one of them, or draw them apart."
        ]
        for name, others in near.items()
        if name in about
    }


def _shape(fence: Fenced) -> Circle | Polygon | None:
    """None where it was saved under older, laxer rules."""
    try:
        return parse_shape(fence.shape)
    except Invalid:
        return None


def _by_store(fences: Iterable[Fenced]) -> defaultdict[str, list[Fenced]]:
    found: defaultdict[str, list[Fenced]] = defaultdict(list)
    for fence in fences:
        found[fence.store].append(fence)
    return found


def _names(names: Sequence[str]) -> str:
    more = len(names) - _NAMED
    return ", ".join(f"`{name}`" for name in names[:_NAMED]) + (
        f" and {more} more" if more > 0 else ""
    )
