"""What a phone would say of where it is: GNSS error as it really is, slow to change and often mis-stated."""

import math
import random

from domain.places import LatLon
from domain.values import Value
from service.demo.town import METRES_PER_DEGREE

CORRELATION_S = 60.0
MISSTATED = 0.3  # standard deviation of ln(reported / true accuracy)
SIGMAS_IN_68_PERCENT = math.sqrt(-2 * math.log(1 - 0.68))  # of a circular normal error


class Source(Value):
    """What the position comes from: its share of the time and the range of its accuracy in metres."""

    name: str
    share: float
    best_m: float
    worst_m: float


SOURCES = (
    Source(name="gps", share=0.66, best_m=4.0, worst_m=15.0),
    Source(name="wifi", share=0.29, best_m=18.0, worst_m=50.0),
    Source(name="cell", share=0.05, best_m=150.0, worst_m=1000.0),
)


class Reading(Value):
    """What an app would send of one fix. `accuracy_m` is the phone's own claim of its 68 % radius."""

    latitude: float
    longitude: float
    accuracy_m: float


class Reception(Value):
    """How good one phone's reception truly is, and how good the phone believes it to be."""

    true_m: float
    reported_m: float

    @classmethod
    def drawn(cls, rng: random.Random, sources: tuple[Source, ...]) -> "Reception":
        (source,) = rng.choices(sources, weights=[source.share for source in sources])
        # Log-uniform: within a class, a doubling of the error is as likely anywhere.
        true_m = math.exp(rng.uniform(math.log(source.best_m), math.log(source.worst_m)))
        return cls(true_m=true_m, reported_m=true_m * rng.lognormvariate(0.0, MISSTATED))


class GpsNoise:
    """The error of one phone as a Gauss-Markov process of 60 s; the same seed gives the same errors."""

    def __init__(self, *, seed: int, sources: tuple[Source, ...] = SOURCES) -> None:
        self._rng = random.Random(seed)
        self._sources = sources
        self._last_s: float | None = None
        self._reception = Reception.drawn(self._rng, sources)
        self._east, self._north = self._rng.gauss(), self._rng.gauss()

    def reading(self, offset_s: float, position: LatLon) -> Reading:
        """What the phone reports `offset_s` seconds after any start, truly at `position`; call in order of time."""
        self._advance(offset_s)
        sigma_deg = self._reception.true_m / SIGMAS_IN_68_PERCENT / METRES_PER_DEGREE
        shrink = math.cos(math.radians(position.latitude))
        return Reading(
            latitude=position.latitude + sigma_deg * self._north,
            longitude=position.longitude + sigma_deg * self._east / shrink,
            accuracy_m=round(self._reception.reported_m, 1),
        )

    def _advance(self, offset_s: float) -> None:
        passed = 0.0 if self._last_s is None else offset_s - self._last_s
        if passed < 0:
            raise ValueError("readings must be asked for in order of time")
        self._last_s = offset_s
        kept = math.exp(-passed / CORRELATION_S)
        fresh = math.sqrt(1 - kept * kept)
        self._east = kept * self._east + fresh * self._rng.gauss()
        self._north = kept * self._north + fresh * self._rng.gauss()
        if self._rng.random() > kept:
            self._reception = Reception.drawn(self._rng, self._sources)
