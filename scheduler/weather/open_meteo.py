"""Open-Meteo's current weather, a hundred cells a call. Weather data by Open-Meteo.com, CC BY 4.0."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import partial

import msgspec
import requests

from domain.weather import Cell, Observation
from scheduler.weather.fetch import Unavailable, get, of_all
from scheduler.weather.words import of_wmo

FREE = "https://api.open-meteo.com"
COMMERCIAL = "https://customer-api.open-meteo.com"
_CELLS_PER_CALL = 100
_AHEAD = timedelta(hours=1)
_WANTED = "temperature_2m,precipitation,weather_code,wind_speed_10m"


class _Current(msgspec.Struct, frozen=True):
    time: int
    weather_code: int
    temperature_2m: float | None = None
    wind_speed_10m: float | None = None
    precipitation: float | None = None


class _Units(msgspec.Struct, frozen=True):
    temperature_2m: str = "°C"
    wind_speed_10m: str = "m/s"


class _Place(msgspec.Struct, frozen=True):
    current: _Current
    current_units: _Units = _Units()


_answer = msgspec.json.Decoder(_Place | list[_Place])


class OpenMeteo:
    """`name` is what observations are stored under; `recorded` speaks the same language."""

    def __init__(
        self,
        *,
        base_url: str,
        api_key: str | None,
        session: requests.Session,
        name: str = "open-meteo",
    ) -> None:
        self.name = name
        self.url = f"{base_url.rstrip('/')}/v1/forecast"
        self._key = {"apikey": api_key} if api_key else {}
        self._session = session

    def current(self, cells: Sequence[Cell], *, now: datetime) -> list[Observation]:
        """What the sky does over these cells; a cell whose values make no sense is left out. Raises Unavailable."""
        calls = [
            cells[start : start + _CELLS_PER_CALL]
            for start in range(0, len(cells), _CELLS_PER_CALL)
        ]
        return of_all(calls, partial(self._observations, now))

    def _observations(self, now: datetime, cells: Sequence[Cell]) -> list[Observation]:
        pairs = zip(cells, self._ask(cells), strict=True)
        return [o for cell, place in pairs if (o := self._observation(cell, place, now))]

    def _ask(self, cells: Sequence[Cell]) -> list[_Place]:
        answer = get(
            self._session,
            self.url,
            params={
                "latitude": ",".join(f"{cell.latitude:.1f}" for cell in cells),
                "longitude": ",".join(f"{cell.longitude:.1f}" for cell in cells),
                "current": _WANTED,
                "wind_speed_unit": "ms",
                "timezone": "GMT",
                "timeformat": "unixtime",
                **self._key,
            },
        )
        try:
            found = _answer.decode(answer.body)
        except msgspec.MsgspecError as error:
            raise Unavailable(f"the answer makes no sense: {error}") from None
        places = found if isinstance(found, list) else [found]
        if len(places) != len(cells):
            raise Unavailable(f"the answer is about {len(places)} places instead of {len(cells)}")
        return places

    def _observation(self, cell: Cell, place: _Place, now: datetime) -> Observation | None:
        current, units = place.current, place.current_units
        word = of_wmo(current.weather_code)
        try:
            at = datetime.fromtimestamp(current.time, tz=UTC)
        except (OverflowError, OSError, ValueError):
            return None
        if word is None or at > now + _AHEAD or units != _Units():
            return None
        seen = Observation(
            cell=cell.key,
            provider=self.name,
            observed_at=at,
            fetched_at=now,
            word=word,
            temperature=current.temperature_2m,
            wind=current.wind_speed_10m,
            precipitation=current.precipitation,
        )
        return seen if seen.plausible else None
