"""The true outside of a demo, on this machine: FCM as a second process, the weather as an HTTP server."""

import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import IO, Any

from domain.clock import Clock
from domain.errors import Refusal
from scheduler.weather.recorded import Place, RecordedServer, Step, Timeline

_GRACE_S = 5.0
_CLEAR, _CLOUDS, _RAIN = 0, 3, 63  # WMO codes


@contextmanager
def emulator(on_push: Callable[[dict[str, Any]], None]) -> Iterator[str]:
    """A local FCM in a process of its own; yields its address and tells of each push that arrives."""
    command = [
        sys.executable,
        "-m",
        "service.cli",
        "fcm-emulator",
        "--bind",
        "127.0.0.1:0",
        "--json",
    ]
    # A session of its own, so that Ctrl-C reaches it through us, after the last push has been sent.
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)
    lines = process.stdout
    assert lines is not None, "stdout is a pipe"
    try:
        first = lines.readline()
        if not first:
            raise Refusal("The FCM emulator did not start; its message is above.")
        reader = threading.Thread(target=_read, args=(lines, on_push), name="pushes", daemon=True)
        reader.start()
        yield json.loads(first)["url"]
    finally:
        process.terminate()
        process.wait(_GRACE_S)
        lines.close()


@contextmanager
def weather(*, latitude: float, longitude: float, clock: Clock, began: datetime) -> Iterator[str]:
    """A weather provider over one town: clear, then clouds, then rain, and again every two hours."""
    steps = (
        Step(after_s=0, weather_code=_CLEAR, temperature_2m=11.0),
        Step(after_s=300, weather_code=_CLOUDS, temperature_2m=9.5),
        Step(after_s=900, weather_code=_RAIN, temperature_2m=8.0, precipitation=1.2),
        Step(after_s=4500, weather_code=_CLOUDS, temperature_2m=9.0),
    )
    place = Place(latitude=latitude, longitude=longitude, steps=steps)
    server = RecordedServer(Timeline(places=(place,), repeat_s=7200), clock=clock, start=began)
    server.start()
    try:
        yield server.url
    finally:
        server.stop()


def _read(lines: IO[str], on_push: Callable[[dict[str, Any]], None]) -> None:
    try:
        for line in lines:
            on_push(json.loads(line))
    except ValueError:
        return  # closed while we were reading: the demo ends
