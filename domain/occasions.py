"""Days that return: the cadence of a person's reservations, and the yearly days that reservations were made for."""

from domain.values import Value

PERIODS = (7, 14, 21, 28, 42, 56)  # days; "monthly" is every fourth week on the same weekday


class Yearly(Value, array_like=True):
    """A day of the year that a reservation was made for: `month` · 100 + `day`, and in how many years it was."""

    kind: str
    month_day: int
    times: int = 1
    last: int = 0  # day of the newest one


class Occasions(Value, array_like=True):
    """What reservations tell; every day is a local date as days since 1970.

    `kept`: reservations whose day has passed, the newest of them on the day `last`. `nats`: evidence in hundredths for
    each of `PERIODS`, which fades. `gap`: decayed mean of ln(days between two), in hundredths. `booked`: days still to come.
    """

    kept: int = 0
    last: int = 0
    gap: int = 0
    nats: tuple[int, ...] = ()
    booked: tuple[int, ...] = ()
    yearly: tuple[Yearly, ...] = ()
