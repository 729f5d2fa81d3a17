import pytest

from tests.integration.conftest import World

SOUP = {
    "name": "Tomato soup",
    "category": "soup",
    "tags": ["vegan"],
    "services": ["lunch"],
    "price": 8.5,
}


def test_an_item_is_created_read_changed_and_removed(any_world: World) -> None:
    admin = any_world.admin
    created = admin.put("/v1/items/soup-tomato", SOUP)
    assert (created.status_code, created.json) == (201, {**SOUP, "sku": "soup-tomato"})
    changed = admin.put("/v1/items/soup-tomato", {"name": "Soup", "category": "soup"})
    assert (changed.status_code, changed.json["tags"], changed.json["price"]) == (200, [], None)
    assert admin.get("/v1/items/soup-tomato").headers["ETag"] == '"2"'
    stale = {"If-Match": '"1"'}
    assert admin.put("/v1/items/soup-tomato", SOUP, headers=stale).status_code == 412
    assert admin.delete("/v1/items/soup-tomato").status_code == 204
    assert admin.get("/v1/items").json == {"data": [], "next_cursor": None}


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"name": None}, "/name"),
        ({"category": ""}, "/category"),
        ({"price": -1}, "/price"),
        ({"price": float("nan")}, "/price"),
        ({"price": 1e300}, "/price"),
        ({"tags": "vegan"}, "/tags"),
        ({"tags": ["\u0000"]}, "/tags/0"),
        ({"tags": ["x"] * 51}, "/tags"),
        ({"name": "\ud800"}, "/name"),
        ({"colour": "red"}, "/colour"),
    ],
)
def test_a_mistake_is_named(world: World, change: dict[str, object], pointer: str) -> None:
    refused = world.admin.put("/v1/items/x", {**SOUP, **change})
    assert refused.status_code == 422
    assert [error["pointer"] for error in refused.json["errors"]] == [pointer]
