from typing import Any

import marshmallow as ma

from domain.people import Permission, Platform, Target, TargetKind
from service.schemas import fields
from service.schemas.base import AppSchema

# What FCM's tokens and installation ids are made of; safe inside JSON without escaping.
_TARGET = ma.validate.Regexp(
    r"^[A-Za-z0-9_:.~%=+/-]{1,4096}\Z",
    error="This is no FCM token or Firebase installation id: 1 to 4096 of A-Z a-z 0-9 _ : . ~ % = + / -",
)


class TargetSchema(AppSchema):
    """Where FCM finds this install."""

    kind = ma.fields.Enum(
        TargetKind,
        by_value=True,
        required=True,
        metadata={"description": "a registration token, or a Firebase installation id"},
    )
    value = ma.fields.Str(required=True, validate=_TARGET)

    @ma.post_load
    def _as_value(self, body: dict[str, Any], **_: Any) -> Target:
        return Target(**body)


class _InstallSchema(AppSchema):
    locale = fields.locale(allow_none=True)
    time_zone = fields.zone(allow_none=True)
    app_version = fields.text(64, allow_none=True)
    push_permission = ma.fields.Enum(
        Permission,
        by_value=True,
        allow_none=True,
        metadata={"description": "the phone's own setting; unknown counts as allowed"},
    )
    customer_token = ma.fields.Str(
        allow_none=True,
        metadata={
            "description": "proof of a known customer: a JWT (HS256, the brand's signing secret) with sub, exp and "
            "aud = the brand's slug, or a Firebase ID token of the brand's project"
        },
    )

    @ma.post_load
    def _without_unset(self, body: dict[str, Any], **_: Any) -> dict[str, Any]:
        """A permission that is null says as much as one that is left out."""
        if body.get("push_permission", Permission.UNKNOWN) is None:
            del body["push_permission"]
        return body


class RegisterDeviceSchema(_InstallSchema):
    """An install of the app. Everything but platform and target may be left out."""

    platform = ma.fields.Enum(Platform, by_value=True, required=True)
    target = ma.fields.Nested(TargetSchema, required=True)


class ChangeDeviceSchema(_InstallSchema):
    """What is left out stays; null clears locale, time_zone or app_version."""

    target = ma.fields.Nested(TargetSchema)


class RegisteredDeviceSchema(ma.Schema):
    device_id = ma.fields.Str(attribute="device.id")
    customer_id = ma.fields.Str(attribute="device.customer_id")
    credential = ma.fields.Str(
        metadata={"description": "shown this once; send it as the bearer credential from now on"}
    )


class DeviceSchema(ma.Schema):
    device_id = ma.fields.Str(attribute="id")
    customer_id = ma.fields.Str()
    platform = ma.fields.Enum(Platform, by_value=True)
    target_kind = ma.fields.Enum(TargetKind, by_value=True, attribute="target.kind")
    locale = ma.fields.Str(allow_none=True)
    time_zone = ma.fields.Str(allow_none=True)
    app_version = ma.fields.Str(allow_none=True)
    push_permission = ma.fields.Enum(Permission, by_value=True)
