from typing import Any

import pytest

from domain.access import CredentialKind, Scope
from tests.integration.conftest import World

KALLIO = {"name": "Kallio", "latitude": 60.1841, "longitude": 24.9499}
CIRCLE = {"type": "circle", "center": [24.9499, 60.1841], "radius_m": 120}
SQUARE = [[24.94, 60.18], [24.95, 60.18], [24.95, 60.19], [24.94, 60.19], [24.94, 60.18]]
POLYGON = {"type": "polygon", "coordinates": [SQUARE]}
TWO = {"type": "multipolygon", "coordinates": [[SQUARE], [[[x + 1, y] for x, y in SQUARE]]]}


@pytest.mark.parametrize("shape", [CIRCLE, POLYGON, TWO])
def test_a_fence_of_any_shape_is_created_read_changed_and_removed(
    any_world: World, shape: dict[str, Any]
) -> None:
    admin = any_world.admin
    admin.put("/v1/stores/kallio", KALLIO)
    body = {"name": "Around", "store": "kallio", "shape": shape, "dwell_s": 300}
    created = admin.put("/v1/geofences/around", body)
    assert created.status_code == 201
    assert created.json == {**body, "external_id": "around", "active": True, "warnings": []}
    read = admin.get("/v1/geofences/around")
    assert (read.json["shape"], read.headers["ETag"]) == (shape, '"1"')
    changed = admin.put("/v1/geofences/around", {"shape": shape, "active": False})
    assert (changed.status_code, changed.json["active"], changed.json["store"]) == (200, False, None)  # fmt: skip
    assert admin.delete("/v1/geofences/around").status_code == 204
    assert admin.get("/v1/geofences/around").status_code == 404


def _faults(world: World, **body: Any) -> dict[str, str]:
    refused = world.admin.put("/v1/geofences/x", body)
    assert refused.status_code == 422
    return {error["pointer"]: error["detail"] for error in refused.json["errors"]}


@pytest.mark.parametrize(
    ("shape", "pointer", "hint"),
    [
        ({**CIRCLE, "radius_m": 9}, "/shape/radius_m", "between 10 and 100000"),
        ({**CIRCLE, "radius_m": 100_001}, "/shape/radius_m", "between 10 and 100000"),
        ({**CIRCLE, "radius_m": float("nan")}, "/shape/radius_m", "number"),
        ({**CIRCLE, "radius_m": 10**400}, "/shape/radius_m", "number"),
        ({**CIRCLE, "center": [24.9, 91]}, "/shape/center/1", "90"),
        ({**CIRCLE, "center": [60.1841, 24.9499]}, "/shape/center", "swapped"),
        ({**CIRCLE, "centre": [24.9, 60.1]}, "/shape/centre", "unknown"),
        ({"type": "circle"}, "/shape/center", "missing"),
        ({"type": "square"}, "/shape/type", "circle, polygon, multipolygon"),
        ({**POLYGON, "coordinates": [[[y, x] for x, y in SQUARE]]}, "/shape/coordinates", "swapped"),
        ({**POLYGON, "coordinates": [SQUARE[:-1]]}, "/shape/coordinates/0/3", "not closed"),
        ({**POLYGON, "coordinates": [[SQUARE[0], SQUARE[2], SQUARE[1], SQUARE[3], SQUARE[0]]]},
         "/shape/coordinates", "crosses itself"),
    ],
)  # fmt: skip
def test_a_shape_that_is_none_is_refused_with_its_place(
    world: World, shape: dict[str, Any], pointer: str, hint: str
) -> None:
    faults = _faults(world, shape=shape)
    assert pointer in faults
    assert hint in faults[pointer]


def test_other_mistakes_are_named(world: World) -> None:
    assert set(_faults(world, shape=CIRCLE, store="nowhere")) == {"/store"}
    assert set(_faults(world, shape=CIRCLE, dwell_s=-1)) == {"/dwell_s"}
    assert set(_faults(world, shape=CIRCLE, dwell_s=86_401)) == {"/dwell_s"}
    assert set(_faults(world, shape=CIRCLE, dwell_s="5")) == {"/dwell_s"}
    assert set(_faults(world, shape=CIRCLE, active="yes", colour="red")) == {"/active", "/colour"}
    assert set(_faults(world, name="x")) == {"/shape"}
    assert set(_faults(world, shape=[1])) == {"/shape"}


def test_a_small_circle_is_accepted_with_a_warning(world: World) -> None:
    small = world.admin.put("/v1/geofences/x", {"shape": {**CIRCLE, "radius_m": 50}})
    assert small.status_code == 201
    assert "100 m" in small.json["warnings"][0]


def test_a_removed_store_leaves_its_fences(world: World) -> None:
    world.admin.put("/v1/stores/kallio", KALLIO)
    world.admin.put("/v1/geofences/around", {"shape": CIRCLE, "store": "kallio"})
    world.admin.delete("/v1/stores/kallio")
    assert world.admin.get("/v1/geofences/around").json["store"] is None


def test_fences_are_listed_by_name_and_belong_to_their_brand(world: World) -> None:
    for name in "cab":
        world.admin.put(f"/v1/geofences/{name}", {"shape": CIRCLE})
    first = world.admin.get("/v1/geofences?limit=2").json
    second = world.admin.get(f"/v1/geofences?limit=2&cursor={first['next_cursor']}").json
    names = [fence["external_id"] for fence in first["data"] + second["data"]]
    assert (names, second["next_cursor"]) == (["a", "b", "c"], None)
    other = world.key(world.add_brand("salon"), CredentialKind.SECRET, *Scope)
    assert other.get("/v1/geofences").json["data"] == []
    assert other.delete("/v1/geofences/a").status_code == 404


def test_a_stale_if_match_changes_and_removes_nothing(world: World) -> None:
    stale = {"headers": {"If-Match": '"1"'}}
    for _ in range(2):
        world.admin.put("/v1/geofences/x", {"shape": CIRCLE})
    assert world.admin.put("/v1/geofences/x", {"shape": CIRCLE}, **stale).status_code == 412
    assert world.admin.delete("/v1/geofences/x", **stale).status_code == 412
    fresh = {"headers": {"If-Match": '"2"'}}
    assert world.admin.delete("/v1/geofences/x", **fresh).status_code == 204


@pytest.mark.parametrize("path", ["/v1/stores", "/v1/geofences", "/v1/items", "/v1/offers"])
def test_impossible_names_never_reach_the_database(any_world: World, path: str) -> None:
    assert any_world.admin.get(f"{path}/a%00b").status_code == 404
    assert any_world.admin.put(f"{path}/a%00b", {}).status_code == 404
    assert any_world.admin.get(f"{path}/{'x' * 300}").status_code == 404
    assert any_world.admin.put(f"{path}/{'x' * 300}", _WHOLE[path]).status_code == 422
    assert any_world.admin.put(f"{path}/{'x' * 200}", _WHOLE[path]).status_code == 201


_WHOLE: dict[str, dict[str, Any]] = {
    "/v1/stores": KALLIO,
    "/v1/geofences": {"shape": CIRCLE},
    "/v1/items": {"name": "Soup", "category": "soup"},
    "/v1/offers": {"kind": "information", "title": {"en": "x"}, "body": {"en": "y"}},
}


def test_a_fence_cannot_take_the_name_of_another_call(world: World) -> None:
    circle = {"type": "circle", "center": [24.94, 60.17], "radius_m": 120}
    refused = world.admin.put("/v1/geofences/nearby", {"shape": circle})
    assert refused.status_code == 422
    assert "choose another name" in refused.json["errors"][0]["detail"]
