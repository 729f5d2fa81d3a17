import marshmallow as ma

from domain.offers import OfferKind
from domain.policy import MOST_FIX_HOURS, Devices
from service.schemas import fields
from service.schemas.base import AdminSchema
from service.schemas.offers import currency
from service.schemas.quiet_hours import quiet_hours


def _share(description: str) -> ma.fields.Float:
    return ma.fields.Float(
        validate=ma.validate.Range(min=0, max=1), metadata={"description": description}
    )


def _cap(description: str) -> ma.fields.Int:
    return ma.fields.Int(
        strict=True,
        allow_none=True,
        validate=ma.validate.Range(min=0, max=1000),
        metadata={"description": f"{description}; null: no cap"},
    )


class CapSchema(AdminSchema):
    """What is left out, or null, is no cap."""

    per_day = _cap("within the person's local day")
    per_week = _cap("within any seven days")


class CapsSchema(AdminSchema):
    per_day = _cap("pushes to one person within their local day")
    per_week = _cap("pushes to one person within any seven days")
    kinds = ma.fields.Dict(
        keys=ma.fields.Enum(OfferKind, by_value=True),
        values=ma.fields.Nested(CapSchema),
        metadata={"description": "of these, how many of a kind; replaces what was set before"},
    )
    per_store = ma.fields.Nested(
        CapSchema,
        allow_none=True,
        metadata={"description": "of these, how many about one and the same store; null: no cap"},
    )


class PolicySchema(AdminSchema):
    """What the brand allows its engine. A PUT changes what it names and leaves the rest."""

    paused = fields.Flag(metadata={"description": "the kill switch: nothing is sent, at once"})
    caps = ma.fields.Nested(CapsSchema)
    quiet_hours = quiet_hours(metadata={"description": "by each person's own clock"})
    holdout_share = _share("of the people, who get nothing, so that the effect can be measured")
    exploration = _share("of the choices, made at random, so that something can be learnt")
    hold = fields.Flag(metadata={"description": "whether to wait for a better moment"})
    interruption_price = ma.fields.Float(
        validate=ma.validate.Range(min=0, max=1000),
        metadata={"description": "what one push must be worth, in `currency`"},
    )
    currency = currency()
    keep_fixes_h = ma.fields.Int(
        strict=True,
        validate=ma.validate.Range(min=0, max=MOST_FIX_HOURS),
        metadata={
            "description": "hours that positions are kept as they came; 0: only the last one is known"
        },
    )
    at_least_once = fields.Flag(
        metadata={
            "description": "whether a push whose answer was lost is sent again, so that some people get it twice"
        }
    )
    devices = ma.fields.Enum(
        Devices,
        by_value=True,
        metadata={
            "description": "which of a person's devices get a message: all, or the one in use"
        },
    )
