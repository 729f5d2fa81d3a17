"""`whenabouts backtest rhythm | next-visit | moment | taste FILE.csv`: would your own customers' visits have been foreseen?"""

import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import click
import numpy as np

from scheduler.context import leans
from scheduler.context.chances import MONTH, WEEK
from scheduler.learn import moment as moments
from scheduler.learn import next_visit as visits_ahead
from scheduler.learn import rhythms, visit_reports, where
from scheduler.learn.next_item import next_item
from service.cli import visit_tables
from service.cli.output import explained, json_option, show_json
from service.cli.tables import WrongTable
from service.cli.visit_files import Columns, VisitFile, read_visits, say, want_hours

_file = click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
_OPTIONS = (
    click.option(
        "--customer", help="The column that tells customers apart; else guessed by its name."
    ),
    click.option("--time", "time_", help="The column with the time of the visit; else guessed."),
    click.option(
        "--tz", default="UTC", show_default=True, help="The zone whose clock people live by."
    ),
    click.option(
        "--utc", is_flag=True, help="Times without an offset are UTC; else by the clock of --tz."
    ),
    click.option("--time-format", help="How times are written, as for strptime; else recognised."),
    click.option("--plot", type=click.Path(dir_okay=False, path_type=Path), help="Write a PNG."),
    json_option,
)
_place = click.option("--place", help="A column of places: the unit is then a person at a place.")


def _options(command: Callable[..., Any]) -> Callable[..., Any]:
    for option in reversed((_file, *_OPTIONS)):
        command = option(command)
    return command


@click.command("rhythm")
@_options
@_place
@click.option(
    "--least",
    default=10,
    show_default=True,
    type=click.IntRange(2),
    help="Visits (one an hour) a person needs.",
)
@explained
def rhythm(
    file: Path, place: str | None, least: int, plot: Path | None, as_json: bool, **given: Any
) -> None:
    """When the next visits of each person come: the wheel against histograms, on each person's last 30 %."""
    started = time.monotonic()
    read = _read(file, place=place, **given)
    want_hours(file, read)
    visits = rhythms.slots(read.visits, least=least)
    if not visits.test.any():
        raise WrongTable(
            f"{file}: nobody came {least} times (once an hour counts); there is nothing to test. See --least."
        )
    with _progress(len(visits.who), "learning") as tick:
        frozen, online, brand = rhythms.wheels(visits, read.visits, tick)
    found = visit_reports.rhythm(visits, rhythms.histograms(visits), frozen, online)
    lean = leans.best(brand)
    found["lean"] = {"day": lean.day, "hour": lean.hour, "slot": lean.slot}
    if place:
        with _progress(len(read.visits.who), "places") as tick:
            foretold = where.foretold(read.visits, read.units, tick)
        if len(foretold.who):
            found["where"] = visit_reports.where(foretold)
    _tell("rhythm", read, found, started, plot=plot, as_json=as_json)


@click.command("next-visit")
@_options
@_place
@click.option(
    "--least",
    default=1,
    show_default=True,
    type=click.IntRange(1),
    help="Visits after which a person is asked about.",
)
@click.option(
    "--every",
    default=3,
    show_default=True,
    type=click.IntRange(1),
    help="Ask at every so many-th midnight.",
)
@explained
def next_visit(
    file: Path,
    place: str | None,
    least: int,
    every: int,
    plot: Path | None,
    as_json: bool,
    **given: Any,
) -> None:
    """Whether a person comes within 7 and 30 days, asked at midnights of the second half of the time."""
    started = time.monotonic()
    read = _read(file, place=place, **given)
    with _progress(len(read.visits.who), "learning") as tick:
        answers = visits_ahead.asked(
            read.visits, (WEEK, MONTH), since=_middle(read), least=least, every=every, tick=tick
        )
    if not answers:
        raise WrongTable(f"{file} covers too few days: the second half must be longer than a week.")
    found = {
        "least_visits": least,
        "horizons": {
            str(days): visit_reports.next_visit(each, days=days) for days, each in answers.items()
        },
    }
    _tell("next_visit", read, found, started, plot=plot, as_json=as_json)


@click.command("moment")
@_options
@_place
@click.option(
    "--least",
    default=4,
    show_default=True,
    type=click.IntRange(1),
    help="Visits after which a person is asked about.",
)
@explained
def moment(
    file: Path, place: str | None, least: int, plot: Path | None, as_json: bool, **given: Any
) -> None:
    """Whether a person comes within three hours, asked at each hour from 6 to 21 in the second half of the time."""
    started = time.monotonic()
    read = _read(file, place=place, **given)
    want_hours(file, read)
    with _progress(len(read.visits.who), "learning") as tick:
        answers = moments.asked(read.visits, since=_middle(read), least=least, tick=tick)
    if not len(answers.came):
        raise WrongTable(f"{file}: nobody came {least} times before the end. See --least.")
    found = {"least_visits": least, **visit_reports.moment(answers)}
    _tell("moment", read, found, started, plot=plot, as_json=as_json)


@click.command("taste")
@_options
@click.option("--item", help="The column with what was taken; else guessed by its name.")
@explained
def taste(file: Path, item: str | None, plot: Path | None, as_json: bool, **given: Any) -> None:
    """What a person takes next: each order is foretold from the person's earlier ones, then learned."""
    started = time.monotonic()
    read = _read(file, item=item, wants_item=True, **given)
    with _progress(len(read.items), "learning") as tick:
        found = next_item(read.items, tick=tick)
    _tell("taste", read, found, started, plot=plot, as_json=as_json)


def _read(
    file: Path,
    *,
    customer: str | None,
    time_: str | None,
    tz: str,
    utc: bool,
    time_format: str | None,
    place: str | None = None,
    item: str | None = None,
    wants_item: bool = False,
) -> VisitFile:
    columns = Columns(customer, time_, place, item, tz, utc, time_format)
    read = read_visits(file, columns, wants_item=wants_item)
    say(read.read)
    return read


def _middle(read: VisitFile) -> float:
    """Half of the time that the file covers: what comes before only teaches."""
    return float(np.mean(read.visits.at[[0, -1]]))


class _Ticks(AbstractContextManager[Callable[[int], None]]):
    """A progress bar on standard error that is drawn once in a while, however often it is told of a step."""

    def __init__(self, length: int, label: str) -> None:
        self._bar = click.progressbar(length=length, label=label, file=sys.stderr)
        self._step = max(1, length // 200)
        self._waiting = 0

    def __enter__(self) -> Callable[[int], None]:
        self._bar.__enter__()
        return self._tick

    def __exit__(self, *error: object) -> None:
        self._bar.update(self._waiting)
        self._bar.__exit__(None, None, None)

    def _tick(self, steps: int) -> None:
        self._waiting += steps
        if self._waiting >= self._step:
            self._bar.update(self._waiting)
            self._waiting = 0


def _progress(length: int, label: str) -> _Ticks:
    return _Ticks(length, label)


def _tell(
    kind: str,
    read: VisitFile,
    found: dict[str, Any],
    started: float,
    *,
    plot: Path | None,
    as_json: bool,
) -> None:
    seconds = time.monotonic() - started
    found = {"read": read.read, **found, "seconds": round(seconds, 2)}
    found["events_per_minute"] = round(60 * read.read["rows"] / max(seconds, 1e-9))
    if plot:
        from service.cli.visit_plots import draw  # noqa: PLC0415 - matplotlib is an extra and slow

        draw(kind, found, plot)
    show_json(found) if as_json else visit_tables.show(kind, found)
