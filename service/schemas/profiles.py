import marshmallow as ma

from scheduler.context.lifecycle import Stage


class FactSchema(ma.Schema):
    """One thing that is known beyond its evidence, in the reader's language; a person reads other words than the brand."""

    topic = ma.fields.Str(
        metadata={
            "description": "lifecycle, rhythm, order, store, item, category, price, never, trait, cadence, occasion"
        }
    )
    sentence = ma.fields.Str(
        metadata={"example": "You usually come on weekdays around noon: 14 of 17 visits."}
    )
    times = ma.fields.Int(allow_none=True)
    of = ma.fields.Int(allow_none=True)
    evidence_nats = ma.fields.Float(allow_none=True)


class FatigueSchema(ma.Schema):
    pushes = ma.fields.Float(metadata={"description": "accepted of late, each fading with 7 days"})
    ignored = ma.fields.Int(metadata={"description": "since the last one opened or redeemed"})
    last_answer = ma.fields.Str(allow_none=True)


class BrandFactSchema(FactSchema):
    sentence = ma.fields.Str(
        metadata={"example": "usually comes on weekdays around noon: 14 of 17 visits, certain"}
    )


class LifecycleSchema(ma.Schema):
    """Where the person stands, and the numbers behind it."""

    stage = ma.fields.Enum(Stage, by_value=True)
    visits = ma.fields.Int()
    first_at = ma.fields.AwareDateTime()
    last_at = ma.fields.AwareDateTime()
    mean_gap_days = ma.fields.Float(allow_none=True)
    recency_days = ma.fields.Float()
    overdue = ma.fields.Float(metadata={"description": "days since the last visit, in mean gaps"})
    pace = ma.fields.Float(
        metadata={"description": "above 1 the person has come more often of late than before"}
    )


class ProfileSchema(ma.Schema):
    """What was learned of a person; kept only as long as `habits` is granted."""

    lifecycle = ma.fields.Nested(LifecycleSchema, allow_none=True)
    facts = ma.fields.List(ma.fields.Nested(BrandFactSchema))
    fatigue = ma.fields.Nested(FatigueSchema)
