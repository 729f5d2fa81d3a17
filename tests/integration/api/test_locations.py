import json
from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from domain.clock import ManualClock
from domain.decisions import Cause
from domain.people import Purpose
from scheduler.ingest import Ingest
from storage.engine import Database
from storage.models import MomentRow, PositionRow, ProfileRow, ReceivedRow, VisitRow
from tests.integration.conftest import Caller, Install, World
from tests.integration.places import add_fence, add_store, fix, remove_fence

Row = dict[str, Any]


@pytest.fixture
def walker(world: World) -> Install:
    """Somebody who allowed their location an hour ago; a fence and its store lie before them."""
    return arrived(world)


def arrived(world: World, *more: Purpose) -> Install:
    add_store(world)
    add_fence(world, store="kallio", dwell_s=300)
    device = world.device(Purpose.LOCATION, *more)
    world.clock.advance(hours=1)
    return device


def ago(world: World, **parts: float) -> datetime:
    return world.clock.now() - timedelta(**parts)


def send(caller: Caller, *fixes: Row) -> Any:
    answer = caller.post("/v1/locations", {"fixes": list(fixes)})
    assert answer.status_code == 202, answer.json
    return answer.json


def told(answer: Any) -> list[tuple[str, str]]:
    return [(each["geofence"], each["type"]) for each in answer["transitions"]]


def codes(answer: Any) -> list[tuple[str, str]]:
    return [(each["event_id"], each["code"]) for each in answer["rejected"]]


def rows(world: World, table: Any) -> list[Any]:
    with world.database.read() as tx:
        return list(tx.execute(sa.select(table.__table__)))


def test_a_walk_in_and_out_is_a_visit_with_its_moments(any_world: World) -> None:
    walker = arrived(any_world)
    first = send(walker, fix(ago(any_world, minutes=30), away_m=1000))
    assert first == {"accepted": 1, "duplicates": 0, "rejected": [], "transitions": []}
    assert any_world.woken == 0
    entered = send(walker, fix(ago(any_world, minutes=28)))
    assert told(entered) == [("kallio-door", "enter")]
    assert entered["transitions"][0]["confidence"] == 3
    assert datetime.fromisoformat(entered["transitions"][0]["occurred_at"]) == ago(
        any_world, minutes=28
    )
    assert any_world.woken == 1
    stayed = send(walker, fix(ago(any_world, minutes=22)))
    assert told(stayed) == [("kallio-door", "dwell")]
    left = send(walker, fix(ago(any_world, minutes=15), away_m=1000))
    assert told(left) == [("kallio-door", "exit")]
    (visit,) = rows(any_world, VisitRow)
    assert visit.customer_id == walker.customer_id
    assert visit.entered_at == ago(any_world, minutes=28)
    assert visit.dwelled_at == ago(any_world, minutes=23)
    assert (visit.exited_at, visit.end_reason) == (ago(any_world, minutes=15), "left")
    moments = {row.cause: row for row in rows(any_world, MomentRow)}
    assert set(moments) == {Cause.ENTER, Cause.DWELL}
    assert {row.visit_id for row in moments.values()} == {visit.id}
    assert {row.store_id for row in moments.values()} == {visit.store_id}


def test_the_first_fix_inside_a_fence_enters_it(world: World, walker: Install) -> None:
    assert told(send(walker, fix(ago(world, minutes=1)))) == [("kallio-door", "enter")]


def test_a_fence_without_a_store_makes_a_visit_but_no_moment(world: World) -> None:
    add_fence(world, "square")
    walker = world.device(Purpose.LOCATION)
    world.clock.advance(minutes=5)
    assert told(send(walker, fix(ago(world, minutes=1)))) == [("square", "enter")]
    assert len(rows(world, VisitRow)) == 1
    assert rows(world, MomentRow) == []


def test_without_consent_everything_is_refused_and_nothing_stored(any_world: World) -> None:
    add_fence(any_world)
    silent = any_world.device(Purpose.PUSH, Purpose.BACKGROUND_LOCATION, Purpose.HABITS)
    answer = silent.post("/v1/locations", {"fixes": [fix(any_world.clock.now())]})
    assert (answer.status_code, answer.json["code"]) == (403, "consent_missing")
    for table in (PositionRow, ReceivedRow, VisitRow, MomentRow):
        assert rows(any_world, table) == []


def test_after_a_withdrawal_fixes_are_refused_and_the_position_is_gone(any_world: World) -> None:
    walker = arrived(any_world)
    send(walker, fix(ago(any_world, minutes=1)))
    any_world.say(walker, Purpose.LOCATION, granted=False)
    answer = walker.post("/v1/locations", {"fixes": [fix(any_world.clock.now())]})
    assert answer.json["code"] == "consent_missing"
    assert rows(any_world, PositionRow) == []
    assert rows(any_world, VisitRow) == []


def test_a_background_fix_needs_its_own_consent(world: World, walker: Install) -> None:
    behind = fix(ago(world, minutes=1), background=True)
    answer = send(walker, behind, fix(ago(world, seconds=30)))
    assert (answer["accepted"], codes(answer)) == (1, [(behind["event_id"], "consent_missing")])
    world.say(walker, Purpose.BACKGROUND_LOCATION)
    again = send(walker, behind)
    assert codes(again) == [(behind["event_id"], "before_consent")]
    world.clock.advance(minutes=1)
    assert send(walker, fix(world.clock.now(), background=True))["accepted"] == 1


WRONG: list[tuple[str, Row, str]] = [
    ("latitude", {"latitude": 91}, "out_of_range"),
    ("longitude", {"longitude": -180.5}, "out_of_range"),
    ("swapped", {"latitude": 139.7, "longitude": 35.6}, "out_of_range"),
    ("not a number", {"latitude": float("nan")}, "out_of_range"),
    ("infinite", {"longitude": float("inf")}, "out_of_range"),
    ("negative accuracy", {"accuracy_m": -1}, "bad_accuracy"),
    ("unknown accuracy", {"accuracy_m": float("nan")}, "bad_accuracy"),
    ("null island", {"latitude": 0, "longitude": 0.0}, "null_island"),
    ("mock", {"is_mock": True}, "mock"),
    ("teleport", {"latitude": -33.9, "longitude": 151.2}, "teleport"),
]


@pytest.mark.parametrize(("change", "code"), [row[1:] for row in WRONG], ids=[r[0] for r in WRONG])
def test_one_bad_fix_is_named_and_the_others_are_kept(
    world: World, walker: Install, change: Row, code: str
) -> None:
    good = [fix(ago(world, seconds=90), away_m=500), fix(ago(world, seconds=30), away_m=500)]
    bad = {**fix(ago(world, seconds=60), away_m=500), **change}
    answer = send(walker, good[0], bad, good[1])
    assert (answer["accepted"], codes(answer)) == (2, [(bad["event_id"], code)])
    (position,) = rows(world, PositionRow)
    assert position.occurred_at == ago(world, seconds=30)


WHEN: list[tuple[str, timedelta, str | None]] = [
    ("a clock slightly fast", timedelta(minutes=2), None),
    ("the future", timedelta(minutes=2, seconds=1), "future"),
    ("a day ago", timedelta(hours=-24), None),
    ("longer ago", timedelta(hours=-24, seconds=-1), "too_old"),
    ("when it was allowed", timedelta(hours=-30), "too_old"),
]


@pytest.mark.parametrize(("shift", "code"), [row[1:] for row in WHEN], ids=[r[0] for r in WHEN])
def test_a_fix_is_neither_from_the_future_nor_old(
    world: World, shift: timedelta, code: str | None
) -> None:
    walker = world.device(Purpose.LOCATION)
    world.clock.advance(hours=30)
    given = fix(world.clock.now() + shift)
    assert [each for _, each in codes(send(walker, given))] == ([code] if code else [])


@pytest.mark.parametrize("at", ["0001-01-01T00:00:00+10:00", "9999-12-31T23:59:59-10:00"])
def test_a_time_beyond_all_calendars_is_only_a_bad_fix(
    world: World, walker: Install, at: str
) -> None:
    assert send(walker, {**fix(world.clock.now()), "occurred_at": at})["rejected"]


def test_a_fix_from_before_the_consent_is_rejected(world: World) -> None:
    walker = world.device(Purpose.LOCATION)
    early = fix(ago(world, seconds=1))
    answer = send(walker, early, fix(world.clock.now()))
    assert (answer["accepted"], codes(answer)) == (1, [(early["event_id"], "before_consent")])


def test_fixes_are_taken_in_the_order_of_their_times(world: World, walker: Install) -> None:
    inside, outside = fix(ago(world, minutes=5)), fix(ago(world, minutes=2), away_m=900)
    assert told(send(walker, outside, inside)) == [
        ("kallio-door", "enter"),
        ("kallio-door", "exit"),
    ]
    late = fix(ago(world, minutes=4))
    assert codes(send(walker, late)) == [(late["event_id"], "out_of_order")]


def test_a_repeat_is_a_duplicate_and_changes_nothing(any_world: World) -> None:
    walker = arrived(any_world)
    batch = [fix(ago(any_world, minutes=5)), fix(ago(any_world, minutes=2), away_m=900)]
    send(walker, *batch)
    before = [rows(any_world, table) for table in (PositionRow, VisitRow, MomentRow)]
    any_world.clock.advance(hours=30)  # too old by now, but known
    again = send(walker, *batch, batch[0])
    assert again == {"accepted": 0, "duplicates": 3, "rejected": [], "transitions": []}
    assert [rows(any_world, table) for table in (PositionRow, VisitRow, MomentRow)] == before


def test_an_id_twice_in_one_request_counts_once_however_it_is_spelled(
    world: World, walker: Install
) -> None:
    once = fix(ago(world, minutes=3))
    answer = send(walker, once, {**once, "event_id": once["event_id"].upper()})
    assert (answer["accepted"], answer["duplicates"]) == (1, 1)


def test_a_repeated_jump_does_not_confirm_itself(world: World, walker: Install) -> None:
    send(walker, fix(ago(world, minutes=5)))
    jump = fix(ago(world, minutes=4), away_m=500_000)
    assert codes(send(walker, jump)) == [(jump["event_id"], "teleport")]
    assert send(walker, jump)["duplicates"] == 1
    there = fix(ago(world, minutes=3), away_m=500_100)
    assert send(walker, there)["accepted"] == 1


def test_ids_are_remembered_without_positions_for_48_hours(world: World, walker: Install) -> None:
    from storage import fixes

    send(walker, fix(ago(world, minutes=1)))
    (row,) = rows(world, ReceivedRow)
    assert set(row._mapping) == {"scope_id", "event_id", "received_at"}
    later = world.clock.advance(hours=47, minutes=59)
    assert world.database.write(lambda tx: fixes.forget(tx, now=later)) == 0
    later = world.clock.advance(minutes=1)
    assert world.database.write(lambda tx: fixes.forget(tx, now=later)) == 1
    assert rows(world, ReceivedRow) == []


def test_two_devices_may_use_the_same_ids(world: World, walker: Install) -> None:
    same = fix(ago(world, minutes=1))
    other = world.device(Purpose.LOCATION)
    world.clock.advance(seconds=1)
    assert send(walker, same)["accepted"] == 1
    assert send(other, {**same, "occurred_at": world.clock.now().isoformat()})["accepted"] == 1


def test_a_fence_acts_from_the_request_after_its_change(world: World) -> None:
    walker = world.device(Purpose.LOCATION)
    world.clock.advance(hours=1)
    assert told(send(walker, fix(ago(world, minutes=30)))) == []
    add_fence(world)
    assert told(send(walker, fix(ago(world, minutes=25)))) == [("kallio-door", "enter")]
    add_fence(world, radius_m=200)
    changed = send(walker, fix(ago(world, minutes=20)))
    assert told(changed) == [("kallio-door", "exit"), ("kallio-door", "enter")]
    remove_fence(world)
    assert told(send(walker, fix(ago(world, minutes=15)))) == []
    assert [row.end_reason for row in rows(world, VisitRow)] == ["fence_changed", "fence_deleted"]


def test_a_redrawn_fence_addresses_nobody_who_was_inside(world: World, walker: Install) -> None:
    send(walker, fix(ago(world, minutes=30)))
    add_fence(world, store="kallio", radius_m=150)
    send(walker, fix(ago(world, minutes=29)))
    assert len(rows(world, VisitRow)) == 2
    assert len(rows(world, MomentRow)) == 1


def test_a_resting_fence_matches_nobody(world: World, walker: Install) -> None:
    add_fence(world, store="kallio", active=False)
    assert told(send(walker, fix(ago(world, minutes=1)))) == []


def test_another_brands_fences_and_people_are_apart(world: World, walker: Install) -> None:
    stranger = World(world.database, world.clock, slug="salon")
    device = stranger.device(Purpose.LOCATION)
    world.clock.advance(minutes=1)
    assert told(send(device, fix(world.clock.now()))) == []


def test_a_dwell_comes_without_another_fix(any_world: World) -> None:
    walker = arrived(any_world, Purpose.HABITS)
    ingest = Ingest(any_world.database, any_world.clock, any_world.parts.fences)
    send(walker, fix(any_world.clock.now()))
    any_world.clock.advance(minutes=4)
    assert not ingest.pass_time()
    any_world.clock.advance(minutes=1, seconds=1)
    assert ingest.pass_time()
    assert not ingest.pass_time()
    (visit,) = rows(any_world, VisitRow)
    assert visit.dwelled_at == ago(any_world, seconds=1)
    assert {row.cause for row in rows(any_world, MomentRow)} >= {Cause.ENTER, Cause.DWELL}
    assert [row.customer_id for row in rows(any_world, ProfileRow)] == [walker.customer_id]
    any_world.clock.advance(seconds=30)
    assert told(send(walker, fix(any_world.clock.now()))) == []


def test_a_dwell_without_a_fresh_fix_waits_for_the_next_one(world: World) -> None:
    add_store(world)
    add_fence(world, store="kallio", dwell_s=1200)
    walker = world.device(Purpose.LOCATION)
    ingest = Ingest(world.database, world.clock, world.parts.fences)
    world.clock.advance(minutes=1)
    send(walker, fix(world.clock.now()))
    world.clock.advance(minutes=25)
    assert not ingest.pass_time()
    assert told(send(walker, fix(world.clock.now()))) == [("kallio-door", "dwell")]


def test_time_waits_for_a_phone_that_hands_in_what_is_over(world: World) -> None:
    """Else a dwell is said, and a visit ended, of which the rest of the backlog says otherwise."""
    walker = arrived(world)
    ingest = Ingest(world.database, world.clock, world.parts.fences)
    world.clock.advance(hours=4)
    assert told(send(walker, fix(ago(world, minutes=200)))) == [("kallio-door", "enter")]
    world.clock.advance(seconds=29)
    assert not ingest.pass_time()
    assert told(send(walker, fix(ago(world, minutes=197), away_m=900))) == [("kallio-door", "exit")]
    assert [row.dwelled_at for row in rows(world, VisitRow)] == [None]

    send(walker, fix(ago(world, minutes=180)))
    entered = ago(world, minutes=180)
    world.clock.advance(seconds=31)
    ingest.pass_time()  # no more came
    stayed = [row for row in rows(world, VisitRow) if row.entered_at == entered]
    assert [row.end_reason for row in stayed] == ["silence"]


def test_a_device_that_falls_silent_ends_its_visit_unheard(world: World, walker: Install) -> None:
    ingest = Ingest(world.database, world.clock, world.parts.fences)
    last = world.clock.now()
    send(walker, fix(last))
    world.clock.advance(hours=2, seconds=1)
    ingest.pass_time()
    (visit,) = rows(world, VisitRow)
    assert (visit.end_reason, visit.exited_at) == ("silence", last)
    world.clock.advance(seconds=1)
    assert not ingest.pass_time()


def test_a_dwell_is_learned_from_only_with_habits(world: World) -> None:
    shy = arrived(world)
    send(shy, fix(ago(world, minutes=20)), fix(ago(world, minutes=10)))
    assert [row.cause for row in rows(world, MomentRow)] == [Cause.ENTER, Cause.DWELL]
    assert rows(world, ProfileRow) == []


def test_an_anonymous_persons_visit_goes_on_when_they_turn_out_to_be_known(
    any_world: World,
) -> None:
    walker = arrived(any_world)
    send(walker, fix(ago(any_world, minutes=10)))
    proof = {"customer_token": any_world.customer_token("aino")}
    assert walker.patch("/v1/devices/me", proof).status_code == 200
    left = send(walker, fix(ago(any_world, minutes=5), away_m=900))
    assert told(left)[-1] == ("kallio-door", "exit")
    (visit,) = rows(any_world, VisitRow)
    assert visit.customer_id != walker.customer_id
    assert visit.exited_at == ago(any_world, minutes=5)


def test_another_person_on_the_same_phone_is_not_where_the_first_one_was(any_world: World) -> None:
    add_fence(any_world)
    walker = any_world.device(Purpose.LOCATION, customer_token=any_world.customer_token("aino"))
    any_world.clock.advance(hours=1)
    send(walker, fix(ago(any_world, minutes=10)))
    proof = {"customer_token": any_world.customer_token("onni")}
    assert walker.patch("/v1/devices/me", proof).status_code == 200
    refused = walker.post("/v1/locations", {"fixes": [fix(ago(any_world, minutes=5))]})
    assert refused.json["code"] == "consent_missing"
    any_world.say(walker, Purpose.LOCATION)
    assert told(send(walker, fix(any_world.clock.now()))) == [("kallio-door", "enter")]
    first, second = sorted(rows(any_world, VisitRow), key=lambda row: row.entered_at)
    assert (first.end_reason, second.exited_at) == ("device_left", None)
    assert first.customer_id != second.customer_id


def test_a_signed_out_device_is_not_listened_to(world: World, walker: Install) -> None:
    assert walker.delete("/v1/devices/me").status_code in (200, 204)
    assert walker.post("/v1/locations", {"fixes": [fix(world.clock.now())]}).status_code == 401


REFUSED: list[tuple[str, bytes, int, str]] = [
    ("nothing", b"", 400, ""),
    ("no JSON", b'{"fixes": [', 400, ""),
    ("no text", b"\xff\xfe", 400, ""),
    ("deep", b"[" * 60_000, 400, ""),
    ("a list", b"[]", 422, ""),
    ("no fixes", b"{}", 422, "/fixes"),
    ("an object", b'{"fixes": {}}', 422, "/fixes"),
    ("none", b'{"fixes": []}', 422, "/fixes"),
    ("a number", b'{"fixes": [1]}', 422, "/fixes/0"),
]


@pytest.mark.parametrize(
    ("body", "status", "pointer"), [row[1:] for row in REFUSED], ids=[r[0] for r in REFUSED]
)
def test_a_malformed_body_is_refused_whole(
    world: World, walker: Install, body: bytes, status: int, pointer: str
) -> None:
    answer = walker("POST", "/v1/locations", data=body, content_type="application/json")
    assert (answer.status_code, answer.mimetype) == (status, "application/problem+json")
    assert [fault["pointer"] for fault in answer.json["errors"]] == (
        [pointer] if status == 422 else []
    )
    assert answer.json["detail"]


MISTYPED: list[tuple[str, Any, str]] = [
    ("event_id", "17", "Send a UUID, version 7 best."),
    ("event_id", None, "Expected uuid, got null"),
    ("latitude", "60.1", "Expected float, got str"),
    ("latitude", True, "Expected float, got bool"),
    ("accuracy_m", None, "Expected float, got null"),
    ("occurred_at", 1_700_000_000, "Expected datetime, got int"),
    ("occurred_at", "2026-05-06", "Send a time as in 2026-05-06T12:00:00+03:00."),
    (
        "occurred_at",
        "2026-05-06T12:00:00",
        "Add the offset, as in 2026-05-06T12:00:00+03:00.",
    ),
    ("background", "yes", "Expected bool, got str"),
]


@pytest.mark.parametrize(("field", "value", "detail"), MISTYPED)
def test_a_wrong_type_refuses_the_request_and_is_pointed_at(
    world: World, walker: Install, field: str, value: Any, detail: str
) -> None:
    good, bad = fix(ago(world, seconds=9)), {**fix(ago(world, seconds=8)), field: value}
    answer = walker.post("/v1/locations", {"fixes": [good, bad]})
    assert answer.status_code == 422
    assert [(each["pointer"], each["detail"]) for each in answer.json["errors"]] == [
        (f"/fixes/1/{field}", detail)
    ]
    assert rows(world, PositionRow) == []


def test_a_missing_field_is_pointed_at(world: World, walker: Install) -> None:
    bad = fix(world.clock.now())
    del bad["accuracy_m"]
    answer = walker.post("/v1/locations", {"fixes": [bad]})
    assert answer.json["errors"] == [
        {"pointer": "/fixes/0/accuracy_m", "detail": "This field is required."}
    ]


def test_a_request_carries_at_most_100_fixes(world: World, walker: Install) -> None:
    many = [fix(ago(world, seconds=200 - n), away_m=5000) for n in range(101)]
    refused = walker.post("/v1/locations", {"fixes": many})
    assert (refused.status_code, refused.json["errors"][0]["pointer"]) == (422, "/fixes")
    assert send(walker, *many[:100])["accepted"] == 100


def test_a_body_over_64_kib_is_refused(world: World, walker: Install) -> None:
    padded = json.dumps({"fixes": [fix(world.clock.now())], "padding": "x" * 66_000})
    answer = walker("POST", "/v1/locations", data=padded, content_type="application/json")
    assert (answer.status_code, answer.json["code"]) == (413, "body_too_large")


def test_fields_of_newer_apps_are_ignored(world: World, walker: Install) -> None:
    newer = fix(ago(world, seconds=5), altitude_m=12, speed_mps=-1.0, course={"deg": 3})
    assert send(walker, newer)["accepted"] == 1


def test_only_json_is_read(world: World, walker: Install) -> None:
    body = json.dumps({"fixes": [fix(world.clock.now())]})
    answer = walker("POST", "/v1/locations", data=body, content_type="text/plain")
    assert (answer.status_code, answer.json["code"]) == (415, "wrong_content_type")


def test_only_a_device_sends_fixes(world: World) -> None:
    body = {"fixes": [fix(world.clock.now())]}
    assert world.nobody.post("/v1/locations", body).status_code == 401
    assert world.app.post("/v1/locations", body).status_code == 403
    assert world.admin.post("/v1/locations", body).status_code == 403


def test_what_was_answered_is_in_the_file(world: World, walker: Install) -> None:
    """G1: another process that opens the file finds it, whatever became of this one."""
    send(walker, fix(ago(world, minutes=1)))
    other = Database(world.database.url.render_as_string())
    with other.read() as tx:
        assert len(list(tx.execute(sa.select(VisitRow.id)))) == 1
        assert len(list(tx.execute(sa.select(ReceivedRow.event_id)))) == 1
    other.close()


@pytest.mark.parametrize("transitions", [False, True], ids=["elsewhere", "in and out"])
def test_a_hundred_fixes_take_as_many_statements_as_one(
    sqlite_database: Database, clock: ManualClock, transitions: bool
) -> None:
    seen: list[str] = []

    def trace(connection: Any, _record: Any) -> None:
        connection.set_trace_callback(seen.append)

    sa.event.listen(sqlite_database.engine, "connect", trace)
    world = World(sqlite_database, clock)
    walker = arrived(world)
    send(walker, fix(ago(world, minutes=59), away_m=5000))  # loads the fences
    away = 0.0 if transitions else 6000.0
    seen.clear()
    send(walker, fix(ago(world, minutes=50), away_m=away))
    one = list(seen)
    if transitions:
        send(walker, fix(ago(world, minutes=45), away_m=5000))
    hundred = [
        fix(ago(world, minutes=40), away_m=away),
        *(fix(ago(world, minutes=30, seconds=-n), away_m=5000) for n in range(99)),
    ]
    seen.clear()
    send(walker, *hundred)
    assert len(one) >= 6  # begin, the device, the ids, its position, the savepoint, commit
    assert len(seen) <= len(one) + 1
