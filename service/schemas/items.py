import marshmallow as ma

from service.schemas import fields
from service.schemas.base import AdminSchema


def _words() -> ma.fields.List[str]:
    return ma.fields.List(fields.text(64), load_default=list, validate=ma.validate.Length(max=50))


class ItemSchema(AdminSchema):
    """One thing a brand sells. Tastes and traits rest on its category and tags."""

    sku = ma.fields.Str(dump_only=True)
    name = fields.text(200, required=True)
    category = fields.text(200, required=True)
    tags = _words()
    services = _words()
    price = ma.fields.Float(
        load_default=None, allow_none=True, validate=ma.validate.Range(min=0, max=10**9)
    )
