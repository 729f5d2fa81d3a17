"""How arguments are written in a language: each argument's name says what it is. Pure."""

import contextlib
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from babel import Locale
from babel.dates import format_datetime, format_skeleton
from babel.lists import format_list
from babel.numbers import format_currency, format_decimal, format_percent
from babel.units import format_unit

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

    def metres(self, value: float) -> str:
        """Such as `290 m` or `1.2 km`."""
        if value < 1000:
            return self._unit(round(value), "length-meter")
        return self._unit(round(value / 1000, 1), "length-kilometer")

    def money(self, value: float) -> str:
        return format_currency(value, self._currency, locale=self._locale)

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

    def _unit(self, value: float, unit: str) -> str:
        exact = int(value) if float(value).is_integer() else value
        return format_unit(exact, unit, "short", locale=self._locale)

    def _local(self, value: str) -> datetime:
        at = datetime.fromisoformat(value)
        return at.astimezone(self._zone) if self._zone else at

    def _skeleton(self, value: str, day: str) -> str:
        short = self._locale.time_formats["short"].pattern
        skeleton = f"{day}hm" if "a" in short else f"{day}Hm"
        told = format_skeleton(skeleton, self._local(value), locale=self._locale)
        return told if self._zone else f"{told} UTC"


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
    **dict.fromkeys(("got", "count", "times", "fitted"), Formats.number),
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
