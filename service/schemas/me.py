from typing import Any

import marshmallow as ma

from domain.people import Purpose
from service.schemas.consents import StandingSchema
from service.schemas.customers import CustomerSchema
from service.schemas.places import OwnPlacesSchema
from service.schemas.preferences import PreferencesSchema
from service.schemas.profiles import FactSchema


def _rows(**options: Any) -> ma.fields.Dict:
    return ma.fields.Dict(keys=ma.fields.Str(), values=ma.fields.Int(), **options)


class HabitsSchema(ma.Schema):
    """What the visits tell of a rhythm, with the evidence; kept only as long as `habits` is granted."""

    sentence = ma.fields.Str(
        metadata={"example": "You usually come on Wednesdays between 11:00 and 14:00."}
    )
    claimed = ma.fields.Bool(metadata={"description": "whether the evidence is enough to say so"})
    visits = ma.fields.Int()
    first_at = ma.fields.AwareDateTime(allow_none=True)
    last_at = ma.fields.AwareDateTime(allow_none=True)
    evidence_nats = ma.fields.Float(
        metadata={"description": "a habit is claimed from 3 nats on, which is twenty to one"}
    )


class LastPositionSchema(ma.Schema):
    """Whether a last position is stored, and of when; the position itself is in the export."""

    stored = ma.fields.Bool()
    occurred_at = ma.fields.AwareDateTime(allow_none=True)


class MeSchema(ma.Schema):
    """What is known of the person who asks."""

    customer_id = ma.fields.Str()
    customer = ma.fields.Nested(CustomerSchema)
    consents = ma.fields.Dict(
        keys=ma.fields.Enum(Purpose, by_value=True), values=ma.fields.Nested(StandingSchema)
    )
    preferences = ma.fields.Nested(PreferencesSchema)
    devices = ma.fields.Int(metadata={"description": "installs of the app that are signed in"})
    habits = ma.fields.Nested(HabitsSchema, allow_none=True)
    known = ma.fields.List(
        ma.fields.Nested(FactSchema),
        metadata={"description": "what was learned and is sure enough to be said"},
    )
    places = ma.fields.Nested(OwnPlacesSchema, allow_none=True)
    last_position = ma.fields.Nested(LastPositionSchema)
    stored = _rows(metadata={"description": "rows by kind; the export shows them all"})


class ExportSchema(ma.Schema):
    """Everything stored of one person: all rows by kind, every column but the hashes of secrets."""

    exported_at = ma.fields.AwareDateTime()
    customer_id = ma.fields.Str()
    data = ma.fields.Dict(
        keys=ma.fields.Str(), values=ma.fields.List(ma.fields.Dict(keys=ma.fields.Str()))
    )


class ErasureReceiptSchema(ma.Schema):
    """What an erasure did, as rows by kind."""

    erased_at = ma.fields.AwareDateTime()
    subject_hash = ma.fields.Str(
        metadata={
            "description": "what the kept consent entries carry instead of the person: a hash of the external id "
            "under a key of the brand's"
        }
    )
    deleted = _rows()
    anonymised = _rows(
        metadata={"description": "what says nothing of the person stays, for totals"}
    )
    kept = _rows(metadata={"description": "as proof, under the hash"})
