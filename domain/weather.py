"""What the sky does over one grid cell."""

from datetime import datetime

from domain.offers import WeatherWord
from domain.values import Value


class Cell(Value):
    """A 0.1° square, named by its rounded corner; the unit in which weather is fetched and stored."""

    latitude: float
    longitude: float

    @classmethod
    def at(cls, *, latitude: float, longitude: float) -> "Cell":
        return cls(latitude=round(latitude, 1) + 0.0, longitude=round(longitude, 1) + 0.0)

    @property
    def key(self) -> str:
        return f"{self.latitude:.1f},{self.longitude:.1f}"


class Observation(Value):
    """°C, m/s, mm. `observed_at` is the provider's time of validity; the age limit counts from it."""

    cell: str
    provider: str
    observed_at: datetime
    fetched_at: datetime
    word: WeatherWord
    temperature: float | None = None
    wind: float | None = None
    precipitation: float | None = None

    @property
    def plausible(self) -> bool:
        """Whether the numbers are ones that the sky has shown; what is unknown does not speak against them."""
        limits = ((self.temperature, -95, 60), (self.wind, 0, 120), (self.precipitation, 0, 500))
        return all(value is None or low <= value <= high for value, low, high in limits)
