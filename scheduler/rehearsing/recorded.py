"""Decisions of the past, made again from their stored inputs with an offer that was not there, or was another.

The inputs hold neither positions nor names. So what a new offer would have found there is put together from what the inputs
tell of the other offers (distances, weather), from the stores and their hours, and from the weather that was observed.
"""

from bisect import bisect_right
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

import msgspec

from domain.context import Candidate, Context, Inputs, Nearby, Sky
from domain.decisions import Cause
from domain.offers import Offer, OfferKind
from domain.places import Store
from domain.weather import Cell, Observation
from scheduler.context.hours import OpeningTimes
from scheduler.context.premises import Premises
from scheduler.context.profile import LEAD
from storage import offers, rehearsal, stores
from storage.engine import Transaction
from storage.rehearsal import Recorded

_WALK_MPS = 1.3
_LONGEST_WALK = timedelta(minutes=30)


class Window(NamedTuple):
    """[since, until)"""

    since: datetime
    until: datetime


class Archive:
    """A brand's offers in the revisions they had, its stores, and the weather over them in a window."""

    def __init__(
        self,
        tx: Transaction,
        brand_id: str,
        window: Window,
        drafts: Sequence[Offer],
        weather_max_age: timedelta,
    ) -> None:
        self._stores = stores.of_brand(tx, brand_id)
        self.premises = Premises(self._stores)
        self._max_age = weather_max_age
        self._offers: dict[tuple[str, int], Offer | None] = {}
        wanted = any(draft.body.when.weather for draft in drafts)
        cells = {_cell(store) for store in self._stores} if wanted else set()
        self._weather = rehearsal.observations(
            tx, sorted(cells), since=window.since - weather_max_age, until=window.until
        )

    def offers(self, tx: Transaction, context: Context) -> list[Offer] | None:
        """The offers of a decision as it saw them; None where one of them is not to be had."""
        found = []
        for candidate in context.candidates:
            key = candidate.offer_id, candidate.revision
            if key not in self._offers:
                self._offers[key] = offers.as_of(tx, *key)
            if offer := self._offers[key]:
                found.append(offer)
        return found if len(found) == len(context.candidates) else None

    def kind(self, candidate: Candidate) -> OfferKind | None:
        """What kind an offer had that was looked at."""
        offer = self._offers.get((candidate.offer_id, candidate.revision))
        return offer.body.kind if offer else None

    def sky(self, store: Store, at: datetime) -> Sky | None:
        """The weather over a store, as fresh as a decision asks for."""
        seen = self._weather.get(_cell(store), [])
        index = bisect_right(seen, at, key=_observed_at)
        newest = seen[index - 1] if index else None
        return Sky.of(newest) if newest and newest.observed_at >= at - self._max_age else None


def _observed_at(seen: Observation) -> datetime:
    return seen.observed_at


def _cell(store: Store) -> str:
    return Cell.at(latitude=store.latitude, longitude=store.longitude).key


def inputs_of(recorded: Recorded) -> Inputs | None:
    """What the decision rested on; None where that is gone, or nothing was chosen."""
    if recorded.redacted or recorded.decision.inputs is None:
        return None
    return msgspec.convert(recorded.decision.inputs, Inputs)


def with_draft(
    context: Context, recorded: Recorded, draft: Offer, archive: Archive
) -> tuple[Candidate, ...]:
    """The candidates of a recorded context with the draft among them, in place of its former revision."""
    others = [each for each in context.candidates if each.offer_id != draft.id]
    mine = _Draft(context, recorded, draft, archive).candidate()
    return tuple(sorted((*others, mine), key=lambda each: each.offer_id))


class _Draft:
    """One offer that is not stored, as it would have stood in one recorded context."""

    def __init__(
        self, context: Context, recorded: Recorded, offer: Offer, archive: Archive
    ) -> None:
        self._context = context
        self._recorded = recorded
        self._offer = offer
        self._archive = archive
        self._mine = archive.premises.named(offer.body.stores)
        before = (each for each in context.candidates if each.offer_id == offer.id)
        self._before = next(before, Candidate(offer_id=offer.id, revision=0))
        self._away = {
            each.store_id: each.distance_m
            for each in context.candidates
            if each.store_id and each.distance_m is not None
        }

    def candidate(self) -> Candidate:
        store = self._store()
        distance_m = self._away.get(store.id) if store else None
        return msgspec.structs.replace(
            self._before,
            revision=self._offer.revision,
            store_id=store.id if store else None,
            distance_m=distance_m,
            elsewhere=self._elsewhere(store),
            place=self._place(),
            hours_hold=self._hours_hold(store),
            store_open=self._is_open(store, distance_m),
            sky=self._sky(store),
            left=None,  # its limits are kept at the end, over all sends
            unsayable=None,
            regular=self._regular(store),
            kind_left=self._kind_left(),
            store_left=self._store_left(store),
        )

    def _store(self) -> Store | None:
        """The moment's, else the nearest of which a distance was recorded, else the one it was about, else the only one."""
        by_id = {store.id: store for store in self._mine}
        near = sorted((away, id_) for id_, away in self._away.items() if id_ in by_id)
        known = (self._recorded.moment_store_id, *(id_ for _, id_ in near), self._before.store_id)
        found = next((by_id[id_] for id_ in known if id_ in by_id), None)
        return found or (self._mine[0] if len(self._mine) == 1 else None)

    def _elsewhere(self, store: Store | None) -> bool:
        here, place = self._recorded.moment_store_id, self._offer.body.when.place
        astray = here is not None and (store is None or store.id != here)
        gone = bool(self._offer.body.stores) and not self._mine
        return gone or (astray and not (place and place.within_m is not None))

    def _place(self) -> Nearby | None:
        """How far the person's home or workplace is, which only an offer for the same place has recorded."""
        wanted = self._offer.body.when.place
        return self._before.place if wanted and wanted.of != "store" else None

    def _hours_hold(self, store: Store | None) -> bool | None:
        expression, at = self._offer.body.when.hours, self._context.decided_at
        if expression is None:
            return None
        if store:
            return self._archive.premises.hold(store, expression, at)
        zone = self._context.zone
        return bool(zone) and OpeningTimes(expression, zone=str(zone)).is_open(at)

    def _is_open(self, store: Store | None, distance_m: float | None) -> bool | None:
        """As it was seen for another offer, else by the hours that the store has today."""
        if store is None:
            return None
        told = [each for each in self._context.candidates if each.store_id == store.id]
        if told or not store.opening_hours:
            return told[0].store_open if told else None
        walk = min(_LONGEST_WALK, timedelta(seconds=(distance_m or 0.0) / _WALK_MPS))
        arrival, due_at = self._context.decided_at + walk, self._recorded.due_at
        if self._context.cause is Cause.HABIT and due_at:
            arrival = max(arrival, due_at + LEAD)
        return self._archive.premises.is_open(store, arrival)

    def _sky(self, store: Store | None) -> Sky | None:
        if store is None:
            return None
        told = (each.sky for each in self._context.candidates if each.store_id == store.id)
        return next((sky for sky in told if sky), None) or self._archive.sky(
            store, self._context.decided_at
        )

    def _kind_left(self) -> int | None:
        """What the caps left to this kind, as another offer of it was seen."""
        kind, candidates = self._offer.body.kind, self._context.candidates
        told = (each.kind_left for each in candidates if self._archive.kind(each) == kind)
        return next((left for left in told if left is not None), None)

    def _store_left(self, store: Store | None) -> int | None:
        told = (
            each.store_left
            for each in self._context.candidates
            if store and each.store_id == store.id
        )
        return next((left for left in told if left is not None), None)

    def _regular(self, store: Store | None) -> str | None:
        told = (
            each.regular for each in self._context.candidates if store and each.store_id == store.id
        )
        return next((word for word in told if word), None)
