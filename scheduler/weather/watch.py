"""Keeps the weather over the stores fresh where an offer asks for it, and opens moments where it turns to what one waits for.

Nothing is fetched inside a transaction. A turn is told from stored observations, so a restart neither misses nor repeats it.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

import structlog

from domain.clock import Clock
from domain.context import Sky
from domain.decisions import Cause
from domain.offers import Offer, WeatherCondition
from domain.places import LatLon, Store
from domain.weather import Cell, Observation
from geofence.distance import metres
from scheduler.context.premises import Premises
from scheduler.decide.eligible import holds
from scheduler.moments import of_weather
from scheduler.weather.client import Provider
from scheduler.weather.fetch import Unavailable
from storage import brands, moments, offers, stores, weather
from storage.engine import Database, Transaction
from storage.weather import Near

POSITION_FRESH = timedelta(minutes=60)
NEARBY_M = 1000.0
_RETRY = timedelta(minutes=1)
_LOOKS = 30  # for new offers and stores, within the time that a cell stays fresh
_SKEW = timedelta(minutes=5)
_LATITUDE_M = 110_500.0  # metres per degree of latitude where a degree is shortest, rounded down
_POLAR = 89.0
_log = structlog.get_logger()


class Interest(NamedTuple):
    """An offer that waits for some weather at a store, and how near people must be."""

    brand_id: str
    wanted: WeatherCondition
    store: Store
    cell: Cell
    within_m: float


class Watch:
    """`tick` is cheap where nothing is due; it fetches each cell at most three times within the age limit."""

    def __init__(
        self,
        *,
        database: Database,
        clock: Clock,
        provider: Provider,
        max_age: timedelta,
        wake: Callable[[], None],
    ) -> None:
        self._database = database
        self._clock = clock
        self._provider = provider
        self._max_age = max_age
        self._refresh = max_age / 3
        self._wake = wake
        self._look_at: datetime | None = None

    def tick(self) -> int:
        """Fetches what is due and opens the moments that follow; returns how many cells were renewed."""
        now = self._clock.now()
        if self._look_at and now < self._look_at:
            return 0
        self._look_at = now + self._refresh / _LOOKS
        with self._database.read() as tx:
            interests = interests_of(tx, now)
            due = self._due(tx, interests, now)
        return self._renew(interests, due, now) if due else 0

    def _renew(self, interests: list[Interest], due: list[Cell], now: datetime) -> int:
        try:
            seen = self._provider.current(due, now=now)
        except Unavailable as error:
            self._rest(now, error)
            return 0
        if len(seen) < len(due):
            self._look_at = now + _RETRY
        opened = self._database.write(lambda tx: self._store(tx, interests, seen, now))
        _log.info("weather_renewed", cells=len(seen), moments=opened)
        if opened:
            self._wake()
        return len(seen)

    def _rest(self, now: datetime, error: Unavailable) -> None:
        wish = timedelta(seconds=error.retry_after_s or 0)
        self._look_at = now + min(max(_RETRY, wish), self._max_age)
        _log.warning("weather_unavailable", why=str(error), until=self._look_at.isoformat())

    def _due(self, tx: Transaction, interests: Iterable[Interest], now: datetime) -> list[Cell]:
        cells = {interest.cell.key: interest.cell for interest in interests}
        fetched = weather.fetched_at(tx, list(cells), since=now - self._max_age)
        stale = [key for key in sorted(cells) if self._is_due(fetched.get(key), now)]
        return [cells[key] for key in stale]

    def _is_due(self, fetched_at: datetime | None, now: datetime) -> bool:
        return fetched_at is None or now >= fetched_at + self._refresh

    def _store(
        self,
        tx: Transaction,
        interests: Iterable[Interest],
        seen: Iterable[Observation],
        now: datetime,
    ) -> int:
        """Stores what was seen and opens a moment for whoever is near a store where it turned; returns how many."""
        fresh = {each.cell: each for each in seen}
        before = weather.latest(tx, list(fresh), since=now - self._max_age, before=now + _SKEW)
        weather.add(tx, fresh.values())
        turned = [each for each in interests if _turned(each, before, fresh)]
        wanted = [
            of_weather(
                brand_id=there.brand_id,
                mode=near.mode,
                customer_id=near.customer_id,
                device_id=near.device_id,
                store_id=there.store.id,
                turned=f"{there.cell.key}@{fresh[there.cell.key].observed_at:%Y-%m-%dT%H:%M}",
                now=now,
            )
            for near, there in _nearest(tx, turned, now)
        ]
        moments.open_many(tx, wanted)
        return len(wanted)


def interests_of(tx: Transaction, now: datetime) -> list[Interest]:
    """Every weather that an offer of a brand waits for now, at each of its stores."""
    return [
        interest
        for brand in brands.everyone(tx)
        if not brand.policy.paused
        for interest in _of_brand(
            offers.active(tx, brand.id, now), stores.of_brand(tx, brand.id), now
        )
    ]


def _of_brand(said: Iterable[Offer], places: Iterable[Store], now: datetime) -> Iterator[Interest]:
    premises = Premises(places)
    for offer in said:
        when, life = offer.body.when, offer.body.life
        alive = (life.starts_at or now) <= now and (life.ends_at is None or now < life.ends_at)
        if when.weather is None or not alive or not _may_be_said(offer):
            continue
        within_m = (when.place and when.place.within_m) or NEARBY_M
        for store in premises.named(offer.body.stores):
            cell = Cell.at(latitude=store.latitude, longitude=store.longitude)
            yield Interest(offer.brand_id, when.weather, store, cell, within_m)


def _may_be_said(offer: Offer) -> bool:
    place = offer.body.when.place
    return place is None or not place.via or Cause.WEATHER in place.via


def _turned(
    interest: Interest, before: Mapping[str, Observation], after: Mapping[str, Observation]
) -> bool:
    """From not true, or not known, to true. Weather that still holds, or that came unasked, is no turn."""
    now = after.get(interest.cell.key)
    was = before.get(interest.cell.key)
    return holds(interest.wanted, Sky.of(now)) and not holds(interest.wanted, Sky.of(was))


def _nearest(
    tx: Transaction, turned: Iterable[Interest], now: datetime
) -> list[tuple[Near, Interest]]:
    """Whoever is near a place where the weather turned, once, with the nearest such place."""
    found: dict[str, tuple[float, Near, Interest]] = {}
    for there in turned:
        box = box_around(there.store.position, there.within_m)
        people = weather.people_in_box(
            tx, brand_id=there.brand_id, since=now - POSITION_FRESH, **box._asdict()
        )
        for near in people:
            away = metres(*there.store.position, *near.position)
            best = found.get(near.customer_id)
            if away <= there.within_m and (best is None or away < best[0]):
                found[near.customer_id] = (away, near, there)
    return [(near, there) for _, near, there in found.values()]


class Box(NamedTuple):
    """Degrees; `west` may lie below -180 and `east` above 180 across the antimeridian."""

    south: float
    north: float
    west: float
    east: float


def box_around(center: LatLon, radius_m: float) -> Box:
    """A box that surely holds every point within `radius_m`; near a pole, all longitudes."""
    up = radius_m / _LATITUDE_M
    south, north = center.latitude - up, center.latitude + up
    farthest = max(abs(south), abs(north))
    if farthest >= _POLAR:
        return Box(south, north, -180.0, 180.0)
    # On a sphere inside the ellipsoid's normals; one per cent more covers the difference.
    aside = 1.01 * up / math.cos(math.radians(farthest))
    return Box(south, north, center.longitude - aside, center.longitude + aside)
