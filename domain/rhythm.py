"""What a brand learned of its people's rhythm: what everybody does together, and how visits follow from what is known."""

from datetime import datetime

from domain.people import Wheel
from domain.values import Value


class Lean(Value):
    """How many visits everybody's shape counts for beside a person's own: by weekday, by hour, by hour of a kind of day."""

    day: float = 25.0
    hour: float = 8.0
    slot: float = 15.0


class Odds(Value):
    """A logistic regression that learns: means of its weights and, row by row, their precision matrix.

    Empty until it learned anything: then the beliefs hold that its owner began with.
    """

    mean: tuple[float, ...] = ()
    precision: tuple[float, ...] = ()
    as_of: datetime | None = None


class Forecast(Value):
    """The odds of one event, and the young memory that corrects them where a brand's days change (an online Platt layer)."""

    odds: Odds = Odds()
    corrected: Odds = Odds()


class BrandRhythm(Wheel):
    """The wheel of everybody's visits, and what foretold these visits best.

    `since` is the first visit, by the clock of its person; None of brands from before it was kept.
    """

    since: datetime | None = None
    day_leans: tuple[float, ...] = ()  # nats that each strength in the grid of leans has earned
    hour_leans: tuple[float, ...] = ()
    moment: Forecast = Forecast()
    week: Forecast = Forecast()
    month: Forecast = Forecast()
