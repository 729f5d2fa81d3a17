from typing import Any

import marshmallow as ma

from domain.decisions import Cause
from domain.people import Mode
from service.schemas import fields
from service.schemas.base import AdminSchema
from service.schemas.history import BrandReasonSchema
from service.schemas.offers import OfferSchema

LEAST_SAMPLE, MOST_SAMPLE = 100, 1_000_000


class DryRunSchema(AdminSchema):
    """What to rehearse; an empty body asks what the stored offer would do now."""

    since = fields.Time(
        data_key="from",
        load_default=None,
        allow_none=True,
        metadata={"description": "the beginning of a window of the past; without it: now"},
    )
    until = fields.Time(
        data_key="to",
        load_default=None,
        allow_none=True,
        metadata={"description": "its end, not included"},
    )
    offer = ma.fields.Nested(
        OfferSchema,
        load_default=None,
        allow_none=True,
        metadata={"description": "a draft, as a PUT would take it; without it: the stored offer"},
    )
    sample = ma.fields.Int(
        strict=True,
        load_default=None,
        allow_none=True,
        validate=ma.validate.Range(min=LEAST_SAMPLE, max=MOST_SAMPLE),
        metadata={"description": "look at about so many people and scale the numbers up"},
    )

    @ma.validates_schema
    def _is_a_window(self, data: dict[str, Any], **_: Any) -> None:
        since, until = data["since"], data["until"]
        if (since is None) != (until is None):
            lacking = "from" if since is None else "to"
            raise ma.ValidationError("A window has both `from` and `to`.", lacking)
        if since is not None and since >= until:
            raise ma.ValidationError("It must not be after `to`.", "from")


class DropSchema(ma.Schema):
    """People who were stopped here by one rule."""

    code = ma.fields.Str(metadata={"example": "quiet_hours"})
    people = ma.fields.Float()
    of = ma.fields.Str(
        allow_none=True,
        metadata={"description": "the missing purpose, or the offer that won instead"},
    )


class StepSchema(ma.Schema):
    """How many people reached this step, and by what the others were stopped."""

    name = ma.fields.Str(metadata={"example": "eligible"})
    people = ma.fields.Float()
    low = ma.fields.Float(
        allow_none=True, metadata={"description": "95 % limits, where a sample was looked at"}
    )
    high = ma.fields.Float(allow_none=True)
    drops = ma.fields.List(ma.fields.Nested(DropSchema))


class SendsOfHourSchema(ma.Schema):
    hour = ma.fields.Int(metadata={"description": "0 to 23, by each person's own clock"})
    sends = ma.fields.Float()


class ExpectedSchema(ma.Schema):
    """What the sends would bring, by what is believed of the answers."""

    currency = ma.fields.Str(metadata={"example": "EUR"})
    sends = ma.fields.Float()
    redemptions = ma.fields.Float(
        metadata={"description": "visits after a push; each costs the discount"}
    )
    incremental_visits = ma.fields.Float(
        metadata={"description": "of these, the visits that would not have come anyway"}
    )
    margin = ma.fields.Float(metadata={"description": "of the incremental visits"})
    discount = ma.fields.Float()
    worth = ma.fields.Float(metadata={"description": "of reading, where nothing is sold"})
    interruption = ma.fields.Float(metadata={"description": "the price of the interruptions"})
    gain = ma.fields.Float(metadata={"description": "margin − discount + worth − interruption"})


class RehearsedPersonSchema(ma.Schema):
    """One person: how far they got, and why no farther."""

    customer_id = ma.fields.Str()
    customer = ma.fields.Str(allow_none=True, metadata={"description": "external id"})
    at = ma.fields.AwareDateTime()
    cause = ma.fields.Enum(Cause, by_value=True)
    step = ma.fields.Str(metadata={"description": "that they did not reach, or `sent`"})
    code = ma.fields.Str()
    reasons = ma.fields.List(ma.fields.Nested(BrandReasonSchema))


class RehearsedMomentsSchema(ma.Schema):
    """The moments of a window."""

    all = ma.fields.Int()
    redacted = ma.fields.Int(metadata={"description": "whose inputs are gone; skipped"})
    of_erased = ma.fields.Int(metadata={"description": "of these, those of erased people"})
    pruned = ma.fields.Int(metadata={"description": "whose inputs have served their time; skipped"})
    failed = ma.fields.Int(metadata={"description": "that cannot be decided again; skipped"})
    displaced = ma.fields.Int(
        metadata={"description": "real sends of other offers in whose place this would be said"}
    )


class DryRunResultSchema(ma.Schema):
    """What the offer would do. Each person is counted once, by how far they got."""

    offer = ma.fields.Str()
    revision = ma.fields.Int(allow_none=True, metadata={"description": "null where it is a draft"})
    mode = ma.fields.Enum(Mode, by_value=True)
    at = ma.fields.AwareDateTime()
    since = ma.fields.AwareDateTime(data_key="from", allow_none=True)
    until = ma.fields.AwareDateTime(data_key="to", allow_none=True)
    people = ma.fields.Int()
    looked_at = ma.fields.Int(metadata={"description": "fewer than `people` in a sample"})
    causes = ma.fields.List(
        ma.fields.Enum(Cause, by_value=True),
        metadata={"description": "the moments that were made up; none for a window of the past"},
    )
    steps = ma.fields.List(ma.fields.Nested(StepSchema))
    sends_by_hour = ma.fields.List(ma.fields.Nested(SendsOfHourSchema))
    expected = ma.fields.Nested(ExpectedSchema)
    examples = ma.fields.List(ma.fields.Nested(RehearsedPersonSchema))
    moments = ma.fields.Nested(RehearsedMomentsSchema, allow_none=True)
