"""The state machine of one device, told as stories: metres north of the middle of a fence of 100 m, seconds on its clock."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.places import Fix
from geofence.distance import metres
from geofence.gate import Rejection
from geofence.index import FenceIndex
from geofence.shapes import Circle, Polygon
from geofence.transitions import (
    DeviceState,
    Fences,
    Step,
    dwell_due,
    silence_due,
    step,
    tick,
)

START = datetime(2026, 3, 2, 12, tzinfo=UTC)
METRE = 1 / 111_412  # of latitude at 60°
CIRCLE = Circle(60.0, 25.0, 100.0)
FENCES = Fences(FenceIndex([("shop", CIRCLE)]), {"shop": 300})
NOWHERE = Fences(FenceIndex())


def at(seconds):
    return START + timedelta(seconds=seconds)


def fix(seconds, north, accuracy=10.0):
    return Fix(
        event_id=f"{seconds}",
        latitude=60.0 + north * METRE,
        longitude=25.0,
        accuracy_m=accuracy,
        occurred_at=at(seconds),
    )


def walk(*fixes, fences=FENCES, state=None):
    """The state after (seconds, metres north[, accuracy]) …, and all that was told as (type, seconds, reason)."""
    state, told = state or DeviceState(), []
    for each in fixes:
        result = step(state, fix(*each), fences, now=at(each[0]))
        assert result.rejected is None
        state = result.state
        told += result.transitions
    return state, told


def brief(told):
    return [(t.type.value, (t.occurred_at - START).total_seconds()) for t in told]


def test_a_walk_to_the_middle_and_away_enters_once_and_exits_once():
    _, told = walk(
        (0, 400), (60, 250), (120, 130), (180, 40), (240, 0), (270, 60), (300, 260), (360, 400)
    )
    assert brief(told) == [("enter", 180), ("exit", 300)]
    enter, leave = told
    assert (enter.fence, enter.confidence, enter.reason) == ("shop", 3, "arrived")
    assert (leave.confidence, leave.reason, leave.duration_s) == (3, "left", 120.0)
    assert leave.entered_at == enter.occurred_at == enter.entered_at


@pytest.mark.parametrize(
    ("north", "accuracy", "confidence"),
    [(0, 10, 3), (80, 10, 3), (85, 20, 2), (95, 20, 1), (0, 5_000, 1)],
)
def test_the_first_fix_inside_enters_at_once_with_its_confidence(north, accuracy, confidence):
    _, (enter,) = walk((0, north, accuracy))
    assert (enter.type, enter.reason, enter.confidence) == ("enter", "first_fix", confidence)


def test_the_first_fix_on_the_edge_is_inside_and_one_beyond_is_not():
    radius = metres(60.0, 25.0, 60.0 + 90 * METRE, 25.0)
    on_edge = Fences(FenceIndex([("f", Circle(60.0, 25.0, radius))]))
    assert brief(walk((0, 90), fences=on_edge)[1]) == [("enter", 0)]
    beyond = Fences(FenceIndex([("f", Circle(60.0, 25.0, radius - 1e-6))]))
    assert walk((0, 90), fences=beyond)[1] == []


@pytest.mark.parametrize(
    ("fixes", "told"),
    [
        ([(30, 60)], [("enter", 30)]),
        ([(30, 93)], []),
        ([(30, 93), (60, 93), (90, 93), (120, 93), (150, 93)], [("enter", 30)]),
        ([(30, 93), (31, 93), (32, 93), (33, 93), (34, 93)], []),
        ([(30, 93), (60, 115), (90, 93), (120, 115)], []),
        ([(30, 20, 150)], []),
        ([(30, 20, 80), (120, 20, 80), (240, 20, 80)], [("enter", 30)]),
        ([(30, 101)], []),
    ],
    ids=[
        "clearly inside",
        "just inside",
        "just inside for long",
        "just inside, five fixes at once",
        "to and fro",
        "a vague fix",
        "vague fixes that agree",
        "just outside",
    ],
)
def test_a_device_that_was_outside_enters_once_the_evidence_is_there(fixes, told):
    assert brief(walk((0, 400), *fixes)[1]) == told


@pytest.mark.parametrize(
    ("fixes", "told"),
    [
        ([(30, 300)], [("exit", 30)]),
        ([(30, 900)], []),
        ([(30, 900), (60, 0)], []),
        ([(30, 900), (60, 1500)], [("exit", 30)]),
        ([(30, 110)], []),
        ([(30, 110), (90, 60)], []),
        ([(30, 112), (90, 112), (150, 112), (210, 112)], [("exit", 30)]),
        ([(30, 110, 200), (90, 110, 200), (150, 110, 200)], []),
        ([(30, 250, 80), (31, 250, 80)], []),
        ([(30, 250, 80), (150, 250, 80), (270, 250, 80)], [("exit", 30)]),
    ],
    ids=[
        "far away",
        "far away too fast",
        "far away too fast and back",
        "far away too fast and confirmed",
        "just outside",
        "just outside and back",
        "just outside for long",
        "vague fixes",
        "two fixes at once",
        "fixes that agree",
    ],
)
def test_a_device_that_was_inside_exits_once_the_evidence_is_there(fixes, told):
    assert brief(walk((0, 0), *fixes)[1][1:]) == told


def test_a_visit_that_comes_back_while_leaving_goes_on():
    state, told = walk((0, 0), (60, 108), (120, 50), (600, 50))
    assert brief(told) == [("enter", 0), ("dwell", 300)]
    assert state.presences[0].leaving_since is None


def test_a_dwell_is_said_once_per_visit_at_the_time_the_wait_ended():
    _, told = walk((0, 0), (290, 0), (420, 0), (900, 0), (960, 400), (1500, 0), (1900, 0))
    assert brief(told) == [
        ("enter", 0),
        ("dwell", 300),
        ("exit", 960),
        ("enter", 1500),
        ("dwell", 1800),
    ]
    assert told[1].duration_s == 300.0


def test_a_dwell_waits_for_a_fix_that_is_sure():
    _, told = walk((0, 0), (320, 95), (400, 90, 60), (500, 0))
    assert brief(told) == [("enter", 0), ("dwell", 300)]
    assert brief(walk((0, 0), (320, 95), (400, 90, 60))[1]) == [("enter", 0)]


def test_a_fence_without_a_wait_has_no_dwell():
    _, told = walk((0, 0), (900, 0), fences=Fences(FENCES.index))
    assert brief(told) == [("enter", 0)]


def test_a_dwell_comes_due_without_a_fix():
    state, _ = walk((0, 0), (120, 0))
    assert dwell_due(state) == at(300)
    assert tick(state, FENCES, now=at(299)) == Step(state)
    after = tick(state, FENCES, now=at(301))
    assert brief(after.transitions) == [("dwell", 300)]
    assert dwell_due(after.state) is None
    assert tick(after.state, FENCES, now=at(400)).transitions == ()
    assert brief(walk((420, 0), state=after.state)[1]) == []


@pytest.mark.parametrize(
    "fixes",
    [[(0, 400)], [(0, 95)], [(0, 0), (60, 110)]],
    ids=["outside", "unsure", "leaving"],
)
def test_no_dwell_comes_due_where_the_last_fix_does_not_speak_for_it(fixes):
    state, _ = walk(*fixes)
    assert dwell_due(state) is None
    assert tick(state, FENCES, now=at(360)).transitions == ()


def test_a_dwell_does_not_come_due_long_after_the_last_fix():
    patient = Fences(FENCES.index, {"shop": 900})
    state, _ = walk((0, 0), fences=patient)
    assert dwell_due(state) is None
    assert tick(state, patient, now=at(1000)).transitions == ()
    state, _ = walk((650, 0), fences=patient, state=state)
    assert dwell_due(state) == at(900)


def test_silence_ends_a_visit_at_the_last_fix():
    state, _ = walk((0, 0), (1800, 0))
    assert silence_due(state) == at(1800 + 7200)
    assert tick(state, FENCES, now=at(1800 + 7200)).transitions == ()
    after = tick(state, FENCES, now=at(1800 + 7201))
    assert brief(after.transitions) == [("exit", 1800)]
    assert after.transitions[0].reason == "silence"
    assert after.state.presences == ()
    assert silence_due(after.state) is None


@pytest.mark.parametrize("ticked", [True, False])
def test_after_a_silence_a_visit_is_a_new_one_whoever_noticed_first(ticked):
    state, _ = walk((0, 0))
    before = ()
    if ticked:
        state, before, _ = tick(state, FENCES, now=at(8000))
    _, told = walk((9000, 0), state=state)
    assert brief([*before, *told]) == [("exit", 0), ("enter", 9000)]


def test_a_deleted_fence_ends_the_visit():
    state, _ = walk((0, 0), (60, 0))
    after, told = walk((120, 0), fences=NOWHERE, state=state)
    assert brief(told) == [("exit", 60)]
    assert told[0].reason == "fence_deleted"
    assert after.presences == ()
    assert tick(state, NOWHERE, now=at(90)).transitions == tuple(told)


def test_a_changed_fence_ends_the_visit_and_says_so_when_it_begins_anew():
    larger = Fences(FENCES.index.with_changes([("shop", Circle(60.0, 25.0, 150.0))]))
    state, _ = walk((0, 0), (60, 0))
    _, told = walk((120, 0), fences=larger, state=state)
    assert [(t.type, t.reason) for t in told] == [
        ("exit", "fence_changed"),
        ("enter", "fence_changed"),
    ]
    assert brief(tick(state, larger, now=at(90)).transitions) == [("exit", 60)]


def test_a_fence_that_moves_away_ends_the_visit_for_good():
    moved = Fences(FENCES.index.with_changes([("shop", Circle(61.0, 25.0, 100.0))]))
    state, _ = walk((0, 0))
    assert brief(walk((60, 0), fences=moved, state=state)[1]) == [("exit", 0)]


def test_a_fence_made_around_a_device_is_entered():
    state, _ = walk((0, 0), fences=NOWHERE)
    assert brief(walk((60, 0), state=state)[1]) == [("enter", 60)]


def test_overlapping_fences_are_each_told():
    both = Fences(FenceIndex([("shop", CIRCLE), ("mall", Circle(60.0, 25.0, 400.0))]))
    _, told = walk((0, 900), (60, 250), (120, 0), (180, 250), (300, 900), fences=both)
    assert [(t.fence, *b) for t, b in zip(told, brief(told), strict=True)] == [
        ("mall", "enter", 60),
        ("shop", "enter", 120),
        ("shop", "exit", 180),
        ("mall", "exit", 300),
    ]


def test_a_polygon_is_entered_and_left():
    side = 200 * METRE
    box = Polygon([[[25, 60], [25.01, 60], [25.01, 60 + side], [25, 60 + side], [25, 60]]])
    fences = Fences(FenceIndex([("box", box)]), {"box": 60})
    moved = Fix(
        event_id="a", latitude=60 - side, longitude=25.005, accuracy_m=10, occurred_at=at(0)
    )
    state, told = DeviceState(), []
    for seconds, north in [(0, -200), (60, 100), (150, 100), (240, 500)]:
        here = msgspec.structs.replace(moved, latitude=60 + north * METRE, occurred_at=at(seconds))
        state, said, _ = step(state, here, fences, now=at(seconds))
        told += said
    assert brief(told) == [("enter", 60), ("dwell", 120), ("exit", 240)]
    assert told[0].confidence == told[2].confidence == 3


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"latitude": 95.0}, Rejection.OUT_OF_RANGE),
        ({"accuracy_m": -5.0}, Rejection.BAD_ACCURACY),
        ({"occurred_at": at(500)}, Rejection.FUTURE),
        ({"is_mock": True}, Rejection.MOCK),
        ({"occurred_at": at(0)}, Rejection.OUT_OF_ORDER),
        ({"occurred_at": at(-60)}, Rejection.OUT_OF_ORDER),
    ],
    ids=["nowhere", "accuracy", "future", "mock", "the same time", "earlier"],
)
def test_a_rejected_fix_changes_nothing(changes, code):
    state, _ = walk((0, 0))
    dirty = msgspec.structs.replace(fix(60, 5_000), **changes)
    assert step(state, dirty, FENCES, now=at(60)) == Step(state, (), code)


def test_a_fix_from_before_the_consent_is_rejected():
    result = step(DeviceState(), fix(0, 0), FENCES, now=at(10), consent_since=at(5))
    assert result == Step(DeviceState(), (), Rejection.BEFORE_CONSENT)


def test_a_glitch_far_away_does_not_end_a_visit():
    state, _ = walk((0, 0))
    glitch = step(state, fix(10, 50_000), FENCES, now=at(10))
    assert (glitch.transitions, glitch.rejected) == ((), Rejection.TELEPORT)
    after, told = walk((20, 3), state=glitch.state)
    assert told == []
    assert after.held is None


def test_a_jump_that_a_second_fix_confirms_is_a_move():
    state, _ = walk((0, 0))
    held = step(state, fix(10, 50_000), FENCES, now=at(10))
    again = step(held.state, fix(10, 50_000), FENCES, now=at(11))
    assert (again.state, again.rejected) == (held.state, Rejection.TELEPORT)
    _, told = walk((40, 50_010), (70, 50_020), state=held.state)
    assert brief(told) == [("exit", 40)]


def test_a_state_is_small_and_survives_storage():
    state, _ = walk((0, 0), (60, 108))
    packed = msgspec.json.encode(state)
    assert msgspec.json.decode(packed, type=DeviceState) == state
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(state), type=DeviceState) == state
    assert len(packed) < 200
    assert msgspec.json.encode(DeviceState()) == b"{}"


def test_a_fence_that_a_device_is_in_costs_at_most_a_hundred_bytes_as_stored():
    def stored(count):
        names = [f"018f3a2b-7c4d-7e8f-9a0b-{n:012x}" for n in range(count)]
        town = Fences(FenceIndex([(name, CIRCLE) for name in names]), dict.fromkeys(names, 300))
        return len(msgspec.msgpack.encode(walk((0, 95), (60, 108), fences=town)[0]))

    assert stored(0) <= 60
    assert (stored(5) - stored(0)) / 5 <= 100


minutes = st.floats(5, 1_200)
norths = st.one_of(st.floats(-150, 150), st.floats(-3_000, 3_000))
journeys = st.lists(
    st.tuples(minutes, norths, st.one_of(st.floats(3, 60), st.floats(3, 1_000))), max_size=40
)
TOWN = Fences(
    FenceIndex(
        [
            ("a", CIRCLE),
            ("b", Circle(60 + 150 * METRE, 25.0, 100.0)),
            ("c", Circle(60.0, 25.0, 30.0)),
        ]
    ),
    {"a": 120, "b": 0},
)


def journey(legs):
    clock, fixes = 0.0, []
    for pause, north, accuracy in legs:
        clock += pause
        fixes.append(fix(round(clock, 3), north, accuracy))
    return fixes


def travel(fixes, state=None):
    state, told = state or DeviceState(), []
    for each in fixes:
        state, said, _ = step(state, each, TOWN, now=each.occurred_at)
        told += said
    return state, told


@given(journeys)
def test_enters_and_exits_alternate_and_a_dwell_lies_between_once(legs):
    _, told = travel(journey(legs))
    for fence in "abc":
        kinds = [t.type.value for t in told if t.fence == fence]
        assert [k for k in kinds if k != "dwell"] == (["enter", "exit"] * len(kinds))[
            : len(kinds) - kinds.count("dwell")
        ]
        visits = [t.entered_at for t in told if t.fence == fence and t.type == "dwell"]
        assert len(visits) == len(set(visits))
    for t in told:
        assert t.entered_at <= t.occurred_at
        assert 1 <= t.confidence <= 3


@given(journeys)
def test_visits_of_a_fence_do_not_overlap(legs):
    _, told = travel(journey(legs))
    for fence in "abc":
        ends = [t.occurred_at for t in told if t.fence == fence and t.type == "exit"]
        begins = [t.occurred_at for t in told if t.fence == fence and t.type == "enter"]
        assert all(end <= begin for end, begin in zip(ends, begins[1:], strict=False))


@given(journeys, st.data())
def test_duplicates_and_late_fixes_change_nothing(legs, data):
    fixes = journey(legs)
    repeated = []
    for i, each in enumerate(fixes):
        repeated.append(each)
        again = data.draw(st.integers(0, i))
        repeated += [fixes[again]] * data.draw(st.integers(0, 2))
    clean, dirty = travel(fixes), travel(repeated)
    assert clean[1] == dirty[1]
    assert clean[0] == dirty[0]


@given(journeys)
def test_a_state_goes_through_storage_after_every_fix(legs):
    state, told = DeviceState(), []
    for each in journey(legs):
        state, said, _ = step(state, each, TOWN, now=each.occurred_at)
        state = msgspec.json.decode(msgspec.json.encode(state), type=DeviceState)
        told += said
    assert (state, told) == travel(journey(legs))


@given(journeys)
def test_only_fences_that_a_device_is_not_outside_of_are_remembered(legs):
    state, told = travel(journey(legs))
    open_visits = {t.fence for t in told if t.type == "enter"} - {
        f
        for f in "abc"
        if [t.type for t in told if t.fence == f and t.type != "dwell"][-1:] == ["exit"]
    }
    assert {p.fence for p in state.presences if p.inside} == open_visits
    assert len(state.presences) <= 3


@given(journeys)
def test_ticking_ends_every_visit_in_the_end(legs):
    state, _ = travel(journey(legs))
    later = START + timedelta(days=2)
    ended = tick(state, TOWN, now=later)
    assert ended.state.presences == ()
    assert {t.fence for t in ended.transitions} == {p.fence for p in state.presences if p.inside}
    assert tick(ended.state, TOWN, now=later) == Step(ended.state)
