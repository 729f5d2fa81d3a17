"""Runs a draft of a policy or of offers against what was recorded, and tells what it would have earned, or why nobody can tell.

Reads only, in short transactions. What it rests on is written down in `docs/simulate.md`.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

import msgspec
import numpy as np

from domain.people import Mode
from domain.policy import Brand
from domain.values import Value
from scheduler.decide.score import Model
from scheduler.learn import off_policy
from scheduler.learn.off_policy import LEAST_ESS, Estimate, Estimates, Lack, Log, Support
from scheduler.rehearsing.batches import uncollected
from scheduler.rehearsing.dry_run import Progress
from scheduler.rehearsing.past import load
from scheduler.rehearsing.recorded import Archive, Window
from scheduler.rehearsing.weighing import Aside, Draft, Row, Setting, weighed
from storage import learning, rehearsal
from storage.engine import Database

BATCH = 500
PER = 1_000  # moments
_LOST = ("redacted", "uncomputed", "differs")
_TRIED = 0.05  # an exploration that is proposed where nothing was tried


class Missing(Value):
    """A rule that forbids an answer, in words, and the days that such a log would have to span in all; None where more of the
    same would not help."""

    lack: Lack
    text: str
    days: float | None = None


class Simulated(Value):
    """What a draft would have earned per thousand moments at which something could be said, and what the policy in force did.

    The estimates are None where there is no answer; `missing` says why. `beside`: moments that were not weighed, by why.
    """

    since: datetime
    until: datetime
    currency: str
    support: Support
    beside: dict[str, int]
    missing: tuple[Missing, ...] = ()
    draft: Estimates | None = None
    then: Estimates | None = None
    more: Estimates | None = None


class Simulation:
    """One run: iterate over it; the result comes last."""

    def __init__(
        self,
        database: Database,
        brand: Brand,
        draft: Draft,
        window: Window,
        *,
        now: datetime,
        weather_max_age: timedelta,
        model: Model | None = None,
    ) -> None:
        self._database = database
        self._brand = brand
        self._window = window
        self._rows: list[Row] = []
        self._whose: list[int] = []
        self._times: list[datetime] = []
        self._beside: Counter[str] = Counter()
        with database.read() as tx:
            archive = Archive(tx, brand.id, window, draft.offers, weather_max_age)
            redeems = rehearsal.redeems(
                tx, brand_id=brand.id, since=window.since, until=window.until
            )
        self._setting = Setting(
            draft=draft,
            archive=archive,
            model=model or Model(),
            price=brand.policy.interruption_price,
            redeems=redeems,
            now=now,
        )

    def run(self) -> Iterator[Progress | Simulated]:
        """Progress after each batch, and the result at last. Test customers stand aside: nobody draws lots among them."""
        with self._database.read() as tx:
            of = rehearsal.how_many(tx, brand_id=self._brand.id, mode=Mode.LIVE)
        done, after = 0, None
        while True:
            with uncollected():
                done, after, more = self._batch(done, after)
            yield Progress(done=done, of=max(done, of))
            if not more:
                break
        yield self._result()

    def _batch(self, done: int, after: str | None) -> tuple[int, str | None, bool]:
        with self._database.read() as tx:
            found = rehearsal.people(
                tx, brand_id=self._brand.id, mode=Mode.LIVE, after=after, limit=BATCH
            )
            names = dict(found)
            cases = load(tx, self._setting.archive, names, self._window)
            signs = learning.signs(tx, list(cases), since=self._window.since) if cases else {}
        for number, whose in enumerate(cases, start=done):
            for case in cases[whose]:
                row = weighed(case, signs.get(whose, ()), self._setting)
                if isinstance(row, Aside):
                    self._beside[row.why] += 1
                else:
                    self._rows.append(row)
                    self._whose.append(number)
                    self._times.append(case.recorded.decision.decided_at)
        last = found[-1][0] if found else after
        return done + len(found), last, len(found) == BATCH

    def _result(self) -> Simulated:
        draft, then = self._logs()
        support = off_policy.support(
            draft,
            agreement=_mean([row.agreement for row in self._rows]),
            pending=self._beside["pending"],
            lost=sum(self._beside[why] for why in _LOST),
        )
        missing = tuple(map(self._missing, off_policy.lacks(support, draft)))
        told = Simulated(
            since=self._window.since,
            until=self._window.until,
            currency=self._brand.policy.currency,
            support=support,
            beside=dict(sorted(self._beside.items())),
            missing=missing,
        )
        if missing:
            return told
        return msgspec.structs.replace(
            told,
            draft=_per(off_policy.estimates(draft)),
            then=_per(off_policy.estimates(then)),
            more=_per(off_policy.differences(draft, then)),
        )

    def _logs(self) -> tuple[Log, Log]:
        """The same moments as they speak for the draft, and for the policy that was in force."""
        _, people = np.unique(np.array(self._whose, dtype=np.int64), return_inverse=True)
        columns = dict(
            zip(
                Row._fields,
                np.array(self._rows, dtype=float).reshape(-1, len(Row._fields)).T,
                strict=True,
            )
        )
        draft = Log(
            whose=people.astype(np.int64),
            weight=columns["draft"],
            earned=columns["earned"],
            believed=columns["believed"],
            drafted=columns["drafted"],
            unsupported=columns["unsupported"],
        )
        none = np.zeros(len(people))
        then = draft._replace(weight=columns["then"], drafted=columns["thought"], unsupported=none)
        return draft, then

    def _missing(self, lack: Lack) -> Missing:
        days = self._days()
        text = _TEXTS[lack.code].format(found=lack.found, needed=lack.needed)
        if lack.code == "unsupported":
            return Missing(lack=lack, text=f"{text} {_proposal()}", days=self._days_to_try(days))
        return Missing(lack=lack, text=text, days=days * lack.times if lack.times else None)

    def _days(self) -> float:
        """The days over which the moments came: the window may reach farther back than the history."""
        if not self._times:
            return 0.0
        return (max(self._times) - min(self._times)) / timedelta(days=1) + 1

    def _days_to_try(self, days: float) -> float | None:
        """Until an option that is drawn by lot alone has been chosen often enough, at as many moments a day as there were."""
        moments = len(self._rows)
        if not moments or not days:
            return None
        options = _mean([float(row.options) for row in self._rows])
        return LEAST_ESS * options / _TRIED / (moments / days)


def _proposal() -> str:
    return f"Store what you would try, and let `exploration` be {_TRIED:g} or more for a while."


_TEXTS = {
    "moments": "There are {found:.0f} moments to learn from; it takes {needed:.0f}.",
    "ess": "What was chosen speaks for the draft as {found:.0f} moments of its own would; it takes {needed:.0f}.",
    "people": "It speaks for the draft as {found:.0f} people would; it takes {needed:.0f}.",
    "unsupported": "At {found:.1%} of the moments the draft would do what was never tried there; it may be {needed:.0%}.",
    "of_one": "One person has {found:.1%} of all weight; it may be {needed:.0%}.",
    "pending": "The answers to {found:.1%} of the moments are still awaited; it may be {needed:.0%}. Let the window end earlier.",
    "lost": "{found:.1%} of the moments cannot be weighed, since their inputs are gone or give another choice today; "
    "it may be {needed:.0%}.",
    "mean_weight": "The weights are {found:.1f} standard errors away from adding up; it may be {needed:.0f}. What was stored is "
    "not what was drawn by.",
}


def _mean(numbers: Sequence[float]) -> float:
    return sum(numbers) / len(numbers) if numbers else 0.0


def _per(told: Estimates) -> Estimates:
    """Per thousand moments."""

    def scaled(each: Estimate) -> Estimate:
        return Estimate(value=PER * each.value, low=PER * each.low, high=PER * each.high)

    return Estimates(ips=scaled(told.ips), snips=scaled(told.snips), dr=scaled(told.dr))
