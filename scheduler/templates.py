"""What a push says: an offer's localised Liquid texts, checked when they are saved and rendered for one person.

`VARIABLES` is the whole catalogue; docs/offers.md lists it for authors.
"""

import difflib
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import babel
import msgspec
from liquid import BoundTemplate
from liquid.exceptions import LiquidError, UndefinedError

from domain.errors import Fault, Invalid
from domain.messages import Push
from domain.offers import OfferBody, OfferKind, WeatherWord
from domain.people import Mode
from domain.places import Store
from domain.slots import Slot
from domain.values import Value
from scheduler.safe_liquid import FILTERS, parse, said

VARIABLES = {
    "customer.first_name": "as the brand knows the person; may be missing",
    "store.name": "the store the push is about; missing where it is about none",
    "store.address": "its address; may be missing",
    "distance_m": "whole metres from the person to the store; missing without a fresh position",
    "offer.discount": "money, in `offer.currency`",
    "offer.currency": "ISO 4217",
    "offer.starts_at": "a time; missing where `life` has none",
    "offer.ends_at": "a time; missing where `life` has none",
    "weather.word": "clear, clouds, fog, drizzle, rain, snow or thunder; known where `when.weather` is set",
    "weather.temperature": "°C; known where `when.weather` is set",
    "weather.wind": "m/s; known where `when.weather` is set",
    "slot.starts_at": "a time; known in offers of kind `slot`",
    "slot.service": "what the free place is for; known in offers of kind `slot`",
    "slot.price": "money, in `offer.currency`; may be missing",
    "now": "the time of the decision",
}

_HINTS = {
    "offer.starts_at": "set `life.starts_at`",
    "offer.ends_at": "set `life.ends_at`",
    "weather": "it is known only where `when.weather` is set",
    "slot": "it is known only in offers of kind `slot`",
}


class Variables(Value):
    """What is known at the moment of rendering; None where it is not. `zone` is the person's, for `datetime`."""

    now: datetime
    zone: str
    first_name: str | None = None
    store: Store | None = None
    distance_m: float | None = None
    word: WeatherWord | None = None
    temperature: float | None = None
    wind: float | None = None
    slot: Slot | None = None


class Unrendered(Value):
    """The text could not be made for this person. `detail` says why, without anything of the person."""

    detail: str


def render(body: OfferBody, *, locale: str | None, variables: Variables) -> Push | Unrendered:
    """The push in the language nearest to `locale`. Never raises: a text that fails is a value of its own."""
    languages = tuple(sorted(body.title.keys() & body.body.keys()))
    if not languages:
        return Unrendered(detail="title and body share no language")
    try:
        language = nearest(locale, languages)
        known = _known(body, _formats(locale, language), variables)
        title, text = (_text(texts[language], known) for texts in (body.title, body.body))
    except UndefinedError as error:
        return Unrendered(detail=said(error))
    except Exception as error:  # noqa: BLE001 - whatever a text does, it must not take a whole batch down
        return Unrendered(detail=f"the text fails with {type(error).__name__}")
    if not title and not text:
        return Unrendered(detail="nothing is left to say")
    return Push(title=title, body=text, data=body.data, style=body.push)


@lru_cache(maxsize=4096)
def nearest(wanted: str | None, languages: tuple[str, ...]) -> str:
    """Which of `languages` (BCP 47, sorted) to speak to somebody who wants `wanted`: theirs, else English, else the first."""
    spelled = {language.replace("_", "-").lower(): language for language in languages}
    for each in (wanted, "en"):
        if each is None:
            continue
        tag = each.replace("_", "-")
        found = babel.negotiate_locale([tag], spelled, sep="-")
        related = (one for one in spelled if _language(one) == _language(tag))
        if match := spelled.get((found or "").lower()) or spelled.get(next(related, "")):
            return match
    return languages[0]


def check(body: OfferBody) -> None:
    """Invalid, with every wrong place, where a text could not be rendered for the best-known person."""
    faults = (*_languages_differ(body), *_wrong_languages(body), *_wrong_texts(body))
    if faults:
        raise Invalid("Some texts cannot be sent; `errors` names each place.", faults=faults)


def warnings(body: OfferBody) -> list[Fault]:
    """Where a text shows what may be missing: a person without it gets nothing."""
    return [
        Fault(
            pointer=pointer,
            detail=f"`{name}` may be missing, and then nothing is sent; write `{{{{ {name} | default: '…' }}}}`.",
        )
        for pointer, source in _texts(body)
        for name in sorted(_names(parse(source)) & VARIABLES.keys())
        if _fails_without(name, source, body)
    ]


def widest(body: OfferBody) -> dict[str, Push]:
    """The longest push of each language, for checking sizes: every variable as long as it can get, near and far, in all
    weathers, with and without what may be missing. `check` comes before.
    """
    found = {
        language: [render(body, locale=language, variables=each) for each in _situations(body)]
        for language in body.title
    }
    return {
        language: max((push for push in pushes if isinstance(push, Push)), key=_length)
        for language, pushes in found.items()
        if any(isinstance(push, Push) for push in pushes)
    }


def _length(push: Push) -> int:
    return len(push.title.encode()) + len(push.body.encode())


def _languages_differ(body: OfferBody) -> Iterator[Fault]:
    for language in sorted(body.title.keys() ^ body.body.keys()):
        there, missing = ("title", "body") if language in body.title else ("body", "title")
        detail = f"There is a {there} in this language but no {missing}; write both."
        yield Fault(pointer=_pointer(there, language), detail=detail)


def _wrong_languages(body: OfferBody) -> Iterator[Fault]:
    for language in body.title:
        if _babel_name(language) is None:
            detail = "This is no known language; use a BCP 47 tag such as en, fi or pt-BR."
            yield Fault(pointer=_pointer("title", language), detail=detail)


def _wrong_texts(body: OfferBody) -> Iterator[Fault]:
    for pointer, source in _texts(body):
        for detail in _wrong(source, body):
            yield Fault(pointer=pointer, detail=detail)


def _wrong(source: str, body: OfferBody) -> Iterable[str]:
    try:
        template = parse(source)
        unknown = [*_unknown_variables(template), *_unknown_filters(template)]
        if not unknown:
            _text(source, _known(body, "en", _widest(body)))
            _bare(source, body)
    except UndefinedError as error:
        return [_teach(error)]
    except LiquidError as error:
        return [said(error)]
    except Exception as error:  # noqa: BLE001 - filters and encoders raise what they like; none may pass as fine
        return [f"This text cannot be rendered ({type(error).__name__})."]
    return unknown


def _bare(source: str, body: OfferBody) -> None:
    """Renders with as little as can be known. What is missing may stop it there; nothing else may."""
    try:
        _text(source, _known(body, "en", _least(body)))
    except UndefinedError:
        return


def _unknown_variables(template: BoundTemplate) -> list[str]:
    return [
        f"There is no `{name}`. {_did_you_mean(name, VARIABLES)}"
        for name in sorted(_names(template) - VARIABLES.keys())
    ]


def _unknown_filters(template: BoundTemplate) -> list[str]:
    return [
        "There is no filter `date`; use `datetime`, which knows the person's zone and language."
        if name == "date"
        else f"There is no filter `{name}`. {_did_you_mean(name, FILTERS)}"
        for name in sorted(template.analyze().filters.keys() - set(FILTERS))
    ]


def _did_you_mean(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
    return f"Did you mean `{near[0]}`?" if near else f"There are: {', '.join(known)}."


def _teach(error: UndefinedError) -> str:
    name = str(error.message).split(" ")[0].strip("'")
    hint = _HINTS.get(name) or _HINTS.get(name.split(".")[0], "give it a value")
    return f"`{name}` has no value in this offer: {hint}, or write `| default: '…'`."


def _names(template: BoundTemplate) -> set[str]:
    """The paths of what the text takes from outside, such as `customer.first_name`."""
    return {str(path) for paths in template.analyze().globals.values() for path in paths}


def _fails_without(name: str, source: str, body: OfferBody) -> bool:
    known = _known(body, "en", _widest(body))
    root, _, leaf = name.partition(".")
    if root in ("offer", "now") or name in _OF_EVERY_SLOT:  # the same for everybody, and checked
        return False
    if leaf:
        known[root] = {key: value for key, value in known[root].items() if key != leaf}
    else:
        del known[root]
    try:
        _text(source, known)
    except UndefinedError:
        return True
    return False


def _text(source: str, known: dict[str, Any]) -> str:
    return source.strip() if "{" not in source else parse(source).render(known).strip()


def _known(body: OfferBody, formats: str, variables: Variables) -> dict[str, Any]:
    """The variables as the texts see them. What is None is left out, so that it counts as missing."""
    store, distance, slot = variables.store, variables.distance_m, variables.slot
    known = {
        "customer": _given(first_name=variables.first_name or None),
        "store": _given(name=store.name, address=store.address) if store else {},
        "distance_m": None if distance is None else round(distance),
        "offer": _given(
            discount=body.value.discount,
            currency=body.value.currency,
            starts_at=body.life.starts_at,
            ends_at=body.life.ends_at,
        ),
        "weather": _given(
            word=variables.word and variables.word.value,
            temperature=variables.temperature,
            wind=variables.wind,
        ),
        "slot": _given(starts_at=slot.starts_at, service=slot.service, price=slot.price)
        if slot
        else {},
        "now": variables.now,
        "locale": formats,
        "timezone": variables.zone,
        "currency_code": body.value.currency,
    }
    return _given(**known)


def _given(**values: Any) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


_LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
_NOTHING_KNOWN = Variables(now=_LONG_AGO, zone="UTC", distance_m=0.0)
_OF_EVERY_SLOT = ("slot.starts_at", "slot.service")
_WIDE = "𝐖"  # four bytes, the most a character takes
_WIDEST_SLOT = Slot(
    id="", brand_id="", mode=Mode.LIVE, external_id="", store_id="", service=_WIDE * 200,
    starts_at=_LONG_AGO, ends_at=_LONG_AGO, capacity=1, price=1_000_000.12,
)  # fmt: skip


def _widest(body: OfferBody) -> Variables:
    """Everything known, and as long as the schemas let it be."""
    store = Store(
        id="", brand_id="", external_id="", name=_WIDE * 200, latitude=0.0, longitude=0.0, time_zone="UTC",
        address=_WIDE * 500,
    )  # fmt: skip
    weather = body.when.weather is not None
    return Variables(
        now=_LONG_AGO,
        zone="UTC",
        first_name=_WIDE * 200,
        store=store,
        distance_m=20_000_000,
        word=WeatherWord.THUNDER if weather else None,
        temperature=-100.123 if weather else None,
        wind=100.123 if weather else None,
        slot=_WIDEST_SLOT if body.kind is OfferKind.SLOT else None,
    )


def _least(body: OfferBody) -> Variables:
    """As little as can be known; the slot of a slot's offer always is, but for its price."""
    if body.kind is not OfferKind.SLOT:
        return _NOTHING_KNOWN
    return msgspec.structs.replace(
        _NOTHING_KNOWN, slot=msgspec.structs.replace(_WIDEST_SLOT, service="x", price=None)
    )


def _situations(body: OfferBody) -> Iterator[Variables]:
    widest = _widest(body)
    yield widest
    yield msgspec.structs.replace(widest, distance_m=0.0, temperature=0.0, wind=0.0)
    yield msgspec.structs.replace(widest, first_name=None, distance_m=None)
    yield _least(body)
    for word in WeatherWord if body.when.weather else ():
        yield msgspec.structs.replace(widest, word=word)
        yield msgspec.structs.replace(widest, word=word, temperature=40.123)


def _texts(body: OfferBody) -> Iterator[tuple[str, str]]:
    for field, texts in (("title", body.title), ("body", body.body)):
        for language, source in texts.items():
            yield _pointer(field, language), source


def _pointer(field: str, language: str) -> str:
    return f"/{field}/{language.replace('~', '~0').replace('/', '~1')}"


def _language(tag: str) -> str:
    return tag.partition("-")[0].lower()


@lru_cache(maxsize=4096)
def _formats(wanted: str | None, language: str) -> str:
    """The Babel locale for numbers and times: the person's own where it is of the language spoken."""
    tag = (wanted or "").replace("_", "-")
    own = _babel_name(tag) if _language(tag) == _language(language) else None
    return own or _babel_name(language) or "en"


def _babel_name(tag: str) -> str | None:
    try:
        return str(babel.Locale.parse(tag.replace("_", "-"), sep="-"))
    except (ValueError, babel.UnknownLocaleError):
        return None
