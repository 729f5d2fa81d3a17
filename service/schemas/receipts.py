import marshmallow as ma

from domain.places import TransitionType


class RejectedSchema(ma.Schema):
    event_id = ma.fields.UUID()
    code = ma.fields.Str(
        metadata={
            "description": "why this one was not taken; the rest was",
            "example": "before_consent",
        }
    )


class PassageSchema(ma.Schema):
    geofence = ma.fields.Str(metadata={"description": "the fence's external id"})
    type = ma.fields.Enum(TransitionType, by_value=True)
    occurred_at = ma.fields.AwareDateTime()
    confidence = ma.fields.Int(metadata={"description": "1, 2 or 3 (surest)"})


class ReceiptSchema(ma.Schema):
    """What became of a batch, once it is committed. Every row is accepted, a duplicate or rejected."""

    accepted = ma.fields.Int()
    duplicates = ma.fields.Int(metadata={"description": "sent before; nothing was changed"})
    rejected = ma.fields.List(ma.fields.Nested(RejectedSchema))
    transitions = ma.fields.List(ma.fields.Nested(PassageSchema))
