from typing import Any

import marshmallow as ma

from domain.ledger import Statement
from domain.people import Purpose
from service.schemas import fields
from service.schemas.base import AppSchema

MOST_ENTRIES = 100


class StatementSchema(AppSchema):
    """What the person said about one purpose, with exactly what they were shown."""

    purpose = ma.fields.Enum(Purpose, by_value=True, required=True)
    granted = fields.Flag(
        required=True, metadata={"description": "true: a grant; false: a withdrawal"}
    )
    wording = fields.text(
        10_000, required=True, metadata={"description": "the text the person read, in full"}
    )
    wording_version = fields.text(64, required=True)
    locale = fields.locale(required=True)
    source = fields.text(
        64, required=True, metadata={"description": "where in the app", "example": "onboarding"}
    )
    occurred_at = fields.Time(
        required=True,
        metadata={"description": "the device's time; a time in the future counts as now"},
    )

    @ma.post_load
    def _as_value(self, body: dict[str, Any], **_: Any) -> Statement:
        return Statement(**body)


class StatementsSchema(AppSchema):
    entries = ma.fields.List(
        ma.fields.Nested(StatementSchema),
        required=True,
        validate=ma.validate.Length(min=1, max=MOST_ENTRIES),
    )


class DeletedSchema(ma.Schema):
    """What a withdrawal did at once, before it was answered."""

    deleted = ma.fields.Dict(
        keys=ma.fields.Str(),
        values=ma.fields.Int(),
        metadata={"description": "rows by kind", "example": {"positions": 1, "visits": 3}},
    )
    note = ma.fields.Str(metadata={"description": "what it means from now on"})


class WithdrawalReceiptSchema(DeletedSchema):
    entry_id = ma.fields.Str()
    purpose = ma.fields.Enum(Purpose, by_value=True)


class ConsentEntrySchema(ma.Schema):
    """One row of the ledger."""

    id = ma.fields.Str()
    purpose = ma.fields.Enum(Purpose, by_value=True)
    granted = ma.fields.Bool()
    counts = ma.fields.Bool(
        metadata={"description": "false for a grant that is not later than every withdrawal"}
    )
    wording = ma.fields.Str()
    wording_version = ma.fields.Str()
    locale = ma.fields.Str(allow_none=True)
    source = ma.fields.Str()
    occurred_at = ma.fields.AwareDateTime()
    recorded_at = ma.fields.AwareDateTime(metadata={"description": "when it was received"})
    receipt = ma.fields.Nested(
        DeletedSchema, allow_none=True, metadata={"description": "of a withdrawal"}
    )


class ConsentsAnswerSchema(ma.Schema):
    """The ledger entries that were added, and a receipt for each withdrawal among them."""

    entries = ma.fields.List(ma.fields.Nested(ConsentEntrySchema))
    receipts = ma.fields.List(ma.fields.Nested(WithdrawalReceiptSchema))


class StandingSchema(ma.Schema):
    granted = ma.fields.Bool()
    since = ma.fields.AwareDateTime(allow_none=True)
    entry_id = ma.fields.Str(allow_none=True)


class LedgerSchema(ma.Schema):
    """The ledger in the order of receipt, and where each purpose stands by it."""

    data = ma.fields.List(ma.fields.Nested(ConsentEntrySchema))
    next_cursor = ma.fields.Str(allow_none=True)
    current = ma.fields.Dict(
        keys=ma.fields.Enum(Purpose, by_value=True), values=ma.fields.Nested(StandingSchema)
    )
