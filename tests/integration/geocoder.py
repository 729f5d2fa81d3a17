"""A geocoder on this machine that speaks as Nominatim and as Photon do."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit


class Place(NamedTuple):
    """One answer. `precision` is house, street or area."""

    latitude: float
    longitude: float
    name: str = "Hämeentie 1, Helsinki, Finland"
    precision: str = "house"


class Question(NamedTuple):
    path: str
    address: str
    agent: str
    at: float


class FakeGeocoder(ThreadingHTTPServer):
    """Answers what `places` says of an address; with `status` it fails instead. `asked` keeps the questions."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.places: dict[str, list[Place]] = {}
        self.status = 200
        self.asked: list[Question] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: FakeGeocoder

    def do_GET(self) -> None:
        address = urlsplit(self.path)
        (asked,) = parse_qs(address.query)["q"]
        agent = self.headers["User-Agent"]
        self.server.asked.append(Question(address.path, asked, agent, time.monotonic()))
        spelled = _as_photon if address.path.endswith("/api") else _as_nominatim
        body = json.dumps(spelled(self.server.places.get(asked, []))).encode()
        self.send_response(self.server.status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Silence: the test's output is its own."""


def _as_nominatim(places: list[Place]) -> Any:
    ranks = {"house": 30, "street": 26, "area": 16}
    return [
        {
            "lat": str(each.latitude),
            "lon": str(each.longitude),
            "display_name": each.name,
            "place_rank": ranks[each.precision],
        }
        for each in places
    ]


def _as_photon(places: list[Place]) -> Any:
    kinds = {"house": "house", "street": "street", "area": "city"}
    features = [
        {
            "type": "Feature",
            "geometry": {"type": "Point", "coordinates": [each.longitude, each.latitude]},
            "properties": {"name": each.name, "type": kinds[each.precision]},
        }
        for each in places
    ]
    return {"type": "FeatureCollection", "features": features}


@contextmanager
def geocoder() -> Iterator[FakeGeocoder]:
    with FakeGeocoder() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
