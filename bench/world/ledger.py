"""What a policy brought, week by week, over having said nothing."""

from typing import NamedTuple

import numpy as np

from bench.world.people import Floats, Ints
from bench.world.truth import Answers, Truth

LATE = 4  # the first of the weeks that count, from 0: the fifth


class Ledger:
    """Money, pushes and opt-outs by week; money is what pushes bring over silence, opt-outs taken off.

    `money` is the mean over the dice of each push, so that no luck of theirs stands between two policies; `realised` is with the dice.
    """

    def __init__(self, truth: Truth) -> None:
        self._truth = truth
        weeks = truth.town.world.weeks
        self.money = np.zeros(weeks)
        self.realised = np.zeros(weeks)
        self.sends = np.zeros(weeks)
        self.opt_outs = np.zeros(weeks)
        self.brought = np.zeros(weeks)
        self.given_away = np.zeros(weeks)
        self.by_offer = np.zeros(len(truth.margin))

    def note(self, at: Floats, offer: Ints, answers: Answers) -> None:
        """Books these pushes in the week in which they were sent."""
        week = np.minimum((at // 168).astype(int), len(self.money) - 1)
        for sums, each in (
            (self.money, answers.expected),
            (self.realised, self._truth.money(answers, offer)),
            (self.sends, np.ones(len(at))),
            (self.opt_outs, answers.left),
            (self.brought, answers.brought),
            (self.given_away, answers.anyway),
        ):
            np.add.at(sums, week, each)
        np.add.at(self.by_offer, offer, 1)


class Result(NamedTuple):
    """The figures of one policy: of the weeks that count (from the fifth on; of all in a shorter world), and of all.

    `value` is in the mean of the dice, `realised` as they fell, of the same weeks.
    """

    value: float
    value_all: float
    realised: float
    opt_outs: int
    opt_outs_late: int
    sends: int
    sends_late: int
    sends_per_person_week: tuple[float, ...]


def result(ledger: Ledger, people: int) -> Result:
    """What the ledger comes to."""
    late = slice(LATE if len(ledger.money) > LATE else 0, None)
    return Result(
        value=round(float(ledger.money[late].sum()), 2),
        value_all=round(float(ledger.money.sum()), 2),
        realised=round(float(ledger.realised[late].sum()), 2),
        opt_outs=int(ledger.opt_outs.sum()),
        opt_outs_late=int(ledger.opt_outs[late].sum()),
        sends=int(ledger.sends.sum()),
        sends_late=int(ledger.sends[late].sum()),
        sends_per_person_week=tuple(round(float(n), 3) for n in ledger.sends / people),
    )
