"""Which of an offer's stores lie near a person's home or workplace. Pure."""

from datetime import date
from typing import NamedTuple

from domain.context import Nearby
from domain.haunts import Claim, PlaceKind, Places
from domain.offers import Offer
from domain.places import LatLon, Store
from geofence.places import centre_of, claims
from scheduler.context.places import of_a_place, rounded
from scheduler.context.premises import Premises


class Own(NamedTuple):
    """A person's place as an offer sees it: the nearest store, and up to three within the offer's reach, nearest first."""

    nearby: Nearby
    centre: LatLon
    stores: tuple[Store, ...]


class Surroundings:
    """One person's places among a brand's stores. `places` is None where nothing is known or nothing may be used."""

    def __init__(self, places: Places | None, *, on: date, premises: Premises) -> None:
        self._places = places
        self._on = on
        self._premises = premises
        self._claims: dict[PlaceKind, Claim] | None = None

    def of(self, offer: Offer) -> Own | None:
        """None where the offer asks for no place, where that place is not known, or where the offer has no store left."""
        place = offer.body.when.place
        if self._places is None or place is None or not of_a_place(offer):
            return None
        if self._claims is None:
            self._claims = claims(self._places, on=self._on)
        claim = self._claims.get(PlaceKind(place.of))
        mine = self._premises.named(offer.body.stores)
        if claim is None or not mine:
            return None
        return self._seen(claim, mine, place.within_m)

    def _seen(self, claim: Claim, mine: tuple[Store, ...], within_m: float | None) -> Own:
        centre = centre_of(claim.cell)
        near = [
            (rounded(self._premises.distance(store, centre)), store)
            for store in self._premises.nearest(mine, centre)
        ]
        reached = [store for away, store in near if within_m is None or away <= within_m]
        nearby = Nearby(distance_m=near[0][0], times=claim.times, of=claim.of)
        return Own(nearby, centre, tuple(reached or [near[0][1]]))
