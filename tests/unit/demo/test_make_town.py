"""How OSM's ways become a street graph."""

import pytest

from domain.places import LatLon
from service.demo.make_town import Way, chains, largest_part, neighbours_along, town_of, walkable


def at(north: float, east: float = 0.0) -> LatLon:
    """Thousandths of a degree from a corner well inside the box."""
    return LatLon(
        latitude=round(60.170 + north / 1000, 6), longitude=round(24.940 + east / 1000, 6)
    )


def way(*nodes: tuple[int, float, float]) -> Way:
    return [(node, at(north, east)) for node, north, east in nodes]


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ({"highway": "footway"}, True),
        ({"highway": "primary"}, True),
        ({"highway": "motorway"}, False),
        ({"building": "yes"}, False),
        ({"highway": "cycleway"}, False),
        ({"highway": "cycleway", "foot": "designated"}, True),
        ({"highway": "cycleway", "foot": "no"}, False),
        ({"highway": "service", "access": "private"}, False),
        ({"highway": "service", "access": "no", "foot": "yes"}, True),
        ({"highway": "footway", "access": "permissive"}, True),
        ({"highway": "footway", "tunnel": "yes"}, False),
        ({"highway": "footway", "tunnel": "building_passage"}, True),
        ({"highway": "footway", "indoor": "yes"}, False),
        ({"highway": "steps", "layer": "-1"}, False),
        ({"highway": "steps", "level": "-1;0"}, False),
        ({"highway": "footway", "layer": "1"}, True),
    ],
    ids=str,
)
def test_only_public_open_air_ways_are_walked(tags: dict[str, str], expected: bool) -> None:
    assert walkable(tags) is expected


def test_steps_out_of_the_box_are_left_out() -> None:
    outside = (9, LatLon(latitude=60.180, longitude=24.940))
    assert neighbours_along([[*way((1, 0, 0), (2, 1, 0)), outside]]) == {1: {2}, 2: {1}}


def test_the_largest_connected_part_is_kept() -> None:
    apart = {1: {2}, 2: {1, 3}, 3: {2}, 8: {9}, 9: {8}}
    assert largest_part(apart) == {1: {2}, 2: {1, 3}, 3: {2}}


def test_a_chain_between_junctions_is_one_street_and_loops_are_left_out() -> None:
    cross = {1: {2}, 2: {1, 3}, 3: {2, 4, 5, 6, 7}, 4: {3}, 5: {3}, 6: {3, 7}, 7: {3, 6}}
    assert list(chains(cross)) == [[1, 2, 3], [3, 4], [3, 5]]


def test_two_streets_may_join_the_same_junctions() -> None:
    ring = {1: {2, 3, 9}, 2: {1, 4}, 3: {1, 4}, 4: {2, 3, 8}, 8: {4}, 9: {1}}
    assert [1, 2, 4] in list(chains(ring))
    assert [1, 3, 4] in list(chains(ring))


def test_a_town_keeps_the_bends_that_matter_and_drops_the_others() -> None:
    straight = way((1, 0, 0), (2, 1, 0.001), (3, 2, 0))
    bent = way((3, 2, 0), (4, 2, 1), (5, 3, 1))
    side = way((3, 2, 0), (6, 2, -1))
    town = town_of([straight, bent, side], sites=[])
    assert town.junctions == (at(0), at(2), at(3, 1), at(2, -1))
    assert [(street.tail, street.head, street.bends) for street in town.streets] == [
        (0, 1, ()),
        (1, 2, (at(2, 1),)),
        (1, 3, ()),
    ]
