import numpy as np
import pytest
from geopy.distance import geodesic
from hypothesis import assume, given
from hypothesis import strategies as st

from geofence.distance import metres, within
from geofence.earth import apart, chord_bounds, chord_bounds_many
from tests.unit.geofence.places import latitudes, longitudes, nudges, positions


@given(positions, positions)
def test_metres_are_those_of_geopy(a, b):
    assert metres(*a, *b) == geodesic(a, b).m


@given(positions, st.floats(-1, 1), st.floats(-1, 1), nudges)
def test_within_agrees_with_geopy_at_the_edge(a, north, east, nudge):
    b = (max(-90.0, min(90.0, a[0] + north)), a[1] + east)
    radius = metres(*a, *b) + nudge
    assume(radius > 0)
    assert within(*a, *b, radius) == (geodesic(a, b).m <= radius)


@given(latitudes, longitudes, st.floats(-3, 3), st.floats(-3, 3))
def test_the_fast_distance_is_off_by_less_than_a_hundred_thousandth(lat, lon, north, east):
    there = (max(-90.0, min(90.0, lat + north)), lon + east)
    exact = metres(lat, lon, *there)
    assert apart(lat, lon, *there) == pytest.approx(exact, rel=1e-5, abs=1e-6)


@pytest.mark.parametrize("radius", [10.0, 317.5, 1e3, 1e4, 1e5, 2e5])
def test_the_chord_bounds_leave_a_narrow_band(radius):
    sure, reach = chord_bounds(radius)
    assert 0 < sure < reach <= radius + 1e-6
    assert reach - sure < 3e-6 + (radius / 1e5) ** 3 * 0.03


def test_a_radius_beyond_the_bounds_is_always_measured():
    sure, reach = chord_bounds(500_000.0)
    assert sure < 0
    assert reach >= 500_000.0


def test_the_bounds_of_an_array_are_those_of_its_members():
    radii = np.array([10.0, 5_000.0, 150_000.0, 300_000.0])
    for many, one in zip(
        chord_bounds_many(radii), zip(*map(chord_bounds, radii), strict=True), strict=True
    ):
        assert many.tolist() == pytest.approx(one, rel=1e-15)


def test_a_kilometre_north_of_the_equator_is_a_kilometre():
    degrees = 1_000 / 110_574.2756  # the meridian's length per degree at the equator
    assert metres(0.0, 0.0, degrees, 0.0) == pytest.approx(1_000.0, abs=1e-3)
