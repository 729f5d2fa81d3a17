import marshmallow as ma

from domain.access import Scope
from domain.people import Mode
from service.schemas import fields
from service.schemas.base import AdminSchema

KINDS = ("publishable", "secret")


class NewKeySchema(AdminSchema):
    """A key to make. To rotate one: create the new key, roll it out, then delete the old one."""

    kind = ma.fields.Str(required=True, validate=ma.validate.OneOf(KINDS))
    scopes = ma.fields.List(
        ma.fields.Enum(Scope, by_value=True),
        load_default=list,
        validate=ma.validate.Length(max=len(Scope)),
        metadata={"description": "what a secret key may do; a publishable key has none"},
    )
    mode = ma.fields.Enum(
        Mode,
        by_value=True,
        metadata={"description": "the calling key's own by default; a test key makes test keys"},
    )
    label = fields.text(200, load_default=None, allow_none=True)
    expires_at = fields.Time(load_default=None, allow_none=True)


class KeySchema(ma.Schema):
    """A key without its secret."""

    id = ma.fields.Str()
    kind = ma.fields.Str(validate=ma.validate.OneOf(KINDS))
    scopes = ma.fields.List(ma.fields.Enum(Scope, by_value=True))
    mode = ma.fields.Enum(Mode, by_value=True)
    label = ma.fields.Str(allow_none=True)
    created_at = ma.fields.AwareDateTime()
    expires_at = ma.fields.AwareDateTime(allow_none=True)
    revoked_at = ma.fields.AwareDateTime(allow_none=True)


class CreatedKeySchema(KeySchema):
    key = ma.fields.Str(metadata={"description": "the secret text, shown this once"})
