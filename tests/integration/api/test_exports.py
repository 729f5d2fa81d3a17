"""Exports: what comes out goes in again and changes nothing, whatever it is called."""

import csv
import io
import json
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.access import CredentialKind, Scope
from tests.integration.conftest import Caller, World

CSV, JSON, GEOJSON = "text/csv", "application/json", "application/geo+json"
NASTY = [
    "=1+1", "+358 9", "-", "@cmd", "'apostrophe", '=HYPERLINK("http://x","y")', "a,b;c\td|e", '"', '""', " edges ",
    "\u00a0no-break\u00a0", "two\nlines", "two\r\nlines", "carriage\rreturn", "Käpylä 🍲", "עברית", "\ufeffbom",
    "\ufdd0", "\ufdd0kept\ufdd0", "null", "true", "0060.10", "1e5", "[x", '["a"]', "[]", "{}", "NaN", " ", "a\t",
]  # fmt: skip
TEXT = st.one_of(
    st.sampled_from(NASTY),
    st.text(
        st.one_of(
            st.characters(exclude_categories=["Cc", "Cs"]), st.sampled_from('\r\n\t,;|"= \u2028')
        ),
        min_size=1,
        max_size=12,
    ),
)
LATITUDE, LONGITUDE = st.floats(60.17, 60.25), st.floats(24.85, 25.05)
HOURS = st.sampled_from([None, "Mo-Fr 10:30-20:00; PH off", '24/7 "always, really"'])


def ring(west: float, south: float, size: float) -> list[list[float]]:
    east, north = west + size, south + size
    return [[west, south], [east, south], [east, north], [west, north], [west, south]]


@st.composite
def shapes(draw: st.DrawFn) -> dict[str, Any]:
    west, south = draw(LONGITUDE), draw(LATITUDE)
    with_hole = [ring(west, south, 0.006), ring(west + 0.002, south + 0.002, 0.001)]
    return draw(
        st.sampled_from(
            [
                {"type": "polygon", "coordinates": [ring(west, south, 0.004)]},
                {"type": "Polygon", "coordinates": with_hole},
                {"type": "multipolygon", "coordinates": [with_hole, [ring(west + 0.02, south, 0.003)]]},
            ]
        )
        | st.floats(10, 100_000).map(
            lambda radius: {
                "type": "circle",
                "center": draw(st.sampled_from([[west, south], [west, south, 12.5]])),
                "radius_m": radius,
            }
        )
    )  # fmt: skip


def optional(name: str, values: st.SearchStrategy[Any]) -> dict[str, st.SearchStrategy[Any]]:
    return {name: st.one_of(st.none(), values)}


def rows(key: str, **columns: st.SearchStrategy[Any]) -> st.SearchStrategy[list[dict[str, Any]]]:
    named = TEXT.filter(lambda name: name != "nearby")
    return st.lists(
        st.fixed_dictionaries({key: named, **columns}), min_size=1, max_size=8, unique_by=lambda row: row[key]
    )  # fmt: skip


STORES = rows(
    "external_id",
    name=TEXT,
    latitude=LATITUDE,
    longitude=LONGITUDE,
    opening_hours=HOURS,
    country=st.sampled_from([None, "SE"]),
    **optional("address", TEXT),
    time_zone=st.sampled_from([None, "Europe/Oslo", "UTC"]),
)
FENCES = rows(
    "external_id",
    shape=shapes(),
    active=st.booleans(),
    **optional("name", TEXT),
    **optional("dwell_s", st.integers(0, 86_400)),
)
ITEMS = rows(
    "sku",
    name=TEXT,
    category=TEXT,
    tags=st.lists(TEXT, max_size=3),
    services=st.lists(TEXT, max_size=3),
    **optional("price", st.floats(0, 10**9)),
)
_FEW = settings(
    max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def put_all(caller: Caller, kind: str, body: Any, content_type: str) -> Any:
    data = body if isinstance(body, bytes) else json.dumps(body)
    answer = caller.post(f"/v1/imports/{kind}", data=data, content_type=content_type)
    assert answer.status_code == 200, answer.json
    return answer.json


def goes_round(world: World, kind: str, given_rows: list[dict[str, Any]], *forms: str) -> None:
    """What was imported, exported in each form and imported again, is as it was."""
    caller = world.key(world.add_brand(f"b-{uuid4()}"), CredentialKind.SECRET, *Scope)
    put_all(caller, kind, given_rows, JSON)
    for form in forms:
        out = caller.get(f"/v1/exports/{kind}", headers={"Accept": form})
        assert (out.status_code, out.mimetype) == (200, form)
        again = put_all(caller, kind, out.data, form)
        assert (again["unchanged"], again["rows"]) == (len(given_rows), len(given_rows))
        other = world.key(world.add_brand(f"b-{uuid4()}"), CredentialKind.SECRET, *Scope)
        put_all(other, kind, out.data, form)
        assert other.get(f"/v1/exports/{kind}", headers={"Accept": form}).data == out.data


@_FEW
@given(given_rows=STORES)
def test_stores_go_round(world: World, given_rows: list[dict[str, Any]]) -> None:
    goes_round(world, "stores", given_rows, CSV, GEOJSON)


@_FEW
@given(given_rows=FENCES)
def test_fences_go_round(world: World, given_rows: list[dict[str, Any]]) -> None:
    goes_round(world, "geofences", given_rows, CSV, GEOJSON)


@_FEW
@given(given_rows=ITEMS)
def test_items_go_round(world: World, given_rows: list[dict[str, Any]]) -> None:
    goes_round(world, "items", given_rows, CSV, JSON)


MANY = 520  # more than are read at once


def test_fences_keep_their_stores_over_many_pages(any_world: World) -> None:
    admin = any_world.admin
    place = {"latitude": 60.1841, "longitude": 24.9499}
    put_all(admin, "stores", [{"external_id": "kallio", "name": "Kallio", **place}], JSON)
    fences = [
        {"external_id": f"Fence {n}", "store": "kallio", "shape": {
            "type": "circle", "center": [24.5 + n % 30 / 200, 60.3 + n // 30 / 300], "radius_m": 100}}
        for n in range(MANY)
    ]  # fmt: skip
    put_all(admin, "geofences", fences, JSON)
    for form in (CSV, GEOJSON):
        out = admin.get("/v1/exports/geofences", headers={"Accept": form})
        assert put_all(admin, "geofences", out.data, form)["unchanged"] == MANY
    table = list(csv.DictReader(io.StringIO(out_csv(admin, "geofences"))))
    assert {row["store"] for row in table} == {"kallio"}
    assert len({row["external_id"] for row in table}) == MANY


def out_csv(caller: Caller, kind: str) -> str:
    return caller.get(f"/v1/exports/{kind}?format=csv").text


def test_a_formula_is_written_as_it_is(world: World) -> None:
    store = {"external_id": "s", "name": "=1+1", "latitude": 60.18, "longitude": 24.95}
    put_all(world.admin, "stores", [store], JSON)
    assert next(csv.DictReader(io.StringIO(out_csv(world.admin, "stores"))))["name"] == "=1+1"


@pytest.mark.parametrize(
    ("path", "accept", "content_type", "name"),
    [
        ("stores", "*/*", GEOJSON, "stores.geojson"),
        ("stores", "text/csv", CSV, "stores.csv"),
        ("stores?format=csv", GEOJSON, CSV, "stores.csv"),
        ("geofences", "text/html", GEOJSON, "geofences.geojson"),
        ("items", "*/*", JSON, "items.json"),
        ("items", CSV, CSV, "items.csv"),
    ],
)
def test_the_form_is_what_was_asked_for(
    world: World, path: str, accept: str, content_type: str, name: str
) -> None:
    out = world.admin.get(f"/v1/exports/{path}", headers={"Accept": accept})
    assert (out.status_code, out.mimetype) == (200, content_type)
    assert out.headers["Content-Disposition"] == f'attachment; filename="{name}"'


def test_an_empty_table_is_a_file_too(world: World) -> None:
    empty = json.loads(world.admin.get("/v1/exports/stores").data)
    assert empty == {"type": "FeatureCollection", "features": []}
    assert json.loads(world.admin.get("/v1/exports/items").data) == []
    assert out_csv(world.admin, "stores").startswith("external_id,name,latitude")


def test_a_form_that_is_none_and_other_keys_are_refused(world: World) -> None:
    admin = world.admin
    assert admin.get("/v1/exports/items?format=geojson").status_code == 422
    assert admin.get("/v1/exports/stores?format=xml").status_code == 422
    assert admin.get("/v1/exports/customers").status_code == 404
    reader = world.key(world.brand, CredentialKind.SECRET, Scope.READ)
    ingest = world.key(world.brand, CredentialKind.SECRET, Scope.INGEST)
    assert reader.get("/v1/exports/stores").status_code == 200
    assert ingest.get("/v1/exports/stores").status_code == 403
    assert world.nobody.get("/v1/exports/stores").status_code == 401


def test_another_brands_rows_are_not_shown(world: World) -> None:
    other = world.key(world.add_brand("salon"), CredentialKind.SECRET, *Scope)
    store = {"external_id": "s", "name": "S", "latitude": 60.18, "longitude": 24.95}
    put_all(other, "stores", [store], JSON)
    assert json.loads(world.admin.get("/v1/exports/stores").data)["features"] == []
