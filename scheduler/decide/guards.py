"""The hard rules that can silence. Pure; each returns None, or the Reason with what would change it. They fail closed.

These are the rules on the person and the moment; `eligible.py` has those on each offer. `docs/deciding.md` lists all.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from domain.context import Context, Reach
from domain.decisions import Cause, Reason, reason
from domain.people import Purpose
from domain.policy import Policy
from scheduler.context.clock import quiet_until, zone_named
from scheduler.moments import LIFE

# What `on_person` asks, by the codes of its reasons, and what is asked of a send.
ASKED = (
    "engine_paused",
    "paused",
    "consent_missing",
    "no_device",
    "permission_denied",
    "expired",
    "zone_unknown",
    "quiet_hours",
    "cap",
    "holdout",
)
_FORBIDDING = frozenset(ASKED) - {"holdout"}
_WEEK = timedelta(days=7)
_NEEDS = {
    Cause.ENTER: Purpose.LOCATION,
    Cause.DWELL: Purpose.LOCATION,
    Cause.WEATHER: Purpose.LOCATION,
    Cause.HABIT: Purpose.HABITS,
    Cause.SLOT: Purpose.HABITS,
    Cause.SLIPPING: Purpose.HABITS,
    Cause.CADENCE: Purpose.HABITS,
}


def on_person(context: Context, policy: Policy) -> tuple[Reason, ...]:
    """Every rule that forbids speaking to this person at this moment, whatever the offer."""
    return tuple(
        found
        for found in (
            kill_switch(policy),
            pause(context),
            *consent(context),
            reach(context),
            too_late(context),
            quiet_hours(context, policy),
            daily_cap(context, policy),
            weekly_cap(context, policy),
        )
        if found
    )


def forbade(reasons: Iterable[Reason]) -> bool:
    """Whether these are the reasons of a silence that rules on the person demanded."""
    return any(reason.code in _FORBIDDING for reason in reasons)


def kill_switch(policy: Policy) -> Reason | None:
    if not policy.paused:
        return None
    return reason("engine_paused")


def pause(context: Context) -> Reason | None:
    until = context.preferences.paused_until
    if until is None or until <= context.decided_at:
        return None
    return reason("paused", until=until, zone=context.zone)


def consent(context: Context) -> tuple[Reason, ...]:
    """One reason per missing purpose: push always, location or habits where the moment came from them."""
    needed = {Purpose.PUSH, _NEEDS.get(context.cause, Purpose.PUSH)}
    return tuple(
        reason("consent_missing", purpose=purpose)
        for purpose in Purpose
        if purpose in needed and purpose not in context.permits
    )


def reach(context: Context) -> Reason | None:
    if context.reach is Reach.NO_DEVICE:
        return reason("no_device")
    if context.reach is Reach.DENIED:
        return reason("permission_denied")
    return None


def too_late(context: Context) -> Reason | None:
    if context.decided_at < context.expires_at:
        return None
    minutes = round(LIFE[context.cause].total_seconds() / 60)
    return reason("expired", ended=context.expires_at, count=minutes, zone=context.zone)


def quiet_hours(context: Context, policy: Policy) -> Reason | None:
    """The brand's hours of silence and the person's own, by the person's clock; without a clock always silent."""
    zone = zone_named(context.zone)
    if zone is None:
        return reason("zone_unknown")
    spans = (*policy.quiet_hours, *context.preferences.quiet_hours)
    until = quiet_until(context.decided_at, zone, spans)
    if until is None:
        return None
    return reason("quiet_hours", at=context.decided_at, ends=until, zone=context.zone)


def daily_cap(context: Context, policy: Policy) -> Reason | None:
    """Sends within the person's local day."""
    most, zone = policy.caps.per_day, zone_named(context.zone)
    if most is None:
        return None
    today = [at for at in context.sent_at if _same_day(at, context.decided_at, zone)]
    if len(today) < most:
        return None
    return reason("cap", which="day", got=len(today), count=most)


def weekly_cap(context: Context, policy: Policy) -> Reason | None:
    """Sends within any seven days; the person's own maximum counts where it is lower."""
    limits = (policy.caps.per_week, context.preferences.max_per_week)
    most = min((limit for limit in limits if limit is not None), default=None)
    week = [at for at in context.sent_at if at > context.decided_at - _WEEK]
    if most is None or len(week) < most:
        return None
    which = "own" if most == context.preferences.max_per_week else "week"
    frees = min(week) + _WEEK if most and len(week) == most else None
    return reason("cap", which=which, got=len(week), count=most, frees=frees, zone=context.zone)


def _same_day(a: datetime, b: datetime, zone: ZoneInfo | None) -> bool:
    return a.astimezone(zone).date() == b.astimezone(zone).date() if zone else True


def holdout(context: Context, policy: Policy) -> Reason | None:
    """A fixed share of people gets nothing, so that the effect of the rest's pushes can be told."""
    if context.draw >= policy.holdout_share:
        return None
    return reason("holdout")
