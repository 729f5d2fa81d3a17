"""What becomes known of a town's people from what they do, as the product learns it; kept in memory."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec

from bench.world.spec import World
from domain.context import Sent
from domain.events import Event, LineItem
from domain.people import Profile
from domain.rhythm import BrandRhythm
from domain.tastes import Everybody
from scheduler import lessons, prompts
from scheduler.context.clock import daypart
from scheduler.context.fatigue import with_pushes
from scheduler.context.profile import next_window, with_visit
from scheduler.context.questions import Stretch, taught
from scheduler.decide.choose import Verdict
from scheduler.lessons import Meaning
from scheduler.silences import SILENT_FOR
from storage.learning import Prompt

ZONE = ZoneInfo("UTC")
STORE_ID = "store"

Due = tuple[float, float, str]  # hours, from and until, and the date


class Lives:
    """Everybody's profile, what all do together, and when each person is to be spoken to next for a habit."""

    def __init__(self, world: World) -> None:
        n = world.people
        self._world = world
        self._everybody = Everybody()
        self._prompts: list[list[Prompt]] = [[] for _ in range(n)]
        self._taken: list[set[str]] = [set() for _ in range(n)]
        self.wheel = BrandRhythm()
        self.profiles = [Profile() for _ in range(n)]
        self.sent: list[list[Sent]] = [[] for _ in range(n)]
        self.visits: list[list[float]] = [[] for _ in range(n)]
        self.days: list[set[int]] = [set() for _ in range(n)]
        self.habits: list[Due | None] = [None] * n

    def when(self, hours: float) -> datetime:
        """The time so many hours after the first week with pushes begins."""
        return self._world.begins + timedelta(hours=hours)

    def came(self, who: int, at: float) -> Stretch:
        """Learns that somebody was there; what everybody is to learn of it."""
        before, when = self.profiles[who], self.when(at)
        anyway = prompts.anyway(self._prompts[who], at=when, store_id=STORE_ID)
        self.profiles[who] = with_visit(
            before, at=when, zone=ZONE, brand=self.wheel, store_id=STORE_ID, anyway=anyway
        )
        self.visits[who].append(at)
        self.days[who].add(int(at // 24))
        return Stretch(before, when, True, ZONE, anyway)

    def teach(self, stretches: Sequence[Stretch], at: float) -> None:
        """Lets everybody's rhythm learn."""
        self.wheel = taught(self.wheel, stretches, at=self.when(at))

    def hear_nothing(self, at: float) -> None:
        """Learns from those of whom nothing was heard for a while."""
        now = self.when(at)
        silent = [
            who
            for who, known in enumerate(self.profiles)
            if known.last_at
            and max(known.last_at, known.told_at or known.last_at) <= now - SILENT_FOR
        ]
        self.teach([Stretch(self.profiles[who], now, False, ZONE) for who in silent], at)
        for who in silent:
            self.profiles[who] = msgspec.structs.replace(self.profiles[who], told_at=now)

    def learn(self, who: int, at: float, type: str, offer: int, now: float) -> None:
        """Learns from what somebody ordered, or said of a push."""
        event = Event(
            event_id="",
            type=type,
            occurred_at=self.when(at),
            items=(self._item(offer),) if type == "order" else (),
        )
        known, meaning = self.profiles[who], Meaning(items={}, offered={})
        pushes = [each.at for each in self.sent[who]]
        pushed = with_pushes(known.fatigue, pushes, until=self.when(at))
        self.profiles[who] = lessons.learned(
            msgspec.structs.replace(known, fatigue=pushed),
            event,
            meaning,
            self._everybody,
            zone=ZONE,
            now=self.when(now),
        )
        if type == "order":
            self._everybody = lessons.joined(self._everybody, event, {})

    def _item(self, offer: int) -> LineItem:
        body = self._world.offers[offer]
        return LineItem(sku=body.id, category=body.id, price=body.margin * 2)

    def push(self, who: int, offer_id: str, verdict: Verdict, at: float) -> None:
        """Remembers a push."""
        when = self.when(at)
        sent = Sent(
            offer_id=offer_id, at=when, local_date=when.date().isoformat(), daypart=daypart(when)
        )
        self.sent[who] = [*self.sent[who][-30:], sent]
        prompt = Prompt(at=when, stores=(), anyway=verdict.before / verdict.after)
        self._prompts[who] = [*self._prompts[who][-3:], prompt]

    def take(self, who: int, date: str) -> None:
        """This date's habit has had its moment."""
        self._taken[who].add(date)

    def look_ahead(self, who: int, now: float) -> None:
        """Sets when to speak next."""
        window = next_window(
            self.profiles[who],
            self.wheel,
            now=self.when(now),
            zone=ZONE,
            quiet=self._world.quiet,
            taken=self._taken[who],
        )
        if window is None:
            self.habits[who] = None
            return
        due, ends = (
            (each - self._world.begins).total_seconds() / 3600
            for each in (window.due_at, window.ends_at)
        )
        self.habits[who] = due, min(due + 2, ends), window.key
