"""What may be sent now, and to whom: the pace of each Firebase project, its rests, and the distance from the quarter hours."""

from collections import Counter
from collections.abc import Callable, Sequence
from copy import copy
from datetime import datetime, timedelta
from random import Random
from typing import NamedTuple

from domain.messages import Envelope, Outcome
from domain.values import Value
from scheduler import pacing
from scheduler.pacing import Figures, Governor
from scheduler.patience import Breaker, Line, Patience
from storage.addressees import Addressee

QUARTER_S = 120.0  # Firebase's own figure
_LOOK_AGAIN_S = 5.0  # whether who rests may be asked again
_GRAIN_S = 5.0  # to which waits are rounded up, so that many messages share one


class Pace(Value):
    """A project's quota in messages a minute, how far bulk stays from each quarter hour (0 is not at all), and whether the
    first message of an offer is validated before it is sent.
    """

    per_minute: int = pacing.QUOTA_PER_MINUTE
    quarter_s: float = QUARTER_S
    validates: bool = True


class Placed(NamedTuple):
    """Where a message may go now. With nowhere to go it waits until `wait_until`, or for the next turn where that is None.

    `passed_over` are devices of it whose platform rests while others of it go.
    """

    to: Sequence[Addressee] = ()
    passed_over: Sequence[Addressee] = ()
    wait_until: datetime | None = None


class Manners:
    """The manners of one sender. Answers are noted from any thread; turns are taken by one."""

    def __init__(self, *, monotonic: Callable[[], float], random: Random, pace: Pace) -> None:
        self._pace = pace
        self._random = random
        self._patience = Patience(monotonic=monotonic, random=random)
        self._governor = Governor(monotonic=monotonic, per_minute=self._pace.per_minute)

    def turn(self) -> "Turn":
        """What may go in one transaction. A transaction may be repeated, so each has its own; `took` says which one was it."""
        return Turn(self._patience, self._governor, self._pace, self._random)

    def took(self, turn: "Turn") -> None:
        """The POSTs that were placed in this turn start now."""
        for line in turn.tried:
            self._patience.try_one(*line)
        for project, posts in turn.taken.items():
            self._governor.took(project, posts=posts, bulk=turn.taken_bulk[project])

    def took_one(self, project: str) -> None:
        """A POST starts that only asks; it counts towards the quota too, as far as is known."""
        self._governor.took(project, posts=1, bulk=0)

    def note(self, envelope: Envelope, outcome: Outcome, *, begun: float) -> None:
        """Takes an answer into account; `begun` is when its POST started, by the monotonic clock."""
        platform = "" if envelope.customer else envelope.platform.value
        self._patience.note(envelope.project, outcome, begun=begun, platform=platform)
        self._governor.note(envelope.project, outcome, begun=begun)

    def share_among(self, senders: int) -> None:
        """Divides each project's pace by the number of senders that are alive."""
        self._governor.share_among(senders)

    def figures(self) -> dict[str, Figures]:
        """By project."""
        return self._governor.figures()

    def breakers(self) -> dict[Line, Breaker]:
        """By project and platform, of all that were answered for."""
        return self._patience.breakers()

    def rests(self) -> dict[Line, float]:
        """The same with the seconds for which they are still left alone."""
        return {line: self._patience.rest_s(*line) for line in self.breakers()}


class Turn:
    """What may go in one transaction, and what was placed."""

    def __init__(self, patience: Patience, governor: Governor, pace: Pace, random: Random) -> None:
        self._patience = patience
        self._governor = governor
        self._pace = pace
        self._random = random
        self._left: dict[str, list[float]] = {}  # posts, and bulk among them
        self._resting: set[str] = set()
        self._lines: dict[Line, float] = {}
        self.taken: Counter[str] = Counter()
        self.taken_bulk: Counter[str] = Counter()
        self.tried: set[Line] = set()

    def again(self) -> "Turn":
        """The same as long as nothing was placed: for who takes back what was."""
        other = copy(self)
        other._left = {project: list(left) for project, left in self._left.items()}
        other._lines = dict(self._lines)
        other.taken, other.taken_bulk = copy(self.taken), copy(self.taken_bulk)
        other.tried = set(self.tried)
        return other

    def become(self, other: "Turn") -> None:
        """Forgets what was placed since `other` was made of this by `again`."""
        self.__dict__.update(other.again().__dict__)

    def room(self, project: str) -> int:
        """How many messages are worth claiming."""
        return int(self._allowed(project)[0])

    def room_for_bulk(self, project: str, *, now: datetime) -> int:
        """How many of them may be bulk. Near a quarter hour that is all, to be told to wait."""
        posts, bulks = self._allowed(project)
        near = pacing.is_near_quarter(now, distance_s=self._pace.quarter_s)
        return int(posts if near else bulks)

    def place_hooked(self, project: str, to: Sequence[Addressee], *, now: datetime) -> Placed:
        """To a webhook, which has no pace, but rests when it does not answer well."""
        line = Line(project)
        if self._admitted(line) < 1:
            return Placed(wait_until=now + timedelta(seconds=_LOOK_AGAIN_S))
        self._lines[line] -= 1
        self.tried.add(line)
        return Placed(to=to)

    def place(
        self,
        project: str,
        to: Sequence[Addressee],
        *,
        bulk: bool,
        expires_at: datetime,
        now: datetime,
    ) -> Placed:
        """Takes places for the POSTs of one message, where it may go now."""
        self._allowed(project)
        if project in self._resting:
            return self._later(_LOOK_AGAIN_S, expires_at, now)
        if bulk and (wait_s := self._quarter(expires_at, now)):
            return self._later(wait_s, expires_at, now)
        going = tuple(e for e in to if self._admitted(Line(project, e.platform.value)) >= 1)
        if not going:
            lines = [Line(project, each.platform) for each in to]
            wait_s = min(self._patience.rest_s(*line) for line in lines)
            return self._later(max(wait_s, _LOOK_AGAIN_S), expires_at, now)
        if not self._take(project, len(going), bulk=bulk):
            return Placed()
        self._try(project, going)
        return Placed(to=going, passed_over=tuple(each for each in to if each not in going))

    def _quarter(self, expires_at: datetime, now: datetime) -> float | None:
        wait_s = pacing.until_after_quarter(now, expires_at, distance_s=self._pace.quarter_s)
        return wait_s and wait_s + pacing.SPREAD_S * self._random.random()

    def _allowed(self, project: str) -> list[float]:
        if project not in self._left:
            allowance = self._governor.allowance(project)
            one = self._patience.admits(project)
            if not one:
                self._resting.add(project)
            self._left[project] = [min(allowance.posts, one), min(allowance.bulk, one)]
        return self._left[project]

    def _admitted(self, line: Line) -> float:
        """How many messages of a platform, or to a webhook, may go yet."""
        if line not in self._lines:
            self._lines[line] = self._patience.admits(*line)
        return self._lines[line]

    def _take(self, project: str, posts: int, *, bulk: bool) -> bool:
        """All of a message's POSTs or none. Who has more devices than ever fit together goes first and alone."""
        left = self._allowed(project)
        room = min(left) if bulk else left[0]
        if room < 1 or (room < posts and self.taken[project]):
            return False
        left[0] -= posts
        left[1] -= posts * bulk
        self.taken[project] += posts
        self.taken_bulk[project] += posts * bulk
        return True

    def _try(self, project: str, going: Sequence[Addressee]) -> None:
        self.tried.add(Line(project))
        for each in going:
            line = Line(project, each.platform.value)
            self._lines[line] -= 1
            self.tried.add(line)

    def _later(self, wait_s: float, expires_at: datetime, now: datetime) -> Placed:
        rounded = timedelta(seconds=-(-wait_s // _GRAIN_S) * _GRAIN_S)
        return Placed(wait_until=min(now + rounded, expires_at))
