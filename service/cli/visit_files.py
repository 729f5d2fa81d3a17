"""Visits of a CSV file: who came when, with columns guessed by their names where they are not given."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import click

from scheduler.context.clock import zone_named
from scheduler.learn.histories import Histories, histories
from service.cli.tables import Rows, WrongTable, read_columns
from service.cli.time_texts import EPOCH, FORMATS, ISO, Read, misfits, reader, way_of_writing

_CUSTOMER = (
    *("customer", "customer_id", "customerid", "card", "card_id", "household", "household_id"),
    *("user", "user_id", "userid", "client", "client_id", "member", "member_id", "person"),
    *(
        "person_id",
        "account",
        "account_id",
        "shopper",
        "shopper_id",
        "guest",
        "buyer",
        "loyalty_id",
    ),
)
_TIME = (
    *("datetime", "timestamp", "transaction_timestamp", "occurred_at", "visited_at", "ordered_at"),
    *("created_at", "purchased_at", "date_time", "transaction_time", "order_time", "time"),
    *(
        "transaction_date",
        "order_date",
        "purchase_date",
        "invoicedate",
        "visit_date",
        "date",
        "day",
    ),
)
_ITEM = ("item", "item_id", "product", "product_id", "product_name", "item_name", "sku", "article")
_GUESSES = {"customer": _CUSTOMER, "time": _TIME, "item": _ITEM}
_ARTICLES = {"customer": "a customer", "time": "a time", "item": "an item"}
_SAMPLE = 500
_EVERY = 5000  # rows between two steps of the progress bar


class Columns(NamedTuple):
    """Which column is which, as given or None; and how times are read."""

    customer: str | None
    time: str | None
    place: str | None = None
    item: str | None = None
    zone: str = "UTC"
    utc: bool = False
    time_format: str | None = None


class VisitFile(NamedTuple):
    """The visits, what each was about (item texts in the order of the file's rows kept), and how the file was read.

    `units`: the customer, and with a place the place, that each number of a person stands for.
    """

    visits: Histories
    items: list[tuple[int, float, str]]
    read: dict[str, Any]
    units: tuple[tuple[str, ...], ...]


def read_visits(path: Path, columns: Columns, *, wants_item: bool = False) -> VisitFile:
    """All visits of the file. Rows without a customer are skipped and counted; a wrong time is an error that names the row."""
    zone = _zone(columns.zone)
    taken = _taken(path, columns, wants_item=wants_item)
    wanted = [taken[role] for role in ("customer", "time", "place", "item") if role in taken]
    way = columns.time_format or _way(path, taken["time"])
    read = reader(way, ZoneInfo("UTC") if columns.utc else zone)
    people: dict[tuple[str, ...], int] = {}
    found: list[tuple[int, float]] = []
    items: list[tuple[int, float, str]] = []
    rows = skipped = 0
    with_place = "place" in taken
    for row in _with_progress(read_columns(path, wanted)):
        rows += 1
        if not row[0] or (with_place and not row[2]):
            skipped += 1
            continue
        at = _time(read, row[1], rows, taken["time"], way)
        who = people.setdefault((row[0], row[2]) if with_place else (row[0],), len(people))
        found.append((who, at))
        if wants_item and row[-1]:
            items.append((who, at, row[-1]))
    for role, present in (("customer", found), ("item", items if wants_item else found)):
        if not present:
            raise WrongTable(f"{path}: no row has a value in column {taken[role]}.")
    told: dict[str, Any] = {
        **taken,
        "zone": zone.key,
        "times": way,
        "naive_times": "UTC" if columns.utc else zone.key,
    }
    counts = {"rows": rows, "skipped": skipped, "people": len(people)}
    return VisitFile(histories(found, zone), items, told | counts, tuple(people))


def want_hours(path: Path, read: VisitFile) -> None:
    """WrongTable where the file has days alone: all its times are midnight by the clock they were read by."""
    clock = ZoneInfo(read.read["naive_times"])
    times = (datetime.fromtimestamp(at, clock) for at in read.visits.at.tolist())
    if any(at.hour or at.minute or at.second for at in times):
        return
    raise WrongTable(
        f"{path}: column {read.read['time']} holds days without a time of day, and what is asked here is the hour. "
        "next-visit and taste need days only; or say another column with --time."
    )


def say(read: dict[str, Any]) -> None:
    """Says on standard error what was taken for what."""
    roles = [role for role in ("customer", "time", "place", "item") if role in read]
    named = ", ".join(f"{role} = {read[role]}" for role in roles)
    click.echo(
        f"{named}; times as {read['times']}, without an offset by the clock of {read['naive_times']}, read in "
        f"{read['zone']}. {read['rows']} rows, {read['skipped']} skipped for want of a customer or place.",
        err=True,
    )


def _zone(name: str) -> ZoneInfo:
    zone = zone_named(name)
    if zone is None:
        raise click.UsageError(f"--tz {name}: no such time zone. Name one like Europe/Helsinki.")
    return zone


def _taken(path: Path, columns: Columns, *, wants_item: bool) -> dict[str, str]:
    wanted = ["customer", "time", *(["item"] if wants_item else [])]
    there = _columns_of(path)
    given = {"customer": columns.customer, "time": columns.time, "item": columns.item}
    taken = {role: given[role] or _guess(there, _GUESSES[role]) for role in wanted}
    missing = [role for role, name in taken.items() if name is None]
    if missing:
        options = " and ".join(f"--{role} COLUMN" for role in missing)
        raise WrongTable(
            f"{path}: no column is named like {' or '.join(_ARTICLES[role] for role in missing)}. "
            f"Found: {', '.join(there)}. Say which with {options}."
        )
    place = {"place": columns.place} if columns.place else {}
    found = {role: name for role, name in (taken | place).items() if name}
    _columns_of(path, tuple(found.values()))
    return found


def _columns_of(path: Path, wanted: Sequence[str] = ()) -> tuple[str, ...]:
    """The header; WrongTable where it lacks any that is wanted."""
    rows = read_columns(path, wanted)
    with closing(iter(rows)) as lines:
        next(lines, None)
    return rows.columns


def _guess(there: Sequence[str], names: Sequence[str]) -> str | None:
    by_name = {column.casefold().replace(" ", "_").replace("-", "_"): column for column in there}
    return next((by_name[name] for name in names if name in by_name), None)


def _way(path: Path, column: str) -> str:
    with closing(iter(read_columns(path, [column]))) as rows:
        texts = [row[0] for row in islice(rows, _SAMPLE) if row[0]]
    if way := way_of_writing(texts) if texts else None:
        return way
    most, odd = misfits(texts)
    mixed = 0 < len(odd) < len(texts)
    shown = ", ".join(dict.fromkeys(odd[:3])) or "nothing"
    known = f"{EPOCH}, {ISO}, or one of {', '.join(FORMATS)}"
    raise WrongTable(
        f"{path}: column {column} holds {shown}, "
        + (
            f"and other rows are written as {most}"
            if mixed
            else f"which is no time that is known here: {known}"
        )
        + ". Say it with --time-format."
    )


def _time(read: Read, text: str, number: int, column: str, way: str) -> float:
    try:
        return read(text)
    except (ValueError, OverflowError) as error:
        raise WrongTable(
            f"Row {number}: {text or 'an empty text'} in column {column} is not written as the first rows are ({way}). "
            "Where those were taken wrongly, say it with --time-format."
        ) from error


def _with_progress(rows: Rows) -> Iterator[tuple[str, ...]]:
    with click.progressbar(length=rows.size, label="reading", file=sys.stderr) as bar:
        done = 0
        for number, row in enumerate(rows):
            if number % _EVERY == 0:
                bar.update(rows.read - done)
                done = rows.read
            yield row
        bar.update(rows.size - done)
