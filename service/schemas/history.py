from typing import Any

import marshmallow as ma

from domain.decisions import Outcome, Reason
from domain.messages import DeliveryStatus, MessageState
from domain.people import Mode
from scheduler.telling.sentences import Audience, Voice
from service.schemas.base import page_of
from service.schemas.telling import ExplanationSchema, ToldPageQuery
from storage.timeline import Kind


class DecisionsQuery(ToldPageQuery):
    """`?outcome=` of lists of decisions; without it all, every silence among them."""

    outcome = ma.fields.Enum(Outcome, by_value=True, load_default=None)


class ReasonSchema(ma.Schema):
    """Why: a stable code, a sentence, and what would have changed it."""

    code = ma.fields.Str(metadata={"example": "quiet_hours"})
    text = ma.fields.Str()
    would_change = ma.fields.Str(allow_none=True)
    offer = ma.fields.Str(
        allow_none=True, metadata={"description": "where the reason concerns one offer"}
    )


class MomentSchema(ma.Schema):
    """The time at which it was decided whether to speak, and where; stores and fences by external id."""

    id = ma.fields.Str()
    cause = ma.fields.Str(metadata={"example": "enter"})
    due_at = ma.fields.AwareDateTime(allow_none=True)
    expires_at = ma.fields.AwareDateTime(allow_none=True)
    store = ma.fields.Str(allow_none=True)
    geofence = ma.fields.Str(allow_none=True)


class DeliverySchema(ma.Schema):
    status = ma.fields.Str(
        metadata={
            "description": "accepted, unregistered, rejected, unavailable, unknown, expired or cancelled"
        }
    )
    at = ma.fields.AwareDateTime()


class DecisionSchema(ma.Schema):
    """What was decided at a moment, and why."""

    id = ma.fields.Str()
    moment = ma.fields.Nested(MomentSchema)
    decided_at = ma.fields.AwareDateTime()
    outcome = ma.fields.Enum(Outcome, by_value=True)
    offer = ma.fields.Str(
        allow_none=True,
        metadata={"description": "what was said, or on a silence would have been; external id"},
    )
    reasons = ma.fields.List(ma.fields.Nested(ReasonSchema))
    deliveries = ma.fields.List(
        ma.fields.Nested(DeliverySchema), metadata={"description": "those that have ended"}
    )


DecisionPageSchema = page_of(DecisionSchema)


class ExplainedDecisionSchema(DecisionSchema):
    """A decision with its explanation."""

    explanation = ma.fields.Nested(ExplanationSchema)


class BrandReasonSchema(ReasonSchema):
    """A reason with the reckoning behind it, for the brand's own eyes."""

    @ma.pre_dump
    def _in_words(self, reason: Any, **_: Any) -> Any:
        return Voice(Audience.MARKETER).words(reason) if isinstance(reason, Reason) else reason

    account = ma.fields.Str(
        allow_none=True, metadata={"description": "in chances and the brand's money"}
    )


class BrandDecisionSchema(DecisionSchema):
    """What was decided at a moment, and why, as the brand reads it."""

    reasons = ma.fields.List(ma.fields.Nested(BrandReasonSchema))


BrandDecisionPageSchema = page_of(BrandDecisionSchema)


class AttemptSchema(ma.Schema):
    """One attempt at one device; `sending` is on the way."""

    id = ma.fields.Str()
    device_id = ma.fields.Str()
    status = ma.fields.Enum(DeliveryStatus, by_value=True)
    at = ma.fields.AwareDateTime(metadata={"description": "when it ended, or was attempted"})
    simulated = ma.fields.Bool(metadata={"description": "of a test customer: FCM was not asked"})
    attempted_at = ma.fields.AwareDateTime()
    finished_at = ma.fields.AwareDateTime(allow_none=True)
    provider_id = ma.fields.Str(allow_none=True)
    error_code = ma.fields.Str(allow_none=True)
    detail = ma.fields.Str(allow_none=True)


class TermSchema(ma.Schema):
    name = ma.fields.Str()
    value = ma.fields.Float()


class AlternativeSchema(ma.Schema):
    """An offer that was looked at."""

    offer = ma.fields.Str(metadata={"description": "external id"})
    gain = ma.fields.Float(
        allow_none=True, metadata={"description": "over silence, in the brand's money"}
    )
    code = ma.fields.Str(
        allow_none=True, metadata={"description": "the rule that ruled it out, if one did"}
    )


class AuditedDecisionSchema(BrandDecisionSchema):
    """A decision with everything it rested on, as long as its person has not withdrawn or been erased."""

    mode = ma.fields.Enum(Mode, by_value=True)
    customer_id = ma.fields.Str(allow_none=True)
    customer = ma.fields.Str(allow_none=True, metadata={"description": "external id"})
    store = ma.fields.Str(allow_none=True, metadata={"description": "external id"})
    offer_revision = ma.fields.Int(allow_none=True)
    consent_entry_id = ma.fields.Str(
        allow_none=True, metadata={"description": "the ledger entry that permitted it"}
    )
    terms = ma.fields.List(ma.fields.Nested(TermSchema))
    guards = ma.fields.List(
        ma.fields.Nested(ReasonSchema), metadata={"description": "the rules that silenced it"}
    )
    propensity = ma.fields.Float(
        metadata={"description": "the probability with which this was chosen"}
    )
    seed = ma.fields.Int()
    local_date = ma.fields.Str(allow_none=True)
    daypart = ma.fields.Int(
        allow_none=True, metadata={"description": "0 to 7: three hours of the local day each"}
    )
    inputs = ma.fields.Dict(
        keys=ma.fields.Str(),
        allow_none=True,
        metadata={"description": "null once redacted or pruned"},
    )
    rules = ma.fields.List(
        ma.fields.Str(), metadata={"description": "the rules on the person that were asked"}
    )
    alternatives = ma.fields.List(ma.fields.Nested(AlternativeSchema))
    pruned_at = ma.fields.AwareDateTime(
        allow_none=True, metadata={"description": "when its inputs had served their time"}
    )
    redacted_at = ma.fields.AwareDateTime(allow_none=True)
    message_id = ma.fields.Str(allow_none=True)
    deliveries = ma.fields.List(ma.fields.Nested(AttemptSchema))
    explanation = ma.fields.Nested(
        ExplanationSchema, metadata={"description": "only where `?audience=` asks for it"}
    )


class PushSchema(ma.Schema):
    title = ma.fields.Str()
    body = ma.fields.Str()
    data = ma.fields.Dict(keys=ma.fields.Str(), values=ma.fields.Str())


class MessageSchema(ma.Schema):
    """One push to one person, and what became of it at each device."""

    id = ma.fields.Str()
    decision_id = ma.fields.Str()
    customer_id = ma.fields.Str()
    customer = ma.fields.Str(allow_none=True, metadata={"description": "external id"})
    offer = ma.fields.Str(allow_none=True, metadata={"description": "external id"})
    mode = ma.fields.Enum(Mode, by_value=True)
    push = ma.fields.Nested(
        PushSchema, allow_none=True, metadata={"description": "null once redacted"}
    )
    state = ma.fields.Enum(MessageState, by_value=True)
    reason = ma.fields.Str(
        allow_none=True, metadata={"description": "why it was cancelled or expired"}
    )
    created_at = ma.fields.AwareDateTime()
    expires_at = ma.fields.AwareDateTime()
    finished_at = ma.fields.AwareDateTime(allow_none=True)
    deliveries = ma.fields.List(ma.fields.Nested(AttemptSchema))


class TimelineEntrySchema(ma.Schema):
    """One thing that happened; `what` holds the fields of its kind."""

    kind = ma.fields.Enum(Kind, by_value=True)
    id = ma.fields.Str()
    at = ma.fields.AwareDateTime()
    what = ma.fields.Dict(keys=ma.fields.Str())
