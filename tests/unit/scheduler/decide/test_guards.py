"""The rules on the person, as tables: what is given, and the codes of the reasons that follow."""

from datetime import timedelta
from typing import Any

import pytest

from domain.context import Reach
from domain.decisions import Cause
from domain.people import Preferences, Purpose, QuietHours
from domain.policy import Caps
from scheduler.decide import guards
from tests.unit.scheduler.decide.makers import ALL, NOON, context, policy
from tests.words import to_the_person

LUNCH = QuietHours(from_="12:00", to="13:00")
NIGHT = QuietHours(from_="21:00", to="08:00")
PUSH_ONLY = {Purpose.PUSH: "entry"}


def without(*purposes: Purpose) -> dict[Purpose, str]:
    return {purpose: entry for purpose, entry in ALL.items() if purpose not in purposes}


def ago(**parts: float) -> Any:
    return NOON - timedelta(**parts)


@pytest.mark.parametrize(
    ("person", "rules", "codes"),
    [
        pytest.param({}, {}, [], id="nothing speaks against it"),
        pytest.param({}, {"paused": True}, ["engine_paused"], id="kill switch"),
        pytest.param(
            {"preferences": Preferences(paused_until=NOON + timedelta(seconds=1))},
            {},
            ["paused"],
            id="the person pauses",
        ),
        pytest.param(
            {"preferences": Preferences(paused_until=NOON)}, {}, [], id="the pause is over"
        ),
        pytest.param(
            {"permits": without(Purpose.PUSH)}, {}, ["consent_missing"], id="no push consent"
        ),
        pytest.param(
            {"permits": without(Purpose.LOCATION)}, {}, ["consent_missing"], id="enter, no location"
        ),
        pytest.param(
            {"permits": PUSH_ONLY, "cause": Cause.DWELL}, {}, ["consent_missing"], id="dwell"
        ),
        pytest.param(
            {"permits": PUSH_ONLY, "cause": Cause.WEATHER}, {}, ["consent_missing"], id="weather"
        ),
        pytest.param(
            {"permits": without(Purpose.HABITS), "cause": Cause.HABIT},
            {},
            ["consent_missing"],
            id="habit without habits",
        ),
        pytest.param(
            {"permits": without(Purpose.LOCATION), "cause": Cause.HABIT},
            {},
            [],
            id="a habit needs no location",
        ),
        pytest.param(
            {"permits": {}}, {}, ["consent_missing", "consent_missing"], id="each purpose is named"
        ),
        pytest.param({"reach": Reach.NO_DEVICE}, {}, ["no_device"], id="no device"),
        pytest.param({"reach": Reach.DENIED}, {}, ["permission_denied"], id="permission denied"),
        pytest.param({"expires_at": NOON}, {}, ["expired"], id="at its end a moment is over"),
        pytest.param({"zone": None}, {}, ["zone_unknown"], id="no clock"),
        pytest.param({"zone": "Mars/Base"}, {}, ["zone_unknown"], id="no such zone"),
        pytest.param({}, {"quiet_hours": (LUNCH,)}, ["quiet_hours"], id="the brand's silence"),
        pytest.param({}, {"quiet_hours": (NIGHT,)}, [], id="by day the night is no silence"),
        pytest.param(
            {"preferences": Preferences(quiet_hours=(LUNCH,))},
            {},
            ["quiet_hours"],
            id="the person's silence",
        ),
        pytest.param(
            {"zone": "Asia/Tokyo"},
            {"quiet_hours": (QuietHours(from_="18:00", to="19:00"),)},
            ["quiet_hours"],
            id="silence by the person's clock",
        ),
        pytest.param(
            {"sent_at": (ago(hours=1),)},
            {"caps": Caps(per_day=1, per_week=None)},
            ["cap"],
            id="cap per day",
        ),
        pytest.param(
            {"sent_at": (ago(hours=13),)},
            {"caps": Caps(per_day=1, per_week=None)},
            [],
            id="yesterday by the person's clock",
        ),
        pytest.param(
            {"sent_at": (ago(days=6, hours=23),)},
            {"caps": Caps(per_day=None, per_week=1)},
            ["cap"],
            id="cap per week",
        ),
        pytest.param(
            {"sent_at": (ago(days=7),)},
            {"caps": Caps(per_day=None, per_week=1)},
            [],
            id="a week is over after seven days",
        ),
        pytest.param(
            {"sent_at": (ago(days=2),), "preferences": Preferences(max_per_week=1)},
            {"caps": Caps(per_day=None, per_week=5)},
            ["cap"],
            id="the person's maximum is lower",
        ),
        pytest.param(
            {"sent_at": (ago(days=2),), "preferences": Preferences(max_per_week=9)},
            {"caps": Caps(per_day=None, per_week=1)},
            ["cap"],
            id="the brand's maximum is lower",
        ),
        pytest.param(
            {"preferences": Preferences(max_per_week=0)}, {}, ["cap"], id="a maximum of none"
        ),
        pytest.param({}, {"caps": Caps(per_day=0, per_week=0)}, ["cap", "cap"], id="caps of none"),
    ],
)
def test_a_rule_on_the_person_silences_with_its_code(
    person: dict[str, Any], rules: dict[str, Any], codes: list[str]
) -> None:
    found = guards.on_person(context(**person), policy(**rules))
    assert [reason.code for reason in found] == codes
    assert set(codes) <= set(guards.ASKED)
    assert guards.forbade(found) == bool(codes)
    told = [to_the_person(reason) for reason in found]
    assert all(each.text and each.would_change for each in told)


def test_a_reason_says_when_it_will_be_different() -> None:
    quiet = guards.quiet_hours(context(), policy(quiet_hours=(LUNCH,)))
    assert quiet
    told = to_the_person(quiet)
    assert told.text == "These were hours of silence (Wed 12:00)."
    assert told.would_change == "The hours of silence end (Wed 13:00)."


def test_the_week_that_counts_moves_on_when_its_oldest_push_is_seven_days_old() -> None:
    found = guards.weekly_cap(
        context(sent_at=(ago(days=6), ago(days=1))), policy(caps=Caps(per_day=None, per_week=2))
    )
    assert found
    told = to_the_person(found)
    assert told.would_change == "The week that counts moves on (Thu 7 May, 12:00)."


@pytest.mark.parametrize(
    ("draw", "share", "held"),
    [
        (0.0, 0.0, False),
        (0.0, 0.1, True),
        (0.0999, 0.1, True),
        (0.1, 0.1, False),
        (0.99, 1.0, True),
    ],
)
def test_the_holdout_is_the_lowest_share_of_the_draws(
    draw: float, share: float, held: bool
) -> None:
    assert bool(guards.holdout(context(draw=draw), policy(holdout_share=share))) is held
