"""How much a person was spoken to of late, and how they took it."""

from domain.values import Value


class Refused(Value, array_like=True):
    """What "not for me" was said to, and how often: a kind, or eight digits that stand for an offer's id."""

    what: str
    times: int = 1


class Fatigue(Value, array_like=True):
    """`pushes`: accepted ones as of the hour `as_of` (since 1970), in thousandths, which fade with τ = 7 days.

    `ignored`: pushes since the last sign of interest. `answer`: the last answer and `answered_at` its hour. `offers` and
    `kinds` hold what was refused last.
    """

    as_of: int = 0
    pushes: int = 0
    last_push: int = 0
    ignored: int = 0
    answer: str = ""
    answered_at: int = 0
    offers: tuple[Refused, ...] = ()
    kinds: tuple[Refused, ...] = ()
    counted: int = 0  # up to which second since 1970 accepted pushes were counted
