import marshmallow as ma


class DaySchema(ma.Schema):
    day = ma.fields.Date()
    send = ma.fields.Int()
    hold = ma.fields.Int()
    silence = ma.fields.Int()


class CauseSchema(ma.Schema):
    cause = ma.fields.Str(metadata={"example": "enter"})
    send = ma.fields.Int()
    hold = ma.fields.Int()
    silence = ma.fields.Int()


class CodeSchema(ma.Schema):
    """How often a decision had this as its first reason."""

    outcome = ma.fields.Str()
    code = ma.fields.Str(metadata={"example": "quiet_hours"})
    count = ma.fields.Int()


class FunnelSchema(ma.Schema):
    """What became of an offer: each number is of the decisions made on the days asked for."""

    offer = ma.fields.Str()
    decided = ma.fields.Int(metadata={"description": "decisions in which it won or was weighed"})
    sent = ma.fields.Int(metadata={"description": "decisions to say it"})
    accepted = ma.fields.Int(metadata={"description": "pushes that the push service took"})
    delivered = ma.fields.Int(
        metadata={"description": "that a phone reported, or FCM's export for it; each push once"}
    )
    opened = ma.fields.Int()
    redeemed = ma.fields.Int()
    dismissed = ma.fields.Int()
    not_for_me = ma.fields.Int()
    reported_accepted = ma.fields.Int(
        allow_none=True,
        metadata={"description": "FCM's own sum for Android; null where none was imported"},
    )
    reported_delivered = ma.fields.Int(
        allow_none=True, metadata={"description": "of these, what FCM says it delivered"}
    )


class StatsSchema(ma.Schema):
    """What was decided, and what became of it."""

    first = ma.fields.Date(data_key="from")
    last = ma.fields.Date(data_key="to")
    decisions = ma.fields.Int()
    days = ma.fields.List(ma.fields.Nested(DaySchema))
    causes = ma.fields.List(ma.fields.Nested(CauseSchema))
    reasons = ma.fields.List(ma.fields.Nested(CodeSchema), metadata={"description": "most first"})
    funnel = ma.fields.List(ma.fields.Nested(FunnelSchema), metadata={"description": "by offer"})
