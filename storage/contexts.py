"""What a batch of decisions needs to know of its people, each in one query for the whole batch."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

import msgspec
import sqlalchemy as sa

from domain.context import Reach, Sent, Sold, Whereabouts
from domain.decisions import Outcome
from domain.messages import MessageState
from domain.offers import OfferKind
from domain.people import Mode, Permission
from domain.places import LatLon
from domain.values import Value
from storage import webhooks
from storage.engine import Transaction
from storage.models import (
    DecisionRow,
    DeviceRow,
    MessageRow,
    OfferCounterRow,
    OfferRow,
    PatronRow,
    PositionRow,
    VisitRow,
)
from storage.models.base import UtcTime
from storage.offers import IN_ALL, PLEDGED
from storage.patrons import ANY
from storage.prepared import OfMany
from storage.sql import among

NEVER_SEEN = (MessageState.CANCELLED, MessageState.EXPIRED, MessageState.FAILED)


class Phones(Value):
    """A person's live devices: whether a push can reach one, and their zones and newest locale, newest first.

    Who has none is in reach all the same where a webhook of the brand's takes their messages.
    """

    reach: Reach = Reach.NO_DEVICE
    zones: tuple[str, ...] = ()
    locale: str | None = None


_NO_PHONE = Phones()
_PHONES = OfMany(
    sa.select(
        DeviceRow.customer_id,
        DeviceRow.push_permission,
        DeviceRow.target_value.is_not(None),
        DeviceRow.time_zone,
        DeviceRow.locale,
    )
    .where(DeviceRow.retired_at.is_(None))
    .order_by(DeviceRow.last_seen_at.desc(), DeviceRow.id),
    DeviceRow.customer_id,
)


def phones(tx: Transaction, customer_ids: Sequence[str]) -> dict[str, Phones]:
    found: dict[str, Phones] = {}
    for whose, permission, has_target, zone, locale in _PHONES.of(tx, customer_ids):
        before = found.get(whose, _NO_PHONE)
        found[whose] = Phones(
            reach=reach(before.reach, has_target, permission),
            zones=(*before.zones, zone) if zone else before.zones,
            locale=before.locale or locale,
        )
    without = [one for one in customer_ids if _phone(found, one).reach is Reach.NO_DEVICE]
    for one in webhooks.in_reach(tx, without):
        found[one] = msgspec.structs.replace(_phone(found, one), reach=Reach.REACHABLE)
    return found


def _phone(found: Mapping[str, Phones], customer_id: str) -> Phones:
    return found.get(customer_id, _NO_PHONE)


def reach(so_far: Reach, has_target: bool, permission: str) -> Reach:
    """One phone that can be reached is enough; a phone without a target is no phone to push to."""
    if so_far is Reach.REACHABLE or not has_target:
        return so_far
    return Reach.DENIED if permission == Permission.DENIED else Reach.REACHABLE


_WHEREABOUTS = OfMany(
    sa.select(
        PositionRow.customer_id,
        PositionRow.latitude,
        PositionRow.longitude,
        PositionRow.occurred_at,
    ).order_by(PositionRow.occurred_at),
    PositionRow.customer_id,
)


def whereabouts(tx: Transaction, customer_ids: Sequence[str]) -> dict[str, Whereabouts]:
    """The newest fix of each person's devices."""
    return {
        whose: Whereabouts(position=LatLon(latitude=latitude, longitude=longitude), occurred_at=at)
        for whose, latitude, longitude, at in _WHEREABOUTS.of(tx, customer_ids)
    }


_SENDS = OfMany(
    sa.select(
        DecisionRow.customer_id,
        DecisionRow.offer_id,
        DecisionRow.decided_at,
        DecisionRow.local_date,
        DecisionRow.daypart,
        DecisionRow.store_id,
        MessageRow.state,
    )
    .outerjoin(MessageRow, MessageRow.decision_id == DecisionRow.id)
    .where(
        DecisionRow.decided_at >= sa.bindparam("since", type_=UtcTime),
        DecisionRow.outcome == Outcome.SEND,
    )
    .order_by(DecisionRow.decided_at),
    DecisionRow.customer_id,
)


def sends(
    tx: Transaction, customer_ids: Sequence[str], *, since: datetime, with_kinds: bool = False
) -> dict[str, list[Sent]]:
    """What was sent to each person since then; what surely reached no phone is marked as not seen.

    The kinds of the offers, as they are now, are read only where they are asked for.
    """
    rows = _SENDS.of(tx, customer_ids, since=since)
    kinds = _kinds(tx, {row[1] for row in rows}) if with_kinds else {}
    found: dict[str, list[Sent]] = {}
    for whose, offer_id, at, local_date, daypart, store_id, state in rows:
        sent = Sent(
            offer_id=offer_id,
            at=at,
            local_date=local_date,
            daypart=daypart,
            seen=state not in NEVER_SEEN,
            store_id=store_id,
            kind=kinds.get(offer_id),
        )
        found.setdefault(whose, []).append(sent)
    return found


def _kinds(tx: Transaction, offer_ids: Collection[str]) -> dict[str, OfferKind]:
    query = sa.select(OfferRow.id, OfferRow.body["kind"].as_string().label("kind"))
    rows = tx.execute(query.where(OfferRow.id.in_(offer_ids)))
    return {row.id: OfferKind(row.kind) for row in rows}


def usual_stores(
    tx: Transaction, customer_ids: Sequence[str], *, since: datetime
) -> dict[str, str]:
    """The store each person was at most often since then."""
    rows = tx.execute(
        sa.select(VisitRow.customer_id, VisitRow.store_id)
        .where(
            among(tx, VisitRow.customer_id, customer_ids),
            VisitRow.entered_at >= since,
            VisitRow.store_id.is_not(None),
        )
        .group_by(VisitRow.customer_id, VisitRow.store_id)
        .order_by(sa.func.count(), VisitRow.store_id)
    )
    return {row.customer_id: row.store_id for row in rows}


_DAYS_AT_STORES = OfMany(
    sa.select(PatronRow.customer_id, PatronRow.store_id, PatronRow.times).where(
        PatronRow.service == ANY
    ),
    PatronRow.customer_id,
)


def days_at_stores(tx: Transaction, customer_ids: Sequence[str]) -> dict[str, dict[str, int]]:
    """On how many days each of these people came to which store; who came to none is there with none."""
    found: dict[str, dict[str, int]] = {each: {} for each in customer_ids}
    for whose, store_id, times in _DAYS_AT_STORES.of(tx, customer_ids):
        found[whose][store_id] = times
    return found


def sold(tx: Transaction, offer_ids: Sequence[str], *, mode: Mode, day: str) -> dict[str, Sold]:
    """How often each offer was sent: in all, on this day of the brand's zone, and with its discount still pledged."""
    rows = tx.execute(
        sa.select(OfferCounterRow.offer_id, OfferCounterRow.day, OfferCounterRow.sends).where(
            OfferCounterRow.offer_id.in_(offer_ids),
            OfferCounterRow.mode == mode,
            OfferCounterRow.day.in_([IN_ALL, day, PLEDGED]),
        )
    )
    which = {IN_ALL: "in_all", day: "today", PLEDGED: "pledged"}
    found: dict[str, dict[str, int]] = {}
    for row in rows:
        found.setdefault(row.offer_id, {})[which[row.day]] = row.sends
    return {offer_id: Sold(**sends) for offer_id, sends in found.items()}
