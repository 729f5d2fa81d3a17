"""What the pushes brought, in numbers and words: the report that `GET /v1/uplift` shows."""

import math
from collections.abc import Iterable, Sequence
from datetime import date, datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

import numpy as np

from domain.holdout import Epoch, Share, epochs
from domain.offers import Offer
from domain.people import Mode
from domain.policy import Brand
from domain.values import Value
from scheduler.context.clock import to_utc, zone_of
from scheduler.context.words import money
from scheduler.learn import uplift
from scheduler.learn.uplift import Gone, Stratum, Sums
from storage import holdouts, offers, outcomes
from storage.engine import Transaction
from storage.outcomes import ALL, SAID, Line, Remains

LOOK_AFTER_DAYS = (
    84  # the one look that is set beforehand, counted from the day on which the share began to hold
)
OF_TESTS = "Test customers are never held out, so they prove nothing: ask with a live key."


class Window(Value):
    """Days of the brand's zone, the last one included."""

    first: date
    last: date


class Measured(Value):
    """One outcome per person over the window, in both arms; the numbers are None where too little is known.

    `low` and `high` hold the truth with the probability `level`: however often one looks (`sequence`), or at the one
    look that was set beforehand (`fixed`). `people_needed` are those that a single look would need to find a lift of a
    tenth; `variance_reduction` is the share of the noise that what people did before explains.
    """

    treated_people: int
    held_out_people: int
    treated_mean: float | None = None
    held_out_mean: float | None = None
    effect: float | None = None
    low: float | None = None
    high: float | None = None
    level: float = uplift.LEVEL
    interval: str = "sequence"
    variance_reduction: float | None = None
    people_needed: int | None = None


class Contrast(Value):
    """The visits (days on which somebody came) and the money of two groups that differ by lot alone."""

    visits: Measured
    value: Measured


class OfOffer(Value):
    """The contrast among those for whom this offer was the first that won."""

    offer: str
    contrast: Contrast


class Look(Value):
    """The one look that was set beforehand: on the day after `last`. `contrast` is None until then."""

    first: date
    last: date
    contrast: Contrast | None = None


class Report(Value):
    """`everyone`: all who could be spoken to (intention to treat). `reached`: those for whom an offer won, said or ghost."""

    window: Window
    holdout_share: float
    currency: str
    verdict: str
    everyone: Contrast
    reached: Contrast
    planned_look: Look | None
    offers: tuple[OfOffer, ...]


class _Books(NamedTuple):
    """What storage knows of a window."""

    lines: Sequence[Line]
    remains: Sequence[Remains]


def report(
    tx: Transaction,
    brand: Brand,
    window: Window,
    *,
    offer: str | None,
    now: datetime,
    mode: Mode = Mode.LIVE,
) -> Report:
    """The effect over these days; `offer` (external id) keeps to one, NotFound where there is none of that name.

    Test customers are never held out, so of them there is nothing to tell.
    """
    shares = holdouts.shares(tx, brand.id) if mode is Mode.LIVE else []
    zone = zone_of(brand.time_zone)
    books = _books(tx, brand, shares, window, zone)
    everyone = _contrast(books, ALL)
    verdict = _verdict(everyone, brand.policy.holdout_share, brand.policy.currency)
    return Report(
        window=window,
        holdout_share=brand.policy.holdout_share,
        currency=brand.policy.currency,
        verdict=verdict if mode is Mode.LIVE else OF_TESTS,
        everyone=everyone,
        reached=_contrast(books, SAID),
        planned_look=_planned(tx, brand, shares, zone, now),
        offers=tuple(_of_offers(books, _named(tx, brand, offer))),
    )


def default_window(tx: Transaction, brand: Brand, now: datetime) -> Window:
    """From the day on which the present share began to hold, at most twelve weeks back, to yesterday."""
    shares = holdouts.shares(tx, brand.id)
    zone = zone_of(brand.time_zone)
    last = now.astimezone(zone).date() - timedelta(days=1)
    since = shares[-1].since.astimezone(zone).date() if shares else last
    first = max(since, last - timedelta(days=LOOK_AFTER_DAYS - 1))
    return Window(first=min(first, last), last=last)


def _books(
    tx: Transaction, brand: Brand, shares: Sequence[Share], window: Window, zone: ZoneInfo
) -> _Books:
    if not shares:
        return _Books(lines=(), remains=())
    first, last = window.first.toordinal(), window.last.toordinal()
    among = _epochs(shares, window, zone)
    return _Books(
        lines=outcomes.sums(tx, brand.id, among, first=first, last=last),
        remains=outcomes.remains(tx, brand.id, first=first, last=last),
    )


def _epochs(shares: Sequence[Share], window: Window, zone: ZoneInfo) -> tuple[Epoch, ...]:
    return epochs(shares, to_utc(window.last + timedelta(days=1), time(), zone))


def _named(tx: Transaction, brand: Brand, name: str | None) -> list[Offer]:
    if name is not None:
        return [offers.get(tx, brand_id=brand.id, external_id=name)]
    return offers.active(tx, brand.id)


def _planned(
    tx: Transaction, brand: Brand, shares: Sequence[Share], zone: ZoneInfo, now: datetime
) -> Look | None:
    """Twelve weeks from when the present share began; nobody chooses when to look, and so nobody can choose a lucky day."""
    if not shares or shares[-1].share <= 0:
        return None
    first = shares[-1].since.astimezone(zone).date()
    window = Window(first=first, last=first + timedelta(days=LOOK_AFTER_DAYS - 1))
    if now.astimezone(zone).date() <= window.last:
        return Look(first=window.first, last=window.last)
    found = _contrast(_books(tx, brand, shares, window, zone), ALL, fixed=True)
    return Look(first=window.first, last=window.last, contrast=found)


def _of_offers(books: _Books, named: Iterable[Offer]) -> Iterable[OfOffer]:
    there = {line.offer_id for line in books.lines} | {each.scope for each in books.remains}
    for offer in named:
        if offer.id in there:
            yield OfOffer(offer=offer.external_id, contrast=_contrast(books, offer.id))


def _contrast(books: _Books, scope: str, *, fixed: bool = False) -> Contrast:
    return Contrast(
        visits=_measured(_strata(books, scope, "v"), fixed=fixed),
        value=_measured(_strata(books, scope, "m"), fixed=fixed),
    )


def _strata(books: _Books, scope: str, letter: str) -> list[Stratum]:
    """One for each epoch. Outside of `ALL` outcomes count from the day on which an offer first won."""
    lines = [each for each in books.lines if _within(each, scope)]
    gone = [each for each in books.remains if each.scope == scope]
    numbers = sorted({each.epoch for each in lines} | {each.epoch for each in gone})
    kind = letter + ("y" if scope == ALL else "s")
    return [
        Stratum(
            treated=_sums(lines, number, False, letter, kind),
            held=_sums(lines, number, True, letter, kind),
            treated_gone=_gone(gone, number, False, letter),
            held_gone=_gone(gone, number, True, letter),
        )
        for number in numbers
    ]


def _within(line: Line, scope: str) -> bool:
    return scope == ALL or (line.offer_id is not None and scope in (SAID, line.offer_id))


def _sums(lines: Sequence[Line], epoch: int, held: bool, letter: str, kind: str) -> Sums:
    """`kind` is `vy`, `vs`, `my` or `ms`: visits or money, since the enrolment or since an offer won."""
    mine = [each for each in lines if (each.epoch, each.held) == (epoch, held)]
    names = ("people", kind, kind + kind[1], f"{letter}x", f"{letter}xx", f"{letter}x{kind[1]}")
    return Sums(*(np.array([sum(getattr(each, name) for each in mine)], float) for name in names))


def _gone(remains: Sequence[Remains], epoch: int, held: bool, letter: str) -> Gone:
    mine = [each for each in remains if (each.epoch, bool(each.held)) == (epoch, held)]
    names = ("people", f"{letter}y", f"{letter}x")
    return Gone(*(np.array([sum(getattr(each, name) for each in mine)], float) for name in names))


def _measured(strata: Sequence[Stratum], *, fixed: bool) -> Measured:
    found = uplift.estimate(strata)
    people = (
        int(sum(each.treated.people[0] + each.treated_gone.people[0] for each in strata)),
        int(sum(each.held.people[0] + each.held_gone.people[0] for each in strata)),
    )
    if not (found.treated_people[0] and found.held_people[0]):
        return Measured(treated_people=people[0], held_out_people=people[1])
    low, high = (uplift.fixed if fixed else uplift.sequence)(found)
    known = bool(np.isfinite(found.variance[0]))
    needed = float(uplift.people_needed(found)[0])
    return Measured(
        treated_people=people[0],
        held_out_people=people[1],
        treated_mean=_number(found.treated_mean),
        held_out_mean=_number(found.held_mean),
        effect=_number(found.effect),
        low=_number(low) if known else None,
        high=_number(high) if known else None,
        interval="fixed" if fixed else "sequence",
        variance_reduction=_number(found.reduction) if known else None,
        people_needed=int(needed) if math.isfinite(needed) else None,
    )


def _number(value: object) -> float:
    return round(float(np.asarray(value).reshape(-1)[0]), 6)


def _verdict(found: Contrast, share: float, currency: str) -> str:
    """The result in a sentence, and plainly so where there is none yet."""
    visits = found.visits
    there = visits.treated_people + visits.held_out_people
    if share <= 0 and not visits.held_out_people:
        return "Nobody is held out, so nobody can tell what the pushes bring: set `holdout_share` above 0."
    if visits.low is None or visits.high is None:
        return (
            f"Not enough data yet: {_people(visits)}; at least {uplift.LEAST} of each, of whom somebody came, are "
            "needed before anything can be said."
        )
    if visits.low > 0:
        return f"Pushes bring visits: {_range(visits)}.{_money(found.value, currency)}"
    if visits.high < 0:
        return f"Pushes keep people away: {_range(visits)}.{_money(found.value, currency)}"
    if visits.people_needed is None or visits.people_needed > there:
        return f"Not enough data yet: {_people(visits)}. {_still(visits, there)}"
    return f"No effect has shown: {_range(visits)}."


def _still(visits: Measured, there: int) -> str:
    if visits.people_needed is None:
        return "Nobody of the held-out came, so there is no mean to compare with."
    return (
        f"{visits.people_needed - there} people more are needed to find a lift of {uplift.LIFT:.0%} with a chance of "
        f"{uplift.POWER:.0%}."
    )


def _people(visits: Measured) -> str:
    return (
        f"{visits.treated_people} people may be spoken to and {visits.held_out_people} are held out"
    )


def _range(visits: Measured) -> str:
    return (
        f"between {visits.low:+.3f} and {visits.high:+.3f} per person ({visits.level:.0%} sure), with "
        f"{visits.held_out_mean:.3f} without pushes"
    )


def _money(value: Measured, currency: str) -> str:
    if value.low is None or value.high is None or not value.held_out_mean:
        return ""
    return f" Money: between {money(value.low, currency)} and {money(value.high, currency)} per person."
