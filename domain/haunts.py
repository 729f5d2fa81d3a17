"""Where a person keeps coming back to, as coarse cells with their evidence. Built from stays, with consent, and never exact."""

from enum import StrEnum

from domain.values import Value

# Words and codes of a decision's reasons that tell where somebody lives or works; a withdrawal takes those texts back.
TELL_A_PLACE = ("around here", "place_far")


class PlaceKind(StrEnum):
    HOME = "home"
    WORKPLACE = "workplace"


class Haunt(Value, array_like=True, gc=False):
    """One cell of about 500 m in which the person keeps staying.

    `hours`, `nights` and `weekdays` fade with a time constant of 28 days; a night or a weekday counts at most once.
    `days` is how many different local dates there were in all, `last` the latest (its ordinal), `night_s` and
    `office_s` the seconds of that date which count.
    """

    cell: int
    hours: float = 0.0
    nights: float = 0.0
    weekdays: float = 0.0
    days: int = 0
    last: int = 0
    night_s: int = 0
    office_s: int = 0


class Places(Value, array_like=True):
    """What is known of a person's places: at most six haunts, and how many nights and weekdays were seen anywhere.

    `as_of` is the local date (its ordinal) that the fading numbers are relative to; about 300 bytes as msgpack.
    """

    as_of: int = 0
    nights: float = 0.0
    weekdays: float = 0.0
    night_s: int = 0
    office_s: int = 0
    haunts: tuple[Haunt, ...] = ()


class Claim(Value):
    """A place that the evidence is enough for: seen there on `times` of the last `of` nights (home) or weekdays.

    `certain`: on at least three of four, and eight times or more; else it is likely.
    """

    kind: PlaceKind
    cell: int
    times: int
    of: int
    days: int
    certain: bool
