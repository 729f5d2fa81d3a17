"""What operators are to be told of, and how often: pure but for its memory of what was told."""

from collections.abc import Iterable
from typing import NamedTuple

from domain.values import Value

HOLDS_S = 60.0  # that something must last before anybody is told
QUIET_S = 3600.0  # between two alerts about the same
REMINDS_S = 86_400.0  # of what lasts


class Finding(NamedTuple):
    """Something wrong. `key` tells it from others; neither ever holds a person, a token or a secret."""

    key: str
    text: str


class Notice(NamedTuple):
    """Something to tell: it is wrong, or well again."""

    text: str
    is_wrong: bool


class _Case(Value):
    text: str
    since: float
    told_at: float | None = None
    is_open: bool = True


class Alarms:
    """Tells of each thing once it has lasted, at most once an hour, again each day while it lasts, and when it is over."""

    def __init__(self) -> None:
        self._cases: dict[str, _Case] = {}

    def judge(self, findings: Iterable[Finding], *, now: float) -> list[Notice]:
        """What to tell now, given what is wrong now; `now` by a monotonic clock."""
        wrong = {each.key: each.text for each in findings}
        notices = [notice for key, text in wrong.items() if (notice := self._wrong(key, text, now))]
        over = [self._over(key, now) for key in list(self._cases) if key not in wrong]
        return notices + [notice for notice in over if notice]

    def _wrong(self, key: str, text: str, now: float) -> Notice | None:
        before = self._cases.get(key)
        told_at = before.told_at if before else None
        lasts = before is not None and before.is_open
        since = before.since if before and lasts else now
        due = told_at is None or now - told_at >= (
            REMINDS_S if lasts and told_at >= since else QUIET_S
        )
        telling = due and now - since >= HOLDS_S
        self._cases[key] = _Case(text=text, since=since, told_at=now if telling else told_at)
        return Notice(text, is_wrong=True) if telling else None

    def _over(self, key: str, now: float) -> Notice | None:
        """The memory of when it was told stays for an hour, so that what comes and goes is not told each time."""
        case = self._cases.pop(key)
        if case.told_at is not None and now - case.told_at < QUIET_S:
            self._cases[key] = _Case(
                text=case.text, since=case.since, told_at=case.told_at, is_open=False
            )
        told = case.told_at is not None and case.told_at >= case.since
        return Notice(case.text, is_wrong=False) if case.is_open and told else None
