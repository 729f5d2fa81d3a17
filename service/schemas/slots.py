from datetime import datetime
from typing import Any

import marshmallow as ma

from service.schemas import fields
from service.schemas.base import AdminSchema, PageQuery

MOST_SLOTS = 100


class SlotSchema(AdminSchema):
    """A time at which a store has room."""

    id = fields.text(200, required=True, metadata={"description": "your own; a PUT replaces it"})
    store = fields.text(200, required=True, metadata={"description": "external id"})
    service = fields.text(
        200, required=True, metadata={"description": "what the place is for", "example": "haircut"}
    )
    starts_at = fields.Time(required=True)
    ends_at = fields.Time(required=True)
    capacity = ma.fields.Int(
        required=True,
        strict=True,
        validate=ma.validate.Range(min=0, max=10_000),
        metadata={"description": "places in all, reserved ones included; 0 takes it back"},
    )
    price = ma.fields.Float(
        load_default=None,
        allow_none=True,
        validate=ma.validate.Range(min=0, max=1_000_000),
        metadata={"description": "in the brand's currency"},
    )
    filled = ma.fields.Int(dump_only=True, metadata={"description": "places that are reserved"})
    promised = ma.fields.Int(
        dump_only=True, metadata={"description": "places kept for people who were asked"}
    )
    free = ma.fields.Int(dump_only=True, metadata={"description": "places still to be offered"})

    @ma.validates_schema
    def _ends_later(self, data: dict[str, Any], **_: Any) -> None:
        starts, ends = data.get("starts_at"), data.get("ends_at")
        if isinstance(starts, datetime) and isinstance(ends, datetime) and ends <= starts:
            raise ma.ValidationError("`ends_at` must be after `starts_at`.", "ends_at")


class SlotsSchema(AdminSchema):
    slots = ma.fields.List(
        ma.fields.Nested(SlotSchema),
        required=True,
        validate=ma.validate.Length(min=1, max=MOST_SLOTS),
    )


class SavedSlotsSchema(ma.Schema):
    data = ma.fields.List(ma.fields.Nested(SlotSchema))


class SlotsQuery(PageQuery):
    store = ma.fields.Str(
        load_default=None, metadata={"description": "keep to this store (external id)"}
    )
