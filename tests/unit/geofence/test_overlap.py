"""Which shapes share ground: circles by distance, polygons by what lies inside, over the antimeridian too."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from geofence.distance import metres
from geofence.overlap import overlap, overlapping
from geofence.shapes import Circle, Polygon


def square(lat: float, lon: float, size: float = 0.01) -> list[list[float]]:
    """A ring from its south-western corner; east of 180° it goes on at −180°, as the antimeridian is crossed."""
    east = lon + size if lon + size <= 180 else lon + size - 360
    return [[lon, lat], [east, lat], [east, lat + size], [lon, lat + size], [lon, lat]]


RING = Polygon([square(60.0, 25.0, 0.03), square(60.01, 25.01, 0.01)])  # with a hole in its middle


@pytest.mark.parametrize(
    ("one", "other", "shared"),
    [
        (Polygon([square(60.0, 25.0)]), Polygon([square(60.005, 25.005)]), True),
        (Polygon([square(60.0, 25.0)]), Polygon([square(60.0, 25.01)]), False),  # side by side
        (Polygon([square(60.0, 25.0)]), Polygon([square(60.02, 25.0)]), False),
        (RING, Polygon([square(60.012, 25.012, 0.002)]), False),
        (RING, Polygon([square(60.012, 25.012, 0.01)]), True),
        (RING, Circle(60.015, 25.015, 100), False),
        (RING, Circle(60.015, 25.015, 800), True),
        (Circle(60.0, 24.99, 100), RING, False),
        (Circle(60.015, 25.005, 100), RING, True),
        (Polygon([square(0.0, 179.995)]), Polygon([square(0.0, -180.0, 0.004)]), True),
        (Polygon([square(0.0, 179.995)]), Circle(0.005, -179.999, 200), True),
        (Circle(0.0, 179.9995, 100), Circle(0.0, -179.9995, 100), True),
        (Circle(0.0, 179.9995, 50), Circle(0.0, -179.9995, 50), False),
    ],
)
def test_shapes_that_share_ground_overlap(
    one: Circle | Polygon, other: Circle | Polygon, shared: bool
) -> None:
    assert overlap(one, other) == overlap(other, one) == shared


CIRCLES = st.builds(
    Circle,
    st.floats(59.9, 60.1),
    st.one_of(st.floats(24.9, 25.1), st.floats(179.95, 180.0), st.floats(-180.0, -179.95)),
    st.floats(10, 5000),
)


@given(st.lists(CIRCLES, max_size=12))
def test_the_pairs_are_those_that_a_ruler_finds(circles: list[Circle]) -> None:
    expected = {
        (n, m)
        for m, other in enumerate(circles)
        for n, one in enumerate(circles[:m])
        if metres(one.lat, one.lon, other.lat, other.lon) <= one.radius_m + other.radius_m
    }
    assert set(overlapping(circles)) == expected
