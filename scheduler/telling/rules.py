"""The rules on the person as an auditor reads them: which were asked, what each looked at, and which forbade. Pure."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any, NamedTuple

from domain.context import Context
from domain.people import QuietHours
from domain.policy import Policy
from scheduler.decide import guards

_WEEK = timedelta(days=7)


class Asked(NamedTuple):
    """A rule by its code; `inputs` names what it looked at, as `name = value`."""

    code: str
    forbade: bool
    inputs: str


def asked(context: Context, policy: Policy) -> list[Asked]:
    """All rules on the person, in the order of the documentation."""
    forbidding = {reason.code for reason in guards.on_person(context, policy)}
    if guards.holdout(context, policy):
        forbidding.add("holdout")
    return [
        Asked(code, code in forbidding, _named(looked(context, policy)))
        for code, looked in _LOOKED_AT.items()
    ]


def _named(values: dict[str, Any]) -> str:
    return ", ".join(f"{name} = {_plain(value)}" for name, value in values.items())


def _plain(value: Any) -> str:
    return "–" if value is None or value == "" else str(value)


def _spans(spans: Sequence[QuietHours]) -> str:
    return " ".join(f"{each.from_}–{each.to}" for each in spans)


def _week(context: Context) -> int:
    return sum(at > context.decided_at - _WEEK for at in context.sent_at)


_LOOKED_AT: dict[str, Callable[[Context, Policy], dict[str, Any]]] = {
    "engine_paused": lambda _, policy: {"paused": policy.paused},
    "paused": lambda context, _: {"paused_until": context.preferences.paused_until},
    "consent_missing": lambda context, _: {
        "cause": context.cause.value,
        "permits": " ".join(sorted(context.permits)),
    },
    "no_device": lambda context, _: {"reach": context.reach.value},
    "permission_denied": lambda context, _: {"reach": context.reach.value},
    "expired": lambda context, _: {"expires_at": context.expires_at.isoformat()},
    "zone_unknown": lambda context, _: {"zone": context.zone},
    "quiet_hours": lambda context, policy: {
        "zone": context.zone,
        "brand": _spans(policy.quiet_hours),
        "person": _spans(context.preferences.quiet_hours),
    },
    "cap": lambda context, policy: {
        "sent_in_7_days": _week(context),
        "per_day": policy.caps.per_day,
        "per_week": policy.caps.per_week,
        "max_per_week": context.preferences.max_per_week,
    },
    "holdout": lambda context, policy: {
        "draw": round(context.draw, 4),
        "holdout_share": policy.holdout_share,
    },
}
