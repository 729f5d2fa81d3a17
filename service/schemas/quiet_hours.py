from typing import Any

import marshmallow as ma

from domain.people import QuietHours
from service.schemas.base import AdminSchema

DAYS = ("mo", "tu", "we", "th", "fr", "sa", "su")
_MOST = 21  # three spans a day; more is a mistake
_FROM = ma.validate.Regexp(
    r"^([01]\d|2[0-3]):[0-5]\d\Z", error="Give a local time as HH:MM, 00:00 to 23:59."
)
_TO = ma.validate.Regexp(
    r"^(([01]\d|2[0-3]):[0-5]\d|24:00)\Z", error="Give a local time as HH:MM, 00:00 to 24:00."
)


class QuietHoursSchema(AdminSchema):
    """Local hours of silence, `from` ≤ t < `to`, past midnight where `to` ≤ `from`. Loads as `QuietHours`."""

    days = ma.fields.List(
        ma.fields.Str(
            validate=ma.validate.OneOf(DAYS, error="Days are mo, tu, we, th, fr, sa and su.")
        ),
        load_default=list,
        validate=ma.validate.Length(max=7),
        metadata={"description": "the days on which the span begins; none means every day"},
    )
    from_ = ma.fields.Str(
        required=True, data_key="from", validate=_FROM, metadata={"example": "21:00"}
    )
    to = ma.fields.Str(required=True, validate=_TO, metadata={"example": "08:00"})

    @ma.post_load
    def _as_value(self, body: dict[str, Any], **_: Any) -> QuietHours:
        days = tuple(day for day in DAYS if day in body["days"])
        # The same midnight, as clocks write it.
        ends = "00:00" if body["to"] == "24:00" else body["to"]
        return QuietHours(from_=body["from_"], to=ends, days=days)


def quiet_hours(**options: Any) -> ma.fields.List[QuietHours]:
    """The field `quiet_hours: [{days, from, to}]` of policies and preferences."""
    return ma.fields.List(
        ma.fields.Nested(QuietHoursSchema),
        validate=ma.validate.Length(max=_MOST, error=f"Give at most {_MOST} spans."),
        **options,
    )
