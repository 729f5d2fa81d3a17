from itertools import chain
from typing import Any
from urllib.parse import SplitResult, urlsplit

import marshmallow as ma
from babel.numbers import is_currency

from domain.decisions import Cause
from domain.messages import Interruption
from domain.offers import OfferKind, WeatherWord
from domain.people import sensitive_word
from notifiers.payload import reserved_keys
from service.schemas import fields
from service.schemas.base import AdminSchema
from service.schemas.customers import words
from service.schemas.stores import hours_field, warnings

OUR_KEYS = ("decision_id", "message_id", "offer", "explain_url")
LONGEST_TTL_S = 2_419_200  # four weeks, FCM's own limit
_MOST_COUNT = 2**31 - 1
_LONGEST_ADDRESS = 1000


def currency(**options: Any) -> ma.fields.Str:
    """An ISO 4217 code."""

    def known(value: str) -> None:
        if not is_currency(value):
            raise ma.ValidationError("Give an ISO 4217 code such as EUR.")

    return ma.fields.Str(validate=known, metadata={"example": "EUR"}, **options)


def _money(**options: Any) -> ma.fields.Float:
    return ma.fields.Float(
        load_default=0.0, validate=ma.validate.Range(min=0, max=10**9), **options
    )


def _number(least: float, most: float, **options: Any) -> ma.fields.Float:
    within = ma.validate.Range(min=least, max=most)
    return ma.fields.Float(load_default=None, allow_none=True, validate=within, **options)


def _count(description: str) -> ma.fields.Int:
    return ma.fields.Int(
        strict=True,
        load_default=None,
        allow_none=True,
        validate=ma.validate.Range(min=0, max=_MOST_COUNT),
        metadata={"description": description},
    )


def _names(most: int, description: str) -> ma.fields.List[str]:
    return ma.fields.List(
        fields.text(200),
        load_default=list,
        validate=ma.validate.Length(max=most),
        metadata={"description": description},
    )


def _texts(longest: int, example: str) -> ma.fields.Dict:
    return ma.fields.Dict(
        keys=fields.locale(),
        values=fields.text(longest),
        required=True,
        validate=ma.validate.Length(min=1, max=50),
        metadata={
            "description": "by language tag; Liquid, see docs/offers.md",
            "example": {"en": example},
        },
    )


def _part(schema: type[ma.Schema], *, optional: bool = False) -> ma.fields.Nested:
    """A part of the offer that may be left out: then it is as if it were empty, or there is none."""
    if optional:
        return ma.fields.Nested(schema, load_default=None, allow_none=True)
    return ma.fields.Nested(schema, load_default=dict)


class AboutSchema(AdminSchema):
    """What the offer is about, as the catalogue calls it."""

    items = _names(200, "skus")
    categories = _names(50, "categories of items")
    services = _names(50, "services")


class ValueSchema(AdminSchema):
    """Money per redemption."""

    margin = _money(metadata={"description": "what the brand earns, before the discount"})
    discount = _money(metadata={"description": "what it gives away"})
    currency = currency(load_default="EUR")


class WeatherSchema(AdminSchema):
    """Every key given must hold over the store; unknown or stale weather never matches."""

    any = ma.fields.List(
        ma.fields.Enum(WeatherWord, by_value=True),
        load_default=list,
        validate=ma.validate.Length(max=len(WeatherWord)),
    )
    temperature_below = _number(-100, 100, metadata={"description": "°C"})
    temperature_above = _number(-100, 100, metadata={"description": "°C"})
    wind_above = _number(0, 150, metadata={"description": "m/s"})

    @ma.validates_schema
    def _can_hold(self, data: dict[str, Any], **_: Any) -> None:
        above, below = data["temperature_above"], data["temperature_below"]
        if above is not None and below is not None and below <= above:
            raise ma.ValidationError(
                "No temperature is above one and below the other: swap them.", "temperature_below"
            )
        if not any(value not in (None, []) for value in data.values()):
            raise ma.ValidationError("Name a condition, or leave `weather` out.")


class PlaceSchema(AdminSchema):
    within_m = _number(1, 100_000, metadata={"description": "metres"})
    of = ma.fields.Str(
        load_default="store",
        validate=ma.validate.OneOf(["store", "home", "workplace"]),
        metadata={
            "description": "from what: the person (to a store), or their inferred home or workplace"
        },
    )
    via = ma.fields.List(
        ma.fields.Str(validate=ma.validate.OneOf([cause.value for cause in Cause])),
        load_default=list,
        validate=ma.validate.Length(max=len(Cause)),
        metadata={"description": "the causes of moments that count; none means any"},
    )


class WhenSchema(AdminSchema):
    """Every key given must hold."""

    hours = hours_field(
        500,
        metadata={
            "description": "OSM syntax, by the store's clock",
            "example": "Mo-Fr 10:30-13:30",
        },
    )
    weather = _part(WeatherSchema, optional=True)
    place = _part(PlaceSchema, optional=True)


class AudienceSchema(AdminSchema):
    """Words of a person: traits and segments, none of them sensitive."""

    traits_none = words(metadata={"description": "who has one of these is left out"})
    traits_any = words(metadata={"description": "only who has one of these"})
    segments_any = words(metadata={"description": "only who is in one of these"})
    segments_none = words(metadata={"description": "who is in one of these is left out"})


class LimitsSchema(AdminSchema):
    per_customer_days = _number(
        0, 3650, metadata={"description": "least days between two to one person"}
    )
    total = _count("sends in all")
    per_day = _count("sends per day of the brand's zone")
    stock = _count("things there are; each send counts as one")
    budget = _number(
        0,
        10**9,
        metadata={
            "description": "money that the discounts may cost in all; each send pledges one until it is surely not redeemed"
        },
    )


class LifeSchema(AdminSchema):
    starts_at = fields.Time(load_default=None, allow_none=True)
    ends_at = fields.Time(load_default=None, allow_none=True)
    ttl_s = ma.fields.Int(
        strict=True,
        load_default=3600,
        validate=ma.validate.Range(min=0, max=LONGEST_TTL_S),
        metadata={"description": "seconds within which a phone may still show it"},
    )

    @ma.validates_schema
    def _begins_before_it_ends(self, data: dict[str, Any], **_: Any) -> None:
        starts, ends = data["starts_at"], data["ends_at"]
        if starts is not None and ends is not None and ends <= starts:
            raise ma.ValidationError("It ends before it begins: swap the two.", "ends_at")


def _address(description: str) -> ma.fields.Str:
    return ma.fields.Str(
        load_default=None,
        allow_none=True,
        validate=[ma.validate.Length(max=_LONGEST_ADDRESS), _https],
        metadata={"description": description, "example": "https://brand.example/soup.png"},
    )


def _https(value: str) -> None:
    """FCM refuses other links, and phones other images; a half-written one would be found out by nobody."""
    address = _parsed(value)
    if address is None or address.scheme != "https" or not address.hostname:
        raise ma.ValidationError("Give a whole address that begins with https://.")
    if not value.isascii() or not value.isprintable() or " " in value:
        raise ma.ValidationError(
            "Write the address in ASCII: percent-encode spaces and letters such as ä."
        )


def _parsed(value: str) -> SplitResult | None:
    try:
        return urlsplit(value)
    except ValueError:
        return None


class StyleSchema(AdminSchema):
    """How phones show the push, beside its words; what is left out is left to the phone and its app."""

    image = _address("a picture beside the text; on iPhones by the app's service extension")
    link = _address("what a web push opens; else `data.deep_link` where it begins with https://")
    channel = fields.text(
        100, load_default=None, allow_none=True, metadata={"description": "Android's channel id"}
    )
    interruption_level = ma.fields.Enum(
        Interruption,
        by_value=True,
        load_default=None,
        allow_none=True,
        metadata={"description": "how much an iPhone lets it disturb; it shows most as active"},
    )
    relevance_score = _number(
        0, 1, metadata={"description": "its place in the iPhone's summary of this app's pushes"}
    )
    badge = ma.fields.Int(
        strict=True,
        load_default=None,
        allow_none=True,
        validate=ma.validate.Range(min=0, max=9999),
        metadata={"description": "the number on the app's icon; 0 takes it away on iPhones"},
    )
    sound = fields.text(
        100,
        load_default=None,
        allow_none=True,
        metadata={
            "description": "`default`, or a file in the app; on Android 8 and later the channel's"
        },
    )

    @ma.post_load
    def _named_alone(self, body: dict[str, Any], **_: Any) -> dict[str, Any]:
        """What was not given is not kept."""
        return {name: value for name, value in body.items() if value is not None}


class SuspensionSchema(AdminSchema):
    """An offer that is not said any more, since FCM refuses its messages. Saving it anew ends this."""

    reason = ma.fields.Str(metadata={"description": "in FCM's words"})
    since = ma.fields.AwareDateTime()


def sensitive_in(body: dict[str, Any]) -> str | None:
    """The first word of an offer's texts, or of what it is about, that tells of health, faith and the like."""
    said = (*body["title"].values(), *body["body"].values(), *chain(*body["about"].values()))
    return next((word for text in said if (word := sensitive_word(text))), None)


class OfferSchema(AdminSchema):
    """What could be said to a person, under which conditions, how often, and for how long."""

    external_id = ma.fields.Str(dump_only=True)
    suspended = ma.fields.Nested(
        SuspensionSchema,
        dump_only=True,
        allow_none=True,
        metadata={"description": "why the push service refuses it; null while it does not"},
    )
    kind = ma.fields.Enum(OfferKind, by_value=True, required=True)
    title = _texts(500, "Hot soup, {{ customer.first_name | default: 'you' }}?")
    body = _texts(2000, "{{ store.name }} is {{ distance_m }} m away.")
    about = _part(AboutSchema)
    value = _part(ValueSchema)
    stores = _names(1000, "external ids; none means every store of the brand")
    when = _part(WhenSchema)
    audience = _part(AudienceSchema)
    limits = _part(LimitsSchema)
    life = _part(LifeSchema)
    data = ma.fields.Dict(
        keys=fields.text(100),
        values=fields.text(1000, least=0),
        load_default=dict,
        validate=ma.validate.Length(max=50),
        metadata={"description": "rides along to the app", "example": {"deep_link": "brand://x"}},
    )
    push = _part(StyleSchema)
    active = fields.Flag(load_default=True)
    sensitive = fields.Flag(
        load_default=None,
        allow_none=True,
        metadata={
            "description": "said only to those who declared an interest in what it is about; left out: told by its words"
        },
    )
    warnings = warnings()

    @ma.pre_load
    def _readable_only(self, body: Any, **_: Any) -> Any:
        """What is read can be written back: this part of it says nothing."""
        if not isinstance(body, dict):
            return body
        return {name: value for name, value in body.items() if name != "suspended"}

    @ma.post_load
    def _sensitive_by_its_words(self, body: dict[str, Any], **_: Any) -> dict[str, Any]:
        if body["sensitive"] is None:
            body["sensitive"] = sensitive_in(body) is not None
        return body

    @ma.validates("data")
    def _keys_are_free(self, data: dict[str, str], **_: Any) -> None:
        taken = {
            **dict.fromkeys(reserved_keys(data), "FCM keeps this key for itself; choose another."),
            **{
                key: "Whenabouts sets this key itself; choose another."
                for key in data
                if key in OUR_KEYS
            },
        }
        if taken:
            raise ma.ValidationError({key: [detail] for key, detail in taken.items()})
