import pytest

from domain.access import CredentialKind, Scope
from tests.integration.conftest import World

KALLIO = {"name": "Kallio", "latitude": 60.1841, "longitude": 24.9499}


def test_a_store_is_created_read_changed_and_removed(any_world: World) -> None:
    admin = any_world.admin
    created = admin.put("/v1/stores/kallio", KALLIO)
    assert created.status_code == 201
    assert created.json["time_zone"] == "Europe/Helsinki"
    changed = admin.put("/v1/stores/kallio", {**KALLIO, "name": "Kallio 2"})
    assert (changed.status_code, changed.json["name"]) == (200, "Kallio 2")
    assert admin.get("/v1/stores/kallio").headers["ETag"] == '"2"'
    assert admin.delete("/v1/stores/kallio").status_code == 204
    assert admin.get("/v1/stores/kallio").status_code == 404


def test_a_stale_if_match_changes_nothing(world: World) -> None:
    world.admin.put("/v1/stores/kallio", KALLIO)
    world.admin.put("/v1/stores/kallio", KALLIO)
    stale = world.admin.put("/v1/stores/kallio", KALLIO, headers={"If-Match": '"1"'})
    assert (stale.status_code, stale.json["code"]) == (412, "stale_revision")
    assert (
        world.admin.put("/v1/stores/kallio", KALLIO, headers={"If-Match": '"2"'}).status_code == 200
    )


def test_a_list_is_paged_by_cursor(world: World) -> None:
    for name in "abcde":
        world.admin.put(f"/v1/stores/{name}", KALLIO)
    first = world.admin.get("/v1/stores?limit=3").json
    second = world.admin.get(f"/v1/stores?limit=3&cursor={first['next_cursor']}").json
    assert [store["external_id"] for store in first["data"]] == ["a", "b", "c"]
    assert [store["external_id"] for store in second["data"]] == ["d", "e"]
    assert second["next_cursor"] is None


def test_swapped_coordinates_and_unknown_fields_are_named(world: World) -> None:
    swapped = world.admin.put(
        "/v1/stores/x", {"name": "x", "latitude": 24.9499, "longitude": 60.1841}
    )
    assert swapped.status_code == 422
    assert "swapped" in swapped.json["errors"][0]["detail"]
    unknown = world.admin.put("/v1/stores/x", {**KALLIO, "colour": "red"})
    assert unknown.json["errors"][0]["pointer"] == "/colour"


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"opening_hours": "Mon-Fri 9-17"}, "/opening_hours"),
        ({"opening_hours": ""}, "/opening_hours"),
        ({"opening_hours": 'Mo 10:00-11:00 "\u0000"'}, "/opening_hours"),
        ({"opening_hours": 'Mo 10:00-11:00 "\ud800"'}, "/opening_hours"),
        ({"time_zone": "../etc/passwd"}, "/time_zone"),
        ({"country": "Finland"}, "/country"),
        ({"country": "FI\n"}, "/country"),
        ({"latitude": 10**400}, "/latitude"),
        ({"latitude": float("nan")}, "/latitude"),
        ({"latitude": True}, "/latitude"),
        ({"name": "\u0000"}, "/name"),
        ({"address": "x" * 501}, "/address"),
    ],
)
def test_a_mistake_is_named(world: World, change: dict[str, object], pointer: str) -> None:
    refused = world.admin.put("/v1/stores/x", {**KALLIO, **change})
    assert refused.status_code == 422
    assert {error["pointer"] for error in refused.json["errors"]} == {pointer}


def test_country_and_holidays_are_found_or_warned_about(world: World) -> None:
    hours = {"opening_hours": "Mo-Fr 10:00-20:00; PH off"}
    found = world.admin.put("/v1/stores/x", {**KALLIO, **hours})
    assert (found.json["country"], found.json["warnings"]) == ("FI", [])
    unknown = world.admin.put("/v1/stores/x", {**KALLIO, **hours, "country": "XX"})
    assert "holidays of XX are not known" in unknown.json["warnings"][0]
    nowhere = world.admin.put("/v1/stores/x", {**KALLIO, **hours, "time_zone": "Etc/UTC"})
    assert "never holds without `country`" in nowhere.json["warnings"][0]


def test_a_body_that_is_nested_too_deeply_is_malformed(world: World) -> None:
    deep = world.admin.put("/v1/stores/x", data="[" * 60_000, content_type="application/json")
    assert (deep.status_code, deep.json["code"]) == (400, "malformed")


def test_another_brands_store_does_not_exist(world: World) -> None:
    world.admin.put("/v1/stores/kallio", KALLIO)
    other = world.key(world.add_brand("salon"), CredentialKind.SECRET, *Scope)
    assert other.get("/v1/stores/kallio").status_code == 404
    assert other.delete("/v1/stores/kallio").status_code == 404
    assert world.admin.get("/v1/stores/kallio").status_code == 200


def test_the_credential_decides_what_may_be_done(world: World) -> None:
    reader = world.key(world.brand, CredentialKind.SECRET, Scope.READ)
    assert world.nobody.get("/v1/stores").status_code == 401
    assert world.app.get("/v1/stores").status_code == 403
    assert reader.get("/v1/stores").status_code == 200
    refused = reader.put("/v1/stores/kallio", KALLIO)
    assert (refused.status_code, refused.json["code"]) == (403, "scope_missing")
