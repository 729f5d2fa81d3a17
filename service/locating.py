"""Stores that have an address and no coordinates: remembered, or asked of the geocoder, outside any transaction."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from domain.errors import Fault, Invalid
from service.geocode import Found, Geocoder
from storage import stores
from storage.engine import Database

MOST = 100  # addresses that one request over HTTP may ask for: a public geocoder takes a second for each
Body = dict[str, Any]
Watch = Callable[[str, int, int], None]  # what is going on, how far, of how many


class Located(NamedTuple):
    """Bodies with their coordinates, sentences about what was looked up, and what was not found, by external id."""

    bodies: dict[str, Body]
    notes: dict[str, list[str]]
    refused: dict[str, Invalid]

    def body(self, name: str) -> Body:
        """The body with its coordinates; Invalid where its address was not found."""
        if name in self.refused:
            raise self.refused[name]
        return self.bodies[name]


class Locator:
    """Completes the bodies of stores. `most` bounds the questions of one call; None: as many as it takes."""

    def __init__(
        self, database: Database, geocoder: Geocoder | None, *, most: int | None = MOST
    ) -> None:
        self._database = database
        self._geocoder = geocoder
        self._most = most

    def can_find(self, body: Body) -> bool:
        """Whether a validated body lacks coordinates, and somebody can be asked for them."""
        return self._geocoder is not None and body["latitude"] is None

    def locate(
        self, brand_id: str, given: Mapping[str, Body], watch: Watch = lambda *_: None
    ) -> Located:
        """These bodies by external id, those that lack coordinates completed.

        What a store has under the same address it keeps, without a question. Invalid where more addresses are new
        than one request may ask for; Busy where the geocoder does not answer.
        """
        located = Located(dict(given), {}, {})
        if self._geocoder is not None and (unknown := self._remember(brand_id, located.bodies)):
            self._refuse_many(len(unknown))
            for number, name in enumerate(unknown):
                watch("finding addresses", number, len(unknown))
                _look_up(self._geocoder, name, located)
        return located

    def _remember(self, brand_id: str, bodies: dict[str, Body]) -> list[str]:
        """Fills in what is known already; the names of the rest."""
        wanted = [name for name, body in bodies.items() if self.can_find(body)]
        if not wanted:
            return []
        with self._database.read() as tx:
            known = stores.named(tx, brand_id, wanted)
        for name in wanted:
            old = known.get(name)
            if old and old.address == bodies[name]["address"]:
                bodies[name] = _at(bodies[name], old.latitude, old.longitude)
        return [name for name in wanted if bodies[name]["latitude"] is None]

    def _refuse_many(self, count: int) -> None:
        if self._most is not None and count > self._most:
            raise Invalid(
                f"{count} addresses would have to be looked up, and one request takes {self._most}: send fewer rows "
                "at once, use `whenabouts import`, or give coordinates."
            )


def _look_up(geocoder: Geocoder, name: str, located: Located) -> None:
    body = located.bodies[name]
    try:
        found = geocoder.find(body["address"])
    except Invalid as error:
        located.refused[name] = error
        return
    located.bodies[name] = _at(body, found.latitude, found.longitude)
    located.notes[name] = [_note(found)]


def _at(body: Body, latitude: float, longitude: float) -> Body:
    return {**body, "latitude": latitude, "longitude": longitude}


def require_position(body: Body) -> None:
    """Invalid where a body has come this far without coordinates: nobody looks addresses up here."""
    if body["latitude"] is None:
        detail = (
            "Give latitude and longitude; or let the operator switch on the geocoder (WHENABOUTS_GEOCODER), which "
            "finds them from the address."
        )
        raise Invalid(detail, faults=(Fault(pointer="/latitude", detail=detail),))


def _note(found: Found) -> str:
    at = f"{found.latitude:.5f}, {found.longitude:.5f}"
    where = {"house": "to the house", "street": "only to the street"}[found.precision]
    return f"Its address was found at {at}, {where}, as `{found.matched}`: check it on a map."
