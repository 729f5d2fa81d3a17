"""What Firebase tells afterwards of the messages it took: rows of the BigQuery export, and answers of the FCM Data API.

Formats: the table `firebase_messaging.data` as the page "Understanding message delivery" describes it, and
`AndroidDeliveryData` of `fcmdata v1beta1`. Read leniently where tools differ (whole numbers as text, `UTC` or an offset in
times), strictly where a wrong reading would count something twice or not at all. Pure.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Any

import msgspec

from domain.errors import Fault
from domain.values import Value

ANY = "*"
"""Stands for the label of messages that had none."""


class Happened(StrEnum):
    """The events of the export that tell of one message; the others tell of refusals, which are known already."""

    ACCEPTED = "MESSAGE_ACCEPTED"
    DELIVERED = "MESSAGE_DELIVERED"


class Row(Value):
    """One event of one message at one device. `collapse_key` is our message's id on Android; `name` is FCM's."""

    happened: Happened
    at: datetime
    name: str
    collapse_key: str | None = None


class Report(Value):
    """One day of one app under one label. `accepted` counts devices that share usage data; `shares` are per cent of it."""

    app: str
    day: date
    label: str
    accepted: int
    shares: dict[str, float] = {}


class Found(Value):
    """What a file holds: rows or reports, how many rows tell nothing new, and every place that cannot be read."""

    rows: tuple[Row, ...] = ()
    reports: tuple[Report, ...] = ()
    other: int = 0
    faults: tuple[Fault, ...] = ()


class _Line(msgspec.Struct):
    event: str | None = None
    message_id: str | None = None
    event_timestamp: str | float | None = None
    collapse_key: str | None = None


class _Date(msgspec.Struct):
    year: int
    month: int
    day: int


class _Data(msgspec.Struct, rename="camel"):
    count_messages_accepted: int = 0  # as text in Google's JSON
    message_outcome_percents: dict[str, float] = {}


class _Entry(msgspec.Struct, rename="camel"):
    app_id: str
    date: _Date
    data: _Data
    analytics_label: str = ANY


_EVENT = re.compile(r"[A-Z][A-Z_]+")
_ENTRIES = "androidDeliveryData"
_MOST_FAULTS = 1000
_YEARS = range(1970, 2200)  # a time outside of them is a unit or a column mistaken for another
_MOST_ACCEPTED = 2**53
_UNREADABLE = (
    msgspec.DecodeError,
    RecursionError,
)  # the second where brackets stand in brackets without end


def read(content: bytes) -> Found:
    """Reads a file of either kind: the Data API's answers, or one row of the export on each line, or a list of rows."""
    text = content.removeprefix(b"\xef\xbb\xbf").strip()
    if not text:
        return _wrong("", "The file is empty; export at least one row.")
    try:
        whole = msgspec.json.decode(text)
    except _UNREADABLE:
        return _of_lines(text.splitlines())
    if isinstance(whole, dict) and _ENTRIES in whole:
        return _of_reports(whole[_ENTRIES])
    return _of_rows(enumerate(whole if isinstance(whole, list) else [whole], start=1))


def _of_lines(lines: Sequence[bytes]) -> Found:
    """One JSON document on each line; pages of the Data API may stand there too."""
    decoded: list[tuple[int, Any]] = []
    faults: list[Fault] = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            decoded.append((number, msgspec.json.decode(line)))
        except _UNREADABLE as error:
            faults.append(_fault(number, "", f"This is no JSON document ({error})."))
    pages = [
        (number, each) for number, each in decoded if isinstance(each, dict) and _ENTRIES in each
    ]
    if pages and len(pages) == len(decoded):
        found = _of_reports([entry for _, page in pages for entry in _listed(page[_ENTRIES])])
    else:
        found = _of_rows(decoded)
    every = (*faults, *found.faults)
    return msgspec.structs.replace(found, faults=every[:_MOST_FAULTS])


def _of_rows(given: Iterator[tuple[int, Any]] | Sequence[tuple[int, Any]]) -> Found:
    rows: list[Row] = []
    faults: list[Fault] = []
    other = 0
    for number, each in given:
        try:
            row = _row(each)
        except _Unreadable as wrong:
            faults.append(_fault(number, wrong.pointer, wrong.detail))
            continue
        if row:
            rows.append(row)
        else:
            other += 1
    return Found(rows=tuple(rows), other=other, faults=tuple(faults[:_MOST_FAULTS]))


class _Unreadable(Exception):
    def __init__(self, pointer: str, detail: str) -> None:
        super().__init__(detail)
        self.pointer = pointer
        self.detail = detail


def _row(given: Any) -> Row | None:
    """None for an event that tells nothing new."""
    try:
        line = msgspec.convert(given, _Line)
    except msgspec.ValidationError as error:
        raise _Unreadable("", f"This is no row of the export: {error}.") from None
    if not line.event or not _EVENT.fullmatch(line.event):
        raise _Unreadable("event", "Each row needs its `event`, such as MESSAGE_DELIVERED.")
    if line.event not in tuple(Happened):
        return None
    if not line.message_id:
        raise _Unreadable(
            "message_id", "Each row needs FCM's `message_id`; select it in the export."
        )
    return Row(
        happened=Happened(line.event),
        at=_time(line.event_timestamp),
        name=_plain("message_id", line.message_id.rpartition("/")[2]),
        collapse_key=_plain("collapse_key", line.collapse_key or "") or None,
    )


def _plain(field: str, text: str) -> str:
    if not text.isprintable():
        raise _Unreadable(field, f"`{field}` holds characters that FCM's names never have.")
    return text


def _time(given: str | float | None) -> datetime:
    at = _time_or_none(given)
    if at is None or at.year not in _YEARS:
        raise _Unreadable(
            "event_timestamp",
            "Each row needs its `event_timestamp`, such as 2026-05-06 10:00:00 UTC.",
        )
    return at


def _time_or_none(given: str | float | None) -> datetime | None:
    """BigQuery writes `2026-05-06 10:00:00.5 UTC`, its clients ISO 8601 or seconds since 1970."""
    try:
        if isinstance(given, str) and not re.fullmatch(r"[0-9.E+]+", given):
            at = datetime.fromisoformat(given.removesuffix(" UTC"))
            return (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC)
        return datetime.fromtimestamp(float(given or "none"), UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _of_reports(given: Any) -> Found:
    reports: list[Report] = []
    faults: list[Fault] = []
    for number, each in enumerate(_listed(given), start=1):
        try:
            reports.append(_report(each))
        except (msgspec.ValidationError, ValueError) as error:
            faults.append(_fault(number, "", f"This is no entry of the Data API: {error}."))
    return Found(reports=tuple(reports), faults=tuple(faults[:_MOST_FAULTS]))


def _report(given: Any) -> Report:
    entry = msgspec.convert(given, _Entry, strict=False)
    shares: Mapping[str, float] = entry.data.message_outcome_percents
    accepted = entry.data.count_messages_accepted
    if not 0 <= accepted <= _MOST_ACCEPTED or any(not 0 <= s <= 100 for s in shares.values()):
        raise ValueError("counts are from 0 to 2^53, and shares from 0 to 100")
    if not (entry.app_id + entry.analytics_label + "".join(shares)).isprintable():
        raise ValueError("names hold no control characters")
    return Report(
        app=entry.app_id[:200],
        day=date(entry.date.year, entry.date.month, entry.date.day),
        label=entry.analytics_label[:50] or ANY,
        accepted=accepted,
        shares=dict(shares),
    )


def _listed(given: Any) -> list[Any]:
    return given if isinstance(given, list) else [given]


def _fault(number: int, field: str, detail: str) -> Fault:
    return Fault(pointer=f"/{number - 1}/{field}".rstrip("/"), detail=f"Line {number}: {detail}")


def _wrong(pointer: str, detail: str) -> Found:
    return Found(faults=(Fault(pointer=pointer, detail=detail),))
