"""`whenabouts demo`: a small town on real ground, driven through the public API by residents with phones."""

import random
import shutil
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import click
import msgspec

from domain.clock import ScaledClock, SystemClock
from domain.errors import Refusal
from domain.settings import Settings
from domain.values import Value
from service import logs
from service.cli import far_ends, settling_in
from service.cli.client import Client
from service.cli.feed import Feed, Watcher
from service.cli.opening import settings
from service.cli.output import explained
from service.cli.residents import Memory, Resident
from service.demo import story
from service.demo.town import StreetGraph, load_town
from service.environment import address
from service.wiring import Process

_SAVE_S = 1.0
_RETRY_S = 2.0


class Diary(Value):
    """What the demo keeps between two starts, beside its database: its clock, its keys, its phones."""

    now: datetime
    weather_began: datetime
    keys: settling_in.Keys
    phones: dict[str, Memory] = {}


@click.command()
@click.option(
    "--speed",
    default=60.0,
    show_default=True,
    type=click.FloatRange(1, 600),
    help="How many times faster than real time the town lives.",
)
@click.option("--seconds", type=click.FloatRange(min=1), help="Stop after so many real seconds.")
@click.option("--fresh", is_flag=True, help="Forget the town of the last start.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per line.")
@explained
def demo(speed: float, seconds: float | None, fresh: bool, as_json: bool) -> None:
    """Live a day in a demo town: a service, a local FCM and a dozen residents with phones."""
    chosen = settings()
    logs.configure("error" if chosen.log_level == "info" else chosen.log_level)
    folder = Path(chosen.data_dir) / "demo"
    if fresh:
        shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    with ExitStack() as stack:
        town = Demo(chosen, folder=folder, speed=speed, as_json=as_json)
        town.open(stack)
        stop.wait(seconds)
        town.lines.tell("stopping", "The town goes to sleep; the next start goes on from here.")


class Demo:
    """A running town. What `open` starts is stopped by its stack, in the opposite order."""

    def __init__(self, chosen: Settings, *, folder: Path, speed: float, as_json: bool) -> None:
        self._chosen = chosen
        self._folder = folder
        self._speed = speed
        self._town = load_town()
        self._zone = ZoneInfo(self._town.time_zone)
        self._diary = _read(folder / "diary.json")
        start = self._resumed(self._diary) if self._diary else _first_morning(self._zone)
        self._clock = ScaledClock(start=start, speed=speed)
        self._residents: list[Resident] = []
        self._quiet = threading.Event()
        self._watcher: Watcher | None = None
        self.lines = Feed(as_json=as_json, zone=self._zone, now=self._clock.now)

    def open(self, stack: ExitStack) -> None:
        """Starts the emulator, the weather, the service, and the residents."""
        fcm_url = stack.enter_context(far_ends.emulator(self._tell_push))
        began = self._diary.weather_began if self._diary else self._clock.now()
        middle = self._town.sites[0].position
        weather_url = stack.enter_context(
            far_ends.weather(**middle._asdict(), clock=self._clock, began=began)
        )
        process = stack.enter_context(self._service(fcm_url, weather_url))
        diary = self._diary or self._settle(process, began)
        self._announce(process, fcm_url)
        self._watcher = Watcher(process.database, self.lines)
        self._watcher.start()
        stack.callback(self._watcher.stop)
        self._wake_residents(process, diary)
        stack.enter_context(self._living(diary))

    def _resumed(self, diary: Diary) -> datetime:
        """A little later than the last note, which a killed demo could not bring up to date."""
        return diary.now + timedelta(seconds=2 * _SAVE_S * self._speed)

    @contextmanager
    def _service(self, fcm_url: str, weather_url: str) -> Iterator[Process]:
        changed = msgspec.structs.replace(
            self._chosen,
            database_url=f"sqlite:///{(self._folder / 'demo.sqlite3').absolute()}",
            bind=_free(self._chosen.bind),
            fcm_endpoint=fcm_url,
            fcm_project="demo-town",
            fcm_credentials="anonymous",
            weather_provider="recorded",
            weather_url=weather_url,
        )
        process = Process(changed, clock=self._clock)
        process.start()
        try:
            yield process
        finally:
            process.stop()

    def _settle(self, process: Process, began: datetime) -> Diary:
        keys = settling_in.make_brand(
            process.database, time_zone=self._town.time_zone, now=self._clock.now()
        )
        admin = Client(process.url, keys.admin)
        settling_in.open_shop(admin, self._town)
        admin.close()
        return Diary(now=self._clock.now(), weather_began=began, keys=keys)

    def _wake_residents(self, process: Process, diary: Diary) -> None:
        """Everybody goes on where they were; whoever is new moves in."""
        graph = StreetGraph(self._town)
        sites = {site.external_id: site for site in self._town.sites}
        for number, character in enumerate(story.CHARACTERS):
            resident = Resident(
                character,
                client=Client(process.url),
                graph=graph,
                sites=sites,
                junctions=self._town.junctions,
                now=self._clock.now,
                seed=number if not diary.phones else random.randrange(2**32),
            )
            if known := diary.phones.get(character.name):
                resident.remember(known.credential, known.position)
            else:
                self._move_in(resident, diary.keys)
            self._residents.append(resident)
        if not diary.phones:
            admin = Client(process.url, diary.keys.admin)
            settling_in.tell_the_past(admin, now=self._clock.now(), zone=self._zone)
            for one in self._residents:
                if one.character.works:
                    settling_in.live_the_past(
                        process.database, one, admin, now=self._clock.now(), zone=self._zone
                    )
            admin.close()

    def _move_in(self, resident: Resident, keys: settling_in.Keys) -> None:
        resident.move_in(app_key=keys.app, signing_secret=keys.signing_secret)
        character = resident.character
        refused = ", ".join(character.refuses)
        self.lines.tell(
            "resident",
            f"{character.name} moves in" + (f" and does not agree to {refused}" if refused else ""),
            customer=character.name,
            refuses=list(character.refuses),
        )
        if "location" in character.refuses:
            code = resident.try_without_consent()
            self.lines.tell(
                "refused",
                f"{character.name}: a position sent without consent is answered {code}; nothing is stored",
                customer=character.name,
                code=code,
            )

    @contextmanager
    def _living(self, diary: Diary) -> Iterator[None]:
        """A thread for each resident, and one that keeps the diary."""
        threads = [
            threading.Thread(target=self._live, args=(each,), name=each.character.name, daemon=True)
            for each in self._residents
        ]
        threads.append(
            threading.Thread(target=self._keep, args=(diary,), name="diary", daemon=True)
        )
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._quiet.set()
            for thread in threads:
                thread.join()
            self._note(diary)

    def _live(self, resident: Resident) -> None:
        while not self._quiet.is_set():
            try:
                due = resident.step()
            except Refusal as refusal:
                self.lines.tell(
                    "refused", f"{resident.character.name}: {refusal.detail}", code=refusal.code
                )
                self._quiet.wait(_RETRY_S)
                continue
            wait = (due - self._clock.now()).total_seconds() / self._speed
            self._quiet.wait(max(wait, 0.02))

    def _keep(self, diary: Diary) -> None:
        while not self._quiet.wait(_SAVE_S):
            self._note(diary)

    def _note(self, diary: Diary) -> None:
        phones = {each.character.name: each.memory() for each in self._residents}
        note = msgspec.structs.replace(diary, now=self._clock.now(), phones=phones)
        new = self._folder / "diary.json.new"
        new.write_bytes(msgspec.json.encode(note))
        new.replace(self._folder / "diary.json")

    def _tell_push(self, push: dict[str, Any]) -> None:
        who = push["target"].partition("-")[2]
        if self._watcher:
            self._watcher.look()  # a decision is told before the push it led to
        self.lines.tell(
            "push",
            f"{who}’s phone shows “{push['title']}” — {push['body']}",
            customer=who,
            title=push["title"],
            body=push["body"],
            data=push.get("data", {}),
        )

    def _announce(self, process: Process, fcm_url: str) -> None:
        database = process.database.url.database
        again = "goes on" if self._diary else "begins"
        lines = [
            f"The town of {self._town.name} {again}, {self._speed:g} times faster than real time. Ctrl-C ends it.",
            f"API reference   {process.url}/docs",
            f"Phones          {fcm_url}/",
            f"Why?            WHENABOUTS_DATABASE_URL=sqlite:///{database} {sys.argv[0]} why resident-01",
            f"Map data        {self._town.credit}",
        ]
        for line in lines:
            self.lines.tell("about", line, url=process.url, fcm_url=fcm_url)


def _read(file: Path) -> Diary | None:
    try:
        return msgspec.json.decode(file.read_bytes(), type=Diary)
    except FileNotFoundError:
        return None
    except msgspec.MsgspecError as error:
        raise Refusal(
            f"{file} is damaged ({error}); start with --fresh to forget that town."
        ) from None


def _first_morning(zone: ZoneInfo) -> datetime:
    """The last weekday before today, before the moment at which those who lunch at noon are thought of."""
    day = SystemClock().now().astimezone(zone) - timedelta(days=1)
    while day.weekday() >= 5:
        day -= timedelta(days=1)
    return day.replace(hour=10, minute=5, second=0, microsecond=0).astimezone(UTC)


def _free(bind: str) -> str:
    """The address asked for, or one with a free port where something else listens there."""
    host, port = address(bind)
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return f"{bind.rpartition(':')[0]}:0"
    return bind
