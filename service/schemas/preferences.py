import marshmallow as ma

from domain.offers import OfferKind
from service.schemas import fields
from service.schemas.base import AppSchema
from service.schemas.customers import words
from service.schemas.quiet_hours import quiet_hours


class PreferencesSchema(AppSchema):
    """What a person sets for themselves. A PUT replaces all of it; what is left out is unset."""

    quiet_hours = quiet_hours(
        load_default=list, metadata={"description": "none until the person or the brand sets some"}
    )
    max_per_week = ma.fields.Int(
        load_default=None,
        allow_none=True,
        strict=True,
        validate=ma.validate.Range(min=0, max=50),
        metadata={
            "description": "pushes within any seven days; the brand's own maximum still counts"
        },
    )
    paused_until = fields.Time(load_default=None, allow_none=True)
    muted_kinds = ma.fields.List(
        ma.fields.Str(validate=ma.validate.OneOf([kind.value for kind in OfferKind])),
        load_default=list,
        validate=ma.validate.Length(max=len(OfferKind)),
    )
    traits = words(metadata={"example": ["vegetarian"]})
    interests = words(metadata={"example": ["soup"]})
    used_this_week = ma.fields.Int(
        dump_only=True,
        metadata={"description": "pushes of the last seven days that count towards the maximum"},
    )
