"""Imports over the API: every resource, every form, all or nothing."""

import csv
import io
import json
from collections.abc import Iterable
from typing import Any

import pytest

from domain.access import CredentialKind, Scope
from domain.ids import new_id
from domain.people import Mode
from tests.integration.conftest import Caller, World

STORES = """external_id,name,latitude,longitude,opening_hours,country
kallio,Kallio,60.1841,24.9499,Mo-Fr 10:30-20:00; PH off,FI
kamppi,Kamppi,60.1687,24.9316,,
"""
RING = [[24.94, 60.18], [24.95, 60.18], [24.95, 60.19], [24.94, 60.18]]


def _post(
    caller: Caller, kind: str, body: Any, content_type: str = "text/csv", **query: str
) -> Any:
    data = body if isinstance(body, str | bytes) else json.dumps(body)
    options = "&".join(f"{name}={value}" for name, value in query.items())
    return caller.post(f"/v1/imports/{kind}?{options}", data=data, content_type=content_type)


def _table(columns: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    out = io.StringIO()
    csv.writer(out).writerows([list(columns), *rows])
    return out.getvalue()


def _counts(answer: Any) -> tuple[int, int, int]:
    assert answer.status_code == 200, answer.json
    return answer.json["created"], answer.json["updated"], answer.json["unchanged"]


def _faults(answer: Any) -> dict[str, str]:
    assert answer.status_code == 422, answer.json
    return {error["pointer"]: error["detail"] for error in answer.json["errors"]}


def test_stores_come_from_a_table_again_and_again(any_world: World) -> None:
    admin = any_world.admin
    assert _counts(_post(admin, "stores", STORES)) == (2, 0, 0)
    kallio = admin.get("/v1/stores/kallio").json
    assert (kallio["time_zone"], kallio["country"]) == ("Europe/Helsinki", "FI")
    assert admin.get("/v1/stores/kamppi").json["country"] == "FI"
    assert _counts(_post(admin, "stores", STORES)) == (0, 0, 2)
    assert _counts(_post(admin, "stores", STORES.replace("Kamppi", "Kamppi 2"))) == (0, 1, 1)
    assert admin.get("/v1/stores/kamppi").headers["ETag"] == '"2"'


def test_what_a_list_answers_can_be_imported(world: World) -> None:
    _post(world.admin, "stores", STORES)
    listed = world.admin.get("/v1/stores").json
    assert _counts(_post(world.admin, "stores", listed, "application/json")) == (0, 0, 2)


def test_a_dry_run_says_what_would_happen_and_keeps_nothing(any_world: World) -> None:
    answer = _post(any_world.admin, "stores", STORES, dry_run="true")
    assert _counts(answer) == (2, 0, 0)
    assert (answer.json["dry_run"], answer.json["rows"]) == (True, 2)
    assert any_world.admin.get("/v1/stores").json["data"] == []


def test_one_wrong_row_keeps_all_out_and_every_mistake_is_named(world: World) -> None:
    wrong = STORES + (
        "kallio,Again,60.18,24.95,,\n"
        ",Nameless,60.18,24.95,,\n"
        "sea,Sea,24.9316,60.1687,,\n"
        "north,North,91,24.95,always,Finland\n"
    )
    faults = _faults(_post(world.admin, "stores", wrong))
    assert faults["/2/external_id"] == "Line 4: The same as in line 2."
    assert faults["/3/external_id"].startswith("Line 5: ")
    assert "swapped" in faults["/4/latitude"]
    assert set(faults) == {
        "/2/external_id", "/3/external_id", "/4/latitude",
        "/5/latitude", "/5/opening_hours", "/5/country",
    }  # fmt: skip
    assert world.admin.get("/v1/stores").json["data"] == []


MISFITS = [
    ("text/csv", "external_id,name,latitude,longitude\na,A\nb,B,60.18,24.95,x\nc,C,91,24.95\n",
     {"/0", "/1", "/2/latitude"}),
    ("application/json", [1, None, {"external_id": "c", "name": "C", "latitude": 91, "longitude": 24.95}],
     {"/0", "/1", "/2/latitude"}),
    ("application/geo+json", {"type": "FeatureCollection", "features": [
        {"type": "Feature", "id": "a", "properties": {"name": "A"}, "geometry": None},
        {"type": "Point", "coordinates": [24.95, 60.18]},
        {"type": "Feature", "id": "c", "properties": {"name": "C"},
         "geometry": {"type": "Point", "coordinates": [24.95, 91]}}]},
     {"/features/0/geometry", "/features/1", "/features/2/latitude"}),
]  # fmt: skip


@pytest.mark.parametrize(("content_type", "body", "pointers"), MISFITS)
def test_rows_that_are_none_are_named_beside_the_others(
    world: World, content_type: str, body: Any, pointers: set[str]
) -> None:
    assert set(_faults(_post(world.admin, "stores", body, content_type))) == pointers


def test_a_file_without_rows_is_not_told_to_be_split(world: World) -> None:
    refused = _post(world.admin, "stores", "external_id,name\n")
    assert refused.json["detail"].startswith("There is no row to import")


def test_what_is_no_json_is_named_by_its_byte(world: World) -> None:
    refused = _post(world.admin, "stores", '[{"latitude": NaN}]', "application/json")
    assert "(byte 14)" in refused.json["detail"]


def test_values_are_not_repeated_in_the_answer(world: World) -> None:
    table = "external_id,first_name,locale,time_zone\na,Xanadu,?Xanadu?,Mars/Xanadu\n"
    assert "Xanadu" not in _post(world.admin, "customers", table).text


def test_geofences_come_from_columns_features_and_rows(any_world: World) -> None:
    admin = any_world.admin
    _post(admin, "stores", STORES)
    table = "external_id;store;latitude;longitude;radius_m;dwell_s\na;kallio;60,18;24,95;120;300\n"
    assert _counts(_post(admin, "geofences", table)) == (1, 0, 0)
    first = admin.get("/v1/geofences/a").json
    circle = {"type": "circle", "center": [24.95, 60.18], "radius_m": 120.0}
    assert (first["shape"], first["store"], first["dwell_s"]) == (circle, "kallio", 300)
    features = [
        {"type": "Feature", "id": "b", "properties": {"name": "B", "store": "kamppi", "kind": "x"},
         "geometry": {"type": "Polygon", "coordinates": [RING]}},
        {"type": "Feature", "id": "c", "properties": {"radius_m": 50},
         "geometry": {"type": "Point", "coordinates": [24.95, 60.18]}},
    ]  # fmt: skip
    collection = {"type": "FeatureCollection", "features": features}
    answer = _post(admin, "geofences", collection, "application/geo+json")
    assert _counts(answer) == (2, 0, 0)
    assert answer.json["warnings"][0] == "Properties left out: kind."
    assert answer.json["warnings"][1].startswith("Feature 2: Phones notice circles")
    assert admin.get("/v1/geofences/b").json["shape"]["coordinates"] == [RING]
    rows = [{"external_id": "a", "shape": circle, "store": "kallio", "dwell_s": 300}]
    assert _counts(_post(admin, "geofences", rows, "application/json")) == (0, 0, 1)


def test_a_wrong_shape_and_a_missing_store_are_named_by_their_row(world: World) -> None:
    table = "external_id,store,latitude,longitude,radius_m\na,,60.18,24.95,5\nb,,x,24.95,120\n"
    assert set(_faults(_post(world.admin, "geofences", table))) == {
        "/0/radius_m", "/1/latitude",
    }  # fmt: skip
    lost = "external_id,store,latitude,longitude,radius_m\na,,60.18,24.95,120\nb,nowhere,60.18,24.95,120\n"
    faults = _faults(_post(world.admin, "geofences", lost))
    assert list(faults) == ["/1/store"]
    assert faults["/1/store"].startswith("Line 3: There is no such store")
    assert world.admin.get("/v1/geofences").json["data"] == []


def test_items_keep_their_lists_and_prices(world: World) -> None:
    table = "sku;name;category;tags;price\nsoup;Soup;soup;vegan|hot;8,50\n"
    assert _counts(_post(world.admin, "items", table)) == (1, 0, 0)
    soup = world.admin.get("/v1/items/soup").json
    assert (soup["tags"], soup["price"]) == (["vegan", "hot"], 8.5)


CUSTOMERS = """external_id,first_name,locale,traits,occasions,attributes.tier
c1,Aino,fi,vegetarian,"[{""kind"": ""birthday"", ""date"": ""1990-06-24""}]",gold
c2,,,,,
"""


def test_customers_come_with_their_lists_and_attributes(any_world: World) -> None:
    admin = any_world.admin
    assert _counts(_post(admin, "customers", CUSTOMERS)) == (2, 0, 0)
    first = admin.get("/v1/customers/c1").json
    assert (first["traits"], first["attributes"]) == (["vegetarian"], {"tier": "gold"})
    assert first["occasions"] == [{"kind": "birthday", "date": "1990-06-24"}]
    assert _counts(_post(admin, "customers", CUSTOMERS)) == (0, 0, 2)
    assert _counts(_post(admin, "customers", CUSTOMERS.replace("gold", "silver"))) == (0, 1, 1)
    changed = admin.get("/v1/customers/c1")
    assert (changed.json["attributes"], changed.headers["ETag"]) == ({"tier": "silver"}, '"2"')


def test_a_test_key_imports_test_customers(world: World) -> None:
    tester = world.key(world.brand, CredentialKind.SECRET, *Scope, mode=Mode.TEST)
    _post(tester, "customers", CUSTOMERS)
    assert world.admin.get("/v1/customers/c1").status_code == 404
    assert tester.get("/v1/customers/c1").status_code == 200


def test_events_are_judged_like_those_of_the_backend(any_world: World) -> None:
    admin = any_world.admin
    _post(admin, "stores", STORES)
    _post(admin, "customers", CUSTOMERS)
    ids = [new_id() for _ in range(3)]
    rows = [(ids[n], "app_open", "2026-05-01T12:00:00+03:00", "c1", "kallio") for n in range(3)]
    columns = ("event_id", "type", "occurred_at", "customer", "store")
    assert _counts(_post(admin, "events", _table(columns, rows))) == (3, 0, 0)
    assert _counts(_post(admin, "events", _table(columns, rows))) == (0, 0, 3)
    lost = [(new_id(), "app_open", "2026-05-01T12:00:00Z", "c1", "kallio"),
            (new_id(), "app_open", "2026-05-01T12:00:00Z", "c9", "kallio"),
            (new_id(), "order", "2026-05-01T12:00:00Z", "c1", "nowhere")]  # fmt: skip
    faults = _faults(_post(admin, "events", _table(columns, lost)))
    assert set(faults) == {"/1", "/2"}
    assert faults["/1"].startswith("Line 3: unknown_customer: ")
    assert faults["/2"].startswith("Line 4: unknown_store: ")
    assert _counts(_post(admin, "events", _table(columns, lost[:1]))) == (1, 0, 0)


def test_a_wrong_event_is_named_by_its_column(world: World) -> None:
    rows = "event_id,type,occurred_at,customer\nnope,app_open,2026-05-01T12:00:00,c1\n"
    assert set(_faults(_post(world.admin, "events", rows))) == {"/0/event_id", "/0/occurred_at"}


@pytest.mark.parametrize(
    ("body", "content_type", "status", "code"),
    [
        ("", "text/csv", 422, "invalid"),
        ("external_id,name\n", "text/csv", 422, "invalid"),
        ("external_id,colour\na,b\n", "text/csv", 422, "invalid"),
        (b"external_id\n\xff", "text/csv", 400, "malformed"),
        ("{", "application/json", 400, "malformed"),
        ("[]", "application/json", 422, "invalid"),
        ("[1]", "application/json", 422, "invalid"),
        ("[" * 50_000, "application/json", 400, "malformed"),
        ("<x/>", "application/xml", 415, "wrong_content_type"),
    ],
)
def test_a_body_of_no_use_is_refused(
    world: World, body: str | bytes, content_type: str, status: int, code: str
) -> None:
    refused = _post(world.admin, "stores", body, content_type)
    assert (refused.status_code, refused.json["code"]) == (status, code)


def test_an_import_may_be_larger_than_other_bodies_and_yet_has_an_end(world: World) -> None:
    columns = ("external_id", "name", "latitude", "longitude")
    large = _table(columns, ((f"s{n}", "x" * 100, 60.18, 24.95) for n in range(1000)))
    assert len(large) > 64 * 1024
    assert _counts(_post(world.admin, "stores", large)) == (1000, 0, 0)
    refused = _post(world.admin, "stores", "x" * (10 * 1024 * 1024 + 1))
    assert (refused.status_code, refused.json["code"]) == (413, "body_too_large")
    assert "10,485,760 bytes; send it in parts" in refused.json["detail"]
    small = world.admin.put("/v1/stores/x", {"name": "x" * 70_000})
    assert small.status_code == 413


def test_the_mistakes_that_are_listed_have_an_end(world: World) -> None:
    rows = _table(("external_id",), ((f"s{n}",) for n in range(600)))
    refused = _post(world.admin, "stores", rows)
    assert len(refused.json["errors"]) == 1000
    assert "1800 mistakes" in refused.json["detail"]


def test_only_an_admins_key_imports_and_only_what_there_is(world: World) -> None:
    reader = world.key(world.brand, CredentialKind.SECRET, Scope.READ, Scope.INGEST)
    assert _post(reader, "stores", STORES).status_code == 403
    assert _post(world.nobody, "stores", STORES).status_code == 401
    assert _post(world.admin, "planets", STORES).status_code == 404


def test_a_brands_import_leaves_others_alone(world: World) -> None:
    other = world.key(world.add_brand("salon"), CredentialKind.SECRET, *Scope)
    _post(world.admin, "stores", STORES)
    assert _counts(_post(other, "stores", STORES)) == (2, 0, 0)
    assert _faults(
        _post(
            world.key(world.add_brand("books"), CredentialKind.SECRET, *Scope),
            "geofences",
            "external_id,store,latitude,longitude,radius_m\na,kallio,60.18,24.95,120\n",
        )
    ).keys() == {"/0/store"}
