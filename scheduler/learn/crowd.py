"""A brand's people relived: visit after visit and night after night through the code that the engine runs."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import msgspec
import numpy as np
from numpy.typing import NDArray

from domain.people import Profile
from domain.rhythm import BrandRhythm
from scheduler.context import rhythm
from scheduler.context.pace import DAY_S, Pace
from scheduler.context.profile import with_visit
from scheduler.context.questions import Stretch, taught

Numbers = NDArray[np.float64]

SILENT_FOR_S = 7 * DAY_S
SILENT_AT_MOST = 500


class Crowd:
    """Profiles of people 0 … n−1 and what their brand knows; the same numbers as arrays, for asking about everybody at once."""

    def __init__(self, people: int, zone: ZoneInfo) -> None:
        self.brand = BrandRhythm()
        self._zone = zone
        self._profiles = [Profile()] * people
        self._came: list[Stretch] = []
        self._pace = np.full((people, 6), np.nan)
        self._pace[:, 0] = 0
        self._days = np.zeros((people, 7))
        self._hours = np.zeros((people, 2, 24))
        self._told = np.full(people, np.inf)
        self.everyone = rhythm.brand_shape(self.brand)
        self._shapes = rhythm.leaning(self._days, self._hours, self.everyone)

    def visit(self, who: int, at_s: float) -> None:
        """This person comes; the brand learns of it at `night`."""
        before, at = self._profiles[who], datetime.fromtimestamp(at_s, UTC)
        after = with_visit(before, at=at, zone=self._zone, brand=self.brand)
        if after is before:
            return
        self._came.append(Stretch(before, at, True, self._zone))
        self._keep(who, after)
        self._days[who] = after.wheel.days
        self._hours[who] = after.wheel.hours
        own = rhythm.leaning(self._days[who], self._hours[who], self.everyone)
        self._shapes.days[who], self._shapes.hours[who] = own.days, own.hours

    def night(self, at_s: float) -> None:
        """The brand learns from the visits since the last night, and from those who have been silent for longest."""
        at = datetime.fromtimestamp(at_s, UTC)
        silent = self._silent(at_s)
        stretches = self._came + [
            Stretch(self._profiles[who], at, False, self._zone) for who in silent
        ]
        self.brand = taught(self.brand, stretches, at=at)
        self._came.clear()
        for who in silent:
            self._keep(who, msgspec.structs.replace(self._profiles[who], told_at=at))

    def known(self, least: int) -> NDArray[np.int64]:
        """Who came at least so often."""
        return np.flatnonzero(self._pace[:, 0] >= least)

    def pace(self, who: NDArray[np.int64]) -> Pace:
        return Pace(*self._pace[who].T)

    def windows(self, who: NDArray[np.int64], weekday: int, hour: int) -> Numbers:
        """The share of each one's week in the three hours from this full hour, as of the last dawn or visit."""
        shapes = rhythm.Shape(self._shapes.days[who], self._shapes.hours[who])
        return shapes.window(weekday, hour)

    def dawn(self, at_s: float) -> None:
        """Everybody's shape as of now."""
        fade = np.exp(-np.maximum(0.0, at_s - np.nan_to_num(self._pace[:, 5])) / rhythm.TAU_S)
        self.everyone = rhythm.brand_shape(self.brand)
        self._shapes = rhythm.leaning(
            self._days * fade[:, None], self._hours * fade[:, None, None], self.everyone
        )

    def _silent(self, at_s: float) -> list[int]:
        oldest = np.argsort(self._told, kind="stable")[:SILENT_AT_MOST]
        return [int(who) for who in oldest if self._told[who] <= at_s - SILENT_FOR_S]

    def _keep(self, who: int, profile: Profile) -> None:
        self._profiles[who] = profile
        self._pace[who] = np.array(Pace.of([profile])).ravel()
        told = profile.told_at or profile.last_at
        self._told[who] = told.timestamp() if told else np.inf
