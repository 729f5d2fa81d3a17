import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geofence.distance import metres
from geofence.index import FenceIndex
from geofence.shapes import Circle, Polygon
from tests.unit.geofence.places import circles, positions


def by_brute_force(fences, lat, lon, k):
    return sorted(((c.edge_m(lat, lon), n) for n, c in fences.items()), key=lambda e: e[0])[:k]


@given(st.lists(circles, max_size=40), positions, st.integers(1, 8))
def test_the_nearest_are_in_the_order_of_their_edges(shapes, position, k):
    fences = dict(enumerate(shapes))
    found = FenceIndex(fences.items()).nearest(*position, k)
    assert [edge for _, edge in found] == [edge for edge, _ in by_brute_force(fences, *position, k)]
    assert all(edge == fences[n].edge_m(*position) for n, edge in found)


town = st.builds(Circle, st.floats(60, 60.2), st.floats(24.8, 25.2), st.floats(20, 800))


@given(
    st.lists(town, min_size=1, max_size=60),
    st.floats(60, 60.2),
    st.floats(24.8, 25.2),
    st.integers(1, 10),
)
@settings(deadline=None)
def test_nearer_fences_of_a_town_come_before_farther_ones_through_edits_too(shapes, lat, lon, k):
    fences = dict(enumerate(shapes))
    index = FenceIndex(fences.items()).with_changes(
        [(0, Circle(60.1, 25.0, 50.0)), ("far", Circle(-60.0, 0.0, 50.0))], [1]
    )
    fences = {n: c for n, c in fences.items() if n != 1} | {
        0: Circle(60.1, 25.0, 50.0),
        "far": Circle(-60.0, 0.0, 50.0),
    }
    found = index.nearest(lat, lon, k)
    assert [edge for _, edge in found] == [edge for edge, _ in by_brute_force(fences, lat, lon, k)]


def test_an_edge_is_nearer_than_its_centre_and_below_zero_inside():
    index = FenceIndex(
        [("wide", Circle(60.0, 25.0, 5_000.0)), ("small", Circle(60.0, 25.02, 50.0))]
    )
    assert [n for n, _ in index.nearest(60.0, 25.02, 2)] == ["wide", "small"]
    assert index.nearest(60.0, 25.02, 1)[0][1] == metres(60.0, 25.0, 60.0, 25.02) - 5_000.0
    assert index.nearest(60.0, 25.02, 0) == []


def test_polygons_are_ranked_by_their_edge():
    box = Polygon([[[24.9, 60.1], [25, 60.1], [25, 60.2], [24.9, 60.2], [24.9, 60.1]]])
    index = FenceIndex([("box", box), ("circle", Circle(60.15, 25.02, 100.0))])
    assert [n for n, _ in index.nearest(60.15, 25.005, 2)] == ["box", "circle"]
    assert index.nearest(60.15, 25.005, 1)[0][1] == pytest.approx(
        metres(60.15, 25.005, 60.15, 25.0)
    )


def test_a_watch_stays_valid_until_a_fence_left_out_is_reached():
    index = FenceIndex((i, Circle(60.0, 25.0 + i / 100, 100.0)) for i in range(30))
    watch = index.watch(60.0, 25.0, 20)
    assert [n for n, _ in watch.fences] == list(range(20))
    assert watch.valid_m == index.nearest(60.0, 25.0, 21)[20][1]


def test_a_watch_of_all_fences_is_valid_everywhere_and_one_within_too_many_nowhere():
    assert FenceIndex([(1, Circle(60.0, 25.0, 100.0))]).watch(0.0, 0.0, 20).valid_m > 20_000_000
    crowd = FenceIndex((i, Circle(60.0, 25.0, 100.0 + i)) for i in range(5))
    assert crowd.watch(60.0, 25.0, 3).valid_m == 0.0
