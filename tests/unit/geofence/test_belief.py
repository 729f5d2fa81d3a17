from math import erf

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geofence.belief import PER_SIGMA, believe, believe_circle, within_circle
from geofence.shapes import Circle, Polygon


def integral(centre_m, radius_m, sigma_m):
    """P by slicing the disc: the normal density across times the normal probability of each slice's height."""
    angle = np.linspace(-np.pi / 2, np.pi / 2, 8_001)
    x, half = radius_m * np.sin(angle), radius_m * np.cos(angle)
    density = np.exp(-(((x - centre_m) / sigma_m) ** 2) / 2) / (sigma_m * (2 * np.pi) ** 0.5)
    height = [erf(h / sigma_m / 2**0.5) for h in half]
    return float(np.trapezoid(density * height * half, angle))


@pytest.mark.parametrize("radius", [10.0, 100.0, 1_000.0])
@pytest.mark.parametrize("sigma", [2.0, 20.0, 66.0, 400.0])
@pytest.mark.parametrize("depth", [-3.0, -1.0, 0.0, 0.5, 1.0, 2.0])
def test_the_closed_form_follows_the_integral(radius, sigma, depth):
    centre = max(0.0, radius + depth * sigma)
    assert within_circle(centre, radius, sigma) == pytest.approx(
        integral(centre, radius, sigma), abs=0.016
    )


@given(st.floats(0, 1e6), st.floats(10, 1e5), st.floats(3, 2e7))
def test_a_belief_is_a_probability_and_never_above_a_half_outside(centre, radius, accuracy):
    belief = believe_circle(centre, radius, accuracy)
    assert 0.0 <= belief.inside <= 1.0
    if centre >= radius:
        assert belief.inside <= 0.5
    if belief.far_outside:
        assert belief.inside < 1e-3


@given(st.floats(0, 300), st.floats(0, 300), st.floats(3, 500))
def test_nearer_the_centre_is_never_less_likely_inside(a, b, accuracy):
    near, far = sorted((a, b))
    inside = [believe_circle(c, 100.0, accuracy).inside for c in (near, far)]
    assert inside[0] >= inside[1] - 1e-9


SIDE = 200 / 111_412  # about 200 m as degrees of latitude at 60°
BOX = Polygon(
    [[[25, 60], [25 + 2 * SIDE, 60], [25 + 2 * SIDE, 60 + SIDE], [25, 60 + SIDE], [25, 60]]]
)


@pytest.mark.parametrize(
    ("north", "wanted"), [(0.5, 1.0), (1.0, 0.5), (0.0, 0.5), (1.5, 0.0), (1 - 13.2 / 200, 0.84)]
)
def test_a_polygon_is_believed_by_the_share_of_the_cloud_within(north, wanted):
    belief = believe(BOX, 60 + SIDE * north, 25 + SIDE, 13.2 * PER_SIGMA)
    assert belief.inside == pytest.approx(wanted, abs=0.04)
    assert belief.edge_m == pytest.approx(200 * (abs(north - 0.5) - 0.5), abs=1.0)


def test_a_corner_is_a_quarter_inside():
    assert believe(BOX, 60.0, 25.0, 30.0).inside == pytest.approx(0.25, abs=0.04)


def test_a_round_polygon_is_believed_like_the_circle():
    corners = [
        (60 + 100 / 111_412 * np.cos(a), 25 + 100 / 55_800 * np.sin(a))
        for a in np.linspace(0, 2 * np.pi, 97)
    ]
    corners[-1] = corners[0]
    polygon = Polygon([[[float(lon), float(lat)] for lat, lon in corners]])
    circle = Circle(60.0, 25.0, 100.0)
    for north in (0.0, 50.0, 80.0, 100.0, 120.0, 400.0):
        at = (60 + north / 111_412, 25.0, 40.0)
        assert believe(polygon, *at).inside == pytest.approx(believe(circle, *at).inside, abs=0.04)
        assert believe(polygon, *at).edge_m == pytest.approx(believe(circle, *at).edge_m, abs=1.0)


def test_a_cloud_over_the_pole_and_one_wider_than_the_earth_are_harmless():
    cap = Polygon([[[0, 80], [120, 80], [-120, 80], [0, 80]]])
    assert believe(cap, 90.0, 0.0, 50.0).inside == 1.0
    assert believe(BOX, 60.0, 25.0, 2e7).inside < 0.1
