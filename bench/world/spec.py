"""What a world file says, and what it may say: `docs/simulator.md` explains every field."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from domain.errors import Invalid
from domain.people import QuietHours

Share = Annotated[float, Meta(ge=0, le=1)]
Amount = Annotated[float, Meta(ge=0, le=1e6)]
Odds = Annotated[float, Meta(ge=-10, le=10)]
Spread = Annotated[float, Meta(ge=0, le=10)]
Count = Annotated[int, Meta(ge=1, le=100_000)]
Hour = Annotated[float, Meta(ge=0, le=24)]
Clock = Annotated[str, Meta(pattern="^([01][0-9]|2[0-3]):[0-5][0-9]$")]
Name = Annotated[str, Meta(pattern="^[a-z0-9][a-z0-9-]{0,39}$")]

DEFAULT = Path(__file__).parent.parent / "worlds" / "default.json"
CUSTOMER_PRICES = (
    200.0  # interruptions, of which one drives a customer away, where nothing else is known
)
_MOST_MOMENTS = 20_000_000


class Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A part of a world file."""


class Level(Part, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A quantity that differs from person to person: log-normal with this median, and this spread of its logarithm."""

    median: Amount
    spread: Spread = 0.5


class Peak(Part, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An hour around which people come, normally spread, and the share of people whose own hour it is."""

    at: Hour
    share: Share
    spread: Annotated[float, Meta(ge=0.1, le=6)] = 1.0


class Rhythm(Part, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The visits that come anyway: how many a week, around which own hour, and how much of them at that hour.

    `weekend` is the share of a week's visits that fall on its two days for people without weekday habits.
    """

    visits_per_week: Level
    peaks: Annotated[tuple[Peak, ...], Meta(min_length=1, max_length=12)]
    regularity: Share = 0.7
    weekend: Share = 0.25


class Passing(Part, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Ways past the store without a visit in mind, which the fence tells."""

    per_week: Level
    peaks: Annotated[tuple[Peak, ...], Meta(min_length=1, max_length=12)]


class Response(Part, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Log-odds of a visit that a push brings and that would not have come: see `docs/simulator.md`."""

    base: Odds
    person: Spread = 0.5
    taste: Spread = 0.7
    orders: Spread = 3.0
    slot: Spread = 0.3
    own_hour: Odds = 0.5
    distance: Odds = -0.3
    distance_m: Level = Level(median=600, spread=0.6)
    visited_today: Odds = -1.5
    fatigue: Odds = -0.25
    half_life_days: Annotated[float, Meta(gt=0, le=60)] = 3.0


class Weather(Part, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Rain comes and goes by chance, hour by hour. `person` is how differently it moves people."""

    rain_share: Share = 0.3
    mean_hours: Annotated[float, Meta(ge=1, le=240)] = 5.0
    person: Spread = 0.3


class Annoyance(Part, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The hazard of opting out with one push that did not please: `base`, spread over people, growing with each push of late, and
    by `irrelevance` with each log-odd by which the offer misses their taste.

    `dismisses` and `refuses` are the chances that such a push is wiped away or called "not for me" by somebody of
    the usual sensitivity; the latter only where the offer is little to their taste.
    """

    base: Share
    spread: Spread = 0.8
    per_push: Spread = 0.4
    irrelevance: Spread = 0.0
    dismisses: Share = 0.1
    refuses: Share = 0.02


class WorldOffer(Part, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What can be said. `response` and `rain` are log-odds; `only_in_rain` makes it an offer that waits for rain."""

    id: Name
    margin: Amount
    discount: Amount
    response: Odds = 0.0
    rain: Odds = 0.0
    only_in_rain: bool = False
    hours: tuple[Hour, Hour] | None = None


class Limits(Part, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Pushes per person within a day and within seven days; null means no limit."""

    per_day: Annotated[int, Meta(ge=1, le=24)] | None = 1
    per_week: Annotated[int, Meta(ge=1, le=100)] | None = 4


class Silence(
    Part, frozen=True, kw_only=True, forbid_unknown_fields=True, rename={"from_": "from"}
):
    """Hours of silence: `from` ≤ t < `to`, past midnight where `to` ≤ `from`."""

    from_: Clock
    to: Clock


class Rules(Part, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The brand's policy. Without an `interruption_price` it is what the documentation tells brands to set."""

    caps: Limits = Limits()
    quiet_hours: tuple[Silence, ...] = (Silence(from_="21:00", to="08:00"),)
    interruption_price: Amount | None = None
    exploration: Share = 0.02
    holdout_share: Share = 0.0
    hold: bool = True


class World(Part, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A world file. Times are UTC, money is in one currency."""

    name: Name
    people: Annotated[int, Meta(ge=2, le=20_000)] = 400
    weeks: Annotated[int, Meta(ge=1, le=26)] = 8
    history_weeks: Annotated[int, Meta(ge=1, le=26)] = 6
    step_minutes: Annotated[int, Meta(ge=5, le=60)] = 30
    start: str = "2026-05-04"
    customer_value: Amount
    policy: Rules = Rules()
    rhythm: Rhythm
    passing: Passing
    response: Response
    weather: Weather = Weather()
    annoyance: Annoyance
    offers: Annotated[tuple[WorldOffer, ...], Meta(min_length=1, max_length=40)]

    @property
    def begins(self) -> datetime:
        """Midnight at which pushes begin."""
        return datetime.fromisoformat(self.start).replace(tzinfo=UTC)

    @property
    def quiet(self) -> tuple[QuietHours, ...]:
        """The policy's hours of silence, as the product has them."""
        return tuple(QuietHours(from_=one.from_, to=one.to) for one in self.policy.quiet_hours)

    @property
    def price(self) -> float:
        """The policy's price of an interruption."""
        given = self.policy.interruption_price
        return self.customer_value / CUSTOMER_PRICES if given is None else given


def read(file: Path = DEFAULT) -> World:
    """The world of a file; Invalid, naming the field and what is allowed there, where it is none."""
    try:
        text = file.read_bytes()
    except OSError as error:
        raise Invalid(f"{file} cannot be read: {error.strerror}.") from None
    try:
        world = msgspec.json.decode(text, type=World)
    except msgspec.DecodeError as error:
        raise Invalid(f"{file} is no world: {error}. See docs/simulator.md.") from None
    for wrong in _contradictions(world):
        raise Invalid(f"{file} is no world: {wrong}. See docs/simulator.md.")
    return world


def _contradictions(world: World) -> list[str]:
    found = []
    try:
        parsed = datetime.fromisoformat(world.start)
        if parsed.tzinfo or parsed.hour or parsed.minute or parsed.weekday():
            found.append("`$.start` must be a Monday's date, as in 2026-05-04")
    except ValueError:
        found.append("`$.start` must be a Monday's date, as in 2026-05-04")
    if 1440 % world.step_minutes:
        found.append("`$.step_minutes` must divide a day: 5, 10, 15, 20, 30 or 60")
    ids = [offer.id for offer in world.offers]
    if len(set(ids)) < len(ids):
        found.append("`$.offers[...].id` must be unique")
    for part, peaks in (("rhythm", world.rhythm.peaks), ("passing", world.passing.peaks)):
        if not sum(peak.share for peak in peaks):
            found.append(f"`$.{part}.peaks[...].share` must not all be 0")
    for n, offer in enumerate(world.offers):
        if offer.hours and not offer.hours[0] < offer.hours[1]:
            found.append(f"`$.offers[{n}].hours` must be two hours of a day, the first before")
    if world.people * world.weeks * len(world.offers) > _MOST_MOMENTS:
        found.append("`$.people` × `$.weeks` × offers must stay below 20 million")
    return found
