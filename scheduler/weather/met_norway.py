"""MET Norway's forecast for the present hour, one cell a call. Data from MET Norway, CC BY 4.0.

Their terms ask for an identifying User-Agent with a contact, for honouring `Expires`, and for `If-Modified-Since`.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import partial
from typing import NamedTuple

import msgspec
import requests

from domain.weather import Cell, Observation
from scheduler.weather.fetch import Unavailable, get, of_all
from scheduler.weather.words import of_symbol

HOST = "https://api.met.no"
_HOUR = timedelta(hours=1)
_OLDEST = timedelta(hours=24)  # a forecast that was not renewed for a day is no news of today's sky


class _Instant(msgspec.Struct, frozen=True):
    air_temperature: float | None = None
    wind_speed: float | None = None


class _InstantBlock(msgspec.Struct, frozen=True):
    details: _Instant


class _Summary(msgspec.Struct, frozen=True):
    symbol_code: str


class _Amount(msgspec.Struct, frozen=True):
    precipitation_amount: float | None = None


class _NextHour(msgspec.Struct, frozen=True):
    summary: _Summary
    details: _Amount = _Amount()


class _Data(msgspec.Struct, frozen=True):
    instant: _InstantBlock
    next_1_hours: _NextHour | None = None


class _Step(msgspec.Struct, frozen=True):
    time: datetime
    data: _Data


class _Meta(msgspec.Struct, frozen=True):
    updated_at: datetime


class _Properties(msgspec.Struct, frozen=True):
    meta: _Meta
    timeseries: list[_Step]


class _Forecast(msgspec.Struct, frozen=True):
    properties: _Properties


class _Kept(NamedTuple):
    forecast: _Forecast
    modified: str | None
    fresh_until: datetime


_decoder = msgspec.json.Decoder(_Forecast)


class MetNorway:
    """Keeps each cell's forecast in memory until it expires, and then asks only for what changed."""

    name = "met-norway"

    def __init__(self, *, base_url: str, contact: str, session: requests.Session) -> None:
        self._url = f"{base_url.rstrip('/')}/weatherapi/locationforecast/2.0/compact"
        self._agent = f"whenabouts/0.1 {contact}"
        self._session = session
        self._kept: dict[str, _Kept] = {}

    def current(self, cells: Sequence[Cell], *, now: datetime) -> list[Observation]:
        """What the forecast says of the present hour over these cells; raises Unavailable."""
        return of_all(cells, partial(self._observations, now))

    def _forecast(self, cell: Cell, now: datetime) -> _Forecast:
        kept = self._kept.get(cell.key)
        if kept and now < kept.fresh_until:
            return kept.forecast
        headers = {"User-Agent": self._agent}
        if kept and kept.modified:
            headers["If-Modified-Since"] = kept.modified
        params = {"lat": f"{cell.latitude:.1f}", "lon": f"{cell.longitude:.1f}"}
        answer = get(self._session, self._url, params=params, headers=headers)
        forecast = kept.forecast if kept and answer.status == 304 else _read(answer.body)
        modified = answer.headers.get("Last-Modified") or (kept.modified if kept else None)
        self._kept[cell.key] = _Kept(forecast, modified, _expires(answer.headers, now))
        return forecast

    def _observations(self, now: datetime, cell: Cell) -> list[Observation]:
        """Of a forecast the time of validity is the present, as long as its hour covers it."""
        properties = self._forecast(cell, now).properties
        step = next((s for s in properties.timeseries if s.time <= now < s.time + _HOUR), None)
        if step is None or properties.meta.updated_at < now - _OLDEST:
            return []
        hour = step.data.next_1_hours
        word = of_symbol(hour.summary.symbol_code) if hour else None
        if hour is None or word is None:
            return []
        seen = Observation(
            cell=cell.key,
            provider=self.name,
            observed_at=now,
            fetched_at=now,
            word=word,
            temperature=step.data.instant.details.air_temperature,
            wind=step.data.instant.details.wind_speed,
            precipitation=hour.details.precipitation_amount,
        )
        return [seen] if seen.plausible else []


def _read(body: bytes) -> _Forecast:
    try:
        forecast = _decoder.decode(body)
    except msgspec.MsgspecError as error:
        raise Unavailable(f"the answer makes no sense: {error}") from None
    times = [forecast.properties.meta.updated_at, *(s.time for s in forecast.properties.timeseries)]
    if any(time.tzinfo is None for time in times):
        raise Unavailable("the answer gives times without a zone")
    return forecast


def _expires(headers: Mapping[str, str], now: datetime) -> datetime:
    """As the provider says, but at most an hour and at least five minutes from now."""
    try:
        at = parsedate_to_datetime(headers.get("Expires", ""))
    except ValueError:
        at = now
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return min(max(at, now + timedelta(minutes=5)), now + _HOUR)
