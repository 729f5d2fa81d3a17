"""The demo's ground: real streets, real hours, and ways along them."""

from datetime import datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opening_hours import OpeningHours

from domain.places import LatLon
from service.demo.make_town import written
from service.demo.town import TOWN_FILE, Site, Street, StreetGraph, Town, load_town, metres, walk

TOWN = load_town()
GRAPH = StreetGraph(TOWN)
junctions = st.integers(min_value=0, max_value=len(TOWN.junctions) - 1)


def point(north_m: float, east_m: float = 0.0) -> LatLon:
    """Metres from (0, 0), where a degree is as long both ways."""
    return LatLon(latitude=north_m / 111_195, longitude=east_m / 111_195)


def small_town(*streets: Street) -> Town:
    """Four corners: 0 south-west, 1 north-west, 2 north-east 100 m apart, 3 alone."""
    corners = (point(0), point(100), point(100, 100), point(900, 900))
    return Town(
        name="Square",
        credit="",
        country="FI",
        time_zone="Europe/Helsinki",
        sites=(),
        junctions=corners,
        streets=streets,
    )


SQUARE = small_town(
    Street(tail=0, head=1, bends=()),
    Street(tail=1, head=2, bends=()),
    Street(tail=0, head=2, bends=(point(0, 300),)),
)


def test_the_town_is_small_and_carries_its_credit() -> None:
    assert TOWN_FILE.stat().st_size <= 250_000
    assert TOWN.credit == "© OpenStreetMap contributors, ODbL 1.0"


def test_the_file_is_what_the_script_writes() -> None:
    assert TOWN_FILE.read_text(encoding="utf-8") == written(TOWN)


def test_everything_lies_in_the_centre_of_helsinki() -> None:
    bends = [bend for street in TOWN.streets for bend in street.bends]
    for place in [*TOWN.junctions, *bends, *(site.position for site in TOWN.sites)]:
        assert 60.164 <= place.latitude <= 60.179
        assert 24.935 <= place.longitude <= 24.953


@pytest.mark.parametrize("site", TOWN.sites, ids=lambda site: site.external_id)
def test_a_site_has_hours_one_can_ask_and_a_street_at_its_door(site: Site) -> None:
    noon = datetime(2026, 11, 18, 12, tzinfo=ZoneInfo(TOWN.time_zone))
    hours = OpeningHours(site.opening_hours, timezone=noon.tzinfo, country=TOWN.country)
    assert hours.is_open(noon) == (site.external_id != "simonkatu")  # the night kiosk
    assert metres(TOWN.junctions[GRAPH.nearest(site.position)], site.position) < 50


@pytest.mark.parametrize("hour", range(24))
def test_some_site_is_open_at_every_hour(hour: int) -> None:
    at = datetime(2026, 11, 22, hour, 30, tzinfo=ZoneInfo(TOWN.time_zone))
    assert any(
        OpeningHours(site.opening_hours, timezone=at.tzinfo, country=TOWN.country).is_open(at)
        for site in TOWN.sites
    )


@given(junctions, junctions)
def test_every_junction_can_be_reached_by_a_way_no_shorter_than_the_straight_line(
    start: int, end: int
) -> None:
    route = GRAPH.route(start, end)
    assert (route[0], route[-1]) == (TOWN.junctions[start], TOWN.junctions[end])
    assert _length(route) >= metres(route[0], route[-1]) - 1e-6


@given(junctions, junctions)
def test_the_way_back_is_as_long(start: int, end: int) -> None:
    there, back = GRAPH.route(start, end), GRAPH.route(end, start)
    assert _length(there) == pytest.approx(_length(back))


def test_a_route_takes_the_shorter_way_round() -> None:
    assert StreetGraph(SQUARE).route(0, 2) == [point(0), point(100), point(100, 100)]


def test_a_route_follows_the_bends_of_a_street_in_either_direction() -> None:
    bent = small_town(Street(tail=0, head=2, bends=(point(0, 50), point(0, 100))))
    there = [point(0), point(0, 50), point(0, 100), point(100, 100)]
    assert StreetGraph(bent).route(0, 2) == there
    assert StreetGraph(bent).route(2, 0) == there[::-1]


def test_a_route_to_where_one_stands_is_that_place() -> None:
    assert StreetGraph(SQUARE).route(1, 1) == [point(100)]


def test_where_no_way_leads_the_route_says_so() -> None:
    with pytest.raises(ValueError, match="no way on foot leads from junction 0 to 3"):
        StreetGraph(SQUARE).route(0, 3)


def test_a_walk_samples_a_steady_pace_and_arrives() -> None:
    steps = list(walk([point(0), point(10), point(25)], speed_mps=1.0, sample_s=10))
    assert [round(offset, 6) for offset, _ in steps] == [0, 10, 20, 25]
    assert [round(at.latitude * 111_195, 6) for _, at in steps] == [0, 10, 20, 25]


@given(st.floats(0.3, 30), st.floats(0.5, 300), junctions, junctions)
def test_a_walk_never_outruns_its_pace(speed: float, sample_s: float, start: int, end: int) -> None:
    route = GRAPH.route(start, end)
    steps = list(walk(route, speed_mps=speed, sample_s=sample_s))
    assert steps[-1] == (pytest.approx(_length(route) / speed), route[-1])
    for (earlier, here), (later, there) in pairwise(steps):
        assert 0 < later - earlier <= sample_s * 1.000001
        assert metres(here, there) <= speed * (later - earlier) * 1.001 + 1e-6


def test_a_walk_of_no_distance_is_already_there() -> None:
    assert list(walk([point(5)], speed_mps=1.4, sample_s=5)) == [(0.0, point(5))]
    assert list(walk([point(5), point(5)], speed_mps=1.4, sample_s=5)) == [(0.0, point(5))]
    assert list(walk([], speed_mps=1.4, sample_s=5)) == []


@pytest.mark.parametrize(("speed", "sample_s"), [(0.0, 5.0), (1.4, 0.0), (-1.0, 5.0)])
def test_a_walk_without_pace_or_samples_is_refused(speed: float, sample_s: float) -> None:
    with pytest.raises(ValueError, match="must be above 0"):
        list(walk([point(0), point(9)], speed_mps=speed, sample_s=sample_s))


def test_distances_agree_with_the_ellipsoid_within_0_3_percent() -> None:
    # geodesic of WGS-84 between these corners: 1 947.2 m
    across = metres(
        LatLon(latitude=60.164, longitude=24.935), LatLon(latitude=60.179, longitude=24.953)
    )
    assert across == pytest.approx(1_947.2, rel=0.003)


def _length(route: list[LatLon]) -> float:
    return sum(metres(a, b) for a, b in pairwise(route))
