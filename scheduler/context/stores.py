"""At which store a person is, where they are at one: a bounded table of decayed counts, and how it leans on the hour. Pure.

P(store | visit) is the store's share of the decayed visits (τ = 60 days), half a visit being left for stores that are not
known. By kind of day and daypart it is smoothed towards that share:
P(store | visit, cell) = (n_sc + m·P(store)) / (n_c + m) among the known stores, m = 5 visits.
"""

import math
from collections.abc import Container
from datetime import datetime
from zoneinfo import ZoneInfo

import msgspec

from domain.people import Frequented, Profile, Stores, Wheel
from scheduler.context import chances, rhythm

MOST = 3
CELLS = 8
DAYPARTS = (11, 14, 17)  # full hours at which the second, third and fourth begin
TAU_S = 60 * 86_400.0
_UNKNOWN = 0.5  # visits left for a store that was never seen
_STRENGTH = 5.0
_LEAST, _MOST_P = 1e-6, 1 - 1e-6


def cell(weekday: int, hour: int) -> int:
    """Which of the eight: four dayparts of weekdays, then four of weekend days."""
    return 4 * rhythm.kind(weekday) + sum(hour >= begin for begin in DAYPARTS)


def with_store(stores: Stores, store_id: str, *, at: datetime, zone: ZoneInfo) -> Stores:
    """The table after one more visit. A store that is new to a full table takes the place of the weakest."""
    local = at.astimezone(zone)
    where = cell(local.weekday(), local.hour)
    as_of = max(at, stores.as_of or at)
    gain = _left(at, as_of)
    plain, hourly = shares(stores), shares(stores, where=where)
    kept = [
        _seen(each, each.store_id == store_id, hourly[each.store_id], plain[each.store_id])
        for each in stores.known
    ]
    table = _faded(msgspec.structs.replace(stores, known=tuple(kept)), as_of)
    if all(each.store_id != store_id for each in table.known):
        table = _with_room(table, Frequented(store_id=store_id))
    known = (_grown(e, where, gain) if e.store_id == store_id else e for e in table.known)
    return msgspec.structs.replace(table, known=tuple(known))


def shares(stores: Stores, *, where: int | None = None) -> dict[str, float]:
    """P(store | visit) of each known store, or in one cell; what is left to 1 is elsewhere."""
    weights = {each.store_id: sum(each.cells) for each in stores.known}
    there = sum(weights.values())
    all_ = there + stores.elsewhere + _UNKNOWN
    if where is None or not there:
        return {store_id: weight / all_ for store_id, weight in weights.items()}
    here = sum(each.cells[where] for each in stores.known) + _STRENGTH
    return {
        each.store_id: there
        / all_
        * (each.cells[where] + _STRENGTH * weights[each.store_id] / there)
        / here
        for each in stores.known
    }


def usual(
    stores: Stores, *, local: datetime | None = None, among: Container[str] | None = None
) -> str | None:
    """The store where the person most likely is when they come, or come at this local time; None where none is known.

    `among`: the ids of the stores that there are, since a table outlives a store that is deleted.
    """
    where = cell(local.weekday(), local.hour) if local else None
    found = {
        store_id: share
        for store_id, share in shares(stores, where=where).items()
        if among is None or store_id in among
    }
    return max(found, key=lambda store_id: (found[store_id], store_id), default=None)


def p_visit_to(
    profile: Profile, brand: Wheel, store_id: str, *, at: datetime, zone: ZoneInfo
) -> float:
    """The probability of a visit to this store within three hours; 0 for a store that is not known of the person."""
    own = rhythm.person_shape(profile.wheel, rhythm.brand_shape(brand), at=at)
    came = there = 0.0
    for weekday, hour, share in rhythm.window_slots(at, zone):
        weight = share * float(own.of(weekday, hour))
        came += weight
        there += weight * shares(profile.stores, where=cell(weekday, hour)).get(store_id, 0.0)
    return chances.p_visit(profile, brand, at=at, zone=zone) * there / came


def _seen(each: Frequented, here: bool, hourly: float, plain: float) -> Frequented:
    """Its evidence after one more visit, here or not: the Bayes factor of leaning on the hour against not."""
    p, q = min(max(hourly, _LEAST), _MOST_P), min(max(plain, _LEAST), _MOST_P)
    more = math.log(p / q) if here else math.log((1 - p) / (1 - q))
    return msgspec.structs.replace(each, nats=each.nats + more)


def _faded(stores: Stores, at: datetime) -> Stores:
    left = _left(stores.as_of, at) if stores.as_of else 1.0
    known = (
        msgspec.structs.replace(each, cells=tuple(count * left for count in each.cells))
        for each in stores.known
    )
    return Stores(known=tuple(known), elsewhere=stores.elsewhere * left, as_of=at)


def _with_room(stores: Stores, new: Frequented) -> Stores:
    if len(stores.known) < MOST:
        return msgspec.structs.replace(stores, known=(*stores.known, new))
    weakest = min(stores.known, key=lambda each: sum(each.cells))
    rest = tuple(each for each in stores.known if each is not weakest)
    elsewhere = stores.elsewhere + sum(weakest.cells)
    return msgspec.structs.replace(stores, known=(*rest, new), elsewhere=elsewhere)


def _grown(each: Frequented, where: int, gain: float) -> Frequented:
    cells = list(each.cells)
    cells[where] += gain
    return msgspec.structs.replace(each, cells=tuple(cells))


def _left(since: datetime, at: datetime) -> float:
    return math.exp(-max(0.0, (at - since).total_seconds()) / TAU_S)
