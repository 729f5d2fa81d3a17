"""A small weather provider that replays a recorded timeline over HTTP, in Open-Meteo's own form.

For the demo and the tests: what asks it cannot tell it from the real one, and its weather turns when the script says.
"""

import threading
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import msgspec

from domain.clock import Clock
from domain.errors import Invalid
from domain.values import Value

_PATH = "/v1/forecast"
_STEP_S = 60  # times of validity are whole minutes


class Step(Value):
    """What is seen from `after_s` seconds of the timeline on: °C, m/s, mm and a WMO code."""

    after_s: float
    weather_code: int
    temperature_2m: float
    wind_speed_10m: float = 2.0
    precipitation: float = 0.0


class Place(Value):
    """A recorded point. Whoever asks for another one gets the nearest."""

    latitude: float
    longitude: float
    steps: tuple[Step, ...]


class Timeline(Value):
    """`repeat_s`: the length after which it starts over; without it the last step stays."""

    places: tuple[Place, ...]
    repeat_s: float | None = None

    def at(self, *, latitude: float, longitude: float, seconds: float) -> Step:
        """What is seen at a point, so many seconds after the timeline began."""
        nearest = min(self.places, key=lambda p: _apart(p, latitude, longitude))
        since = seconds % self.repeat_s if self.repeat_s else seconds
        begun = [step for step in nearest.steps if step.after_s <= since]
        return begun[-1] if begun else nearest.steps[0]


def read(file: Path) -> Timeline:
    """The timeline of a JSON file; Invalid where it is none."""
    try:
        timeline = msgspec.json.decode(file.read_bytes(), type=Timeline)
    except (OSError, msgspec.MsgspecError) as error:
        raise Invalid(f"{file} is no recorded weather: {error}.") from None
    if not timeline.places or not all(place.steps for place in timeline.places):
        raise Invalid(f"{file} is no recorded weather: give at least one place with one step.")
    return timeline


class RecordedServer:
    """Serves a timeline that begins at `start` by the product's clock. Binds to a free port where `port` is 0."""

    def __init__(
        self,
        timeline: Timeline,
        *,
        clock: Clock,
        start: datetime,
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        self._timeline = timeline
        self._clock = clock
        self._start = start
        self._server = ThreadingHTTPServer((host, port), self._handler())
        self._thread = threading.Thread(
            target=partial(self._server.serve_forever, poll_interval=0.05),
            name="recorded-weather",
            daemon=True,
        )

    @property
    def url(self) -> str:
        """The base URL to give as the provider's."""
        host, port = self._server.server_address[:2]
        return f"http://{host!s}:{port}"

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()

    def answer(self, query: dict[str, list[str]]) -> tuple[int, object]:
        """Status and body for a query, as Open-Meteo would answer: one place as an object, several as a list."""
        try:
            points = list(
                zip(_numbers(query, "latitude"), _numbers(query, "longitude"), strict=True)
            )
        except ValueError as error:
            return 400, {"error": True, "reason": str(error)}
        now = self._clock.now()
        places = [self._place(latitude, longitude, now) for latitude, longitude in points]
        return 200, places[0] if len(places) == 1 else places

    def _place(self, latitude: float, longitude: float, now: datetime) -> dict[str, object]:
        at = now - timedelta(seconds=now.timestamp() % _STEP_S)
        seconds = (at - self._start).total_seconds()
        step = self._timeline.at(latitude=latitude, longitude=longitude, seconds=seconds)
        values: dict[str, object] = msgspec.to_builtins(step)
        values.pop("after_s")
        return {
            "latitude": latitude,
            "longitude": longitude,
            "current_units": {"temperature_2m": "°C", "wind_speed_10m": "m/s"},
            "current": {"time": int(at.timestamp()), "interval": _STEP_S, **values},
        }

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        recorded = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                parts = urlsplit(self.path)
                status: int = 404
                body: object = {"error": True, "reason": "Not Found"}
                if parts.path == _PATH:
                    status, body = recorded.answer(parse_qs(parts.query))
                text = msgspec.json.encode(body)
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *_: object) -> None:
                """The product's log says what was fetched; the server need not."""

        return Handler


def _numbers(query: dict[str, list[str]], name: str) -> Sequence[float]:
    return [float(part) for part in ",".join(query.get(name, [""])).split(",")]


def _apart(place: Place, latitude: float, longitude: float) -> float:
    return (place.latitude - latitude) ** 2 + (place.longitude - longitude) ** 2
