"""The tables. Importing this package fills `metadata`, which migrations are checked against."""

from storage.models.base import Base
from storage.models.brands import BrandRow, KeyRow
from storage.models.customers import ConsentEntryRow, ConsentRow, CustomerRow, DeviceRow
from storage.models.decisions import DecisionRow, DeliveryRow, MessageRow, MomentRow
from storage.models.delivery import DeliveryReportRow, LabelRow
from storage.models.events import BrandProfileRow, EventRow, ObservationRow, PlacesRow, ProfileRow
from storage.models.learning import (
    EvidenceRow,
    ModelRevisionRow,
    OpenDecisionRow,
    PersonEvidenceRow,
    SpreadRow,
)
from storage.models.offers import (
    ItemRow,
    OfferCheckRow,
    OfferCounterRow,
    OfferRevisionRow,
    OfferRow,
)
from storage.models.operations import HeartbeatRow, IdempotencyRow, LeaseRow
from storage.models.places import (
    FenceChangeRow,
    FenceEditRow,
    GeofenceRow,
    PositionRow,
    RawFixRow,
    ReceivedRow,
    StoreRow,
    VisitRow,
)
from storage.models.proof import CountRow, MemberRow, OutcomeRow, RemainRow, ShareRow
from storage.models.slots import BookingRow, PatronRow, PromiseRow, SlotRow
from storage.models.tastes import BrandTastesRow
from storage.models.webhooks import WebhookRow

metadata = Base.metadata

__all__ = [
    "BookingRow",
    "BrandProfileRow",
    "BrandRow",
    "BrandTastesRow",
    "ConsentEntryRow",
    "ConsentRow",
    "CountRow",
    "CustomerRow",
    "DecisionRow",
    "DeliveryReportRow",
    "DeliveryRow",
    "DeviceRow",
    "EventRow",
    "EvidenceRow",
    "FenceChangeRow",
    "FenceEditRow",
    "GeofenceRow",
    "HeartbeatRow",
    "IdempotencyRow",
    "ItemRow",
    "KeyRow",
    "LabelRow",
    "LeaseRow",
    "MemberRow",
    "MessageRow",
    "ModelRevisionRow",
    "MomentRow",
    "ObservationRow",
    "OfferCheckRow",
    "OfferCounterRow",
    "OfferRevisionRow",
    "OfferRow",
    "OpenDecisionRow",
    "OutcomeRow",
    "PatronRow",
    "PersonEvidenceRow",
    "PlacesRow",
    "PositionRow",
    "ProfileRow",
    "PromiseRow",
    "RawFixRow",
    "ReceivedRow",
    "RemainRow",
    "ShareRow",
    "SlotRow",
    "SpreadRow",
    "StoreRow",
    "VisitRow",
    "WebhookRow",
    "metadata",
]
