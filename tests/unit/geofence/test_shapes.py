import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import Invalid
from geofence.distance import metres
from geofence.shapes import Circle, Polygon, fingerprints, parse_shape
from tests.unit.geofence.places import circles, positions

SQUARE = [[24.90, 60.10], [24.91, 60.10], [24.91, 60.11], [24.90, 60.11], [24.90, 60.10]]
HOLE = [[24.904, 60.104], [24.906, 60.104], [24.906, 60.106], [24.904, 60.106], [24.904, 60.104]]


def polygon(*rings):
    return {"type": "polygon", "coordinates": list(rings)}


def test_a_circle_is_read_in_geojson_order():
    shape = parse_shape({"type": "circle", "center": [24.94, 60.17], "radius_m": 150})
    assert shape == Circle(lat=60.17, lon=24.94, radius_m=150.0)


def test_a_circle_can_be_built_by_position():
    assert Circle(60.17, 24.94, 150.0) == Circle(lat=60.17, lon=24.94, radius_m=150.0)


@pytest.mark.parametrize("kind", ["Polygon", "polygon"])
def test_the_spelling_of_geojson_is_understood(kind):
    assert parse_shape({**polygon(SQUARE), "type": kind}).contains(60.105, 24.905)


def test_a_hole_is_outside_and_its_edge_inside():
    shape = Polygon([SQUARE, HOLE])
    assert shape.contains(60.101, 24.901)
    assert not shape.contains(60.105, 24.905)
    assert shape.contains(60.104, 24.905)
    assert shape.edge_m(60.105, 24.905) == pytest.approx(55.5, abs=0.5)


def test_a_multipolygon_holds_each_of_its_parts():
    far = [[lon + 1, lat] for lon, lat in SQUARE]
    shape = parse_shape({"type": "multipolygon", "coordinates": [[SQUARE], [far]]})
    assert shape.contains(60.105, 24.905)
    assert shape.contains(60.105, 25.905)
    assert not shape.contains(60.105, 25.4)


CROSSING = [[179.9, 0], [-179.9, 0], [-179.9, 1], [179.9, 1], [179.9, 0]]
HALVES = [
    [[[179.9, 0], [180, 0], [180, 1], [179.9, 1], [179.9, 0]]],
    [[[-180, 0], [-179.9, 0], [-179.9, 1], [-180, 1], [-180, 0]]],
]


@pytest.mark.parametrize(
    "coordinates", [[CROSSING], HALVES], ids=["in one", "split as in RFC 7946"]
)
def test_a_polygon_may_cross_the_antimeridian(coordinates):
    shape = Polygon(coordinates)
    for lon in (179.95, 180.0, -180.0, -179.95):
        assert shape.contains(0.5, lon)
    for lon in (0.0, 179.8, -179.8):
        assert not shape.contains(0.5, lon)
    assert shape.edge_m(0.5, -179.95) == pytest.approx(-metres(0.5, -179.95, 0.5, -179.9), rel=1e-6)


@pytest.mark.parametrize("pole", [90, -90])
@pytest.mark.parametrize("turn", [1, -1], ids=["eastward", "westward"])
def test_a_ring_around_a_pole_holds_the_pole(pole, turn):
    edge = pole * 8 / 9
    ring = [[turn * lon, edge] for lon in (0, 120, -120, 0)]
    shape = Polygon([ring])
    assert shape.contains(pole, 45.0)
    assert shape.contains(pole * 0.95, -179.0)
    assert not shape.contains(edge * 0.99, 10.0)
    assert shape.edge_m(pole * 0.95, 1.0) == pytest.approx(
        -metres(pole * 0.95, 1, edge, 1), rel=0.01
    )


def test_the_sign_of_the_edge_distance_tells_the_side():
    circle = Circle(60.17, 24.94, 100.0)
    assert circle.edge_m(60.17, 24.94) == -100.0
    assert circle.edge_m(60.18, 24.94) == metres(60.17, 24.94, 60.18, 24.94) - 100.0


FAULTS = [
    ([], "", "an object"),
    ({"type": "blob"}, "/type", "circle, polygon, multipolygon"),
    ({"type": "circle", "radius_m": 50}, "/center", "missing"),
    ({"type": "circle", "center": [1, 2], "radius": 50}, "/radius", "unknown"),
    ({"type": "circle", "center": [1, 2], "radius_m": 9.9}, "/radius_m", "between 10 and 100000"),
    ({"type": "circle", "center": [1, 2], "radius_m": 100_001}, "/radius_m", "not 100001"),
    ({"type": "circle", "center": [1, 2], "radius_m": True}, "/radius_m", "must be a number"),
    (
        {"type": "circle", "center": [1, 2], "radius_m": float("nan")},
        "/radius_m",
        "must be a number",
    ),
    ({"type": "circle", "center": [1, 91], "radius_m": 50}, "/center/1", "between -90 and 90"),
    ({"type": "circle", "center": [181, 2], "radius_m": 50}, "/center/0", "between -180 and 180"),
    ({"type": "circle", "center": "1,2", "radius_m": 50}, "/center", "[lon, lat]"),
    (
        polygon(SQUARE[:-1]),
        "/coordinates/0/3",
        "not closed; repeat its first position [24.9, 60.1]",
    ),
    (polygon([[0, 0], [1, 1], [0, 0]]), "/coordinates/0", "at least four positions"),
    (
        polygon([[0, 0], [2, 2], [2, 0], [0, 2], [0, 0]]),
        "/coordinates",
        "crosses itself near lon 1, lat 1",
    ),
    (polygon([[0, 0], [1, 1], [2, 2], [0, 0]]), "/coordinates", "encloses no area"),
    (polygon(SQUARE, [[1, 1], [2, 1], [2, 2], [1, 1]]), "/coordinates", "lies outside the outline"),
    (polygon([[0, 0], [4, 0], [4, 4], [2, 0], [0, 4], [0, 0]]), "/coordinates", "touches itself"),
    (polygon(), "/coordinates", "a list of rings"),
    (polygon(SQUARE, []), "/coordinates/1", "at least four positions"),
    (polygon([[24, 60], [25, "x"], [25, 61], [24, 60]]), "/coordinates/0/1/1", "must be a number"),
    ({"type": "multipolygon", "coordinates": [SQUARE]}, "/coordinates", "set type to polygon"),
    ({"type": "polygon", "coordinates": [[SQUARE]]}, "/coordinates", "set type to multipolygon"),
    ({"type": "multipolygon", "coordinates": [[SQUARE], [5]]}, "/coordinates/1/0", "at least four"),
]


@pytest.mark.parametrize(("json", "pointer", "words"), FAULTS, ids=range(len(FAULTS)))
def test_a_wrong_shape_is_told_where_and_what(json, pointer, words):
    with pytest.raises(Invalid) as refused:
        parse_shape(json)
    told = {fault.pointer: fault.detail for fault in refused.value.faults}
    assert words in told[pointer]


def test_pointers_begin_where_the_caller_says():
    with pytest.raises(Invalid) as refused:
        parse_shape({"type": "circle", "center": [1, 2], "radius_m": 1}, at="/shape")
    assert refused.value.faults[0].pointer == "/shape/radius_m"


def test_an_outline_of_thousands_of_corners_is_refused_and_told_to_simplify():
    ring = [[i / 1e5, (i % 2) / 1e3] for i in range(2000)]
    with pytest.raises(Invalid) as refused:
        Polygon([[*ring, [0.02, 1.0], ring[0]]])
    assert "simplify" in refused.value.faults[0].detail


def test_thousands_of_faults_are_named_by_the_first_few():
    with pytest.raises(Invalid) as refused:
        Polygon([[["x", "y"]] * 5000])
    assert len(refused.value.faults) == 20


@pytest.mark.parametrize(
    "wrong",
    [(91, 0, 50), (0, 181, 50), (0, 0, 0), (0, 0, -1), (0, 0, float("inf")), (float("nan"), 0, 5)],
)
def test_a_circle_that_is_nowhere_cannot_be_built(wrong):
    with pytest.raises(ValueError, match=r"latitude|radius"):
        Circle(*wrong)


@given(circles, positions)
def test_a_shape_lies_within_its_span(circle, position):
    lat, lon = position
    if circle.contains(lat, lon):
        south, north, west, east = circle.span
        assert south <= lat <= north
        assert any(west <= x <= east for x in (lon, lon + 360, lon - 360))


@given(circles, circles)
def test_the_fingerprint_of_a_circle_tells_circles_apart(a, b):
    assert (a.fingerprint == b.fingerprint) == (a == b)
    assert fingerprints(*(np.array([v]) for v in (a.lat, a.lon, a.radius_m)))[0] == a.fingerprint


@given(st.lists(st.tuples(st.floats(-1, 1), st.floats(-1, 1)), min_size=1, max_size=20))
def test_a_polygon_answers_many_as_it_answers_one(offsets):
    shape = Polygon([CROSSING])
    lats = [0.5 + north for north, _ in offsets]
    lons = [(180 + east / 5 + 180) % 360 - 180 for _, east in offsets]
    many = shape.contains_many(np.array(lats), np.array(lons))
    assert many.tolist() == [shape.contains(*p) for p in zip(lats, lons, strict=True)]
