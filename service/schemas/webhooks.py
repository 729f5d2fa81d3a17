import marshmallow as ma

from domain.people import Mode
from domain.webhooks import Serves
from notifiers.address_guard import LONGEST_URL
from service.schemas import fields
from service.schemas.base import AdminSchema


class WebhookSchema(AdminSchema):
    """An address of yours that takes messages, signed as Standard Webhooks has it. Test keys see and save webhooks of
    test customers only.
    """

    external_id = ma.fields.Str(dump_only=True)
    url = fields.text(
        LONGEST_URL,
        required=True,
        metadata={
            "description": "HTTPS on port 443 or 8443, on the public internet",
            "example": "https://mail.example.com/whenabouts",
        },
    )
    serves = ma.fields.Enum(
        Serves,
        by_value=True,
        load_default=Serves.WITHOUT_PHONE,
        metadata={
            "description": "`without_phone`: people with no phone a push could go to. `everybody`: instead of all phones"
        },
    )
    offers = ma.fields.List(
        fields.text(200),
        load_default=list,
        validate=ma.validate.Length(max=100),
        metadata={"description": "external ids of the offers it takes; empty means all"},
    )
    mode = ma.fields.Enum(Mode, by_value=True, dump_only=True)
    disabled_at = ma.fields.AwareDateTime(
        dump_only=True,
        allow_none=True,
        metadata={"description": "since it answered 410 Gone; save it again to enable it"},
    )
    previous_until = ma.fields.AwareDateTime(
        dump_only=True,
        allow_none=True,
        metadata={"description": "until when the secret before the newest signs too"},
    )
    secret = ma.fields.Str(
        dump_only=True,
        metadata={"description": "`whsec_…`, shown once: when it is made or rotated"},
    )


class WebhooksSchema(ma.Schema):
    data = ma.fields.List(ma.fields.Nested(WebhookSchema))


class WebhookAnswerSchema(ma.Schema):
    """What a test event came to, in the words of deliveries: `accepted` is well."""

    status = ma.fields.Str()
    error_code = ma.fields.Str(allow_none=True)
    detail = ma.fields.Str(allow_none=True)
