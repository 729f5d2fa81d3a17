import re
from typing import Any

import marshmallow as ma

from domain.events import KNOWN_TYPES
from service.schemas import fields
from service.schemas.base import AppSchema

MOST_EVENTS = 100
_SAFE_INTEGER = 2**53  # beyond it other languages' numbers lose digits
_MOST_PROPERTIES = 50
_TYPE = "[a-z][a-z0-9_.:-]{0,63}"
_PROSE = fields.text(1000, least=0)


def _type_name(value: str) -> None:
    if not re.fullmatch(_TYPE, value):
        raise ma.ValidationError(
            "Begin with a small letter; then up to 63 of a-z, 0-9, _ . : and -."
        )


def _few(properties: dict[str, Any]) -> None:
    if len(properties) > _MOST_PROPERTIES:
        raise ma.ValidationError(f"Send at most {_MOST_PROPERTIES} properties.")


def _scalar(value: Any) -> None:
    if isinstance(value, str):
        _PROSE.deserialize(value)
    elif isinstance(value, bool) or value is None:
        return
    elif not isinstance(value, int | float) or not abs(value) <= _SAFE_INTEGER:  # nor NaN
        raise ma.ValidationError("Give text, true or false, null, or a number up to 2^53.")


def _name(description: str) -> ma.fields.Str:
    return fields.text(
        200, load_default=None, allow_none=True, metadata={"description": description}
    )


def _optional_number(**more: Any) -> ma.fields.Float:
    return ma.fields.Float(load_default=None, allow_none=True, **more)


class LineItemSchema(AppSchema):
    sku = fields.text(200, required=True)
    name = _name("as the person saw it")
    category = _name("where the catalogue does not know the sku")
    quantity = ma.fields.Float(
        load_default=1.0, validate=ma.validate.Range(min=0, min_inclusive=False)
    )
    price = _optional_number(metadata={"description": "of one"})


class EventSchema(AppSchema):
    """Anything a person did besides moving: a known type, or one of the brand's own."""

    event_id = ma.fields.UUID(
        required=True, metadata={"description": "your own, UUIDv7 best; a repeat changes nothing"}
    )
    type = ma.fields.Str(
        required=True,
        validate=_type_name,
        metadata={
            "description": "one of " + ", ".join(sorted(KNOWN_TYPES)) + ", or the brand's own",
            "pattern": f"^{_TYPE}$",
        },
    )
    occurred_at = fields.Time(required=True)
    customer = _name("external id; with a secret key only, and then required")
    store = _name("external id")
    service = _name("what was reserved or done, such as a haircut")
    slot = _name("the slot that a reservation fills")
    items = ma.fields.List(
        ma.fields.Nested(LineItemSchema), load_default=[], validate=ma.validate.Length(max=200)
    )
    amount = _optional_number(metadata={"description": "what was paid, in the brand's currency"})
    decision_id = _name("the decision that rode along with the push this answers")
    properties = ma.fields.Dict(
        keys=fields.text(200),
        values=ma.fields.Raw(allow_none=True, validate=_scalar),
        load_default={},
        validate=_few,
        metadata={"maxProperties": _MOST_PROPERTIES},
    )


class EventsSchema(AppSchema):
    events = ma.fields.List(
        ma.fields.Nested(EventSchema),
        required=True,
        validate=ma.validate.Length(min=1, max=MOST_EVENTS),
    )
