"""Makes sentences of stored reasons, and of what is known of a person, for an audience and in a language.

Deterministic; no word is made anywhere else.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime
from enum import StrEnum
from typing import Any

import msgspec
from babel import Locale

from domain.decisions import Reason
from domain.values import Value
from scheduler.context.words import Fact
from scheduler.telling.catalogue import Message, catalogue, locale_of
from scheduler.telling.formats import Formats


class Audience(StrEnum):
    """Who reads: the person it was about, the brand's marketing, or whoever must check everything."""

    CUSTOMER = "customer"
    MARKETER = "marketer"
    AUDITOR = "auditor"


class Words(Value):
    """A reason in words. `account` is for the brand only; None where there is none or a customer reads."""

    code: str
    text: str
    would_change: str | None = None
    offer: str | None = None
    account: str | None = None


_MONEY = (
    "chance",
    "visit",
    "worth",
    "discount",
    "interruption",
    "reserve",
    "silent_at",
    "lacking",
    "then",
    "speaks_for",
    "speaks_against",
)
_NOT_TOLD = frozenset(
    {"audience"}
)  # what a customer is like is not said to them in the brand's words


class Voice:
    """Speaks one language to one audience."""

    def __init__(self, audience: Audience, wanted: Iterable[str | None] = ()) -> None:
        self.audience = audience
        self.locale: Locale = locale_of(wanted)
        self._messages = catalogue(self.locale.language)
        self._told: dict[
            bytes, Words
        ] = {}  # a page of decisions says the same things again and again
        self._suffixes = (".you", "") if audience is Audience.CUSTOMER else ("",)

    @property
    def tag(self) -> str:
        """The language as BCP 47 has it."""
        return str(self.locale).replace("_", "-")

    def say(self, key: str, /, **given: Any) -> str:
        """The message of this name, spoken to the audience; the bare end of its name where there is none."""
        return self._made((key,), given) or key.rpartition(".")[2]

    def known(self, fact: Fact) -> str:
        """What is known of a person in a sentence, with its counts; for the brand also with how sure it is."""
        key = f"known.{fact.topic}"
        given = {"times": fact.times, "count": fact.of, "sure": fact.sure, **fact.args}
        return self._made((key, f"{key}.bare"), given) or fact.topic

    def at(self, time: datetime, zone: str | None = None) -> str:
        """A time with its date, in UTC where no zone is named."""
        return Formats(self.locale, self.say, {"zone": zone}).date_and_time(time.isoformat())

    def all_of(self, parts: list[str]) -> str:
        """Several things in one breath, joined as the language joins them."""
        return Formats(self.locale, self.say, {}).all_of(parts)

    def words(self, reason: Reason) -> Words:
        """A reason in words; what was stored in words stays as it was written."""
        key = msgspec.msgpack.encode(reason)
        if key not in self._told:
            self._told[key] = self._words(reason)
        return self._told[key]

    def _words(self, reason: Reason) -> Words:
        told = " ".join(self.account(reason)) or reason.account
        return Words(
            code=reason.code,
            text=reason.text or " ".join(self.sentences(reason)),
            would_change=reason.would_change if reason.text else self.change(reason),
            offer=reason.offer,
            account=None if self.audience is Audience.CUSTOMER else told or None,
        )

    def plain(self, stored: dict[str, Any]) -> dict[str, Any]:
        """The words of a reason as it is stored."""
        told = self.words(msgspec.convert(stored, Reason))
        found: dict[str, Any] = msgspec.to_builtins(told)
        return found

    def sentences(self, reason: Reason) -> list[str]:
        """Why, in as many sentences as there are facts."""
        facts = list(self._facts(reason.args)) if reason.code in {"chosen", "explored"} else []
        if facts and reason.code == "chosen":
            return facts
        said = self._made(self._keys("text", reason), reason.args)
        bare = said or self._made((f"bare.{reason.code}", f"text.{reason.code}"), reason.args)
        return [*facts, bare or reason.text or self.say("text.unknown", code=reason.code)]

    def change(self, reason: Reason) -> str | None:
        """What would have changed it; None where nothing would, or what that hangs on was deleted."""
        if reason.code == "cap" and reason.which == "day" and reason.args.get("count") == 0:
            return self._made(("change.cap.day_raised",), reason.args)
        if reason.code == "cap" and reason.which != "day":
            key = "change.cap.moves" if "frees" in reason.args else "change.cap.raised"
            return self._made((key,), reason.args)
        return self._made(self._keys("change", reason), reason.args)

    def account(self, reason: Reason) -> list[str]:
        """The reckoning in chances and money; nothing for a customer."""
        if self.audience is Audience.CUSTOMER or not reason.reckoning:
            return []
        known = {"before": 0.0, **reason.reckoning}
        keys = [f"money.{name}" for name in _MONEY if name in known or name == "chance"]
        return [told for key in keys if (told := self._made((key,), known))]

    def _keys(self, what: str, reason: Reason) -> tuple[str, ...]:
        untold = self.audience is Audience.CUSTOMER and reason.code in _NOT_TOLD
        plain = f"{what}.{reason.code}"
        return (plain,) if untold or not reason.which else (f"{plain}.{reason.which}", plain)

    def _facts(self, args: dict[str, Any]) -> Iterator[str]:
        near = "place" in args
        for key, holds in (
            (f"fact.{args.get('cause')}", "cause" in args),
            (f"fact.{args.get('place')}", near),
            ("fact.from_there" if near else "fact.distance", "distance_m" in args),
            ("fact.seen", "seen" in args),
            ("fact.rhythm", "rhythm" in args),
            ("fact.liked", "liked" in args),
        ):
            if holds and (told := self._made((key,), args)):
                yield told

    def _made(self, keys: Iterable[str], given: dict[str, Any]) -> str | None:
        """The first of these messages that there is, all of whose places can be filled."""
        for key in keys:
            for suffix in self._suffixes:
                message = self._messages.get(key + suffix)
                if message and message.places <= given.keys():
                    return self._filled(message, given)
        return None

    def _filled(self, message: Message, given: dict[str, Any]) -> str:
        formats = Formats(self.locale, self.say, given)
        told = {name: formats.written(name, given[name]) for name in message.places}
        text = message.one if self._is_one(given.get("count")) else message.other
        said = text.format_map(told)
        # One full stop also after what ends in one, such as the hour `2:00 p.m.`
        return said[:-1] if text.endswith("}.") and said.endswith("..") else said

    def _is_one(self, count: Any) -> bool:
        if not isinstance(count, int | float):
            return False
        exact = int(count) if float(count).is_integer() else count
        return bool(self.locale.plural_form(exact) == "one")
