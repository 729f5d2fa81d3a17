import numpy as np
import pytest
from geopy.distance import geodesic
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.edges import at_the_edge, wrong_at
from geofence.index import MOST_FRESH, SMALL, FenceIndex
from geofence.shapes import Circle, Polygon
from tests.unit.geofence.places import circles, latitudes, longitudes, nudges, positions

HELSINKI = Circle(60.1699, 24.9384, 150.0)


def pairs(index, points):
    """`containing_many` in the form of one list of (row, id)."""
    rows, ids = index.containing_many([p[0] for p in points], [p[1] for p in points])
    return list(zip(rows.tolist(), ids.tolist(), strict=True))


def one_by_one(index, points):
    return [(i, name) for i, p in enumerate(points) for name in index.containing(*p)]


@given(st.lists(circles, max_size=30), st.lists(positions, min_size=1, max_size=20))
def test_the_answer_is_that_of_geopy_anywhere_on_earth(fences, points):
    index = FenceIndex(enumerate(fences))
    wanted = [
        (i, n)
        for i, (lat, lon) in enumerate(points)
        for n, c in enumerate(fences)
        if geodesic((c.lat, c.lon), (lat, lon)).m <= c.radius_m
    ]
    assert sorted(pairs(index, points)) == wanted
    assert pairs(index, points) == one_by_one(index, points)


@given(latitudes, longitudes, st.floats(-1, 1), st.floats(-1, 1), nudges)
def test_the_answer_is_that_of_geopy_at_the_edge(lat, lon, north, east, nudge):
    point = (max(-90.0, min(90.0, lat + north)), lon + east)
    away = geodesic((lat, lon), point).m
    radius = away + nudge
    if radius > 0:
        index = FenceIndex([("fence", Circle(lat, lon, radius))])
        assert index.containing(*point) == (["fence"] if away <= radius else [])
        assert pairs(index, [point]) == one_by_one(index, [point])


def test_a_hundred_thousand_pairs_at_the_edge_agree_with_geopy():
    edges = at_the_edge(100_000, 7)
    assert wrong_at(edges) == []
    assert 40_000 < edges.inside.sum() < 70_000


def test_at_the_edge_a_single_position_is_decided_as_many_are():
    edges = at_the_edge(2_000, 8)
    columns = (edges.lats, edges.lons, edges.radii)
    index = FenceIndex.from_arrays(np.arange(2_000), *columns)
    points = list(zip(edges.there_lats.tolist(), edges.there_lons.tolist(), strict=True))
    assert pairs(index, points) == one_by_one(index, points)
    assert [i in index.containing(*p) for i, p in enumerate(points)] == edges.inside.tolist()


def test_every_size_of_fence_is_found_beside_the_others():
    sizes = [10.0, 90.0, 1_000.0, 3_000.0, 12_000.0, 50_000.0, 100_000.0, 400_000.0]
    index = FenceIndex((size, Circle(60.0, 25.0, size)) for size in sizes)
    for i, size in enumerate(sizes):
        inside = 60.0 + size * 0.999 / 111_410  # a degree of latitude there
        assert sorted(index.containing(inside, 25.0)) == sizes[i:]


def test_polygons_and_circles_lie_in_one_index():
    square = Polygon([[[24.9, 60.1], [25, 60.1], [25, 60.2], [24.9, 60.2], [24.9, 60.1]]])
    index = FenceIndex([("square", square), ("circle", HELSINKI)])
    points = [(60.17, 24.939), (60.15, 24.99), (60.15, 25.01), (60.1, 24.9)]
    assert [set(index.containing(*p)) for p in points] == [
        {"square", "circle"},
        {"square"},
        set(),
        {"square"},
    ]
    assert pairs(index, points) == one_by_one(index, points)
    assert index.shape("square") == square


@given(positions)
def test_a_polygon_around_a_pole_or_across_the_antimeridian_is_found(position):
    cap = Polygon([[[0, 80], [120, 80], [-120, 80], [0, 80]]])
    strip = Polygon([[[170, -20], [-170, -20], [-170, 70], [170, 70], [170, -20]]])
    index = FenceIndex([("cap", cap), ("strip", strip)])
    lat, lon = position
    wanted = {n for n, shape in (("cap", cap), ("strip", strip)) if shape.contains(lat, lon)}
    assert set(index.containing(lat, lon)) == wanted
    assert ("cap" in wanted) == (lat >= 80)


def test_a_longitude_beyond_the_antimeridian_is_wrapped_as_geopy_does():
    index = FenceIndex([(1, Circle(10.0, -179.5, 1_000.0))])
    assert index.containing(10.0, 180.5) == [1]
    assert index.containing(10.0, -539.5) == [1]
    assert pairs(index, [(10.0, 180.5), (10.0, 0.0)]) == [(0, 1)]


@pytest.mark.parametrize(
    "wrong", [(90.1, 0.0), (float("nan"), 0.0), (0.0, float("nan")), (0.0, float("inf"))]
)
def test_what_is_no_position_is_refused(wrong):
    index = FenceIndex([(1, HELSINKI)])
    for ask in (
        index.containing,
        index.matches,
        lambda *p: index.nearest(*p, 1),
        lambda *p: pairs(index, [p]),
    ):
        with pytest.raises(ValueError, match="no position on earth"):
            ask(*wrong)


def test_columns_make_the_same_index_as_shapes():
    rng = np.random.default_rng(1)
    lats, lons, radii = (
        rng.uniform(59, 61, 500),
        rng.uniform(24, 26, 500),
        rng.uniform(50, 5_000, 500),
    )
    points = list(zip(rng.uniform(59, 61, 200), rng.uniform(24, 26, 200), strict=True))
    columns = FenceIndex.from_arrays([f"f{i}" for i in range(500)], lats, lons, radii)
    shapes = FenceIndex(
        (f"f{i}", Circle(*c))
        for i, c in enumerate(zip(lats.tolist(), lons.tolist(), radii.tolist(), strict=True))
    )
    assert pairs(columns, points) == pairs(shapes, points) != []


@pytest.mark.parametrize(
    "ids", [["a", "b"], [1, 2], [-1, 2**62], [("x", 1), ("x", 2)], ["a", 1]], ids=str
)
def test_any_hashable_can_be_an_id(ids):
    index = FenceIndex.from_arrays(ids, [60.0, 60.0], [25.0, 26.0], [100.0, 200.0])
    assert index.containing(60.0, 25.0) == ids[:1]
    assert pairs(index, [(60.0, 26.0)]) == [(0, ids[1])]
    assert index.shape(ids[1]) == Circle(60.0, 26.0, 200.0)
    assert index.shape("unknown") is None


def test_an_id_that_stands_twice_is_refused():
    with pytest.raises(ValueError, match="unique"):
        FenceIndex([("a", HELSINKI), ("a", HELSINKI)])
    with pytest.raises(ValueError, match="unique"):
        FenceIndex.from_arrays([3, 3], [0, 0], [0, 0], [50, 50])


@pytest.mark.parametrize(
    "columns",
    [
        ([91], [0], [50]),
        ([0], [181], [50]),
        ([0], [0], [0]),
        ([0], [0], [float("nan")]),
        ([0, 1], [0], [50]),
    ],
    ids=["latitude", "longitude", "radius", "nan", "length"],
)
def test_columns_that_are_no_circles_are_refused(columns):
    with pytest.raises(ValueError, match=r"no circle|one length"):
        FenceIndex.from_arrays([1], *columns)


def test_an_empty_index_holds_nothing():
    index = FenceIndex()
    assert len(index) == 0
    assert index.containing(60.0, 25.0) == []
    assert pairs(index, [(60.0, 25.0)]) == []
    assert pairs(index, []) == []
    assert index.nearest(60.0, 25.0, 3) == []
    assert pairs(index.with_changes([("a", HELSINKI)]), [(60.1699, 24.9384)]) == [(0, "a")]


small = st.builds(Circle, st.floats(60, 60.05), st.floats(25, 25.1), st.floats(50, 3_000))
edits = st.lists(st.tuples(st.integers(0, 40), st.none() | small), max_size=12)


@given(st.lists(edits, max_size=6), st.booleans())
@settings(deadline=None)
def test_a_changed_index_answers_like_one_built_anew(batches, merge):
    index, now = LARGE, dict(LARGE_SHAPES)
    for batch in batches:
        removals = [name for name, shape in batch if shape is None]
        upserts = [(name, shape) for name, shape in batch if shape is not None]
        index = index.with_changes(upserts, removals)
        now = {n: s for n, s in now.items() if n not in removals} | dict(upserts)
    if merge:
        index = index.merged()
    points = [(60 + i / 200, 25 + j / 100) for i in range(0, 11, 3) for j in range(0, 11, 3)]
    wanted = sorted(
        (i, n) for i, p in enumerate(points) for n, s in now.items() if n < 100 and s.contains(*p)
    )
    assert sorted(pair for pair in pairs(index, points) if pair[1] < 100) == wanted
    assert pairs(index, points) == one_by_one(index, points)
    assert len(index) == len(now)
    assert all(index.shape(n) == now.get(n) for n in range(41))


# Large enough that changes stay in their layers; the first forty lie where the edits happen.
LARGE_SHAPES = {i: Circle(60 + i / 1_000, 25 + i / 500, 100.0 + 20 * i) for i in range(40)} | {
    i: Circle(-40 + i / 10_000, 100 + i / 7_000, 50.0) for i in range(100, SMALL + 2_000)
}
LARGE = FenceIndex(LARGE_SHAPES.items())


def test_an_index_never_changes():
    before = FenceIndex([("a", HELSINKI)])
    after = before.with_changes([("b", HELSINKI)], ["a"])
    assert before.containing(60.1699, 24.9384) == ["a"]
    assert after.containing(60.1699, 24.9384) == ["b"]
    assert "a" in before
    assert "a" not in after


def test_an_upsert_wins_over_a_removal_of_the_same_fence():
    index = FenceIndex([("a", HELSINKI)]).with_changes(
        [("a", Circle(0.0, 0.0, 50.0))], ["a", "unknown"]
    )
    assert index.shape("a") == Circle(0.0, 0.0, 50.0)
    assert len(index) == 1


def test_a_large_index_grows_crowded_by_edits_and_is_cleared_by_a_merge():
    index = LARGE
    for i in range(0, 3 * MOST_FRESH, 64):
        index = index.with_changes(
            (f"new{j}", Circle(10.0, 10.0 + j / 1_000, 60.0)) for j in range(i, i + 64)
        )
    assert index.crowded
    merged = index.merged()
    assert not merged.crowded
    assert len(merged) == len(index) == len(LARGE) + 3 * MOST_FRESH
    points = [(10.0, 10.0 + j / 1_000) for j in range(0, 3 * MOST_FRESH, 50)]
    assert sorted(pairs(merged, points)) == sorted(pairs(index, points)) != []


def test_matches_tell_the_depth_of_what_containing_names():
    polygon = Polygon([[[24.9, 60.1], [25, 60.1], [25, 60.2], [24.9, 60.2], [24.9, 60.1]]])
    index = FenceIndex([("circle", HELSINKI), ("polygon", polygon)])
    by_id = {match.id: match for match in index.matches(60.17, 24.939)}
    assert list(by_id) == index.containing(60.17, 24.939)
    circle = by_id["circle"]
    assert circle.radius_m == 150.0
    assert circle.chord_squared**0.5 == pytest.approx(
        geodesic((60.17, 24.939), (60.1699, 24.9384)).m, abs=0.01
    )
    assert circle.fingerprint == HELSINKI.fingerprint
    assert by_id["polygon"].polygon == polygon
    assert by_id["polygon"].fingerprint == polygon.fingerprint
