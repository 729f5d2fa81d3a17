"""A brand's stores as a batch of decisions asks for them: by name, by nearness, and whether they are open. Pure."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from domain.places import LatLon, Store
from geofence.earth import apart, cartesian
from scheduler.context.hours import OpeningTimes

NEAREST = 3
_STAY = timedelta(minutes=15)  # a store that closes sooner after the arrival is as good as closed


class Premises:
    """Remembers what it answered: it serves one batch, within which neither stores nor their hours change."""

    def __init__(self, stores: Iterable[Store]) -> None:
        self._by_id = {store.id: store for store in stores}
        self._by_name = {store.external_id: store for store in self._by_id.values()}
        self._everywhere = tuple(self._by_id.values())
        self._points = {
            store.id: cartesian(store.latitude, store.longitude) for store in self._everywhere
        }
        self._times: dict[tuple[str, str | None], OpeningTimes] = {}
        self._open: dict[tuple[str, str | None, datetime], bool] = {}

    def named(self, external_ids: Sequence[str]) -> tuple[Store, ...]:
        """The stores of these names that there are; none given means every store."""
        if not external_ids:
            return self._everywhere
        return tuple(self._by_name[name] for name in external_ids if name in self._by_name)

    def get(self, store_id: str | None) -> Store | None:
        return self._by_id.get(store_id) if store_id else None

    def nearest(self, stores: Sequence[Store], position: LatLon) -> list[Store]:
        """The three nearest of these stores, nearest first."""
        here = cartesian(position.latitude, position.longitude)
        return sorted(stores, key=lambda store: _apart(here, self._points[store.id]))[:NEAREST]

    @staticmethod
    def distance(store: Store, position: LatLon) -> float:
        """Metres from the position to the store, as the crow flies, to a hundred-thousandth."""
        return apart(store.latitude, store.longitude, position.latitude, position.longitude)

    def is_open(self, store: Store, arrival: datetime) -> bool | None:
        """Whether the store is open for somebody who arrives then; None where its hours are not known."""
        if not store.opening_hours:
            return None
        return self.hold(store, store.opening_hours, arrival) and self.hold(
            store, store.opening_hours, arrival + _STAY
        )

    def hold(self, store: Store, expression: str, at: datetime) -> bool:
        """Whether an OSM expression holds at `at` by the clock of this store."""
        key = (store.id, expression, at.replace(second=0, microsecond=0))  # hours are in minutes
        if key not in self._open:
            self._open[key] = self._read(store, expression).is_open(at)
        return self._open[key]

    def _read(self, store: Store, expression: str) -> OpeningTimes:
        key = (store.id, expression)
        if key not in self._times:
            self._times[key] = OpeningTimes(
                expression, zone=store.time_zone, country=store.country, position=store.position
            )
        return self._times[key]


def _apart(a: Sequence[float], b: Sequence[float]) -> float:
    return sum((x - y) ** 2 for x, y in zip(a, b, strict=True))
