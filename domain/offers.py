"""What could be said: an offer with its value, conditions, limits and life. Mirrors the API's body."""

from datetime import datetime
from enum import StrEnum

from domain.messages import Style
from domain.values import Value


class OfferKind(StrEnum):
    DISCOUNT = "discount"
    INFORMATION = "information"
    THANK_YOU = "thank_you"
    OCCASION = "occasion"
    WIN_BACK = "win_back"
    SLOT = "slot"


class WeatherWord(StrEnum):
    CLEAR = "clear"
    CLOUDS = "clouds"
    FOG = "fog"
    DRIZZLE = "drizzle"
    RAIN = "rain"
    SNOW = "snow"
    THUNDER = "thunder"


class About(Value):
    items: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    services: tuple[str, ...] = ()


class OfferValue(Value):
    """Money per redemption: what the brand earns before the discount, and the discount it gives."""

    margin: float = 0.0
    discount: float = 0.0
    currency: str = "EUR"


class WeatherCondition(Value):
    """Every key given must hold; temperatures in °C, wind in m/s."""

    any: tuple[WeatherWord, ...] = ()
    temperature_below: float | None = None
    temperature_above: float | None = None
    wind_above: float | None = None


class PlaceCondition(Value):
    """`of`: `store` (the person is within `within_m` of one of the offer's stores), `home` or `workplace`.

    `via`: the causes that count (`enter`, `dwell`, `habit`, `weather`, …); none means any.
    """

    within_m: float | None = None
    of: str = "store"
    via: tuple[str, ...] = ()


class When(Value):
    hours: str | None = None
    weather: WeatherCondition | None = None
    place: PlaceCondition | None = None


class Audience(Value):
    traits_none: tuple[str, ...] = ()
    traits_any: tuple[str, ...] = ()
    segments_any: tuple[str, ...] = ()
    segments_none: tuple[str, ...] = ()


class Limits(Value):
    """`total`, `per_day` and `stock` count sends; `per_customer_days` is the least distance between two to one person.

    `budget` is the money that its discounts may cost: each send pledges one until it is known not to be redeemed.
    """

    per_customer_days: float | None = None
    total: int | None = None
    per_day: int | None = None
    stock: int | None = None
    budget: float | None = None

    def pledges(self, discount: float) -> int | None:
        """How many discounts the budget pays for; None where there is none, or nothing to pay."""
        if self.budget is None or discount <= 0:
            return None
        return int(self.budget / discount + 1e-9)


class Life(Value):
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    ttl_s: int = 3600


class OfferBody(Value):
    """The part of an offer that an admin writes; stored as one JSON document per revision."""

    kind: OfferKind
    title: dict[str, str]
    body: dict[str, str]
    about: About = About()
    value: OfferValue = OfferValue()
    stores: tuple[str, ...] = ()  # external ids; none means every store of the brand
    when: When = When()
    audience: Audience = Audience()
    limits: Limits = Limits()
    life: Life = Life()
    data: dict[str, str] = {}
    push: Style = Style()
    active: bool = True
    sensitive: bool = False  # said only to those who declared an interest in what it is about


class Offer(Value):
    id: str
    brand_id: str
    external_id: str
    revision: int
    body: OfferBody
