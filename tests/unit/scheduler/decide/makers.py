"""Contexts, offers and policies for deciding, each with what a test does not care about filled in."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from domain.context import Candidate, Context
from domain.decisions import Cause
from domain.ids import new_id
from domain.offers import Offer, OfferBody, OfferKind, OfferValue
from domain.people import Purpose
from domain.policy import Caps, Policy

NOON = datetime(2026, 5, 6, 9, 0, tzinfo=UTC)  # a Wednesday, noon in Helsinki
ALL = {purpose: f"entry-{purpose}" for purpose in Purpose}
PLAIN = Policy(
    caps=Caps(per_day=None, per_week=None),
    holdout_share=0.0,
    exploration=0.0,
    hold=False,
    interruption_price=0.0,
)


def context(*candidates: Candidate, **more: Any) -> Context:
    """Somebody in Helsinki who allows everything and has just come in."""
    plain = Context(
        moment_id=new_id(),
        cause=Cause.ENTER,
        decided_at=NOON,
        expires_at=NOON + timedelta(minutes=10),
        zone="Europe/Helsinki",
        local_date="2026-05-06",
        daypart=4,
        permits=ALL,
        draw=0.5,
        candidates=candidates,
    )
    return msgspec.structs.replace(plain, **more)


def policy(**more: Any) -> Policy:
    """One that forbids nothing, but for what is given."""
    return msgspec.structs.replace(PLAIN, **more)


def offer(name: str = "soup", *, margin: float = 6.0, discount: float = 1.5, **more: Any) -> Offer:
    plain = OfferBody(
        kind=OfferKind.DISCOUNT,
        title={"en": "Soup?"},
        body={"en": "Come."},
        value=OfferValue(margin=margin, discount=discount),
    )
    return Offer(
        id=f"id-{name}",
        brand_id="brand",
        external_id=name,
        revision=1,
        body=msgspec.structs.replace(plain, **more),
    )


def candidate(of: Offer, **more: Any) -> Candidate:
    return Candidate(offer_id=of.id, revision=of.revision, **more)
