"""How to ask for what is told in words."""

import marshmallow as ma

from scheduler.telling.sentences import Audience
from service.schemas.base import PageQuery

_LOCALE = {"description": "BCP 47, such as `fi`; before `Accept-Language`"}


class LocaleQuery(ma.Schema):
    """`?locale=` of what is told in words."""

    locale = ma.fields.Str(load_default=None, metadata=_LOCALE)


class ToldPageQuery(PageQuery, LocaleQuery):
    """`?limit=&cursor=&locale=` of lists that are told in words."""


class ExplainQuery(LocaleQuery):
    """`?audience=&locale=` of one decision."""

    audience = ma.fields.Enum(
        Audience,
        by_value=True,
        load_default=None,
        metadata={"description": "adds `explanation`, in the words for this audience"},
    )


class ExplanationSchema(ma.Schema):
    """A decision explained to one audience; every sentence of `would_change` was decided again and is true."""

    audience = ma.fields.Enum(Audience, by_value=True)
    locale = ma.fields.Str(metadata={"description": "BCP 47", "example": "fi"})
    sentences = ma.fields.List(ma.fields.Str())
    would_change = ma.fields.List(
        ma.fields.Str(), metadata={"description": "what would have turned it, the smallest first"}
    )
