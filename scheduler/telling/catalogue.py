"""The catalogues of sentences, as gettext has them, and the choice among their languages."""

from collections.abc import Iterable
from functools import cache
from importlib.resources import files
from string import Formatter
from typing import Any, NamedTuple

from babel import Locale, UnknownLocaleError, negotiate_locale
from babel.messages.pofile import read_po

LANGUAGES = ("en", "fi", "de", "fr", "es")
PLAIN = Locale("en", "GB")  # the English of whoever names no country: 24 hours, °C and kilometres


class Message(NamedTuple):
    """A sentence with named places, for one and for many; the same twice where it counts nothing."""

    one: str
    other: str
    places: frozenset[str]


@cache
def catalogue(language: str) -> dict[str, Message]:
    """The messages of one of `LANGUAGES`, by their names."""
    with files("scheduler.telling").joinpath(f"catalogues/{language}.po").open("rb") as file:
        read = read_po(file, abort_invalid=True)
    return {_first(each.id): _message(each.string) for each in read if each.id}


def _message(text: Any) -> Message:
    other = _last(text)
    places = frozenset(name for _, name, _, _ in Formatter().parse(other) if name)
    return Message(_first(text), other, places)


def _first(text: Any) -> str:
    return text if isinstance(text, str) else str(text[0])


def _last(text: Any) -> str:
    return text if isinstance(text, str) else str(text[-1])


def locale_of(wanted: Iterable[str | None]) -> Locale:
    """The first of these BCP 47 tags that there are words for, with its country's ways of writing; else English."""
    for tag in wanted:
        asked = (tag or "").replace("_", "-")
        if found := negotiate_locale([asked], LANGUAGES, sep="-"):
            return _with_country(asked, found.lower())
    return PLAIN


def _with_country(asked: str, language: str) -> Locale:
    try:
        locale = Locale.parse(asked, sep="-")
    except (ValueError, UnknownLocaleError):
        locale = Locale(language)
    if locale.language != language:  # Babel keeps what it cannot take apart, as in `DE-`
        locale = Locale(language)
    return PLAIN if str(locale) == "en" else locale
