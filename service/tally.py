"""What was decided on some days, and what became of it: the numbers of `GET /v1/stats` and `whenabouts stats`."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta

from domain.decisions import Outcome
from domain.events import ANSWERS
from domain.messages import MessageState
from domain.people import Mode
from domain.policy import Brand
from domain.values import Value
from notifiers.labels import label_of
from scheduler.context.clock import to_utc, zone_of
from storage import counts, reports
from storage.counts import ACCEPTED, Key
from storage.engine import Transaction
from storage.reports import Sum

USUAL_DAYS = 28


class OfDay(Value):
    day: date
    send: int = 0
    hold: int = 0
    silence: int = 0


class OfCause(Value):
    cause: str
    send: int = 0
    hold: int = 0
    silence: int = 0


class OfReason(Value):
    outcome: str
    code: str
    count: int


class Funnel(Value):
    """One offer's way, from the decisions in which it won or was weighed to what people did with it.

    `reported_…` are FCM's own sums for Android, as imported from its Data API: of devices that share usage data, by FCM's
    days, rounded; None where none were imported.
    """

    offer: str
    decided: int = 0
    sent: int = 0
    accepted: int = 0
    delivered: int = 0
    opened: int = 0
    redeemed: int = 0
    dismissed: int = 0
    not_for_me: int = 0
    reported_accepted: int | None = None
    reported_delivered: int | None = None


class Tally(Value):
    """`first` and `last` are days of the brand's zone, both included."""

    first: date
    last: date
    decisions: int
    days: tuple[OfDay, ...]
    causes: tuple[OfCause, ...]
    reasons: tuple[OfReason, ...]
    funnel: tuple[Funnel, ...]


def tally(tx: Transaction, brand: Brand, mode: Mode, *, first: date, last: date) -> Tally:
    """Everything that was decided for the brand's people of this mode on these days."""
    found = counts.read(tx, brand.id, mode, first=first.toordinal(), last=last.toordinal())
    zone = zone_of(brand.time_zone)
    since, until = (to_utc(day, time(), zone) for day in (first, last + timedelta(days=1)))
    accepted = counts.messages(tx, brand.id, mode, since=since, until=until)
    reported = (
        reports.sums(tx, brand.id, first=first.toordinal(), last=last.toordinal())
        if mode is Mode.LIVE
        else {}
    )
    decided = [(key, count) for key, count in found if key.what in tuple(Outcome)]
    return Tally(
        first=first,
        last=last,
        decisions=sum(count for _, count in decided),
        days=_days(decided),
        causes=_causes(decided),
        reasons=_reasons(decided),
        funnel=_funnel(found, accepted, reported),
    )


def usual_days(brand: Brand, now: datetime) -> tuple[date, date]:
    """The last four weeks, today included."""
    today = now.astimezone(zone_of(brand.time_zone)).date()
    return today - timedelta(days=USUAL_DAYS - 1), today


Counted = Sequence[tuple[Key, int]]


def _days(decided: Counted) -> tuple[OfDay, ...]:
    days = sorted({key.day for key, _ in decided})
    return tuple(
        OfDay(day=date.fromordinal(day), **_outcomes([d for d in decided if d[0].day == day]))
        for day in days
    )


def _causes(decided: Counted) -> tuple[OfCause, ...]:
    causes = sorted({key.cause for key, _ in decided})
    return tuple(
        OfCause(cause=cause, **_outcomes([d for d in decided if d[0].cause == cause]))
        for cause in causes
    )


def _outcomes(decided: Counted) -> dict[str, int]:
    found: Counter[str] = Counter()
    for key, count in decided:
        found[key.what] += count
    return dict(found)


def _reasons(decided: Counted) -> tuple[OfReason, ...]:
    found: Counter[tuple[str, str]] = Counter()
    for key, count in decided:
        found[key.what, key.code] += count
    ranked = sorted(found.items(), key=lambda each: (-each[1], each[0]))
    return tuple(OfReason(outcome=what, code=code, count=n) for (what, code), n in ranked)


def _funnel(
    found: Counted, messages: Mapping[tuple[str, str], int], reported: Mapping[str, Sum]
) -> tuple[Funnel, ...]:
    ways: dict[str, Counter[str]] = {}
    for key, count in found:
        if not key.offer:
            continue
        way = ways.setdefault(key.offer, Counter())
        if key.what in (*ANSWERS, ACCEPTED):
            way[key.what] += count
        else:
            way["decided"] += count
            way["sent"] += count * (key.what == Outcome.SEND)
    for (offer, state), count in messages.items():
        if state == MessageState.SENT:
            ways.setdefault(offer, Counter())["accepted"] += count
    return tuple(
        Funnel(offer=offer, **way, **_reported(reported.get(label_of(offer))))
        for offer, way in sorted(ways.items())
    )


def _reported(sums: Sum | None) -> dict[str, int]:
    if sums is None:
        return {}
    return {"reported_accepted": sums.accepted, "reported_delivered": sums.delivered}
