"""Stays from fixes, at any sampling rate, and through silence."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from geofence.gate import Position
from geofence.stays import LEAST_S, LONGEST_GAP_S, PIECE_S, Stay, follow

HERE = (60.17, 24.94)
DEGREE_M = 111_195.0
HOUR = 3600.0


def at(seconds: float, north_m: float = 0.0, accuracy_m: float = 10.0) -> Position:
    return Position(seconds, HERE[0] + north_m / DEGREE_M, HERE[1], accuracy_m)


def told(*fixes: Position) -> list[Stay]:
    stay, found = None, []
    for fix in fixes:
        stay, complete = follow(stay, fix)
        found += [complete] if complete else []
    return found


def spans(*fixes: Position) -> list[tuple[float, float]]:
    return [(stay.since, stay.until) for stay in told(*fixes)]


def test_who_leaves_has_stayed_until_the_last_fix_there() -> None:
    assert spans(at(0), at(600), at(1800, 50), at(2000, 900)) == [(0, 1800)]


def test_a_short_stop_is_no_stay() -> None:
    assert spans(at(0), at(LEAST_S - 1), at(LEAST_S + 60, 900)) == []


def test_a_phone_that_sleeps_from_coming_to_leaving_was_there_all_night() -> None:
    assert spans(at(0), at(14 * HOUR), at(14 * HOUR + 60, 900)) == [(0, 14 * HOUR)]


def test_a_longer_silence_proves_nothing() -> None:
    assert spans(at(0), at(LONGEST_GAP_S + 1), at(LONGEST_GAP_S + 99, 900)) == []


def test_the_way_between_two_places_is_nobodys() -> None:
    assert spans(at(0), at(HOUR), at(9 * HOUR, 5000), at(10 * HOUR, 5000), at(11 * HOUR)) == [
        (0, HOUR),
        (9 * HOUR, 10 * HOUR),
    ]


def test_who_never_leaves_is_told_in_pieces_that_leave_nothing_out() -> None:
    found = spans(*(at(300.0 * n) for n in range(12 * 48)))
    assert found[0][0] == 0
    assert all(before[1] == after[0] for before, after in pairwise(found))
    assert all(end - start == PIECE_S for start, end in found)


def test_a_coarse_fix_proves_nothing_unless_it_is_surely_elsewhere() -> None:
    assert spans(at(0), at(HOUR), at(2 * HOUR, 900, 1000.0), at(3 * HOUR, 5000)) == [(0, HOUR)]
    assert spans(at(0), at(HOUR), at(2 * HOUR, 5000, 1000.0)) == [(0, HOUR)]
    assert follow(None, at(0, 0, 1000.0)) == (None, None)


def test_who_walks_slowly_leaves_however_often_the_phone_reports() -> None:
    for every_s in (1, 5, 60):
        walk = [at(HOUR + n * every_s, n * every_s * 0.8) for n in range(1, 3600 // every_s)]
        found = told(*(at(60.0 * n) for n in range(61)), *walk)
        assert found[0].until < HOUR + 900
        assert len(found) == 1, "a walk is no stay"


def test_a_stay_across_the_antimeridian_is_one_with_its_centre_there() -> None:
    fixes = [Position(60.0 * n, -17.0, -179.9995 if n % 2 else 179.9995, 10.0) for n in range(40)]
    (stay,) = told(*fixes, Position(9000.0, -17.0, 170.0, 10.0))
    assert abs(stay.lon) > 179.99


STEPS = st.lists(
    st.tuples(st.integers(1, 60_000), st.sampled_from([0.0, 60.0, 250.0, 3000.0])), max_size=60
)


@given(STEPS)
def test_stays_never_overlap_and_never_outgrow_their_fixes(
    steps: list[tuple[int, float]],
) -> None:
    now, fixes = 0.0, []
    for seconds, north in steps:
        now += seconds
        fixes.append(at(now, north))
    found = told(*fixes)
    assert all(stay.until - stay.since >= LEAST_S for stay in found)
    assert all(a.until <= b.since for a, b in pairwise(found))
    assert all(fixes[0].at <= stay.since and stay.until <= now for stay in found)
