"""How arguments are written in a language: each argument's name says what it is. Pure."""

import contextlib
import math
from collections.abc import Callable, Sequence
from datetime import date, datetime, time, timedelta
from typing import Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from babel import Locale
from babel.dates import (
    format_date,
    format_datetime,
    format_skeleton,
    format_time,
    format_timedelta,
)
from babel.lists import format_list
from babel.numbers import format_currency, format_decimal, format_percent
from babel.units import format_unit

from scheduler.context.words import When

_IN_HOURS = 2  # days, below which a span is told in hours

Say = Callable[..., str]  # a message by its name and arguments


class Formats:
    """Writes the arguments of one reason. `zone` and `currency` are the reason's own."""

    def __init__(self, locale: Locale, say: Say, given: dict[str, Any]) -> None:
        self._locale = locale
        self._say = say
        self._zone = _zone(given.get("zone"))
        self._currency = given.get("currency") or "EUR"

    def written(self, name: str, value: Any) -> str:
        """The value as it stands in a sentence."""
        write = _BY_NAME.get(name)
        return str(write(self, value) if write else value)

    def clock(self, value: str) -> str:
        """Such as `Sat 14:30` by the person's clock, or in UTC where no clock of theirs is known."""
        return self._skeleton(value, "E")

    def day_and_time(self, value: str) -> str:
        """Such as `Sat 9 May, 14:30`: for what may be more than a week away."""
        local = self._local(value)
        day = format_skeleton("MMMEd", local, locale=self._locale)
        joined = str(self._locale.datetime_formats["short"])
        return joined.format(self._skeleton(value, ""), day).replace("'", "")

    def date_and_time(self, value: str) -> str:
        """Such as `9 May 2026, 14:30:00`: for the record."""
        told = format_datetime(self._local(value), "medium", locale=self._locale)
        return told if self._zone else f"{told} UTC"

    def long_date(self, value: date) -> str:
        """Such as `9 May 2026`."""
        return format_date(value, "long", locale=self._locale)

    def day_of_year(self, value: date) -> str:
        """Such as `9 May`."""
        return format_skeleton("MMMMd", value, locale=self._locale)

    def hour(self, value: int) -> str:
        """A full hour of a local day, such as `09:00`; 24 is midnight."""
        return format_time(time(value % 24), "short", locale=self._locale)

    def span(self, days: float) -> str:
        """Such as `31 hours`, `3.5 days` or `12 days`."""
        if days < _IN_HOURS:
            return self._unit(round(days * 24), "duration-hour", "long")
        return self._unit(round(days, 0 if days >= 10 else 1), "duration-day", "long")

    def ago(self, days: float) -> str:
        """Such as `5 hours ago` or `3 days ago`; at least an hour."""
        return format_timedelta(
            -timedelta(days=max(days, 1 / 24)),
            granularity="hour" if days < _IN_HOURS else "day",
            threshold=math.inf,
            add_direction=True,
            locale=self._locale,
        )

    def when(self, value: When) -> str:
        """Such as `on Mondays around 09:00`."""
        dial = self._on_the_dial(value.end if value.begin is None else value.begin)
        hours = self._say(f"hours.{value.hours}", begin=value.begin, end=value.end, count=dial)
        return " ".join([self._say(f"days.{value.days}"), hours] if value.days else [hours])

    def metres(self, value: float) -> str:
        """Such as `290 m` or `1.2 km`."""
        if value < 1000:
            return self._unit(round(value), "length-meter")
        return self._unit(round(value / 1000, 1), "length-kilometer")

    def money(self, value: float) -> str:
        return format_currency(value, self._currency, locale=self._locale)

    def amount(self, value: float) -> str:
        """Money of no named currency, with two digits after the point."""
        return format_decimal(value, format="#,##0.00", locale=self._locale)

    def percent(self, share: float) -> str:
        """With one digit after the point below a tenth."""
        digits = 3 if share < 0.1 else 2
        exact = round(share, digits)
        return format_percent(exact, locale=self._locale, decimal_quantization=False)

    def share(self, value: float) -> str:
        """With four digits after the point, for the record."""
        return format_decimal(value, format="0.####", locale=self._locale)

    def number(self, value: float) -> str:
        exact = int(value) if float(value).is_integer() else value
        return format_decimal(exact, locale=self._locale)

    def any_of(self, words: Sequence[str]) -> str:
        return format_list(list(words), style="or", locale=self._locale)

    def all_of(self, words: Sequence[str]) -> str:
        return format_list(list(words), locale=self._locale)

    def degrees(self, value: float) -> str:
        """To a tenth: more is not felt, and looks like a position."""
        return self._unit(round(value, 1), "temperature-celsius")

    def speed(self, value: float) -> str:
        return self._unit(round(value, 1), "speed-meter-per-second")

    def wish(self, wanted: dict[str, Any]) -> str:
        """Such as `rain or snow, below 15 °C`."""
        words = [self._say(f"sky.{word}") for word in wanted.get("any", ())]
        parts = [self.any_of(words)] if words else []
        for key, limit, place in (
            ("below", "temperature_below", "degrees"),
            ("above", "temperature_above", "degrees"),
            ("windy", "wind_above", "speed"),
        ):
            if limit in wanted:
                parts.append(self._say(f"sky.{key}", **{place: wanted[limit]}))
        return ", ".join(parts)

    def seen(self, sky: dict[str, Any]) -> str:
        """Such as `clouds, 18 °C, wind 3 m/s`."""
        parts = [self._say(f"sky.{sky['word']}")]
        if "temperature" in sky:
            parts.append(self.degrees(sky["temperature"]))
        if "wind" in sky:
            parts.append(self._say("sky.wind", speed=sky["wind"]))
        return ", ".join(parts)

    def term(self, term: Sequence[str]) -> str:
        """A learned term in words."""
        group, value = term
        kinds = _PIECES.get(group, ())
        pieces = value.split(", ", len(kinds) - 1) if kinds else [value]
        told = [self._piece(kind, piece) for kind, piece in zip(kinds, pieces, strict=False)]
        words = self._say(f"term.{group}", value=", ".join(told) if kinds else _band(value))
        return words if words != group else self._say("term.other", value=f"{group} {value}")

    def _piece(self, kind: str, piece: str) -> str:
        if kind == "slot":
            day, _, hours = piece.partition(" ")
            return self._say(f"slot.{day}", hours=hours.replace("-", "–"))
        return self._say(f"{kind}.{piece.replace(' ', '_')}") if kind else piece

    def _unit(self, value: float, unit: str, length: Literal["short", "long"] = "short") -> str:
        exact = int(value) if float(value).is_integer() else value
        return format_unit(exact, unit, length, locale=self._locale)

    def _local(self, value: str) -> datetime:
        at = datetime.fromisoformat(value)
        return at.astimezone(self._zone) if self._zone else at

    def _skeleton(self, value: str, day: str) -> str:
        skeleton = f"{day}hm" if self._halves_days() else f"{day}Hm"
        told = format_skeleton(skeleton, self._local(value), locale=self._locale)
        return told if self._zone else f"{told} UTC"

    def _halves_days(self) -> bool:
        return "a" in self._locale.time_formats["short"].pattern

    def _on_the_dial(self, hour: int | None) -> int | None:
        """The number that an hour is written with, since Spanish says `la 1:00` and `las 2:00`."""
        return hour if hour is None or not self._halves_days() else hour % 12 or 12


def _zone(name: str | None) -> ZoneInfo | None:
    with contextlib.suppress(ZoneInfoNotFoundError, ValueError, OSError):
        return ZoneInfo(name) if name else None
    return None


def _band(value: str) -> str:
    """A band of numbers by signs that every language reads: `more than 3 km` is `> 3 km`."""
    if value.startswith("more than "):
        return f"> {value.removeprefix('more than ')}"
    return {"none": "0"}.get(value, f"≤ {value}")


# What the value of a term consists of; the rest are bands of numbers.
_PIECES = {
    "cause": ("cause",),
    "anyway_cause": ("cause",),
    "cause_kind": ("cause", "kind"),
    "slot": ("slot",),
    "person_slot": ("slot",),
    "anyway_slot": ("slot",),
    "slot_offer": ("slot", ""),
    "offer": ("",),
    "person_offer": ("",),
    "kind": ("kind",),
    "person_kind": ("kind",),
    "weather": ("sky",),
    "weather_offer": ("sky", ""),
    "regular": ("often",),
    "taste": ("often",),
    "fatigue": ("",),
    "leave_fatigue": ("",),
    "leave_refused": ("often",),
}

_BY_NAME: dict[str, Callable[[Formats, Any], str]] = {
    **dict.fromkeys(("at", "ends", "ended"), Formats.clock),
    **dict.fromkeys(("until", "frees", "starts"), Formats.day_and_time),
    "decided_at": Formats.date_and_time,
    **dict.fromkeys(("distance_m", "limit_m"), Formats.metres),
    **dict.fromkeys(
        (
            "visit",
            "worth",
            "discount",
            "interruption",
            "reserve",
            "silent_at",
            "lacking",
            "then",
            "now",
            "margin",
            "price",
            "gain",
        ),
        Formats.money,
    ),
    **dict.fromkeys(("before", "after"), Formats.percent),
    **dict.fromkeys(("draw", "holdout", "propensity"), Formats.share),
    **dict.fromkeys(("got", "count", "times", "fitted", "days"), Formats.number),
    "amount": Formats.amount,
    "since": Formats.long_date,
    **dict.fromkeys(("day", "last"), Formats.day_of_year),
    **dict.fromkeys(("begin", "end"), Formats.hour),
    "gap": Formats.span,
    "ago": Formats.ago,
    "when": Formats.when,
    "period": lambda of, days: of._say("every.weeks", count=days // 7),
    "sure": lambda of, value: of._say(f"sure.{value}"),
    "stage": lambda of, value: of._say(f"stage.{value}"),
    "level": lambda of, value: of._say(f"level.{value}"),
    "trait": lambda of, value: of._say(f"trait.{value}"),
    **dict.fromkeys(("words",), Formats.any_of),
    **dict.fromkeys(("liked",), Formats.all_of),
    "purpose": lambda of, value: of._say(f"purpose.{value}"),
    "kind": lambda of, value: of._say(f"kind.{value}"),
    "cause": lambda of, value: of._say(f"cause.{value}"),
    "causes": lambda of, value: of.any_of([of._say(f"cause.{each}") for each in value]),
    "degrees": Formats.degrees,
    "speed": Formats.speed,
    "wish": Formats.wish,
    "seen": Formats.seen,
    "speaks_for": Formats.term,
    "speaks_against": Formats.term,
}
