"""What is accepted and yet may not work as meant comes back as a sentence that says what to do."""

from typing import Any

import pytest

from tests.integration.conftest import World

HERE = {"latitude": 60.1841, "longitude": 24.9499}
SQUARE = [[[24.949, 60.183], [24.951, 60.183], [24.951, 60.185], [24.949, 60.185], [24.949, 60.183]]]  # fmt: skip


def circle(latitude: float, longitude: float, radius_m: float = 120) -> dict[str, Any]:
    return {"type": "circle", "center": [longitude, latitude], "radius_m": radius_m}


def put(world: World, path: str, body: dict[str, Any]) -> list[str]:
    answer = world.admin.put(path, body)
    assert answer.status_code in (200, 201), answer.json
    found: list[str] = answer.json["warnings"]
    return found


def store(world: World, name: str, **more: Any) -> list[str]:
    return put(world, f"/v1/stores/{name}", {"name": name, **HERE, **more})


def fence(world: World, name: str, shape: dict[str, Any], **more: Any) -> list[str]:
    return put(world, f"/v1/geofences/{name}", {"store": "kallio", "shape": shape, **more})


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"opening_hours": "off"}, "never opens within a year"),
        ({"opening_hours": "2019 Mo-Fr 10:00-18:00"}, "never opens within a year"),
        ({"opening_hours": "SH 10:00-12:00"}, "never opens within a year"),
        ({"opening_hours": "PH 10:00-12:00", "country": "XX"}, "public holidays of XX"),
        ({"opening_hours": "Mo-Fr 10:00-18:00; PH off", "country": "XX"}, "public holidays of XX"),
        ({"opening_hours": "Mo-Fr 10:00-18:00; PH off"}, None),
        ({"opening_hours": "Feb 29 10:00-11:00"}, "never opens"),
        ({"opening_hours": "PH 10:00-12:00"}, None),
        ({}, None),
    ],
)
def test_hours_that_never_hold_are_told(
    world: World, more: dict[str, Any], said: str | None
) -> None:
    told = store(world, "kallio", **more)
    assert [said in each for each in told if said] == ([True] if said else [])
    assert bool(told) == bool(said)


def test_two_stores_at_one_place_name_each_other(any_world: World) -> None:
    assert store(any_world, "kallio") == []
    (told,) = store(any_world, "kamppi")
    assert told == "`kallio` has the same coordinates: check which of them is right."
    assert store(any_world, "toolo", latitude=60.1842) == []
    other = any_world.add_brand("salon")
    assert other.id != any_world.brand.id


def test_fences_of_one_store_that_overlap_name_each_other(world: World) -> None:
    store(world, "kallio")
    assert fence(world, "door", circle(60.1841, 24.9499)) == []
    (told,) = fence(world, "square", {"type": "polygon", "coordinates": SQUARE})
    assert told.startswith("It overlaps `door` of the same store")
    assert fence(world, "far-side", circle(60.1900, 24.9499)) == []
    (told,) = fence(world, "wide", circle(60.1841, 24.9499, 1000))
    assert told.startswith("It overlaps `door`, `far-side`, `square` of the same store")


def test_a_polygon_too_small_for_phones_is_told_of(world: World) -> None:
    store(world, "kallio")
    shop = [[[24.95, 60.184], [24.9504, 60.184], [24.9504, 60.1843], [24.95, 60.184]]]
    (told,) = fence(world, "shop", {"type": "polygon", "coordinates": shop})
    assert "phones notice late or never" in told
    assert fence(world, "square", {"type": "polygon", "coordinates": SQUARE}) != [told]


def test_only_active_fences_of_the_same_store_are_compared(world: World) -> None:
    store(world, "kallio")
    store(world, "kamppi", latitude=60.1687, longitude=24.9316)
    fence(world, "door", circle(60.1841, 24.9499), active=False)
    assert fence(world, "second", circle(60.1841, 24.9499)) == []
    assert fence(world, "theirs", circle(60.1841, 24.9499), store="kamppi") == []
    assert fence(world, "nobodys", circle(60.1841, 24.9499), store=None) == []
    assert fence(world, "third", circle(60.1841, 24.9499), active=False) == []


def test_a_fence_far_from_its_store_is_told_from_both_sides(world: World) -> None:
    store(world, "kallio")
    (told,) = fence(world, "door", circle(60.4500, 22.2700))
    assert told == "It is 151 km from its store kallio: check the coordinates of both."
    (told,) = store(world, "kallio")
    assert told == "Its fence `door` is over 5 km away: move the fence too."
    assert store(world, "kallio", latitude=60.4500, longitude=22.2700) == []
    assert fence(world, "region", circle(60.4500, 22.3700, 5000)) == []


def test_an_import_tells_the_same_by_row_and_so_does_its_dry_run(world: World) -> None:
    stores = (
        "external_id,name,latitude,longitude,opening_hours\na,A,60.18,24.95,off\nb,B,60.18,24.95,\n"
    )
    fences = (
        "external_id,store,latitude,longitude,radius_m\n"
        "x,a,60.18,24.95,120\ny,a,60.18,24.9501,120\nz,b,60.18,24.95,120\nfar,b,60.3,24.95,50\n"
    )

    def post(kind: str, table: str, **query: str) -> list[str]:
        answer = world.admin.post(
            f"/v1/imports/{kind}", data=table, content_type="text/csv", query_string=query
        )
        assert answer.status_code == 200, answer.json
        found: list[str] = answer.json["warnings"]
        return found

    told = post("stores", stores, dry_run="true")
    assert [line.split(": ")[0] for line in told] == ["Line 2", "Line 2", "Line 3"]
    assert post("stores", stores) == told
    told = post("geofences", fences, dry_run="true")
    assert [line[:30] for line in told] == [
        "Line 2: It overlaps `y` of the", "Line 3: It overlaps `x` of the",
        "Line 5: Phones notice circles ", "Line 5: It is 13 km from its s",
    ]  # fmt: skip
    assert post("geofences", fences) == told


@pytest.mark.parametrize(
    ("path", "body", "pointer"),
    [
        ("/v1/stores/a", {"name": "A", "latitude": 24.9499, "longitude": -60.1841}, "/latitude"),
        ("/v1/stores/a", {"name": "A", "latitude": 0, "longitude": 0}, "/latitude"),
        ("/v1/geofences/a", {"shape": circle(0, 0)}, "/shape/center"),
        ("/v1/stores/a", {"name": "A", **HERE, "time_zone": "Mars/Kallio"}, "/time_zone"),
    ],
)
def test_the_sea_swapped_coordinates_and_unknown_zones_are_refused(
    world: World, path: str, body: dict[str, Any], pointer: str
) -> None:
    refused = world.admin.put(path, body)
    assert refused.status_code == 422
    assert [error["pointer"] for error in refused.json["errors"]] == [pointer]
    assert "swapped" in refused.text or "IANA" in refused.text
