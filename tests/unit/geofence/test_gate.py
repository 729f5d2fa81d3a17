from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.places import Fix
from geofence.gate import Position, Rejection, follow, read, refuse

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
CONSENT = NOW - timedelta(hours=2)


def fix(**changes):
    normal = {
        "event_id": "e",
        "latitude": 60.17,
        "longitude": 24.94,
        "accuracy_m": 10.0,
        "occurred_at": NOW,
        "is_mock": False,
    }
    return Fix(**{**normal, **changes})


def ago(**parts):
    return NOW - timedelta(**parts)


CASES = {
    "a good fix": (fix(), None),
    "latitude": (fix(latitude=90.01), "out_of_range"),
    "longitude": (fix(longitude=-180.5), "out_of_range"),
    "not a number": (fix(latitude=float("nan")), "out_of_range"),
    "infinite": (fix(longitude=float("inf")), "out_of_range"),
    "the antimeridian": (fix(longitude=180.0), None),
    "negative accuracy": (fix(accuracy_m=-1.0), "bad_accuracy"),
    "no accuracy": (fix(accuracy_m=float("nan")), "bad_accuracy"),
    "endless accuracy": (fix(accuracy_m=float("inf")), "bad_accuracy"),
    "accuracy zero": (fix(accuracy_m=0.0), None),
    "null island": (fix(latitude=0.0, longitude=-0.0), "null_island"),
    "the equator": (fix(latitude=0.0), None),
    "two minutes ahead": (fix(occurred_at=NOW + timedelta(seconds=120)), None),
    "farther ahead": (fix(occurred_at=NOW + timedelta(seconds=121)), "future"),
    "a day old": (fix(occurred_at=ago(hours=24)), "before_consent"),
    "older": (fix(occurred_at=ago(hours=24, seconds=1)), "too_old"),
    "before the consent": (fix(occurred_at=CONSENT - timedelta(seconds=1)), "before_consent"),
    "with the consent": (fix(occurred_at=CONSENT), None),
    "mock": (fix(is_mock=True), "mock"),
    "mock in the future": (fix(is_mock=True, occurred_at=NOW + timedelta(hours=1)), "future"),
    "everything at once": (fix(latitude=91.0, accuracy_m=-1.0, is_mock=True), "out_of_range"),
}


@pytest.mark.parametrize("case", CASES)
def test_a_dirty_fix_is_recognised(case):
    given_fix, code = CASES[case]
    assert refuse(given_fix, now=NOW, consent_since=CONSENT) == code


def test_without_a_consent_time_only_the_age_counts():
    assert refuse(fix(occurred_at=ago(hours=23)), now=NOW, consent_since=None) is None


@pytest.mark.parametrize(
    ("reported", "read_as"), [(0.0, 3.0), (2.9, 3.0), (12.5, 12.5), (1e300, 2e7)]
)
def test_an_accuracy_is_kept_between_what_phones_can_and_what_the_earth_is(reported, read_as):
    assert read(fix(accuracy_m=reported)).accuracy_m == read_as


METRE = 1 / 111_195


def at(seconds, north_m, accuracy_m=10.0, speed_mps=0.0):
    return Position(
        at=float(seconds), lat=north_m * METRE, lon=1.0, accuracy_m=accuracy_m, speed_mps=speed_mps
    )


HERE = at(0, 0)


def test_the_first_fix_follows_nothing():
    assert follow(None, None, HERE) == (HERE, None)


@pytest.mark.parametrize("seconds", [0, -1])
def test_a_fix_that_is_not_later_is_out_of_order(seconds):
    assert follow(HERE, None, at(seconds, 5))[1] is Rejection.OUT_OF_ORDER


@pytest.mark.parametrize(
    ("seconds", "north", "accuracy", "believed"),
    [
        (10, 690, 10, True),
        (10, 720, 10, True),
        (10, 740, 10, False),
        (10, 740, 40, True),
        (1, 5_000, 10, False),
    ],
)
def test_a_jump_beyond_seventy_metres_a_second_and_both_accuracies_is_held(
    seconds, north, accuracy, believed
):
    assert (follow(HERE, None, at(seconds, north, accuracy))[1] is None) == believed


def jump(seconds, north):
    """The position held after a jump from HERE."""
    held, rejected = follow(HERE, None, at(seconds, north))
    assert rejected is Rejection.TELEPORT
    return held


def test_a_second_fix_beside_a_jump_confirms_it():
    there, rejected = follow(HERE, jump(10, 50_000), at(40, 50_020))
    assert rejected is None
    assert there.lat == 50_020 * METRE


def test_a_fix_back_at_the_old_place_shows_the_jump_was_a_glitch():
    assert follow(HERE, jump(10, 50_000), at(40, 30)) == (at(40, 30), None)


def test_two_jumps_to_different_places_confirm_neither():
    assert follow(HERE, jump(10, 50_000), at(40, -50_000))[1] is Rejection.TELEPORT


def test_a_repeat_of_the_held_fix_does_not_confirm_it():
    held = jump(10, 50_000)
    assert follow(HERE, held, at(10, 50_000))[1] is Rejection.TELEPORT


def test_an_aeroplane_is_believed_from_its_second_fix_on():
    last, held, rejections = HERE, None, []
    for minute in range(1, 11):
        there, rejected = follow(last, held, at(60 * minute, 240 * 60 * minute))
        rejections.append(rejected)
        last, held = (last, there) if rejected else (there, None)
    assert rejections == [Rejection.TELEPORT] + [None] * 9


def test_a_glitch_of_impossible_speed_does_not_excuse_the_next_one():
    held, _ = follow(HERE, None, at(1, 1_000_000))
    assert follow(HERE, held, at(11, 1_003_000))[1] is Rejection.TELEPORT


@given(st.floats(-180, 180), st.floats(-180, 180))
def test_a_step_across_the_antimeridian_is_a_step(a, b):
    first = Position(at=0.0, lat=0.0, lon=a, accuracy_m=10.0)
    there = Position(at=3600.0, lat=0.0, lon=b, accuracy_m=10.0)
    apart = abs((a - b + 180) % 360 - 180) * 111_320
    believed = follow(first, None, there)[1] is None
    assert believed == (apart <= 70 * 3600 + 20) or abs(apart - 252_020) < 500
