import math
from datetime import date
from typing import Any

import marshmallow as ma
from babel import Locale, UnknownLocaleError
from babel.core import parse_locale

from domain.people import sensitive_word
from service.schemas import fields
from service.schemas.base import AdminSchema
from service.schemas.places import BrandClaimSchema
from service.schemas.profiles import ProfileSchema

MOST_WORDS = 50
MOST_ATTRIBUTES = 50
_WHOLE = 2**53  # beyond it, JSON's numbers lose their last digits


def harmless(value: str) -> None:
    """Refuses words of the special categories, with what to write instead."""
    if word := sensitive_word(value):
        raise ma.ValidationError(
            f"`{word}` tells of health, faith, politics, origin or sexual life, which is never stored. "
            "Name what the person chooses (`gluten_free`, `no_alcohol`), not its cause."
        )


def words(**options: Any) -> ma.fields.List[str]:
    """Up to 50 free words of a person's own, none of them sensitive."""
    word = fields.text(64)
    word.validators.append(harmless)
    most = ma.validate.Length(max=MOST_WORDS, error=f"Give at most {MOST_WORDS} words.")
    return ma.fields.List(word, load_default=list, validate=most, **options)


class OccasionSchema(AdminSchema):
    """A yearly date of the person's own."""

    kind = fields.text(64, required=True, metadata={"example": "birthday"})
    date = ma.fields.Str(required=True, metadata={"format": "date", "example": "1990-06-24"})

    @ma.validates("kind")
    def _check_kind(self, value: str, **_: Any) -> None:
        harmless(value)

    @ma.validates("date")
    def _check_date(self, value: str, **_: Any) -> None:
        try:
            exact = date.fromisoformat(value).isoformat() == value
        except ValueError:
            exact = False
        if not exact:
            raise ma.ValidationError("Give a date as YYYY-MM-DD.")


class ScalarField(ma.fields.Raw):
    """A text, number, boolean or null."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **_: Any) -> Any:
        if isinstance(value, str):
            return fields.text(500, least=0).deserialize(value)
        if value is None or isinstance(value, bool) or _number(value):
            return value
        raise ma.ValidationError(
            "Give a text of up to 500 characters, a number within ±2⁵³, true, false or null."
        )


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and math.isfinite(value) and abs(value) <= _WHOLE


class CustomerSchema(AdminSchema):
    """What a brand tells of one of its customers. A PUT replaces all of it; the person's own preferences stay."""

    external_id = ma.fields.Str(
        dump_only=True, allow_none=True, metadata={"description": "null while anonymous"}
    )
    first_name = fields.text(200, load_default=None, allow_none=True)
    locale = fields.locale(load_default=None, allow_none=True)
    time_zone = fields.zone(load_default=None, allow_none=True)
    occasions = ma.fields.List(
        ma.fields.Nested(OccasionSchema),
        load_default=list,
        validate=ma.validate.Length(max=MOST_WORDS),
    )
    traits = words(metadata={"example": ["vegetarian"]})
    interests = words(metadata={"example": ["soup", "books"]})
    segments = words(metadata={"example": ["regulars"]})
    attributes = ma.fields.Dict(
        keys=fields.text(64),
        values=ScalarField(allow_none=True, metadata={"type": ["string", "number", "boolean"]}),
        load_default=dict,
        validate=ma.validate.Length(
            max=MOST_ATTRIBUTES, error=f"Give at most {MOST_ATTRIBUTES} attributes."
        ),
        metadata={"maxProperties": MOST_ATTRIBUTES, "example": {"tier": "gold", "points": 120}},
    )

    @ma.validates("attributes")
    def _check_names(self, value: dict[str, Any], **_: Any) -> None:
        for name in value:
            harmless(name)

    @ma.validates("locale")
    def _check_language(self, value: str | None, **_: Any) -> None:
        """Beyond the form of a tag: a language that there is; its region may be any."""
        if value is None:
            return
        try:
            Locale(parse_locale(value.replace("_", "-"), sep="-")[0])
        except (ValueError, UnknownLocaleError):
            raise ma.ValidationError(
                "This language is not known; give a tag such as fi or en-GB."
            ) from None


class KnownCustomerSchema(CustomerSchema):
    """A customer with what was learned of them, and of their home and workplace, with the evidence."""

    places = ma.fields.List(ma.fields.Nested(BrandClaimSchema), dump_only=True)
    profile = ma.fields.Nested(ProfileSchema, allow_none=True, dump_only=True)
