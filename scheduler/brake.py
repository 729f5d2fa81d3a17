"""When so many targets look dead at once that something else is wrong, nobody is retired until somebody has looked."""

import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterable

from domain.messages import DeliveryStatus, Outcome

LOOKS_BACK_S = 3600.0
MOST_DEAD = 0.05
"""Share of the answers about targets. Above it FCM, too, grants no more quota: it asks for fewer client errors."""
FEWEST_DEAD = 20
"""Below this number a share says nothing: of three phones one may well be gone."""


class Brake:
    """Counts, for each project, the answers that tell whether targets live, within the last hour."""

    def __init__(self, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._answers: defaultdict[str, deque[tuple[float, int, int]]] = defaultdict(deque)

    def judge(self, answers: Iterable[tuple[str, Outcome]]) -> set[str]:
        """Takes note of a batch of answers (project, outcome); returns the projects whose dead targets are to be spared.

        The batch itself counts, so that of a batch that pulls the brake nobody is retired.
        """
        now = self._monotonic()
        alive: defaultdict[str, int] = defaultdict(int)
        dead: defaultdict[str, int] = defaultdict(int)
        for project, outcome in answers:
            dead[project] += outcome.retire
            alive[project] += outcome.status is DeliveryStatus.ACCEPTED
        for project in alive:
            if alive[project] or dead[project]:
                self._answers[project].append((now, alive[project], dead[project]))
        return {project for project in dead if dead[project] and self._is_pulled(project, now)}

    def _is_pulled(self, project: str, now: float) -> bool:
        window = self._answers[project]
        while window and window[0][0] < now - LOOKS_BACK_S:
            window.popleft()
        alive, dead = (sum(each[place] for each in window) for place in (1, 2))
        return dead >= FEWEST_DEAD and dead > MOST_DEAD * (alive + dead)
