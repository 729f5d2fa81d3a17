import pytest
import sqlalchemy as sa

from geofence.distance import metres
from scheduler.fences import AT_ONCE
from storage.models import PositionRow
from tests.integration.conftest import World
from tests.integration.places import KALLIO, add_fence

HERE = f"latitude={KALLIO['latitude']}&longitude={KALLIO['longitude']}"


def test_the_nearest_fences_come_first_with_the_radius_in_which_they_suffice(
    any_world: World,
) -> None:
    add_fence(any_world, "far", away_m=5000, radius_m=500)
    add_fence(any_world, "here", dwell_s=120)
    add_fence(any_world, "next", away_m=1000, radius_m=200)
    add_fence(any_world, "resting", away_m=10, active=False)
    answer = any_world.device().get(f"/v1/geofences/nearby?{HERE}&limit=2").json
    assert [each["geofence"] for each in answer["data"]] == ["here", "next"]
    assert [each["distance_m"] for each in answer["data"]] == [0.0, pytest.approx(800, abs=0.2)]
    assert answer["data"][0]["shape"]["radius_m"] == 100.0
    assert [each["dwell_s"] for each in answer["data"]] == [120, None]
    assert answer["valid_within_m"] == pytest.approx(4500, abs=0.2)


def test_a_polygon_comes_with_a_circle_that_holds_it(world: World) -> None:
    add_fence(world, "round", away_m=400, radius_m=150)
    corners = [(24.95, 60.18), (24.954, 60.18), (24.954, 60.182), (24.95, 60.182), (24.95, 60.18)]
    shape = {"type": "polygon", "coordinates": [corners]}
    assert world.admin.put("/v1/geofences/square", {"shape": shape}).status_code == 201
    near = world.device().get(f"/v1/geofences/nearby?{HERE}").json["data"]
    circles = {each["geofence"]: each["circle"] for each in near}
    assert circles["round"]["radius_m"] == 150
    square = circles["square"]
    for longitude, latitude in corners:
        away = metres(square["latitude"], square["longitude"], latitude, longitude)
        assert away <= square["radius_m"] < 1.5 * away


def test_where_all_fences_are_listed_the_answer_holds_everywhere(world: World) -> None:
    add_fence(world)
    answer = world.device().get(f"/v1/geofences/nearby?{HERE}").json
    assert len(answer["data"]) == 1
    assert answer["valid_within_m"] > 20_000_000


def test_a_brand_without_fences_has_nothing_to_monitor(world: World) -> None:
    assert world.device().get(f"/v1/geofences/nearby?{HERE}").json["data"] == []


def test_another_brands_fences_are_not_shown(world: World) -> None:
    add_fence(World(world.database, world.clock, slug="salon"))
    assert world.device().get(f"/v1/geofences/nearby?{HERE}").json["data"] == []


def test_fences_that_were_just_imported_are_listed(world: World) -> None:
    add_fence(world, "old", away_m=5000)
    device = world.device()
    assert len(device.get(f"/v1/geofences/nearby?{HERE}").json["data"]) == 1
    rows = "".join(f"f{n},{60.1841 + n / 100_000},24.9499,100\n" for n in range(AT_ONCE + 1))
    table = f"external_id,latitude,longitude,radius_m\n{rows}"
    done = world.admin.post("/v1/imports/geofences", data=table, content_type="text/csv")
    assert done.status_code == 200
    answer = device.get(f"/v1/geofences/nearby?{HERE}&limit=100").json
    assert len(answer["data"]) == 100
    assert answer["valid_within_m"] < 5000


def test_the_position_is_not_stored(world: World) -> None:
    world.device().get(f"/v1/geofences/nearby?{HERE}")
    with world.database.read() as tx:
        assert tx.execute(sa.select(sa.func.count()).select_from(PositionRow)).scalar_one() == 0


WRONG = [
    ("", "latitude"),
    ("latitude=91&longitude=1", "latitude"),
    ("latitude=nan&longitude=1", "latitude"),
    ("latitude=1&longitude=200", "longitude"),
    (f"{HERE}&limit=0", "limit"),
    (f"{HERE}&limit=101", "limit"),
]


@pytest.mark.parametrize(("query", "field"), WRONG)
def test_a_wrong_parameter_is_pointed_at(world: World, query: str, field: str) -> None:
    answer = world.device().get(f"/v1/geofences/nearby?{query}")
    assert answer.status_code == 422
    assert f"/{field}" in [fault["pointer"] for fault in answer.json["errors"]]


def test_only_a_device_asks(world: World) -> None:
    assert world.admin.get(f"/v1/geofences/nearby?{HERE}").status_code == 403
    assert world.nobody.get(f"/v1/geofences/nearby?{HERE}").status_code == 401
