"""Who is left alone so that the effect of pushes can be measured: a fixed draw per person, and the shares there were."""

import hashlib
from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from itertools import pairwise

from domain.values import Value

PRE_DAYS = 56  # before somebody is enrolled, by which their later visits are foretold
NEVER = 1.0  # the draw of somebody whom no share holds out


class Arm(StrEnum):
    TREATED = "treated"
    HELD_OUT = "held_out"


class Member(Value):
    """Where a person stands: their draw for good, whether they are enrolled, and whether an offer has ever won."""

    draw: float
    enrolled: bool = False
    said: bool = False


class Share(Value):
    """From `since` on, people whose draw lies below `share` are held out."""

    since: datetime
    share: float


class Epoch(Value):
    """The people enrolled from `begins` on, until the next one begins.

    Among them who lies below `lowest` was held out all the time, and who does not lie below `highest` never was. Who
    lies between changed sides with a change of the share, and counts in neither arm.
    """

    number: int
    begins: datetime
    lowest: float
    highest: float

    def arm(self, draw: float) -> Arm | None:
        if draw < self.lowest:
            return Arm.HELD_OUT
        return Arm.TREATED if draw >= self.highest else None


def draw_of(brand_id: str, customer_id: str) -> float:
    """Where a person stands in [0, 1): the same for good, independent between brands."""
    digest = hashlib.sha256(f"holdout:{brand_id}:{customer_id}".encode()).digest()
    return int.from_bytes(digest[:6], "big") / 2**48


def epochs(shares: Sequence[Share], until: datetime) -> tuple[Epoch, ...]:
    """One for each share that began by `until`, oldest first; `shares` are in that order too."""
    begun = [each for each in shares if each.since <= until]
    found = []
    for number, each in enumerate(begun):
        since = [later.share for later in begun[number:]]
        found.append(Epoch(number=number, begins=each.since, lowest=min(since), highest=max(since)))
    return tuple(found)


def epoch_of(among: Sequence[Epoch], enrolled_at: datetime) -> Epoch | None:
    """The epoch that somebody belongs to who was enrolled then."""
    for this, after in pairwise((*among, None)):
        if this and this.begins <= enrolled_at and (after is None or enrolled_at < after.begins):
            return this
    return among[0] if among else None
