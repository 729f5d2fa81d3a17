"""The hard rules that can silence. Pure; each returns None, or the Reason with what would change it. They fail closed.

These are the rules on the person and the moment; `eligible.py` has those on each offer. `docs/deciding.md` lists all.
"""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from domain.context import Context, Reach
from domain.decisions import Cause, Reason
from domain.people import Purpose
from domain.policy import Policy
from scheduler.context.clock import quiet_until, zone_named
from scheduler.decide.explain import clock_time, day_and_time
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
        reason
        for reason in (
            kill_switch(policy),
            pause(context),
            *consent(context),
            reach(context),
            too_late(context),
            quiet_hours(context, policy),
            daily_cap(context, policy),
            weekly_cap(context, policy),
        )
        if reason
    )


def kill_switch(policy: Policy) -> Reason | None:
    if not policy.paused:
        return None
    return Reason(
        code="engine_paused",
        text="The brand has stopped all its pushes.",
        would_change="The brand switches its engine on again.",
    )


def pause(context: Context) -> Reason | None:
    until = context.preferences.paused_until
    if until is None or until <= context.decided_at:
        return None
    return Reason(
        code="paused",
        text=f"The person has paused all pushes until {day_and_time(until, context.zone)}.",
        would_change="The pause ends or the person lifts it.",
    )


def consent(context: Context) -> tuple[Reason, ...]:
    """One reason per missing purpose: push always, location or habits where the moment came from them."""
    needed = {Purpose.PUSH, _NEEDS.get(context.cause, Purpose.PUSH)}
    return tuple(
        Reason(
            code="consent_missing",
            text=f"There is no consent in force for {purpose}.",
            would_change=f"The person consents to {purpose}.",
        )
        for purpose in Purpose
        if purpose in needed and purpose not in context.permits
    )


def reach(context: Context) -> Reason | None:
    if context.reach is Reach.NO_DEVICE:
        return Reason(
            code="no_device",
            text="The person has no phone registered that a push could go to.",
            would_change="The app registers again.",
        )
    if context.reach is Reach.DENIED:
        return Reason(
            code="permission_denied",
            text="The phone does not allow the app to show pushes.",
            would_change="The person allows notifications in the phone's settings.",
        )
    return None


def too_late(context: Context) -> Reason | None:
    if context.decided_at < context.expires_at:
        return None
    return Reason(
        code="expired",
        text=f"The moment was over at {clock_time(context.expires_at, context.zone)}, before it could be decided.",
        would_change=f"The news of it arrives within {LIFE[context.cause].total_seconds() / 60:.0f} minutes.",
    )


def quiet_hours(context: Context, policy: Policy) -> Reason | None:
    """The brand's hours of silence and the person's own, by the person's clock; without a clock always silent."""
    zone = zone_named(context.zone)
    if zone is None:
        return Reason(
            code="zone_unknown",
            text="It is not known what time it is where the person is.",
            would_change="The app or the brand names a time zone.",
        )
    spans = (*policy.quiet_hours, *context.preferences.quiet_hours)
    until = quiet_until(context.decided_at, zone, spans)
    if until is None:
        return None
    return Reason(
        code="quiet_hours",
        text=f"It is {clock_time(context.decided_at, context.zone)}; these are hours of silence.",
        would_change=f"The hours of silence end at {clock_time(until, context.zone)}.",
    )


def daily_cap(context: Context, policy: Policy) -> Reason | None:
    """Sends within the person's local day."""
    most, zone = policy.caps.per_day, zone_named(context.zone)
    if most is None:
        return None
    today = [at for at in context.sent_at if _same_day(at, context.decided_at, zone)]
    if len(today) < most:
        return None
    return Reason(
        code="cap",
        text=f"The person got {len(today)} of at most {most} pushes today.",
        would_change="The next day begins.",
    )


def weekly_cap(context: Context, policy: Policy) -> Reason | None:
    """Sends within any seven days; the person's own maximum counts where it is lower."""
    limits = (policy.caps.per_week, context.preferences.max_per_week)
    most = min((limit for limit in limits if limit is not None), default=None)
    week = [at for at in context.sent_at if at > context.decided_at - _WEEK]
    if most is None or len(week) < most:
        return None
    whose = "they set themselves" if most == context.preferences.max_per_week else "the brand set"
    frees = min(week) + _WEEK if most and len(week) == most else None
    return Reason(
        code="cap",
        text=f"The person got {len(week)} of at most {most} pushes in seven days, the maximum {whose}.",
        would_change=f"The week that counts moves on at {day_and_time(frees, context.zone)}."
        if frees
        else "The maximum per week is raised.",
    )


def _same_day(a: datetime, b: datetime, zone: ZoneInfo | None) -> bool:
    return a.astimezone(zone).date() == b.astimezone(zone).date() if zone else True


def holdout(context: Context, policy: Policy) -> Reason | None:
    """A fixed share of people gets nothing, so that the effect of the rest's pushes can be told."""
    if context.draw >= policy.holdout_share:
        return None
    return Reason(
        code="holdout",
        text="The person belongs to the group that gets no pushes, by which the effect of pushes is measured.",
        would_change="The brand makes that group smaller.",
    )
