"""What schemas share."""

from typing import Any, TypeVar

import marshmallow as ma
import msgspec

T = TypeVar("T")


class AdminSchema(ma.Schema):
    """Bodies of admins: an unknown field is a mistake that is named."""

    class Meta:
        unknown = ma.RAISE


class AppSchema(ma.Schema):
    """Bodies of apps: newer apps may send fields that this version does not know."""

    class Meta:
        unknown = ma.EXCLUDE


class PageQuery(ma.Schema):
    """`?limit=&cursor=` of every list."""

    limit = ma.fields.Int(load_default=50, validate=ma.validate.Range(min=1, max=200))
    cursor = ma.fields.Str(load_default=None)


def page_of(schema: type[ma.Schema]) -> type[ma.Schema]:
    """The envelope of a list: `{data: […], next_cursor}`."""
    name = schema.__name__.removesuffix("Schema") + "PageSchema"
    return ma.Schema.from_dict(
        {
            "data": ma.fields.List(ma.fields.Nested(schema)),
            "next_cursor": ma.fields.Str(allow_none=True),
        },
        name=name,
    )


def value_of(body: dict[str, Any], kind: type[T], **known: Any) -> T:
    """The domain value with a validated body's fields and what the caller knows besides."""
    return msgspec.convert({**body, **known}, kind)
