"""Where an address is: Nominatim or Photon, through geopy. Off unless an operator switches it on."""

from collections.abc import Sequence
from importlib.metadata import version
from typing import Any, NoReturn
from urllib.parse import urlsplit

from geopy.adapters import URLLibAdapter
from geopy.exc import GeopyError
from geopy.extra.rate_limiter import RateLimiter
from geopy.geocoders import Nominatim, Photon

from domain.errors import Busy, Fault, Invalid
from domain.settings import Settings
from domain.values import Value
from geofence.distance import metres

TIMEOUT_S = 10.0
PUBLIC_PAUSE_S = 1.0  # the public hosts allow one request a second to all of an application
_PUBLIC = {
    "nominatim": "https://nominatim.openstreetmap.org",
    "photon": "https://photon.komoot.io",
}
_SAME_PLACE_M = (
    300.0  # answers so near to each other mean one place: its house, its shop, its entrance
)
_MOST = 5  # answers to compare
_HOUSES, _STREETS = ("house", "building", "shop", "amenity"), ("street", "road", "highway")
_STREET_RANK, _HOUSE_RANK = 26, 28  # Nominatim's address ranks: a street, and what lies at one


class Found(Value):
    """Where an address is. `matched` is the address as the geocoder has it, `precision` is house or street."""

    latitude: float
    longitude: float
    matched: str
    precision: str


class Geocoder:
    """Asks one geocoder, from any thread; the public hosts at most once a second in this process.

    Never call it inside a transaction: an answer may take seconds.
    """

    def __init__(
        self, kind: str, *, url: str | None = None, contact: str | None = None, pause_s: float
    ) -> None:
        address = urlsplit(url or _PUBLIC[kind])
        self.url = address.geturl()
        self.pause_s = pause_s
        service = {"nominatim": Nominatim, "photon": Photon}[kind](
            scheme=address.scheme,
            domain=(address.netloc + address.path).rstrip("/"),
            user_agent=_agent(contact),
            timeout=TIMEOUT_S,
            adapter_factory=URLLibAdapter,  # has no connections to share between threads or to close
        )
        self._ask = RateLimiter(
            service.geocode, min_delay_seconds=pause_s, max_retries=0, swallow_exceptions=False
        )

    def find(self, address: str) -> Found:
        """The one place of this address; Invalid, with what to do, where there is none, or several, or only a town.

        Busy where the geocoder does not answer.
        """
        found = [_found(place) for place in self._answers(address)]
        exact = [each for each in found if each.precision == "house"] or [
            each for each in found if each.precision == "street"
        ]
        if not found:
            _refuse("No place was found for this address: check its spelling, or give coordinates.")
        if not exact:
            _refuse("Only its town or area was found: add street and number, or give coordinates.")
        first = exact[0]
        if any(_apart(first, each) for each in exact[1:]):
            _refuse(
                "Several places have this address: add town, postcode or country, or give coordinates."
            )
        return first

    def check(self) -> None:
        """Busy, with the reason, where the geocoder does not answer."""
        self._answers("Helsinki")

    def _answers(self, address: str) -> Sequence[Any]:
        try:
            return self._ask(address, exactly_one=False, limit=_MOST) or ()
        except (
            GeopyError,
            LookupError,
            TypeError,
            ValueError,
        ) as error:  # or answers something else
            raise Busy(
                f"The geocoder at {self.url} does not answer ({type(error).__name__}); try again later, or give "
                "coordinates.",
                code="geocoder_unavailable",
                retry_after_s=60,
            ) from error


def of(settings: Settings) -> Geocoder | None:
    """The geocoder that the settings name; None where it is off."""
    if settings.geocoder == "none":
        return None
    own = settings.geocoder_url
    public = own is None or urlsplit(own).hostname in {
        urlsplit(url).hostname for url in _PUBLIC.values()
    }
    return Geocoder(
        settings.geocoder,
        url=own,
        contact=settings.public_url,
        pause_s=PUBLIC_PAUSE_S if public else 0.0,
    )


def _agent(contact: str | None) -> str:
    """Says who asks, as the public hosts demand."""
    about = f" ({contact})" if contact else ""
    return f"whenabouts/{version('whenabouts')}{about}"


def _found(place: Any) -> Found:
    return Found(
        latitude=place.latitude,
        longitude=place.longitude,
        matched=place.address,
        precision=_precision(place.raw),
    )


def _precision(raw: dict[str, Any]) -> str:
    """`house`, `street` or `area`: Nominatim tells it by rank, Photon by type."""
    if "place_rank" in raw:
        rank = int(raw["place_rank"])
        return "house" if rank >= _HOUSE_RANK else "street" if rank >= _STREET_RANK else "area"
    kind = raw.get("properties", {}).get("type")
    return "house" if kind in _HOUSES else "street" if kind in _STREETS else "area"


def _apart(one: Found, other: Found) -> bool:
    return metres(one.latitude, one.longitude, other.latitude, other.longitude) > _SAME_PLACE_M


def _refuse(detail: str) -> NoReturn:
    raise Invalid(detail, faults=(Fault(pointer="/address", detail=detail),))
