"""How to ask for what is told in words."""

import marshmallow as ma

from service.schemas.base import PageQuery

_LOCALE = {"description": "BCP 47, such as `fi`; before `Accept-Language`"}


class LocaleQuery(ma.Schema):
    """`?locale=` of what is told in words."""

    locale = ma.fields.Str(load_default=None, metadata=_LOCALE)


class ToldPageQuery(PageQuery, LocaleQuery):
    """`?limit=&cursor=&locale=` of lists that are told in words."""
