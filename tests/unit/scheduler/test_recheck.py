"""The check before a send reads less than a decision does; the rules on the person must not miss what it leaves out."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from domain.context import Context, Reach
from domain.decisions import Cause
from domain.messages import Message, Push
from domain.people import Mode, Preferences, Purpose, QuietHours
from domain.policy import Brand, Caps, Policy
from scheduler import recheck
from scheduler.decide import guards
from storage.messages import Queued
from storage.rechecks import Person

NOW = datetime(2026, 5, 6, 9, tzinfo=UTC)
STRICT = Policy(
    caps=Caps(per_day=1, per_week=2), quiet_hours=(QuietHours(from_="22:00", to="06:00"),)
)
BRAND = Brand(
    id="b", slug="b", name="B", time_zone="Europe/Helsinki", signing_secret="", policy=STRICT
)
PERSON = Person(
    preferences=Preferences(max_per_week=3),
    permits={Purpose.PUSH: "1", Purpose.LOCATION: "2"},
    reach=Reach.REACHABLE,
    zones=("Europe/Berlin", "Asia/Tokyo"),
    sends={"own": NOW, "other": NOW - timedelta(days=2)},
)


def queued(cause: Cause) -> Queued:
    message = Message(
        id="m",
        brand_id="b",
        mode=Mode.LIVE,
        customer_id="c",
        decision_id="own",
        offer_id="o",
        push=Push(title="Soup", body="Hot"),
        expires_at=NOW + timedelta(minutes=10),
    )
    return Queued(message=message, cause=cause, moment_id="moment", decided_at=NOW)


class Watched:
    """A context that notes what it is asked for."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self.asked: set[str] = set()

    def __getattr__(self, name: str) -> Any:
        self.asked.add(name)
        return getattr(self._context, name)


@pytest.mark.parametrize("cause", list(Cause))
def test_the_rules_on_the_person_ask_for_nothing_that_the_check_does_not_read(cause: Cause) -> None:
    read = {
        "moment_id", "cause", "decided_at", "expires_at", "zone", "permits", "reach", "preferences",
        "sent_at",
    }  # fmt: skip
    context = recheck._context(queued(cause), PERSON, BRAND, NOW)
    watched = Watched(context)

    guards.on_person(watched, STRICT)  # type: ignore[arg-type]  # it stands in for a context

    assert watched.asked <= read, "read it in storage/rechecks.py as well, and fill it in"
    left_out = set(Context.__struct_fields__) - read
    bare = Context(
        moment_id="", cause=cause, decided_at=context.decided_at, expires_at=context.expires_at
    )
    assert all(getattr(context, name) == getattr(bare, name) for name in left_out)


def test_the_message_itself_does_not_count_against_its_own_cap() -> None:
    context = recheck._context(queued(Cause.ENTER), PERSON, BRAND, NOW)

    assert context.sent_at == (NOW - timedelta(days=2),)
    assert guards.on_person(context, STRICT) == ()


def test_the_newest_phones_clock_comes_first_then_the_brands() -> None:
    nowhere = Person(
        preferences=Preferences(), permits={}, reach=Reach.NO_DEVICE, zones=("Mars/Base",), sends={}
    )

    assert recheck._context(queued(Cause.ENTER), PERSON, BRAND, NOW).zone == "Europe/Berlin"
    assert recheck._context(queued(Cause.ENTER), nowhere, BRAND, NOW).zone == "Europe/Helsinki"
