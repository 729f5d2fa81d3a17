"""Opening hours in OSM syntax: open or not, and until when, at the wall clock of a place.

The grammar is the library's; two of its answers are mended here, both by rewriting the expression:

- Public holidays (`PH`) come from `holidays`, because the library's own calendar misses days of several countries and
  lacks others. On a holiday, `PH` is spelled as that day's weekday; on any other day as a weekday that is neither today
  nor yesterday. School holidays (`SH`) have no calendar and never hold.
- Hours past midnight belong to the day on which they begin, whatever the next day's rule says (the library drops them
  in `Sa 18:00-02:00; Su 12:00-20:00`). So such an expression is asked twice: for today with every span cut at
  midnight, and for yesterday with only what reaches past it.
"""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import NoReturn
from zoneinfo import ZoneInfo

import holidays
from opening_hours import OpeningHours, ParserError  # type: ignore[attr-defined]  # not in its stubs

from domain.errors import Fault, Invalid
from domain.places import LatLon

DAYS = ("Mo", "Tu", "We", "Th", "Fr", "Sa", "Su")
EXAMPLE = "Mo-Fr 10:30-20:00; Sa 11:00-18:00; PH off"

UNREADABLE = (ParserError, UnicodeError)  # the second: halves of surrogate pairs
_HORIZON = timedelta(days=366)
_DAY = 24 * 60  # minutes
_LAST = _DAY - 1
_NEVER_ASKED = "23:59-24:00"  # keeps a rule in force where nothing of it reaches past midnight
_QUOTED = re.compile(r'"[^"]*"')
_HOLIDAY = re.compile(r"\bPH\b(?:\s*(?P<offset>[+-]\s*\d{1,2})\s*days?)?")
_SPAN = re.compile(r"\b(\d{1,2}):(\d\d)\s*-\s*(\d{1,2}):(\d\d)(?!\s*[+/\d])")
_OTHER_TIME = re.compile(r"\d:\d\d|sunrise|sunset|dawn|dusk")
_PLAIN = re.compile(rf"{_SPAN.pattern}|(?i:\b(?:off|closed)\s*$)")


class OpeningTimes:
    """The hours of one place. `zone` is its IANA name, `country` its ISO code for public holidays.

    `position` makes `sunrise` and `sunset` true to the place; without it they are 07:00 and 19:00. A state that the
    expression calls `unknown` counts as closed. Invalid where the expression cannot be read.
    """

    def __init__(
        self,
        expression: str,
        *,
        zone: str,
        country: str | None = None,
        position: LatLon | None = None,
    ) -> None:
        self._zone = ZoneInfo(zone)
        self._country = country
        self._position = position
        self._has_holidays = _names_holidays(expression)
        self._own, self._past_midnight = _split(expression)
        try:
            self._own_hours(date(2026, 1, 1))
        except UNREADABLE:
            check(expression)
            raise

    def is_open(self, at: datetime) -> bool:
        """Whether the place is open at `at`, an aware time of any zone."""
        local = at.astimezone(self._zone)
        if self._own_hours(local.date()).is_open(local):
            return True
        before = _wall_clock_a_day_ago(local)
        return (
            self._past_midnight is not None
            and before.time() < time(23, 59)
            and self._night(before.date()).is_open(before)
        )

    def next_change(self, at: datetime) -> datetime | None:
        """When it next opens or closes after `at`, in UTC; None where it does not within a year."""
        was_open, end = self.is_open(at), at + _HORIZON
        later = self._next_step(at.astimezone(UTC))
        while later is not None and later < end:
            if self.is_open(later) != was_open:
                return later
            step = self._next_step(later)
            later = step if step is not None and step > later else None
        return None

    def _next_step(self, at: datetime) -> datetime | None:
        """The next time at which anything may change: a border of hours, or midnight, when words change meaning."""
        local = at.astimezone(self._zone)
        steps = [self._own_hours(local.date()).next_change(local)]
        if self._past_midnight is not None:
            before = _wall_clock_a_day_ago(local)
            border = self._night(before.date()).next_change(before)
            steps.append(border and (border + timedelta(days=1)).replace(tzinfo=self._zone))
        if self._has_holidays or self._past_midnight is not None:
            tomorrow = local.date() + timedelta(days=1)
            steps.append(datetime.combine(tomorrow, time(), tzinfo=self._zone))
        return min((step.astimezone(UTC) for step in steps if step), default=None)

    def _own_hours(self, day: date) -> OpeningHours:
        return _parsed(self._spelled(self._own, day), self._zone, self._position)

    def _night(self, day: date) -> OpeningHours:
        """What reaches from `day` into the next one, asked at naive wall-clock times: some exist on one day only."""
        return _parsed(self._spelled(self._past_midnight or "off", day), None, None)

    def _spelled(self, expression: str, day: date) -> str:
        """The expression as it holds on `day` and in the hours that reach into it from the day before."""
        if not self._has_holidays:
            return expression

        def weekdays(found: re.Match[str]) -> str:
            offset = timedelta(days=int((found["offset"] or "0").replace(" ", "")))
            near = (day - timedelta(days=1), day)
            named = [each for each in near if self._is_holiday(each - offset)]
            return ",".join(DAYS[each.weekday()] for each in named or [day + timedelta(days=3)])

        return _outside_quotes(_HOLIDAY, weekdays, expression)

    def _is_holiday(self, day: date) -> bool:
        return self._country is not None and day in _holidays(self._country, day.year)


def check(expression: str, *, pointer: str = "") -> None:
    """Invalid, with the place of the mistake and a way to write it, where the expression cannot be read."""
    try:
        _read(expression)
    except UNREADABLE as error:
        _refuse(
            f"These opening hours cannot be read{_place(error)}. {_advice(expression)}", pointer
        )
    try:
        for days in (*DAYS, "Mo,Tu") if _names_holidays(expression) else ():
            _read(_outside_quotes(_HOLIDAY, days, expression))
    except UNREADABLE:
        _refuse("Join PH to weekdays with a comma, as in `Su,PH 12:00-17:00`.", pointer)


def has_calendar(country: str, year: int) -> bool:
    """Whether the public holidays of this country (ISO code) are known."""
    return bool(_holidays(country, year))


def _refuse(detail: str, pointer: str) -> NoReturn:
    raise Invalid(detail, faults=(Fault(pointer=pointer, detail=detail),)) from None


def _wall_clock_a_day_ago(local: datetime) -> datetime:
    return local.replace(tzinfo=None) - timedelta(days=1)


@lru_cache(maxsize=4096)
def _split(expression: str) -> tuple[str, str | None]:
    """What holds within each day, and what of it reaches into the next one.

    The second is None where nothing does, or where the expression has times that only the library can place (sunset,
    open ends, repetitions, whole days): then the first is the expression itself.
    """
    unquoted = _QUOTED.sub("", expression)
    if not any(_minutes(span)[1] > _DAY for span in _SPAN.finditer(unquoted)):
        return expression, None
    rules = [rule for rule in re.split(r";|\|\|", unquoted) if rule.strip()]
    if _OTHER_TIME.search(_SPAN.sub("", unquoted)) or not all(map(_PLAIN.search, rules)):
        return expression, None
    return (
        _outside_quotes(_SPAN, _until_midnight, expression),
        _outside_quotes(_SPAN, _from_midnight, expression),
    )


def _outside_quotes(
    pattern: re.Pattern[str], word: str | Callable[[re.Match[str]], str], expression: str
) -> str:
    """The expression with each match replaced; comments stay."""
    parts = re.split(f"({_QUOTED.pattern})", expression)
    return "".join(part if part.startswith('"') else pattern.sub(word, part) for part in parts)


def _until_midnight(span: re.Match[str]) -> str:
    start, end = _minutes(span)
    return f"{_clock(start)}-{_clock(min(end, _DAY))}"


def _from_midnight(span: re.Match[str]) -> str:
    _, end = _minutes(span)
    return f"00:00-{_clock(min(end - _DAY, _LAST))}" if end > _DAY else _NEVER_ASKED


def _minutes(span: re.Match[str]) -> tuple[int, int]:
    """Start and end in minutes of the day on which the span begins; an end that is not later is the next day's."""
    start, end = int(span[1]) * 60 + int(span[2]), int(span[3]) * 60 + int(span[4])
    return start, end if end > start else end + _DAY


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02d}:{minutes % 60:02d}"


def _names_holidays(expression: str) -> bool:
    return bool(_HOLIDAY.search(_QUOTED.sub("", expression)))


def _read(expression: str) -> None:
    _parsed(expression, None, None)


def _place(error: Exception) -> str:
    """Where the library stopped: its message points into the text as `--> line:column`."""
    found = re.search(r"--> \d+:(\d+)", str(error))
    return f" from character {found[1]} on" if found else ""


def _advice(expression: str) -> str:
    mended = _mended(expression)
    try:
        _read(mended)
    except UNREADABLE:
        return f"Use the OSM syntax, as in `{EXAMPLE}`."
    return f"Did you mean `{mended}`?"


def _mended(expression: str) -> str:
    """The expression with what people write elsewhere put into OSM's way."""
    text = re.sub(r"[‐‑‒–—−]|\s+to\s+", "-", expression)
    text = re.sub(r"(?i)\b(\d{1,2})(?:[:.](\d\d))?\s*([ap])\.?m\b\.?", _of_24_hours, text)
    text = re.sub(
        r"(?i)\b(mo|tu|we|th|fr|sa|su)(?!nrise|nset)[a-z]*", lambda day: day[1].capitalize(), text
    )
    text = re.sub(r"\b(\d{1,2})[.h](\d\d)\b", r"\1:\2", text)
    text = re.sub(r"(?<![:\d])(\d{1,2})(?![:\d])", r"\1:00", text)
    text = re.sub(r"\b(\d:\d\d)\b", r"0\1", text)
    return re.sub(r"\s*-\s*", "-", text)


def _of_24_hours(found: re.Match[str]) -> str:
    hour = int(found[1]) % 12 + (12 if found[3].lower() == "p" else 0)
    return f"{hour:02d}:{found[2] or '00'}"


@lru_cache(maxsize=4096)
def _parsed(text: str, zone: ZoneInfo | None, position: LatLon | None) -> OpeningHours:
    """A memory of what was read, since reading takes far longer than a question."""
    return OpeningHours(
        text,
        timezone=zone,
        coords=position,
        auto_country=False,
        max_interval_days=_HORIZON.days,
    )


@lru_cache(maxsize=512)
def _holidays(country: str, year: int) -> frozenset[date]:
    """The country's public holidays of a year; none where its calendar is not known."""
    try:
        return frozenset(holidays.country_holidays(country, years=year))
    except NotImplementedError:
        return frozenset()
