"""What a batch of events needs to know to be learned from: the catalogue, what all choose, pushes and offers."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

import msgspec

from domain.events import Event
from domain.people import Profile
from domain.tastes import Everybody
from scheduler import lessons
from scheduler.context import fatigue
from scheduler.lessons import Meaning, Offered
from storage import items, profiles, tastes
from storage.engine import Transaction

_PUSHES = timedelta(days=60)  # older ones weary nobody any more


class Told(Protocol):
    """A sign, as far as it matters here."""

    @property
    def event(self) -> Event | None: ...


class Choices:
    """Of one brand, for one transaction. What all choose moves on with each order, as it did in life."""

    def __init__(self, tx: Transaction, signs: Iterable[Told], *, brand_id: str) -> None:
        events = [sign.event for sign in signs if sign.event]
        orders = [event for event in events if event.type == "order" and event.items]
        self._brand_id = brand_id
        self._orders: list[Event] = []
        self._before = tastes.of_brand(tx, brand_id) if orders else Everybody()
        self._everybody = self._before
        skus = lessons.skus(orders)
        self._meaning = Meaning(
            items=items.of_skus(tx, brand_id, skus) if skus else {},
            offered=_offered(tx, events),
        )

    def with_pushes(
        self,
        tx: Transaction,
        customer_ids: Sequence[str],
        known: Mapping[str, Profile],
        *,
        now: datetime,
    ) -> dict[str, Profile]:
        """These people's profiles, empty ones where nothing is known, with the pushes that were accepted since."""
        accepted = profiles.pushes(tx, customer_ids, since=now - _PUSHES)
        return {
            customer_id: _pushed(
                known.get(customer_id, Profile()), accepted.get(customer_id, ()), now
            )
            for customer_id in customer_ids
        }

    def learned(
        self, profile: Profile, event: Event | None, *, zone: ZoneInfo, now: datetime
    ) -> Profile:
        """The profile after this event."""
        if event is None:
            return profile
        after = lessons.learned(profile, event, self._meaning, self._everybody, zone=zone, now=now)
        if event.type == "order" and event.items:
            self._orders.append(event)
            self._everybody = lessons.joined(self._everybody, event, self._meaning.items)
        return after

    def tell_everybody(self, tx: Transaction, *, now: datetime) -> None:
        """Adds the orders that were learned from to what all choose."""
        found = tastes.lock(tx, self._brand_id, now=now) if self._orders else None
        if found is None:
            return
        everybody = self._everybody
        if (
            found != self._before
        ):  # another transaction was quicker: the same orders on top of its own
            everybody = found
            for order in self._orders:
                everybody = lessons.joined(everybody, order, self._meaning.items)
        tastes.save(tx, everybody, brand_id=self._brand_id, now=now)


def _pushed(profile: Profile, accepted: Iterable[datetime], now: datetime) -> Profile:
    wearied = fatigue.with_pushes(profile.fatigue, accepted, until=now)
    return msgspec.structs.replace(profile, fatigue=wearied)


def _offered(tx: Transaction, events: Iterable[Event]) -> dict[str, Offered]:
    refused = {
        event.decision_id for event in events if event.type == "not_for_me" and event.decision_id
    }
    if not refused:
        return {}
    found = profiles.offered(tx, refused)
    return {decision_id: Offered(*of) for decision_id, of in found.items()}
