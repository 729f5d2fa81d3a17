"""`whenabouts replay-gps FILE`: a recorded track through the API, as if its phone walked it until now."""

import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import click
import msgspec

from domain.clock import SystemClock
from domain.ids import new_id
from domain.settings import Settings
from service import logs
from service.cli.client import Client
from service.cli.opening import settings
from service.cli.output import explained, show_json
from service.cli.settling_in import Keys, make_brand
from service.cli.stays import Stay, stays
from service.cli.tracks import TrackPoint, read_track, shifted
from service.demo.story import WORDING
from service.wiring import Process

_BATCH = 100
_FENCE_M = 120
_DWELL_S = 300
_PURPOSES = ("location", "background_location", "push", "habits")


@click.command("replay-gps")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--speed",
    default=0.0,
    show_default=True,
    type=click.FloatRange(min=0),
    help="How many times faster than recorded; 0 is as fast as it goes.",
)
@click.option(
    "--url",
    help="A running service; without it a throw-away one is started, with fences on the track's stays.",
)
@click.option("--app-key", help="A publishable key of that service.")
@click.option(
    "--accuracy", default=15.0, show_default=True, help="Metres, where the file does not say."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per line.")
@explained
def replay_gps(
    file: Path, speed: float, url: str | None, app_key: str | None, accuracy: float, as_json: bool
) -> None:
    """Feed a recorded track (GPX, GeoLife .plt or CSV) of one device through the API; its times end now."""
    if url and not app_key:
        raise click.UsageError("--url wants --app-key, a publishable key of that service.")
    logs.configure("error")
    track = read_track(file)
    points = shifted(track.points, SystemClock().now())
    with _service(url, app_key, stays(points)) as (address, key):
        phone = _Phone(Client(address), accuracy=accuracy, as_json=as_json)
        phone.move_in(key, since=points[0])
        phone.walk(points, speed)
        phone.summarise(bad_rows=len(track.bad_rows))


@contextmanager
def _service(url: str | None, key: str | None, places: Sequence[Stay]) -> Iterator[tuple[str, str]]:
    if url and key:
        yield url, key
        return
    with tempfile.TemporaryDirectory(prefix="whenabouts-replay-") as folder:
        chosen = msgspec.structs.replace(
            settings(),
            database_url=f"sqlite:///{folder}/replay.sqlite3",
            bind="127.0.0.1:0",
            fcm_transport="memory",
            weather_provider="none",
        )
        with _running(chosen) as process:
            keys = make_brand(process.database, time_zone="UTC", now=SystemClock().now())
            _fence(process.url, keys, places)
            yield process.url, keys.app


@contextmanager
def _running(chosen: Settings) -> Iterator[Process]:
    process = Process(chosen, clock=SystemClock())
    process.start()
    try:
        yield process
    finally:
        process.stop()


def _fence(url: str, keys: Keys, places: Sequence[Stay]) -> None:
    admin = Client(url, keys.admin)
    for number, stay in enumerate(places, 1):
        center = [stay.center.longitude, stay.center.latitude]
        shape = {"type": "circle", "center": center, "radius_m": _FENCE_M}
        admin.call("PUT", f"/v1/geofences/stay-{number}", {"shape": shape, "dwell_s": _DWELL_S})
    admin.close()
    click.echo(f"{len(places)} fences of {_FENCE_M} m are placed on the track's stays.", err=True)


class _Phone:
    """The recorded phone. It prints each transition as the service answers it."""

    def __init__(self, client: Client, *, accuracy: float, as_json: bool) -> None:
        self._client = client
        self._accuracy = accuracy
        self._as_json = as_json
        self._counts: Counter[str] = Counter()

    def move_in(self, app_key: str, *, since: TrackPoint) -> None:
        """Registers, and agrees to everything since just before the track began."""
        self._client.use(app_key)
        body = {"platform": "android", "target": {"kind": "token", "value": f"replay-{new_id()}"}}
        self._client.use(self._client.call("POST", "/v1/devices", body)["credential"])
        began = (since.occurred_at - timedelta(seconds=1)).isoformat()
        entries = [
            {
                "purpose": purpose,
                "granted": True,
                "wording": WORDING,
                "wording_version": "1",
                "locale": "en",
                "source": "replay",
                "occurred_at": began,
            }
            for purpose in _PURPOSES
        ]
        self._client.call("POST", "/v1/consents", {"entries": entries})

    def walk(self, points: Sequence[TrackPoint], speed: float) -> None:
        """Sends every point, in batches of what is due by the chosen speed."""
        started, first = time.monotonic(), points[0].occurred_at
        with click.progressbar(length=len(points), label="fixes", file=sys.stderr) as bar:
            for batch in _batches(points, 1 if speed else _BATCH):
                if speed:
                    due = (batch[-1].occurred_at - first).total_seconds() / speed
                    time.sleep(max(0.0, started + due - time.monotonic()))
                self._send(batch)
                bar.update(len(batch))

    def summarise(self, *, bad_rows: int) -> None:
        totals = {"type": "summary", "bad_rows": bad_rows, **self._counts}
        if self._as_json:
            show_json(totals)
            return
        parts = ", ".join(f"{count} {name}" for name, count in totals.items() if name != "type")
        click.echo(parts)

    def _send(self, batch: Sequence[TrackPoint]) -> None:
        answer = self._client.call(
            "POST", "/v1/locations", {"fixes": [self._fix(p) for p in batch]}
        )
        self._counts["accepted"] += answer["accepted"]
        for rejected in answer["rejected"]:
            self._counts[rejected["code"]] += 1
        for transition in answer["transitions"]:
            self._tell(transition)

    def _tell(self, transition: dict[str, Any]) -> None:
        self._counts[transition["type"]] += 1
        if self._as_json:
            show_json({"type": "transition", "transition": transition})
        else:
            click.echo(
                f"{transition['occurred_at']}  {transition['type']:6} {transition['geofence']}"
                f"  confidence {transition['confidence']}"
            )

    def _fix(self, point: TrackPoint) -> dict[str, Any]:
        return {
            "event_id": new_id(),
            "latitude": point.latitude,
            "longitude": point.longitude,
            "accuracy_m": self._accuracy if point.accuracy_m is None else point.accuracy_m,
            "occurred_at": point.occurred_at.isoformat(),
            "background": True,
        }


def _batches(points: Sequence[TrackPoint], size: int) -> Iterator[Sequence[TrackPoint]]:
    for start in range(0, len(points), size):
        yield points[start : start + size]
