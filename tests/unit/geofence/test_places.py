"""Home and workplace from stays: lives as tables, evidence, decay, both DST days, and real traces."""

from datetime import date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec
import pytest
from geopy.distance import geodesic
from hypothesis import given
from hypothesis import strategies as st

from domain.haunts import Haunt, PlaceKind, Places
from domain.places import Fix, LatLon
from geofence import gate
from geofence.places import (
    ENOUGH,
    MOST_HAUNTS,
    cell_of,
    centre_of,
    claims,
    credited,
    faded,
)
from geofence.stays import Stay, follow
from service.cli.tracks import read_track

HELSINKI = ZoneInfo("Europe/Helsinki")
MONDAY = date(2026, 5, 4)
HOME, WORK, CAFE = LatLon(60.19, 24.92), LatLon(60.16, 24.95), LatLon(60.22, 24.99)
NIGHT_SHIFT = [("work", 22, 30)]
REAL = Path(__file__).parents[3].parent / "shared" / "data" / "gps"


def stay(place: LatLon, day: date, begins: float, ends: float, zone: ZoneInfo = HELSINKI) -> Stay:
    """From one hour of a local day to another; 30 is six in the next morning."""

    def wall(hour: float) -> float:
        on, rest = day + timedelta(days=int(hour // 24)), hour % 24
        at = datetime.combine(on, time(int(rest), int(rest % 1 * 60)), tzinfo=zone)
        return at.timestamp()

    return Stay(wall(begins), wall(ends), place.latitude, place.longitude)


class Life:
    """A person's days, one after the other."""

    def __init__(self, begins: date = MONDAY, zone: ZoneInfo = HELSINKI) -> None:
        self.day = begins
        self.zone = zone
        self.places = Places()

    def live(self, days: int, *, weekday: list, weekend: list | None = None) -> "Life":  # type: ignore[type-arg]  # rows of (place, from, to)
        for _ in range(days):
            rows = weekday if self.day.weekday() < 5 or weekend is None else weekend
            for place, begins, ends in rows:
                there = stay(place, self.day, begins, ends, self.zone)
                self.places = credited(self.places, there, self.zone)
            self.day += timedelta(days=1)
        return self

    def known(self, on: date | None = None) -> dict[str, int]:
        found = claims(self.places, on=on or self.day)
        return {kind.value: claim.cell for kind, claim in found.items()}


AT_HOME = [(HOME, 0, 24)]
OFFICE = [(HOME, 0, 8), (WORK, 9, 17), (HOME, 18, 24)]
H, W, C = (cell_of(*place) for place in (HOME, WORK, CAFE))

LIVES = {
    "an office worker": (OFFICE, AT_HOME, {"home": H, "workplace": W}),
    "who works at home": (AT_HOME, AT_HOME, {"home": H, "workplace": H}),
    "three days at home, two in the office": (None, AT_HOME, {"home": H, "workplace": W}),
    "who works at night": (
        [(HOME, 8, 21), (WORK, 22, 30)],
        [(HOME, 8, 24), (HOME, 24, 31)],
        {"home": H},
    ),
    "who is out all day without a place": ([(HOME, 0, 8), (HOME, 18, 24)], AT_HOME, {"home": H}),
    "two offices alike": ([(HOME, 0, 8), (WORK, 9, 13), (CAFE, 13, 17)], AT_HOME, {"home": H}),
    "only seen at work": ([(WORK, 9, 17)], [], {"workplace": W}),
}


@pytest.mark.parametrize("name", LIVES)
def test_a_life_of_five_weeks_is_understood(name: str) -> None:
    weekday, weekend, expected = LIVES[name]
    life = Life()
    for _ in range(5):
        if weekday is None:
            life.live(3, weekday=AT_HOME).live(2, weekday=OFFICE).live(2, weekday=weekend)
        else:
            life.live(5, weekday=weekday).live(2, weekday=weekend)
    assert life.known() == expected


def test_nothing_is_claimed_before_five_different_dates() -> None:
    life = Life()
    for days in range(1, 5):
        life.live(1, weekday=OFFICE)
        assert life.known() == {}, days
    life.live(1, weekday=OFFICE)
    assert life.known() == {"home": H, "workplace": W}


def test_one_day_counts_once_however_it_is_cut_and_by_however_many_phones() -> None:
    whole = credited(Places(), stay(WORK, MONDAY, 9, 17), HELSINKI)
    pieces = Places()
    for begins, ends in ((9, 10), (10, 10.5), (11, 14), (9, 17), (14, 17)):
        pieces = credited(pieces, stay(WORK, MONDAY, begins, ends), HELSINKI)
    assert pieces.haunts[0].weekdays == pytest.approx(whole.haunts[0].weekdays)
    assert (pieces.haunts[0].days, pieces.weekdays) == (1, pytest.approx(1.0))


def test_a_fortnights_holiday_unseats_nothing_but_is_left_in_peace() -> None:
    life = Life().live(70, weekday=OFFICE, weekend=AT_HOME)
    life.live(14, weekday=[(CAFE, 0, 9), (CAFE, 19, 24)])
    assert life.known() == {}, "not seen there for ten days"
    life.live(1, weekday=OFFICE)
    assert life.known() == {"home": H, "workplace": W}


def test_a_move_is_understood_within_five_weeks() -> None:
    life = Life().live(70, weekday=OFFICE, weekend=AT_HOME)
    life.live(35, weekday=[(CAFE, 0, 8), (WORK, 9, 17), (CAFE, 18, 24)], weekend=[(CAFE, 0, 24)])
    assert life.known() == {"home": C, "workplace": W}


def test_a_claim_says_on_how_many_of_how_many_and_how_sure() -> None:
    life = Life().live(25, weekday=OFFICE, weekend=AT_HOME)
    work = claims(life.places, on=life.day)[PlaceKind.WORKPLACE]
    assert work.times == work.of == 12  # nineteen weekdays, fading
    assert work.certain
    assert work.days == 19


def test_a_house_on_the_edge_of_a_cell_is_one_place() -> None:
    middle = centre_of(H)
    edge = middle.latitude + 0.00225
    places = Places()
    for n in range(20):
        wobble = LatLon(edge + (0.0003 if n % 2 else -0.0003), middle.longitude)
        places = credited(places, stay(wobble, MONDAY + timedelta(days=n), 0, 8), HELSINKI)
    assert len(places.haunts) == 1


@pytest.mark.parametrize(
    ("day", "night_s"),
    [(date(2026, 3, 29), 5 * 3600), (date(2026, 10, 25), 7 * 3600), (MONDAY, 6 * 3600)],
)
def test_nights_of_both_clock_changes_count_as_one(day: date, night_s: int) -> None:
    home = stay(HOME, day, 0, 6)
    assert home.until - home.since == night_s
    places = credited(Places(), home, HELSINKI)
    assert places.haunts[0].nights == 1.0
    assert places.haunts[0].hours == night_s / 3600


def test_nights_are_read_by_the_clock_of_the_place() -> None:
    tokyo = ZoneInfo("Asia/Tokyo")
    away = stay(LatLon(35.68, 139.7), MONDAY, 0, 6, tokyo)
    assert credited(Places(), away, tokyo).nights == 1.0
    assert credited(Places(), away, HELSINKI).nights < 1.0


def test_saturdays_and_evenings_are_no_office_hours() -> None:
    saturday = MONDAY + timedelta(days=5)
    assert credited(Places(), stay(WORK, saturday, 9, 17), HELSINKI).weekdays == 0.0
    assert credited(Places(), stay(WORK, MONDAY, 17, 23), HELSINKI).weekdays == 0.0


def test_evidence_fades_to_a_third_in_four_weeks() -> None:
    places = credited(Places(), stay(HOME, MONDAY, 0, 8), HELSINKI)
    later = faded(places, MONDAY.toordinal() + 28)
    assert later.haunts[0].nights == pytest.approx(0.3679, abs=1e-4)
    assert faded(places, MONDAY.toordinal() + 365).haunts == ()


def test_what_is_stored_is_small_and_holds_no_coordinate() -> None:
    places = Places()
    for n in range(200):
        there = LatLon(60.0 + n / 50 + 0.001234, 24.9)
        places = credited(places, stay(there, MONDAY + timedelta(days=n), 0, 20), HELSINKI)
        assert len(places.haunts) <= MOST_HAUNTS
    assert len(msgspec.msgpack.encode(places)) <= 400
    assert {type(haunt.cell) for haunt in places.haunts} == {int}


@given(st.floats(-90, 90), st.floats(-180, 180))
def test_a_cell_is_coarse_and_its_middle_is_near(latitude: float, longitude: float) -> None:
    cell = cell_of(latitude, longitude)
    middle = centre_of(cell)
    away = geodesic((latitude, longitude), tuple(middle)).m
    assert away < (370 if abs(latitude) < 89 else 1000)
    assert 0 <= cell < 2**32
    assert cell_of(*middle) == cell


SOME_STAYS = st.lists(
    st.tuples(
        st.integers(0, 60),
        st.floats(0, 23),
        st.floats(0.25, 30),
        st.sampled_from([HOME, WORK, CAFE]),
    ),
    max_size=40,
)


@given(SOME_STAYS)
def test_no_more_is_ever_counted_than_there_were_dates(
    rows: list[tuple[int, float, float, LatLon]],
) -> None:
    places = Places()
    dates: set[date] = set()
    for ahead, begins, hours, place in rows:
        day = MONDAY + timedelta(days=ahead)
        places = credited(places, stay(place, day, begins, begins + hours), HELSINKI)
        dates |= {day + timedelta(days=n) for n in range(int((begins + hours) // 24) + 1)}
    for haunt in places.haunts:
        assert isinstance(haunt, Haunt)
        assert 0 <= haunt.nights <= haunt.days <= len(dates)
        assert 0 <= haunt.weekdays <= haunt.days
    for claim in claims(places, on=MONDAY + timedelta(days=61)).values():
        assert claim.times >= int(ENOUGH)
        assert claim.times <= claim.of


@pytest.mark.skipif(not REAL.is_dir(), reason=f"the recorded walks are not at {REAL}")
@pytest.mark.parametrize("user", ["001", "003"])
def test_a_fix_every_five_minutes_finds_the_same_home_as_one_every_half_minute(user: str) -> None:
    dense, sparse = (_recorded(REAL / user, every_s) for every_s in (30.0, 300.0))
    top = [max(each.haunts, key=lambda haunt: haunt.hours) for each in (dense, sparse)]
    assert top[0].cell == top[1].cell
    assert top[1].hours > 0.6 * top[0].hours


def _recorded(folder: Path, every_s: float) -> Places:
    places, following, last, held, due = Places(), None, None, None, 0.0
    for file in sorted(folder.rglob("*.plt")):
        for point in read_track(file).points:
            if point.occurred_at.timestamp() < due:
                continue
            due = point.occurred_at.timestamp() + every_s
            fix = Fix(
                event_id="",
                latitude=point.latitude,
                longitude=point.longitude,
                accuracy_m=15.0,
                occurred_at=point.occurred_at,
            )
            here, refused = gate.follow(last, held, gate.read(fix))
            if refused:
                held = here
                continue
            last = here
            following, complete = follow(following, here)
            if complete:
                places = credited(places, complete, ZoneInfo("Asia/Shanghai"))
    return places
