"""A weather provider over real HTTP that answers what a test tells it to, however broken."""

import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec

Reply = Callable[[BaseHTTPRequestHandler], None]


class FakeHost:
    """`replies` are used up in order, the last one stays; `asked` holds path, query and headers of every request."""

    def __init__(self) -> None:
        self.replies: list[Reply] = []
        self.asked: list[tuple[str, dict[str, list[str]], dict[str, str]]] = []
        host = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                parts = urlsplit(self.path)
                host.asked.append((parts.path, parse_qs(parts.query), dict(self.headers)))
                reply = host.replies.pop(0) if len(host.replies) > 1 else host.replies[0]
                reply(self)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.handle_error = lambda *_: None  # type: ignore[method-assign]  # clients hang up on purpose
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.02,), daemon=True
        )
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def answer(body: Any, *, status: int = 200, **headers: str) -> Reply:
    """A whole answer; header names are written with underscores."""
    text = body if isinstance(body, bytes) else msgspec.json.encode(body)

    def reply(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", str(len(text)))
        handler.end_headers()
        handler.wfile.write(text)

    return reply


def drip(handler: BaseHTTPRequestHandler) -> None:
    """An answer that never ends: a byte now and then, so that no read ever times out."""
    handler.send_response(200)
    handler.end_headers()
    for _ in range(200):
        handler.wfile.write(b" ")
        handler.wfile.flush()
        time.sleep(0.05)


def flood(handler: BaseHTTPRequestHandler) -> None:
    """An answer without an end."""
    handler.send_response(200)
    handler.end_headers()
    for _ in range(200):
        handler.wfile.write(b"[" * 100_000)


def hang_up(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(b"{")


def open_meteo(at: int, **more: Any) -> dict[str, Any]:
    """One place in Open-Meteo's form."""
    current = {"time": at, "interval": 900, "weather_code": 61, "temperature_2m": 8.5}
    return {
        "latitude": 60.19,
        "longitude": 24.94,
        "current_units": {"temperature_2m": "°C", "wind_speed_10m": "m/s"},
        "current": current | {"wind_speed_10m": 4.0, "precipitation": 0.7} | more,
    }
