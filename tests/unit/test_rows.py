"""Bodies of imports as rows."""

from typing import Any

import marshmallow as ma
import msgspec
import pytest
from werkzeug.exceptions import BadRequest, UnsupportedMediaType

from domain.errors import Invalid
from service.rows import CSV, GEOJSON, JSON, read

FIELDS: dict[str, ma.fields.Field[Any]] = {
    "external_id": ma.fields.Str(),
    "name": ma.fields.Str(),
    "latitude": ma.fields.Float(),
    "count": ma.fields.Int(),
    "active": ma.fields.Bool(),
    "tags": ma.fields.List(ma.fields.Str()),
    "lines": ma.fields.List(ma.fields.Dict()),
    "attributes": ma.fields.Dict(),
}


def _csv(text: str) -> list[dict[str, Any]]:
    rows, _ = read(text.encode(), CSV, FIELDS)
    return [row.values for row in rows]


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("external_id,name\na,A\nb,B\n", [{"external_id": "a", "name": "A"}, {"external_id": "b", "name": "B"}]),
        ("external_id;latitude\r\na;60,18\r\n", [{"external_id": "a", "latitude": "60.18"}]),
        ("external_id\tname\na\tA, B; C\n", [{"external_id": "a", "name": "A, B; C"}]),
        ("\ufeffexternal_id,name\na,A\n", [{"external_id": "a", "name": "A"}]),
        (' external_id , "name"\na, A \n', [{"external_id": "a", "name": "A"}]),
        ('external_id,name\na,"two\nlines"\n', [{"external_id": "a", "name": "two\nlines"}]),
        ('external_id,name\na,"say ""hi"", please"\n', [{"external_id": "a", "name": 'say "hi", please'}]),
        ("external_id,name\n\n,\na,\n", [{"external_id": "a"}]),
        ("external_id,tags\na,vegan | hot|\n", [{"external_id": "a", "tags": ["vegan", "hot"]}]),
        ("count,active\n-5,YES\n", [{"count": -5, "active": True}]),
        ("count,active\nfive,maybe\n", [{"count": "five", "active": "maybe"}]),
        ('lines\n"[{""sku"": ""x""}]"\n', [{"lines": [{"sku": "x"}]}]),
        ("attributes.tier,attributes.age\ngold,30\n", [{"attributes": {"tier": "gold", "age": 30}}]),
        ("name\nlonely\n", [{"name": "lonely"}]),
        ('name,tags\n" edges ", a \n', [{"name": " edges ", "tags": ["a"]}]),
        ('name;count\n"\t";" 5 "\n', [{"name": "\t", "count": 5}]),
        ('name,external_id\n5" pipe, "x"\n', [{"name": '5" pipe', "external_id": "x"}]),
        ('tags\n"[""a|b"", "" c ""]"\n', [{"tags": ["a|b", " c "]}]),
        ("tags\n[x|y\n", [{"tags": ["[x", "y"]}]),
        ("", []),
    ],
)  # fmt: skip
def test_a_table_is_read_as_programs_write_it(text: str, values: list[dict[str, Any]]) -> None:
    assert _csv(text) == values


def test_a_row_knows_its_line_and_its_number() -> None:
    rows, _ = read(b'name\n"two\nlines"\n\nb\n', CSV, FIELDS)
    assert [(row.place, row.pointer) for row in rows] == [("Line 3", "/0"), ("Line 5", "/1")]
    assert rows[1].fault("/name", "Wrong.").pointer == "/1/name"


@pytest.mark.parametrize(
    ("text", "pointer", "hint"),
    [
        ("name,colour\na,b\n", "/head/1", "Line 1: there is no such column"),
        ("name,name\na,b\n", "/head/1", "twice"),
        ("name,count.x\na,b\n", "/head/1", "no such column"),
    ],
)
def test_a_head_that_does_not_fit_is_named(text: str, pointer: str, hint: str) -> None:
    with pytest.raises(Invalid) as refused:
        _csv(text)
    (fault,) = refused.value.faults
    assert fault.pointer == pointer
    assert hint in fault.detail


@pytest.mark.parametrize(
    ("body", "kind", "hint"),
    [
        (b"name\n\xff\xfe\n", CSV, "UTF-8"),
        (b'name\n"open', CSV, "not CSV"),
        (b"name\n" + b"x" * 200_000 + b"\n", CSV, "not CSV"),
        (b"{", JSON, "not JSON"),
        (b"\xff", JSON, "not JSON"),
        (b"[" * 100_000, JSON, "not JSON"),
        (b'[{"latitude": NaN}]', JSON, "not JSON"),
        (b"{", GEOJSON, "not JSON"),
    ],
)
def test_a_body_that_is_not_what_it_says_is_malformed(body: bytes, kind: str, hint: str) -> None:
    with pytest.raises(BadRequest) as refused:
        read(body, kind, FIELDS)
    assert hint in str(refused.value.description)


def test_another_type_is_named_with_those_there_are() -> None:
    with pytest.raises(UnsupportedMediaType, match="text/csv"):
        read(b"<x/>", "application/xml", FIELDS)


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        (b'[{"name": "a"}, {"name": "b"}]', ["/0", "/1"]),
        (b'{"data": [{"name": "a"}], "next_cursor": null}', ["/data/0"]),
        (b"[]", []),
    ],
)
def test_json_is_a_list_or_what_our_lists_answer(body: bytes, pointers: list[str]) -> None:
    rows, _ = read(body, JSON, FIELDS)
    assert [row.pointer for row in rows] == pointers


@pytest.mark.parametrize(
    ("body", "pointer"), [(b"5", ""), (b"{}", "/data"), (b'{"data": 1}', "/data")]
)
def test_json_of_another_form_is_refused(body: bytes, pointer: str) -> None:
    with pytest.raises(Invalid) as refused:
        read(body, JSON, FIELDS)
    assert [fault.pointer for fault in refused.value.faults] == [pointer]


@pytest.mark.parametrize(
    ("body", "kind", "hint"),
    [
        (b"name,external_id\na\nb,c\n", CSV, "It has 1 cells where the head has 2"),
        (b'[1, {"name": "b"}]', JSON, "not an object"),
        (b'{"data": [[], {"name": "b"}]}', JSON, "not an object"),
    ],
)
def test_a_row_that_is_none_says_so_and_the_next_is_read(body: bytes, kind: str, hint: str) -> None:
    (wrong, right), _ = read(body, kind, FIELDS)
    assert hint in wrong.wrong[0].detail
    assert (wrong.values, right.wrong) == ({}, ())
    assert right.values["name"] == "b"


PLACES = {**FIELDS, "longitude": ma.fields.Float(), "radius_m": ma.fields.Float()}
SHAPES = {**PLACES, "shape": ma.fields.Dict()}
POINT = {"type": "Point", "coordinates": [24.95, 60.18, 12.0]}
RING = [[24.9, 60.1], [25.0, 60.1], [25.0, 60.2], [24.9, 60.1]]


def _feature(geometry: object, **properties: object) -> dict[str, object]:
    return {"type": "Feature", "geometry": geometry, "properties": properties}


def _features(fields: dict[str, Any], *features: object, **more: object) -> Any:
    body = msgspec.json.encode({"type": "FeatureCollection", "features": features, **more})
    rows, left_out = read(body, GEOJSON, fields)
    assert read(body, JSON, fields) == (rows, left_out)
    return [row.values for row in rows], left_out


def test_a_point_is_a_place_and_other_properties_are_left_out() -> None:
    feature = {**_feature(POINT, name="Kallio", amenity="cafe", cuisine="soup"), "id": 7}
    values, left_out = _features(PLACES, feature)
    assert values == [{"external_id": "7", "name": "Kallio", "latitude": 60.18, "longitude": 24.95}]
    assert left_out == ["Properties left out: amenity, cuisine."]


def test_polygons_and_points_with_a_radius_are_shapes() -> None:
    polygon = {"type": "Polygon", "coordinates": [RING]}
    many = {"type": "MultiPolygon", "coordinates": [[RING]]}
    values, _ = _features(
        SHAPES, _feature(polygon), _feature(many), _feature(POINT, external_id="c", radius_m=120)
    )
    assert values == [
        {"shape": {"type": "polygon", "coordinates": [RING]}},
        {"shape": {"type": "multipolygon", "coordinates": [[RING]]}},
        {"external_id": "c", "latitude": 60.18, "longitude": 24.95, "radius_m": 120},
    ]


@pytest.mark.parametrize(
    ("feature", "pointer"),
    [
        (5, ""),
        ({"type": "Point"}, ""),
        (_feature(None), "/geometry"),
        (_feature({"type": "LineString", "coordinates": RING}), "/geometry"),
        (_feature({"type": "Point", "coordinates": [1]}), "/geometry"),
        (_feature({"type": "Polygon", "coordinates": [RING]}), "/geometry"),
    ],
)
def test_a_feature_without_a_place_is_named(feature: object, pointer: str) -> None:
    body = msgspec.json.encode({"type": "FeatureCollection", "features": [feature]})
    ((row,), _) = read(body, GEOJSON, PLACES)
    assert (row.pointer, row.values) == ("/features/0", {})
    assert [fault.pointer for fault in row.wrong] == [pointer]


def test_other_coordinate_systems_are_refused() -> None:
    crs = {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::3067"}}
    with pytest.raises(Invalid, match="EPSG:4326"):
        _features(PLACES, _feature(POINT), crs=crs)
    fine = {"type": "name", "properties": {"name": "urn:ogc:def:crs:OGC:1.3:CRS84"}}
    assert _features(PLACES, _feature(POINT), crs=fine)


def test_rows_without_a_place_are_no_geojson() -> None:
    with pytest.raises(UnsupportedMediaType):
        _features({"external_id": FIELDS["external_id"]}, _feature(POINT))
