"""Fields that several schemas share: text that every database takes, times with an offset, zones and locales."""

import unicodedata
from datetime import UTC, datetime
from typing import Any
from zoneinfo import available_timezones

import marshmallow as ma

_ZONES = frozenset(available_timezones())
_EARLIEST = datetime(1900, 1, 1, tzinfo=UTC)
_LATEST = datetime(2200, 1, 1, tzinfo=UTC)


def text(most: int, *, least: int = 1, **options: Any) -> ma.fields.Str:
    """A text of `least` to `most` characters without control characters (line breaks and tabs are none here)."""
    length = ma.validate.Length(min=least, max=most)
    return ma.fields.Str(validate=[length, _storable], **options)


class Locale(ma.fields.Str):
    """A BCP 47 language tag; Android's `fi_FI` is read as `fi-FI`."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **more: Any) -> Any:
        return super()._deserialize(value, attr, data, **more).replace("_", "-")


def locale(**options: Any) -> ma.fields.Str:
    """A language tag such as en-GB."""
    tag = ma.validate.Regexp(
        r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8})*\Z", error="Give a language tag such as fi or en-GB."
    )
    return Locale(
        validate=[ma.validate.Length(max=35), tag], metadata={"example": "en-GB"}, **options
    )


def zone(**options: Any) -> ma.fields.Str:
    """An IANA time zone."""
    return ma.fields.Str(validate=_known_zone, metadata={"example": "Europe/Helsinki"}, **options)


class Time(ma.fields.AwareDateTime):
    """A time with its offset, loaded as UTC, between 1900 and 2200 so that every database holds it."""

    default_error_messages = {
        "invalid": "Give a time with its offset, such as 2026-05-06T12:00:00+03:00.",
        "invalid_awareness": "Add the offset, as in 2026-05-06T12:00:00+03:00.",
        "range": "Give a time between 1900 and 2200.",
    }

    def _deserialize(self, value: Any, attr: str | None, data: Any, **more: Any) -> datetime:
        try:
            at: datetime = super()._deserialize(value, attr, data, **more).astimezone(UTC)
        except OverflowError:
            raise self.make_error("range") from None
        if not _EARLIEST <= at < _LATEST:
            raise self.make_error("range")
        return at


def _known_zone(value: str) -> None:
    """A function rather than `OneOf`, which would list six hundred zones in the OpenAPI document."""
    if value not in _ZONES:
        raise ma.ValidationError("Give an IANA zone such as Europe/Helsinki.")


def _storable(value: str) -> None:
    """PostgreSQL takes no NUL, and no database takes half of a surrogate pair."""
    if any(unicodedata.category(each) in ("Cc", "Cs") and each not in "\r\n\t" for each in value):
        raise ma.ValidationError("Leave out control characters and broken surrogate pairs.")


class Flag(ma.fields.Bool):
    """`true` or `false` and nothing that merely resembles them: a consent is never guessed."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **more: Any) -> Any:
        if not isinstance(value, bool):
            raise self.make_error("invalid", input=value)
        return value
